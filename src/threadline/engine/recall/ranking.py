"""What a channel of a recall finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ranking:
    """The memories one channel found.

    Attributes:
        channel: the channel's name, `words` or `meaning`.
        found: memory and score, best first.
    """

    channel: str
    found: tuple[tuple[int, float], ...]
