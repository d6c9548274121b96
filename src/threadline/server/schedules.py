"""Schedules in five fields: minute, hour, day of the month, month, day of the week."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 7, _DAYS))
_PART = re.compile(r"(\*|[a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?(?:/(\d{1,2}))?", re.ASCII)


def check_schedule(schedule: str) -> str:
    """The schedule, if it is one.

    Raises:
        ValueError: it is none.
    """
    fields = schedule.lower().split()
    if len(fields) != len(_FIELDS) or not all(
        _is_part(part, *bounds) for field, bounds in zip(fields, _FIELDS, strict=True) for part in field.split(",")
    ):
        raise ValueError(f"{schedule[:100]!r} is not a valid cron expression: five fields, such as '0 3 * * *'")
    return schedule


def _is_part(part: str, lowest: int, highest: int, names: tuple[str, ...]) -> bool:
    found = _PART.fullmatch(part)
    if found is None:
        return False
    start, end, step = found.groups()
    if step is not None and not 0 < int(step) <= highest:
        return False
    if start == "*":
        return end is None
    places = [_place(each, lowest, names) for each in (start, end) if each is not None]
    return all(place is not None and lowest <= place <= highest for place in places) and places == sorted(
        places, key=lambda place: place or 0
    )


def _place(text: str, lowest: int, names: tuple[str, ...]) -> int | None:
    if text.isdecimal():
        return int(text)
    return names.index(text) + lowest if text in names else None
