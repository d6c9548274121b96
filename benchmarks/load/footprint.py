"""What processes take together while they run."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.peers.processes import megabytes

_EVERY_SECONDS = 0.5


def resident(pids: Sequence[int]) -> float:
    """The memory of processes at this moment, in MB of 2^20 bytes: a page that several share counts once in all."""
    return round(sum(map(_proportional, pids)) / 1024, 1)


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def busy(pids: Sequence[int], most: float = 300.0) -> float:
    """How many seconds processes go on working, together more than a tenth of a core, until they take a rest.

    Args:
        most: how long to look.
    """
    pause = threading.Event()
    began = time.monotonic()
    before = _worked(pids)
    while (now := time.monotonic()) - began < most:
        pause.wait(1.0)
        worked = _worked(pids)
        if worked - before < 0.1:
            return round(now - began, 1)
        before = worked
    return most


def _worked(pids: Sequence[int]) -> float:
    """The processor time of processes, in seconds."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Watch:
    """Looks every half second at what processes take.

    Attributes:
        peak: the most so far, in MB.
    """

    def __init__(self, pids: Callable[[], Sequence[int]]) -> None:
        self.peak = 0.0
        self._pids = pids
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.peak = max(self.peak, resident(self._pids()))
            if self._stopped.wait(_EVERY_SECONDS):
                return


def installed(python: Path) -> float:
    """What the packages of an environment take on disk, in MB of 10^6 bytes, `pip` and compiled modules left out."""
    (packages,) = python.parent.parent.glob("lib/python3*/site-packages")
    tools = [path for path in packages.iterdir() if path.name.split("-")[0] in ("pip", "setuptools", "pkg_resources")]
    caches = sum(path.stat().st_blocks * 512 for path in packages.rglob("*.pyc")) / 1e6
    own = sum(path.stat().st_blocks * 512 for tool in tools for path in tool.rglob("*.pyc")) / 1e6
    return round(megabytes(packages) - sum(map(megabytes, tools)) - (caches - own), 1)
