"""What of a ranking is returned: the best memories that fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar


class Sized(Protocol):
    """Anything that takes tokens."""

    @property
    def tokens(self) -> int:
        """How many."""


S = TypeVar("S", bound=Sized)


def within_budget(ranked: Iterable[S], max_tokens: int, limit: int) -> Iterator[S]:
    """The best first, while they fit. One that does not fit is passed over; a later, shorter one may fit."""
    left = max_tokens
    for one in ranked:
        if limit <= 0 or left <= 0:
            return
        if one.tokens <= left:
            left -= one.tokens
            limit -= 1
            yield one
