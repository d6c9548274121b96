"""The servers that are put under load: each is started, measured, killed and started again."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from benchmarks.peers.hindsight import MeasuredHindsight
from benchmarks.peers.processes import family, megabytes

_START_SECONDS = 60.0


class Server(Protocol):
    """A server as the load sees it."""

    name: str

    @property
    def url(self) -> str:
        """Where it is."""
        ...

    def __enter__(self) -> Self:
        """Start it for the first time, its data new."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def start(self) -> None:
        """Start it and return once it is healthy."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...

    def pids(self) -> list[int]:
        """Its processes, its database's included."""
        ...

    def disk(self) -> float:
        """What its data takes, in MB."""
        ...

    def unpacked(self) -> float:
        """The programs that it unpacks when it first starts, in MB."""
        ...


class Theirs(MeasuredHindsight):
    """Hindsight without a language model, PostgreSQL beside it."""

    name = "Hindsight"


class Ours:
    """`threadline serve` in a process of its own.

    Args:
        program: the `threadline` command.
        home: its data directory; None: one of its own, gone with it.
        environ: settings, by their variables.
    """

    name = "Threadline"

    def __init__(self, program: Path, home: Path | None = None, environ: dict[str, str] | None = None) -> None:
        self._program = program
        self._own = home is None
        self.home = home or Path(tempfile.mkdtemp(prefix="threadline-load-"))
        self._environ = environ or {}
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it wrote, of all its lives."""
        return self.home.with_name(f"{self.home.name}.log")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if self._own:
            shutil.rmtree(self.home, ignore_errors=True)
            self.log.unlink(missing_ok=True)

    def start(self) -> None:
        """Start it and return once it is healthy."""
        environ = {**os.environ, "THREADLINE_HOME": str(self.home), **self._environ}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "serve", "--port", str(self.port)], env=environ, stdout=log, stderr=log
            )
        wait_for_health(self.port, self._process, self.log)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator does, and say with which code it ended."""
        return self._end(signal.SIGTERM)

    def pids(self) -> list[int]:
        """Its process and those that it started."""
        return family(self._process.pid) if self._process else []

    def disk(self) -> float:
        """What its data directory takes."""
        return megabytes(self.home)

    def unpacked(self) -> float:
        """None."""
        return 0.0

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        code = self._process.wait(_START_SECONDS)
        self._process = None
        return code


def wait_for_health(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once a server is healthy.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    pause = threading.Event()
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if is_healthy(port):
            return
        pause.wait(0.02)
    raise RuntimeError(f"The server did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def is_healthy(port: int) -> bool:
    """Does it answer?"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
