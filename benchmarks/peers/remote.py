"""A system in another process, as if it were here, and what that process takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.base import Answer, Hit, Item, Query
from benchmarks.peers.model import place
from benchmarks.peers.processes import family, megabytes, peak_megabytes

_ROOT = Path(__file__).parent.parent.parent


class PeerError(Exception):
    """A peer does not run, or ended; the message is the end of what it printed."""


def last_error(log: str) -> str:
    """What the last traceback of a log says, on one line of at most 300 characters; without one, its last line."""
    lines = log.strip().splitlines() or ["it ended without a word"]
    errors = [number for number, line in enumerate(lines) if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return " ".join(" ".join(lines[errors[-1] if errors else -1 :]).split())[:300]


class Remote:
    """A system driven through `benchmarks.peers.driver`: one process a bank.

    Its home folder lies in the bank's folder and holds the packaged MiniLM where such a system would download it to.

    Args:
        kind: `<module>:<class>` of the system.
        python: the interpreter of the environment that it is installed in.

    Attributes:
        megabytes, disk_megabytes: the most memory and disk that a bank took so far.
    """

    def __init__(self, name: str, kind: str, python: Path) -> None:
        self.name = name
        self.megabytes = self.disk_megabytes = 0.0
        self._command = [str(python), "-m", "benchmarks.peers.driver", kind]
        self._process: subprocess.Popen[str] | None = None
        self.budgets = False

    def open(self, folder: Path) -> None:
        """Start the process.

        Raises:
            PeerError: it does not start.
        """
        self._home, self._bank, self._log = folder / "home", folder / "bank", folder / "log"
        self._bank.mkdir()
        place(self._home)
        environment = {
            **os.environ,
            "HOME": str(self._home),
            "THREADLINE_PEER_BANK": str(self._bank),  # some read where they keep their files when they are imported
            "HF_HUB_OFFLINE": "1",
        }
        self._ended = False
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        try:
            self.budgets = bool(self._call("hello", None))
            self._call("open", str(self._bank))
        except PeerError:
            self.close()
            raise

    def add(self, turn: Sequence[Item]) -> None:
        """Have it take in a turn."""
        self._call("add", turn)

    def settle(self) -> None:
        """Have it settle."""
        self._call("settle", None)

    def ask(self, query: Query) -> Answer:
        """Have it find memories; the time is taken over there."""
        hits, seconds = self._call("ask", query)
        return Answer(tuple(Hit(*hit) for hit in hits), seconds)

    def close(self) -> None:
        """Measure the process and end it. One that ended by itself is not measured."""
        process = self._process
        if process is None:
            return
        try:
            if not self._ended:
                self.megabytes = max(self.megabytes, peak_megabytes(family(process.pid)))
                self._call("close", None)
                self.disk_megabytes = max(self.disk_megabytes, megabytes(self._bank) + megabytes(self._home))
        finally:
            self._process = None
            process.kill()
            process.communicate()

    def _call(self, command: str, argument: Any) -> Any:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise PeerError("it is not open")
        try:
            process.stdin.write(json.dumps([command, argument]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._ended = True
            raise PeerError(last_error(self._log.read_text("utf-8", "replace")))
        return json.loads(line)
