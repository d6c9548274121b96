"""How long to wait before trying again."""

from __future__ import annotations

import random

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 60.0


def rest_seconds(attempts: int, chance: random.Random) -> float:
    """Exponential back-off with full jitter, so that many writers do not come back all at once.

    Source: Brooker, "Exponential Backoff And Jitter", 2015.

    Args:
        attempts: how often it has failed, from 1.
    """
    ceiling = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(attempts - 1, 16))
    return chance.uniform(ceiling / 2, ceiling)
