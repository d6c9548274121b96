"""The process that is killed."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from threadline import Memory
from threadline.database import Database

from .program import Step, perform, settle, submit_again

#: A moment: before or after the commit of a transaction with a write of this name.
Point = tuple[str, str]

FAILED = 70  # the exit code of a child that met an error
_AGAIN = 4  # how many of the last steps a host submits again
_PACE = 4  # after so many steps a child that is to die of a delivery waits for the deliveries


@dataclass(frozen=True, slots=True)
class Life:
    """One life of one child.

    Attributes:
        first: where in the program it goes on.
        point: where it kills itself, at the `nth` time it comes there; None: somebody else kills it.
    """

    home: Path
    steps: Sequence[Step]
    first: int
    batch: int
    idle_seconds: float
    point: Point | None = None
    nth: int = 1


def open_memory(home: Path, batch: int = 1, idle_seconds: float = 60.0) -> Memory:
    """The memory of a home, with nothing in it that takes time."""
    return Memory.open(
        home, embedder="none", redact=False, retain_every_n_turns=batch, idle_seconds=idle_seconds, shutdown_seconds=60
    )


def run(life: Life, descriptor: int) -> NoReturn:
    """Live, and say so: `done <step>` after each call returned, `met` and `killed` at points, `over` at the end."""
    code = 0
    try:
        Database.observer = _Observer(life, descriptor)
        _live(life, descriptor)
    except BaseException:  # noqa: BLE001 - a forked child must never return into its parent's code
        traceback.print_exc()
        sys.stderr.flush()
        code = FAILED
    os._exit(code)


def tell(descriptor: int, line: str) -> None:
    """Write a line at once: one system call, so that a kill leaves it whole or unwritten."""
    os.write(descriptor, f"{line}\n".encode())


def _live(life: Life, descriptor: int) -> None:
    with open_memory(life.home, life.batch, life.idle_seconds) as memory:
        submit_again(memory, life.steps[max(0, life.first - _AGAIN) : life.first])
        for index in range(life.first, len(life.steps)):
            perform(memory, life.steps[index])
            tell(descriptor, f"done {index}")
            if life.point and index % _PACE == 0:
                settle(memory)
    tell(descriptor, "over")


class _Observer:
    """Reports each point when it is first met, and dies at the one it was told to."""

    def __init__(self, life: Life, descriptor: int) -> None:
        self._point = life.point
        self._left = life.nth
        self._descriptor = descriptor
        self._met: set[Point] = set()

    def __call__(self, phase: str, names: tuple[str, ...], *_: Any) -> None:
        for name in names:
            point = (phase, name)
            if point not in self._met:
                self._met.add(point)
                tell(self._descriptor, f"met {phase} {name}")
            if point == self._point:
                self._left -= 1
                if self._left == 0:
                    tell(self._descriptor, f"killed {phase} {name}")
                    os.kill(os.getpid(), signal.SIGKILL)
