"""A real server on loopback, in a thread of the test's process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from threadline import Settings
from threadline.server.app import create_app
from threadline.server.house import House


class Running:
    """A server that answers.

    Attributes:
        url: where.
        app: what answers.

    Args:
        around: puts around the app what stands before it.
    """

    def __init__(self, home: Path, around: Callable[[FastAPI], Any] | None = None, **settings: Any) -> None:
        self._settings = Settings(home=home, **{"embedder": "none", "redact": False, **settings})
        self.house = House(self._settings)
        self.app: FastAPI = create_app(self.house)
        started = threading.Event()
        served = around(self.app) if around else self.app
        config = uvicorn.Config(served, port=0, log_level="warning", lifespan="on", timeout_graceful_shutdown=5)
        self._server = _Telling(config, started)
        self._thread = threading.Thread(target=self._server.run, name="test-server")
        self._thread.start()
        assert started.wait(20)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def reopen(self, **settings: Any) -> None:
        """Close the house and open it again, as a restart does; the port stays."""
        self.house.close()
        self.house = self.app.state.house = House(Settings(**{**_given(self._settings), **settings}))

    def stop(self) -> None:
        """End it."""
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.house.close()


class _Telling(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._told = started

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._told.set()


@contextlib.contextmanager
def running(home: Path, around: Callable[[FastAPI], Any] | None = None, **settings: Any) -> Iterator[Running]:
    """A server over a data directory; it is ended with the block."""
    server = Running(home, around, **settings)
    try:
        yield server
    finally:
        server.stop()


def _given(settings: Settings) -> dict[str, Any]:
    return {
        name: getattr(settings, name) for name in ("home", "embedder", "redact", "retain_every_n_turns", "idle_seconds")
    }
