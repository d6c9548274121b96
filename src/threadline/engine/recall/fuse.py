"""How the rankings of several channels become one. A fusion is a value: pass another to a bank to use it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from threadline.engine.recall.ranking import Ranking


class Fusion(Protocol):
    """What makes one list of several rankings."""

    def __call__(self, rankings: Sequence[Ranking]) -> list[tuple[int, float]]:
        """The memories of all rankings with their fused scores, best first, equal ones oldest first."""


def sum_of_z_scores(rankings: Sequence[Ranking]) -> list[tuple[int, float]]:
    """Add each channel's scores in units of their standard deviation.

    A memory that a channel did not find counts as the last one it found, which is where the scores start.
    (Score standardisation: Webber, Moffat and Zobel, 2008.)
    """
    totals: dict[int, float] = {}
    for ranking in rankings:
        if ranking.found:
            _add(totals, ranking)
    return _sorted(totals)


def reciprocal_rank(rankings: Sequence[Ranking], constant: int = 60) -> list[tuple[int, float]]:
    """Add 1 / (constant + rank) of each channel (Cormack, Clarke and Buettcher, 2009)."""
    totals: dict[int, float] = {}
    for ranking in rankings:
        for rank, (memory, _) in enumerate(ranking.found, start=1):
            totals[memory] = totals.get(memory, 0.0) + 1 / (constant + rank)
    return _sorted(totals)


def _add(totals: dict[int, float], ranking: Ranking) -> None:
    scores = [score for _, score in ranking.found]
    mean = sum(scores) / len(scores)
    deviation = math.sqrt(sum((score - mean) ** 2 for score in scores) / len(scores)) or 1.0
    for memory, score in ranking.found:
        # From the channel's last, so that what it did not find gets nothing.
        totals[memory] = totals.get(memory, 0.0) + (score - scores[-1]) / deviation


def _sorted(totals: dict[int, float]) -> list[tuple[int, float]]:
    return sorted(totals.items(), key=lambda item: (-item[1], item[0]))
