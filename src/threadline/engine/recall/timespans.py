"""The stretches of time that a text speaks of: a grammar over the letters of `timewords`.

A sentence is read in three passes. What one finds becomes the letter R of the next: "since early May" is `s p M`, then
`s p R`, then `s R`, then a stretch of time.
"""

from __future__ import annotations

import calendar
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from threadline.engine.recall.timeclock import (
    DAY,
    DAYS,
    SLACK,
    Clock,
    Period,
    calendar_months,
    calendar_unit,
    midnight,
    moved,
)
from threadline.engine.recall.timewords import EARLIER, FEW, HOURS, LATER, PARTS, Token, Unit

# What the words of a rule say.


class Said(NamedTuple):
    """The words that a rule fits, with the periods already found among them."""

    tokens: Sequence[Token]
    periods: Sequence[Period]

    def all(self, symbols: str) -> list[int]:
        """What the words with these symbols say."""
        return [token.value for token in self.tokens if token.symbol in symbols]

    def one(self, symbols: str) -> int | None:
        """What the first of them says."""
        return next((token.value for token in self.tokens if token.symbol in symbols), None)

    @property
    def unit(self) -> Unit:
        """The unit they tell time in."""
        return Unit(self.one("U") or 0)

    @property
    def which(self) -> str:
        """`L` last, `T` this, `X` next, or nothing."""
        return next((token.symbol for token in self.tokens if token.symbol in "LTX"), "")

    @property
    def number(self) -> tuple[int, int]:
        """At least and at most how many: `twenty-one`, `a couple`, `a`; no number is one."""
        few, numbers = self.one("f"), self.all("nda") or [1]
        if few is not None:
            return FEW[few]
        compound = numbers[0] >= 20 and all(number < 10 for number in numbers[1:])
        return (sum(numbers), sum(numbers)) if compound else (numbers[-1], numbers[-1])


# First pass: periods.


def _exact(_: Clock, said: Said) -> Period:
    start = datetime.combine(date.fromordinal(said.tokens[0].value), time.min)
    return Period(start, start + DAY)


def _month_of_year(_: Clock, said: Said) -> Period:
    year, month = divmod(said.tokens[0].value, 12)
    return calendar_months(year, month + 1)


# "June 1st", said in April without a word of the past, is a plan.
_SOON = timedelta(days=92)


def _days(clock: Clock, said: Said) -> Period | None:
    """`7 May 2023`, `May 7th`, `3 to 5 May`: days of a year, or of the latest."""
    days, month, year = said.all("do"), said.one("M") or 1, said.one("y")

    def of_year(year: int) -> Period | None:
        if not days[0] <= days[-1] <= calendar.monthrange(year, month)[1]:
            return None
        start = calendar_months(year, month).start
        return Period(start + (days[0] - 1) * DAY, start + days[-1] * DAY)

    return of_year(year) if year else _yearless(clock.upcoming(of_year, _SOON) or clock.latest(of_year))


def _day_of_month(clock: Clock, said: Said) -> Period | None:
    """`the 15th`, the latest, or the next if it speaks of what is to come."""
    step = 1 if clock.ahead else -1
    for shift in range(0, 3 * step, step):
        month = calendar_unit(clock.today, Unit.MONTH, shift)
        start = month.start + (said.tokens[0].value - 1) * DAY
        if start < month.end and (start >= clock.today if clock.ahead else start <= clock.today):
            return Period(start, start + DAY, firm=False)
    return None


def _yearless(period: Period | None) -> Period | None:
    return period and period._replace(yearless=True)


def _recurring(clock: Clock, said: Said, month: int, length: int) -> Period | None:
    """Months of a year, of the latest year, or "last", "this" and "next"."""
    year = said.one("y")

    def of_year(year: int) -> Period:
        return calendar_months(year, month, length)

    if year:
        return of_year(year)
    return clock.relative(of_year, said.which) if said.which else _yearless(clock.latest(of_year))


def _month(clock: Clock, said: Said) -> Period | None:
    return _recurring(clock, said, said.one("M") or 1, 1)


def _season(clock: Clock, said: Said) -> Period | None:
    return _recurring(clock, said, said.one("S") or 1, 3)


def _quarter(clock: Clock, said: Said) -> Period | None:
    """`Q3 2023`, `the third quarter of 2023`."""
    nth = said.one("Qr") or 1
    return _recurring(clock, said, 3 * nth - 2, 3) if said.one("U") in {None, Unit.QUARTER} and nth <= 4 else None


def _year(_: Clock, said: Said) -> Period:
    return calendar_months(said.one("y") or 1, 1, 12)


