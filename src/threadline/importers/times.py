"""The times of transcripts, in the many ways their makers write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<month>[a-z]{3,9})\.?"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<year>\d{4})[-/.](?P<number>\d{1,2})[-/.](?P<day>\d{1,2})\b",
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ -]{_MONTH},?[ -](?P<year>\d{{4}})\b",
        rf"\b{_MONTH}[ -](?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?[ -](?P<year>\d{{4}})\b",
    )
)
_CLOCK = re.compile(r"\b(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([ap])\.?m\b)?", re.IGNORECASE)
_EPOCH = re.compile(r"\d{9,19}(?:\.\d+)?$")
_AT_MOST = 64


def parse_time(value: object) -> datetime | None:
    """Read a time: ISO 8601, seconds to nanoseconds since 1970, or a date in words with or without a clock.

    Among the words are `1:56 pm on 8 May, 2023`, `2023/05/30 (Tue) 23:40`, `March-15-2024` and
    `2025-12-15 (Monday)`. What names no time zone is UTC.

    Returns:
        The time with its zone, or None where there is none to be read.
    """
    try:
        match value:
            case bool():
                return None
            case int() | float():
                return _epoch(float(value))
            case str() if len(value) <= _AT_MOST:
                return _text(value.strip())
            case _:
                return None
    except (ValueError, OverflowError, OSError):  # a day 31 of June, a year 90000
        return None


def _epoch(value: float) -> datetime | None:
    for limit, unit in ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)):
        if 0 < value < limit:
            return datetime.fromtimestamp(value / unit, UTC)
    return None


def _text(text: str) -> datetime | None:
    if _EPOCH.match(text):
        return _epoch(float(text))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _words(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _words(text: str) -> datetime | None:
    date = next((match for pattern in _DATES if (match := pattern.search(text))), None)
    if date is None:
        return None
    parts = date.groupdict()
    month = int(parts["number"]) if "number" in parts else _MONTHS.index(parts["month"][:3].lower()) + 1
    hour, minute, second = _clock(text[: date.start()] + " " + text[date.end() :])
    return datetime(int(parts["year"]), month, int(parts["day"]), hour, minute, second, tzinfo=UTC)


def _clock(text: str) -> tuple[int, int, int]:
    clock = _CLOCK.search(text)
    if clock is None:
        return 0, 0, 0
    hour = int(clock[1])
    if clock[4]:
        hour = hour % 12 + (12 if clock[4].lower() == "p" else 0)
    return hour, int(clock[2]), int(clock[3] or 0)
