"""What a secret is, and the marks that stand in the place of those already taken out."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

MARK = "[redacted:"
_MARK_AT_MOST = 48
_MARK_PATTERN = re.compile(r"\[redacted:[a-z0-9-]{1,32}\]")
KEY_BLOCK = "private-key"


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands in a text, in characters, and what it is."""

    start: int
    end: int
    kind: str


def lower(text: str) -> str:
    """Lower case with every character where it was: the dotted capital I alone would become two."""
    return text.replace("\u0130", "i").lower()


def within_mark(text: str, place: int) -> bool:
    """Whether the place is inside a `[redacted:<kind>]`."""
    mark = text.rfind(MARK, max(0, place - _MARK_AT_MOST), place)
    return mark >= 0 and text.find("]", mark, place) < 0


def outside_marks(text: str, found: list[Secret]) -> list[Secret]:
    """Leave out what overlaps a mark of ours: it was found in our own words. A whole key block may hold one."""
    if MARK not in text or not found:
        return found
    marks = [match.span() for match in _MARK_PATTERN.finditer(text)]
    starts = [start for start, _ in marks]
    outside = []
    for secret in found:
        before = bisect.bisect_left(starts, secret.end) - 1
        if secret.kind == KEY_BLOCK or before < 0 or marks[before][1] <= secret.start:
            outside.append(secret)
    return outside
