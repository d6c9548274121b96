"""A server as a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.cli.conftest import environment

SECONDS = 30.0


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def client(self, **kwargs: object) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=SECONDS, **kwargs)  # type: ignore[arg-type]

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sent)
        return self.process.wait(SECONDS)


@contextmanager
def serving(home: Path, *args: str, log: Path, **environ: str) -> Iterator[Running]:
    """Start `threadline serve` on any free port, and stop it in the end."""
    command = [sys.executable, "-m", "threadline", "serve", "--port", "0", "--json", *args]
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=file, text=True, env={**environment(home), **environ}
        )
    assert process.stdout is not None
    try:
        told = ""
        while not told.endswith("}\n"):
            line = process.stdout.readline()
            assert line, log.read_text()
            told += line
        yield Running(process, json.loads(told)["url"], log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(SECONDS)
        process.stdout.close()