def _decade(_: Clock, said: Said) -> Period:
    return calendar_months(said.one("Y") or 1, 1, 120)


def _calendar_unit(clock: Clock, said: Said) -> Period | None:
    """`last week`, `this month`, by the calendar; `this past week`, up to now. Not `the next day` of a story."""
    if said.unit is Unit.WEEKEND:
        return _weekend(clock, said)
    if _is_rolling(said):
        return clock.rolling(said.unit, 1)
    if said.unit < Unit.WEEK or not said.which:
        return None
    shift = {"L": -1, "T": 0, "X": 1}[said.which]
    return calendar_unit(clock.today, said.unit, -2 if 2 in said.all("L") else shift)


def _weekend(clock: Clock, said: Said) -> Period:
    """`last weekend`, the one that is over; so is, from Monday to Thursday, `this weekend` of what was."""
    was = said.which != "X" and clock.behind and clock.today.weekday() < 4
    over = was or said.which == "L" or _is_rolling(said)
    return calendar_unit(clock.today, Unit.WEEKEND, -1 if over else int(said.which == "X"))


def _is_rolling(said: Said) -> bool:
    return 1 in said.all("L")


def _before_last(clock: Clock, said: Said) -> Period | None:
    return calendar_unit(clock.today, said.unit, -2) if said.unit >= Unit.DAY else None


def _last_few(clock: Clock, said: Said) -> Period | None:
    """`the last 10 days`, `the next few weeks`; `in the last month`, up to now; not `at the last minute`."""
    if said.one("ndaf") is None and said.unit is Unit.MINUTE:
        return None
    return clock.rolling(said.unit, said.number[1] * (-1 if said.which == "X" else 1))


def _ago(clock: Clock, said: Said) -> Period:
    return clock.ago(said.unit, *said.number)


def _from_now(clock: Clock, said: Said) -> Period:
    least, most = said.number
    return clock.ago(said.unit, -most, -least)


def _in_some(clock: Clock, said: Said) -> Period | None:
    """`in two weeks`, unless that may be how long something took, or `in a week` how often it is."""
    return None if clock.behind or (said.one("a") and not clock.ahead) else _from_now(clock, said)


def _weekday(clock: Clock, said: Said) -> Period:
    """`last Monday` and `Monday` are the latest before today, `next Monday` the first after it.

    What is on Monday, said on a Monday, is today; what was on Monday was a week ago.
    """
    weekday, today = said.one("W") or 0, clock.today.weekday()
    which = said.which
    if _is_rolling(said):
        which = "L"
    elif not which and clock.ahead:
        which = "X"
    if which == "T" or (not which and weekday == today and not clock.behind):
        shift = weekday - today
    else:
        shift = (weekday - today - 1) % 7 + 1 if which == "X" else -((today - weekday - 1) % 7 + 1)
    return _part_of_day(clock.today + shift * DAY, said.one("H"), firm=bool(said.which))


def _part_of_day(day: datetime, part: int | None, *, firm: bool = True) -> Period:
    start, end = (0, 24) if part is None else HOURS[part]
    return Period(day + timedelta(hours=start), day + timedelta(hours=end), firm)


def _day_word(clock: Clock, said: Said) -> Period:
    """`yesterday`, `yesterday morning`, `this morning`, `tonight`."""
    return _part_of_day(clock.today + (said.one("D") or 0) * DAY, said.one("Hh"))


def _last_night(clock: Clock, said: Said) -> Period:
    part = said.one("H")
    return _part_of_day(clock.today - DAY, len(HOURS) - 1 if part is None else part)


def _other_day(clock: Clock, _: Said) -> Period:
    return Period(clock.today - 7 * DAY, clock.today + DAY, firm=False)


_COUNT = "(?:a?fe?|n-?n|[nda])"
_DAY_OF = r"t?[do]\.?"
_OF_YEAR = "(?:,?e?y)?"
# What stands before a bare year, season or weekday that is meant as a time.
_AT = "(?:(?<=[ijsubPcBF])|(?<=[ijsubPc]t))"
# What makes "the last week" one of another period.
_OF_OTHER = "[be]t?[Mdo#yS]"

