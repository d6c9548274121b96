"""The calendar as people speak of it: periods by the clock on the wall, and what "last" and "ago" mean."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from threadline.engine.recall.timewords import Unit

DAY = timedelta(days=1)
DAYS = {Unit.DAY: 1, Unit.WEEK: 7, Unit.FORTNIGHT: 14, Unit.WEEKEND: 7}
_MONTHS = {Unit.MONTH: 1, Unit.QUARTER: 3, Unit.YEAR: 12}
_SHORT = {Unit.MINUTE: timedelta(minutes=1), Unit.HOUR: timedelta(hours=1)}

# How far off "two weeks ago" may be.
SLACK = {
    Unit.MINUTE: timedelta(minutes=5),
    Unit.HOUR: timedelta(minutes=30),
    Unit.DAY: timedelta(0),
    Unit.WEEK: timedelta(days=3),
    Unit.FORTNIGHT: timedelta(days=6),
    Unit.WEEKEND: timedelta(days=3),
    Unit.MONTH: timedelta(days=15),
    Unit.QUARTER: timedelta(days=45),
    Unit.YEAR: timedelta(days=183),
}


class Period(NamedTuple):
    """A period by the clock on the wall, without a time zone.

    Attributes:
        yearless: its year was not said, and may be told by another period that it is paired with.
    """

    start: datetime
    end: datetime
    firm: bool = True
    yearless: bool = False


def midnight(when: datetime) -> datetime:
    """The beginning of a day."""
    return datetime.combine(when, time.min)


def moved(when: datetime, unit: Unit, count: int) -> datetime:
    """`count` units later; at the end of a shorter month if need be."""
    if unit in DAYS:
        return when + timedelta(days=DAYS[unit] * count)
    month = when.year * 12 + when.month - 1 + _MONTHS[unit] * count
    year, month = month // 12, month % 12 + 1
    return when.replace(year=year, month=month, day=min(when.day, calendar.monthrange(year, month)[1]))


def calendar_unit(day: datetime, unit: Unit, shift: int = 0) -> Period:
    """The day, week, month... in which a day lies, or one before or after it."""
    months = _MONTHS.get(unit)
    if months:
        start = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    elif unit is Unit.DAY:
        start = day
    else:
        start = day - timedelta(days=day.weekday())
    start = moved(start, unit, shift)
    if unit is Unit.WEEKEND:
        return Period(start + 5 * DAY, start + 7 * DAY)
    return Period(start, moved(start, unit, 1))


def calendar_months(year: int, month: int, count: int = 1) -> Period:
    """A month of a year, or several from it on."""
    start = datetime(year, month, 1)
    return Period(start, moved(start, Unit.MONTH, count))


def _each_year(period: Callable[[int], Period | None], year: int, step: int) -> Iterator[Period]:
    """What recurs every year, from one year on backwards or forwards; for as long as a 29th of February may take."""
    for one in range(year, year + 9 * step, step):
        if found := period(one):
            yield found


class Clock(NamedTuple):
    """When a sentence was asked.

    Attributes:
        ahead: whether it speaks of what is to come.
        behind: whether it speaks of what was.
    """

    asked_at: datetime
    ahead: bool
    behind: bool

    @property
    def now(self) -> datetime:
        """What the clock on the wall shows."""
        return self.asked_at.replace(tzinfo=None)

    @property
    def today(self) -> datetime:
        """The midnight before."""
        return midnight(self.now)

    def later(self, passed: timedelta) -> datetime:
        """What the clock shows when a time has passed, also if it was set in between."""
        return (self.asked_at.astimezone(UTC) + passed).astimezone(self.asked_at.tzinfo).replace(tzinfo=None)

    def latest(self, period: Callable[[int], Period | None]) -> Period | None:
        """Of what recurs every year, the latest that has begun, or the next that has not ended."""
        if self.ahead:
            return next((one for one in _each_year(period, self.now.year - 1, 1) if one.end > self.now), None)
        return next((one for one in _each_year(period, self.now.year + 1, -1) if one.start <= self.now), None)

    def upcoming(self, period: Callable[[int], Period | None], soon: timedelta) -> Period | None:
        """Of what recurs every year, the next if it is soon and the sentence does not speak of what was."""
        coming = (one for one in _each_year(period, self.now.year, 1) if one.start > self.now)
        return next((one for one in coming if one.start - self.now < soon and not self.behind), None)

    def relative(self, period: Callable[[int], Period | None], which: str) -> Period | None:
        """Of what recurs every year, the last that is over, this year's, or the next to begin: `L`, `T` or `X`."""
        if which == "L":
            return next((one for one in _each_year(period, self.now.year, -1) if one.end <= self.now), None)
        if which == "X":
            return next((one for one in _each_year(period, self.now.year, 1) if one.start > self.now), None)
        before = period(self.now.year - 1)  # a winter goes on into the next year
        return before if before and before.end > self.now else period(self.now.year)

    def ago(self, unit: Unit, least: int, most: int) -> Period:
        """Between `least` and `most` units ago, negative for what is to come, and what such words may mean."""
        slack = SLACK[unit]
        if unit in _SHORT:
            return Period(self.later(-most * _SHORT[unit] - slack), self.later(-least * _SHORT[unit] + slack))
        if unit is Unit.WEEKEND:
            return Period(calendar_unit(self.today, unit, -most).start, calendar_unit(self.today, unit, -least).end)
        start, end = moved(self.today, unit, -most), moved(self.today, unit, -least)
        return Period(start - slack, end + slack + DAY, firm=unit is Unit.DAY and least == most)

    def rolling(self, unit: Unit, count: int) -> Period:
        """The last or, with a negative count, the next so many units, with today."""
        if unit in _SHORT:
            border = self.later(-count * _SHORT[unit])
            return Period(border, self.now) if count > 0 else Period(self.now, border)
        border = moved(self.today, unit, -count)
        return Period(border, self.today + DAY) if count > 0 else Period(self.today, border + DAY)
