"""`hermes -z`: one prompt, one answer on standard output."""

from __future__ import annotations

import os
import subprocess

from .home import Home
from .process import Child
from .waiting import SECONDS


def hermes(home: Home) -> str:
    """The host's console script."""
    return str(home.python.parent / "hermes")


class OneShot(Child):
    """`hermes -z PROMPT` as a user runs it. A context manager that kills."""

    def __init__(self, home: Home, prompt: str, *arguments: str) -> None:
        self._out = home.root / "oneshot.out"
        with self._out.open("wb") as out, (home.root / "oneshot.log").open("ab") as log:
            super().__init__(
                home, [hermes(home), *arguments, "-z", prompt], stdin=subprocess.DEVNULL, stdout=out, stderr=log
            )

    def answer(self, seconds: float = SECONDS) -> str:
        """Wait for its end, and return what it said; `process.returncode` tells how it went."""
        self.wait(seconds)
        return self._out.read_text("utf-8").removesuffix(os.linesep)


def ask(home: Home, prompt: str, *arguments: str) -> str:
    """Run it to its end."""
    with OneShot(home, prompt, *arguments) as shot:
        return shot.answer()