_PERIODS: tuple[tuple[str, Callable[[Clock, Said], Period | None]], ...] = (
    ("#", _exact),
    ("m", _month_of_year),
    (f"{_DAY_OF}[->&u]{_DAY_OF}e?M{_OF_YEAR}|M[do][->&u][do]{_OF_YEAR}(?!U)", _days),
    (f"(?:W,?)?(?:{_DAY_OF}e?M|Mt?[do](?!U)){_OF_YEAR}", _days),
    ("[LTX]M|Me?[LX]|M,?e?y|M", _month),
    (f"[LTX]S|Se?[LX]|Se?y|{_AT}S", _season),
    (f"Q,?e?y|yQ|{_AT}Q|rUe?y", _quarter),
    (f"(?<=i)Uy|{_AT}y(?![->][dn_])|(?<=[LTp])y|(?<=p[-e])y|(?<=y[->&])y|(?<!-)y(?=-y)", _year),
    (f"{_AT}Y", _decade),
    ("UbL(?![USMW])", _before_last),
    (f"[LX]{_COUNT}U|{_COUNT}e?[LX]U|{_COUNT}U[LX]|(?<=[ij]t)LU(?!{_OF_OTHER})", _last_few),
    (f"{_COUNT}UA|g{_COUNT}U", _ago),
    (f"{_COUNT}UN", _from_now),
    (f"(?<=i){_COUNT}U", _in_some),
    (f"T?LU(?!{_OF_OTHER})|[TX]U|Ue?[LX]|(?<=jt)U(?![be])", _calendar_unit),
    (f"[LTX]L?WH?|We?[LX]|{_AT}WH?|(?<!a)W(?:H|(?=[.,]|$))", _weekday),
    ("DH?|TH|h", _day_word),
    ("LH|z", _last_night),
    ("O", _other_day),
    ("(?<=[jsubP]t)o(?!x)", _day_of_month),
)

# Second pass: periods made of periods.


def _part(clock: Clock, said: Said) -> Period | None:
    """`early May`, `the end of last month`, `the second half of 2023`, `earlier this year`, `the end of the week`."""
    part = said.one("p") or 0
    if not said.periods and said.unit < Unit.WEEK:
        return None
    period = said.periods[0] if said.periods else calendar_unit(clock.today, said.unit)
    if part in {EARLIER, LATER}:
        return _up_to_now(clock, period, earlier=part == EARLIER)
    if period.end - period.start < 3 * DAY:
        return period
    first, last = (period.start + (period.end - period.start) * sixths / 6 for sixths in PARTS[part])
    return Period(midnight(first), midnight(last), firm=False)


def _up_to_now(clock: Clock, period: Period, *, earlier: bool) -> Period:
    """What has been of a period, today included, or what is to come of it."""
    border = clock.today + DAY if earlier else clock.today
    if not period.start < border < period.end:
        return period
    return period._replace(end=border) if earlier else period._replace(start=border)


def _unit_of(_: Clock, said: Said) -> Period | None:
    """`the week of May 8`, `the first week of May`, `the last weekend of 2022`."""
    unit, nth, period = said.unit, said.one("r"), said.periods[0]
    if unit < Unit.DAY:
        return None
    if said.which == "L":
        return _ended(period.end, unit)
    if nth is None:
        return calendar_unit(period.start, unit)
    if unit in DAYS and unit is not Unit.WEEKEND:
        start = moved(period.start, unit, nth - 1)
        return Period(start, moved(start, unit, 1))
    return calendar_unit(period.start, unit, nth - 1)


def _beside(_: Clock, said: Said) -> Period | None:
    """`the week before May 8`, `two weeks after May 8`, `the last weekend before May 8`."""
    unit, period, sign = said.unit, said.periods[0], 1 if said.one("b") is None else -1
    border = period.end - DAY if sign > 0 else period.start
    if unit < Unit.DAY:
        return None
    if unit is Unit.WEEKEND:
        return calendar_unit(period.end, unit) if sign > 0 else _ended(period.start, unit)
    if said.one("ndaf") is None:
        start, end = (period.end, moved(period.end, unit, 1)) if sign > 0 else (moved(border, unit, -1), border)
        return Period(start, end)
    least, most = sorted(sign * count for count in said.number)
    return Period(moved(border, unit, least) - SLACK[unit], moved(border, unit, most) + SLACK[unit] + DAY, firm=False)


def _ended(border: datetime, unit: Unit) -> Period:
    """The latest week, weekend, month... that has ended by a day."""
    found = calendar_unit(border - DAY, unit)
    return found if found.end <= border else calendar_unit(border - DAY, unit, -1)


def _day_of(_: Clock, said: Said) -> Period | None:
    """`the 15th of last month`."""
    month, start = said.periods[0], said.periods[0].start + ((said.one("o") or 1) - 1) * DAY
    is_month = month.end == moved(month.start, Unit.MONTH, 1)
    return Period(start, start + DAY) if is_month and start < month.end else None


