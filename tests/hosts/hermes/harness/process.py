"""A child process that is the host, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .home import Home
from .waiting import SECONDS, HarnessError


class Child:
    """A process in a group of its own, so that whatever it starts ends with it. A context manager that kills."""

    def __init__(self, home: Home, command: Sequence[str], **streams: Any) -> None:
        self.home = home
        self.process = subprocess.Popen(command, cwd=home.work, env=home.environment, start_new_session=True, **streams)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float = SECONDS) -> int:
        """Wait until it has ended by itself. Returns its exit code.

        Raises:
            HarnessError: it did not end.
        """
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise HarnessError(f"the host did not end within {seconds} s. {self.home.tail()}") from error

    def kill(self) -> None:
        """SIGKILL, to it and to what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.close()

    def close(self) -> None:
        """Let go of the pipes."""


class Driven(Child):
    """A host whose driver takes steps as lines of JSON and tells outcomes and events as lines of JSON.

    An outcome is `{"outcome": ...}` or `{"raised": ...}`; anything else is `{"event": kind, ...}`, and goes to a queue
    of its kind.
    """

    def __init__(self, home: Home, driver: str, *arguments: str) -> None:
        self._log = home.root / f"{Path(driver).stem}.log"
        # -P: nothing beside the driver may be imported in place of the host's own
        command = [str(home.python), "-P", str(Path(__file__).parent / "inside" / driver), *arguments]
        with self._log.open("ab") as log:
            super().__init__(
                home, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
            )
        self._arrived = threading.Condition()
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._outcomes: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def step(self, do: str, **arguments: Any) -> Any:
        """Have the driver do something, and return the outcome.

        Raises:
            HarnessError: the host died, did not come back, or raised.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
            answer = self._outcomes.get(timeout=SECONDS)
        except (queue.Empty, BrokenPipeError) as error:
            raise HarnessError(f"{do} did not come back. {self.home.tail()}") from error
        if answer is None:
            raise HarnessError(f"the host died in {do}. {self.home.tail()}")
        if "raised" in answer:
            raise HarnessError(f"{do} raised {answer['raised']}. {self.home.tail()}")
        return answer["outcome"]

    def next_event(
        self, kind: str, seconds: float = SECONDS, matches: Callable[[dict[str, Any]], bool] = bool
    ) -> dict[str, Any]:
        """Wait for the next event of a kind that matches, and take it.

        Raises:
            HarnessError: it did not come.
        """

        def first() -> dict[str, Any] | None:
            return next(filter(matches, self._events.get(kind, ())), None)

        with self._arrived:
            self._arrived.wait_for(lambda: first() or self._ended, seconds)
            found = first()
            if found is None:
                why = "the host died before it" if self._ended else f"not within {seconds} s"
                raise HarnessError(f"no {kind}: {why}. {self.home.tail()}")
            self._events[kind].remove(found)
            return found

    def close(self) -> None:
        """Let go of the pipes."""
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            with self._arrived:
                if "event" in told:
                    self._events.setdefault(told["event"], []).append(told)
                    self._arrived.notify_all()
                else:
                    self._outcomes.put(told)
        with self._arrived:
            self._ended = True
            self._arrived.notify_all()
        self._outcomes.put(None)


def timed(call: Callable[[], Any]) -> float:
    """How many milliseconds a call takes."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000
