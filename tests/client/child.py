"""`threadline serve` as a process of its own, to be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path


class Child:
    """It is started, killed with SIGKILL, and started again, on the same files and the same port."""

    def __init__(self, home: Path) -> None:
        self._home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin; whoever connects waits until it answers."""
        command = [sys.executable, "-m", "threadline", "serve", "--home", str(self._home), "--port", str(self._port)]
        given = {"THREADLINE_EMBEDDER": "none", "THREADLINE_REDACT": "off", "THREADLINE_RETAIN_EVERY_N_TURNS": "3"}
        self._process = subprocess.Popen(
            command, env={**os.environ, **given}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        self._process = None

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self.kill()