_OF_PERIODS: tuple[tuple[str, Callable[[Clock, Said], Period | None]], ...] = (
    ("p-?e?t?R|pet?U(?!d)", _part),
    ("[rL]?Uet?R", _unit_of),
    ("oet?R", _day_of),
    (f"(?:{_COUNT}|L)?U[bP]t?R", _beside),
)

# Third pass: ranges.


class Stretch(NamedTuple):
    """A stretch of time by the clock on the wall, and where the words that say it start and end."""

    start: datetime | None
    end: datetime | None
    firm: bool
    span: tuple[int, int]


Range = tuple[datetime | None, datetime | None]


def _since(periods: Sequence[Period]) -> Range:
    return periods[0].start, None


def _until(periods: Sequence[Period]) -> Range:
    return None, periods[0].end


def _before(periods: Sequence[Period]) -> Range:
    return None, periods[0].start


def _after(periods: Sequence[Period]) -> Range:
    return periods[0].end, None


def _during(periods: Sequence[Period]) -> Range:
    return periods[0].start, periods[0].end


def _from_to(periods: Sequence[Period]) -> Range:
    """From one to another. The year of one goes for the other."""
    first, last = periods
    if first.yearless and not last.yearless:
        first = _in_year(first, last.start.year)
        first = first if first.start <= last.start else _in_year(first, first.start.year - 1)
    elif last.yearless:
        last = _in_year(last, first.start.year)
        last = last if last.start >= first.start else _in_year(last, last.start.year + 1)
    return first.start, last.end


def _in_year(period: Period, year: int) -> Period:
    years = year - period.start.year
    return period._replace(start=moved(period.start, Unit.YEAR, years), end=moved(period.end, Unit.YEAR, years))


_RANGES: tuple[tuple[str, Callable[[Sequence[Period]], Range]], ...] = (
    ("BR[&>]R|F?R[>u-]R", _from_to),
    ("st?R", _since),
    ("ut?R", _until),
    ("bt?R", _before),
    ("Pt?R", _after),
    ("[ijFBc]?t?R", _during),
)


Rules = tuple[tuple[str, Callable[[Clock, Said], Period | None]], ...]


class Finder:
    """Finds the stretches of time that a text speaks of."""

    def __init__(self, clock: Callable[[int], Clock]) -> None:
        """`clock` tells the clock for a place in the text."""
        self._clock = clock
        self._periods: list[Period] = []

    def find(self, tokens: Sequence[Token]) -> Iterator[Stretch]:
        """All of them, in the order of the text."""
        for rules in (_PERIODS, _OF_PERIODS):
            tokens = self._reduced(tokens, rules)
        for rule, taken in _matches(_RANGES, tokens):
            said = self._said(tokens[taken])
            start, end = _RANGES[rule][1](said.periods)
            firm = all(period.firm for period in said.periods) and not all(period.yearless for period in said.periods)
            yield Stretch(start, end, firm, (said.tokens[0].start, said.tokens[-1].end))

    def _reduced(self, tokens: Sequence[Token], rules: Rules) -> list[Token]:
        """The tokens, with an R in the place of those that a rule makes a period of."""
        reduced: list[Token] = []
        place = 0
        for rule, taken in _matches(rules, tokens):
            said = self._said(tokens[taken])
            period = self._made(rules[rule][1], said)
            reduced += tokens[place : taken.start]
            place = taken.stop
            if period is None:
                reduced += said.tokens
            else:
                reduced.append(Token("R", len(self._periods), "", said.tokens[0].start, said.tokens[-1].end))
                self._periods.append(period)
        return [*reduced, *tokens[place:]]

    def _said(self, tokens: Sequence[Token]) -> Said:
        return Said(tokens, [self._periods[token.value] for token in tokens if token.symbol == "R"])

    def _made(self, rule: Callable[[Clock, Said], Period | None], said: Said) -> Period | None:
        try:
            period = rule(self._clock(said.tokens[0].start), said)
        except (OverflowError, ValueError):
            return None  # before the year 1 or after 9999
        return period and period._replace(yearless=period.yearless or any(part.yearless for part in said.periods))


def _matches(rules: tuple[tuple[str, object], ...], tokens: Sequence[Token]) -> Iterator[tuple[int, slice]]:
    """The rules that fit, and where."""
    for match in _grammar(rules).finditer("".join(token.symbol for token in tokens)):
        yield int((match.lastgroup or "r0")[1:]), slice(*match.span())


@functools.cache
def _grammar(rules: tuple[tuple[str, object], ...]) -> re.Pattern[str]:
    """The rules as one expression: the first that fits is taken, and the name of its group tells which that is."""
    return re.compile("|".join(f"(?P<r{number}>{pattern})" for number, (pattern, _) in enumerate(rules)))
