"""A host in a process of its own, to which steps are told one by one."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .outcome import Side

_ROOT = Path(__file__).parent.parent.parent
#: How long one step may take before the host counts as hung, and how long its process may take to end, in seconds.
STEP_SECONDS, END_SECONDS = 45.0, 30.0


class HarnessError(Exception):
    """What is measured here could not be measured: nobody's failure but this program's."""


class Host:
    """A child process that plays a host. It may be killed, and another one started on the same home."""

    def __init__(self, side: Side, home: Path, url: str, hermes: Path | None) -> None:
        if side == "ours":
            command, folder = [sys.executable, "-m", "benchmarks.faults.ours", url], _ROOT
        elif hermes is None:
            raise ValueError("their side needs the interpreter of an environment with hermes-agent")
        else:  # -P: nothing beside the driver may be imported in place of the host's own
            command, folder = [str(hermes), "-P", str(Path(__file__).with_name("theirs.py")), url], home
        self.side = side
        self.log = home / f"{side}.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                env=_environment(home),
            )
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def step(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something, and wait for the outcome.

        Raises:
            HarnessError: it died, or did not come back.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._answers.get(timeout=STEP_SECONDS)
        except (queue.Empty, BrokenPipeError) as error:
            raise HarnessError(f"{self.side}: {do} did not come back; {self._tail()}") from error
        if not answer:
            raise HarnessError(f"{self.side} died in {do}; {self._tail()}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def end(self) -> float:
        """Let the interpreter end as it does, and wait for that. Returns how many milliseconds it took."""
        assert self._process.stdin is not None
        began = time.perf_counter()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        took = (time.perf_counter() - began) * 1000
        self.kill()
        return took

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _tail(self) -> str:
        return "its log ends: " + " | ".join(self.log.read_text("utf-8", "replace").splitlines()[-8:])


def _environment(home: Path) -> dict[str, str]:
    """Nothing of whoever runs this: no settings, no home, no proxy between a host and the loopback interface."""
    foreign = ("THREADLINE_", "HINDSIGHT_", "HERMES_", "PYTHONPATH")
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) and not name.lower().endswith("_proxy")
    }
    homes = {"HOME": str(home), "HERMES_HOME": str(home / "hermes"), "THREADLINE_HOME": str(home / "threadline")}
    return {**clean, **homes, "NO_PROXY": "127.0.0.1"}
