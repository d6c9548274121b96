"""How fast, how large: `make bench`. Each figure is taken in a process of its own."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable, Sequence


def quantiles(seconds: Sequence[float], *shares: float) -> list[float]:
    """The quantiles, in milliseconds."""
    ordered = sorted(seconds)
    return [round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 3) for share in shares]


def timed(work: Callable[[], object]) -> float:
    """How long it takes, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak_megabytes() -> float:
    """The most memory this process ever had, in MB of 10^6 bytes."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def machine() -> str:
    """What this ran on."""
    return (
        f"{os.cpu_count()} shared cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
