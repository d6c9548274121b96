"""A server from its start to its end: the checks before it, the layers around the app, signals, the way it stops."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from threadline.errors import SettingsError, StorageError
from threadline.server.addresses import Allowed
from threadline.server.app import create_app
from threadline.server.connections import connections
from threadline.server.guard import Guard
from threadline.server.house import House
from threadline.server.keys import Keys, ServerToken
from threadline.server.limits import Limits
from threadline.server.logs import LOG, Watch, start_logging
from threadline.server.settings import ServerSettings
from threadline.server.traces import traced
from threadline.server.upkeep import Retention
from threadline.settings import Settings

_KEEP_ALIVE_SECONDS = 65
_BACKLOG = 2048
#: How long a stop may take beyond its deadlines, and one that is hurried at all.
_GRACE_SECONDS = 5.0


def serve(settings: Settings, server: ServerSettings, announce: Callable[[str], None]) -> None:
    """Serve a data directory until the process is told to stop.

    Args:
        announce: called with the address once it answers.

    Raises:
        SettingsError: it may not be bound like this, or the port is taken.
        StorageBusyError: another server runs on this data directory.
        StorageError: the data directory cannot be used.
    """
    with contextlib.ExitStack() as stack:
        keys = stack.enter_context(contextlib.closing(Keys(settings.home)))
        token = ServerToken.load(server.token_file, os.environ.get("THREADLINE_TOKEN"))
        check_door(server, keys, token)
        listener = stack.enter_context(contextlib.closing(bind(server)))
        house = House(
            settings,
            allowed=Allowed.parse(server.webhook_allowed_hosts),
            retention=Retention(server.operation_days, server.audit_days),
        )
        stop = Stop(server.stop_seconds + settings.shutdown_seconds + _GRACE_SECONDS)
        stack.callback(_close, house, keys, stop)
        house.tenant()
        app = create_app(house)
        around, tracing = layers(app, server, keys, token)
        if tracing is not None:
            stack.callback(tracing.shutdown)
        start_logging(requests=server.log_requests)
        raise_file_limit()
        _Server(_config(around, server), app, stop, lambda: announce(address(listener))).run(sockets=[listener])


def check_door(server: ServerSettings, keys: Keys, token: ServerToken | None) -> None:
    """Refuse to be reached by others without a key.

    Raises:
        SettingsError: it would be.
    """
    if not server.loopback and server.auth == "off":
        raise SettingsError(f"auth = 'off' is for loopback alone, and {server.host} can be reached by others.")
    has_key = token is not None or keys.any()
    if not has_key and (not server.loopback or server.auth == "required"):
        what = f"{server.host} can be reached by others" if not server.loopback else "auth = 'required' asks for a key"
        raise SettingsError(
            f"{what}, and there is no key. Make one with `threadline keys create --scope admin`, or give "
            "--token-file FILE or THREADLINE_TOKEN; or leave --host at 127.0.0.1."
        )


def bind(server: ServerSettings) -> socket.socket:
    """The socket that is listened on.

    Raises:
        SettingsError: the address cannot be used, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        return socket.create_server(place[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            told = f"Port {server.port} of {server.host} is in use; end what has it, or choose another with --port."
        elif error.errno == errno.EACCES:
            told = f"Port {server.port} of {server.host} may not be used; choose one from 1024 with --port."
        else:
            told = f"{server.host} cannot be listened on ({error.strerror}); --host names an address of this machine."
        raise SettingsError(told) from error


def address(listener: socket.socket) -> str:
    """The URL of a socket that is listened on."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def layers(app: FastAPI, server: ServerSettings, keys: Keys, token: ServerToken | None) -> tuple[ASGIApp, Any]:
    """What lies around the app, from the inside out; and what traces it, to be shut down at the end."""
    app.state.settings = server
    around: ASGIApp = Limits(app, server.max_body_bytes, server.max_json_depth, server.body_seconds)
    around = Guard(around, server, keys, token)
    if server.cors_origins:
        around = CORSMiddleware(
            around,
            allow_origins=server.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type", "x-request-id"],
            expose_headers=["x-request-id", "x-ignored-params", "retry-after"],
        )
    around, tracing = traced(around)
    return Watch(around), tracing


def raise_file_limit() -> None:
    """Let the process have as many files and connections open as it may."""
    if os.name != "posix":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            LOG.info("The limit of open files stays at %d", soft)


class Stop:
    """The way to the end, once it was asked for: what hangs must not keep the process alive.

    Args:
        seconds: how long it may take before the process ends as it is. Everything that was answered is on disk.

    Attributes:
        hurried: whether it was asked for again.
    """

    def __init__(self, seconds: float) -> None:
        self.hurried = False
        self._seconds = seconds
        self._timer: threading.Timer | None = None

    def asked(self) -> None:
        """It is asked for, or asked for again."""
        if self._timer is not None:
            self.hurried = True
            self._timer.cancel()
        self._timer = threading.Timer(_GRACE_SECONDS if self.hurried else self._seconds, self._end)
        self._timer.daemon = True  # it goes with the process, if that ends in time
        self._timer.start()

    @staticmethod
    def _end() -> None:
        LOG.error("Something still hangs; the process ends as it is. What was answered is on disk.")
        logging.shutdown()
        os._exit(1)


class _Server(uvicorn.Server):
    """uvicorn's server, which ends well when a signal asks for it, and at once when it is asked again."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, stop: Stop, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._stop = stop
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as uvicorn calls it
        self._app.state.stopping = True
        self._stop.asked()
        self.force_exit = self._stop.hurried
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, a signal that was obeyed is not raised again: the exit code is 0."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _config(app: ASGIApp, server: ServerSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=connections(server.body_seconds, server.max_connections),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(server.stop_seconds)),
    )


def _close(house: House, keys: Keys, stop: Stop) -> None:
    """Deliver what can be, and let go of everything."""
    house.close(0.0 if stop.hurried else None)
    try:
        keys.keep_used()
    except StorageError as error:
        LOG.warning("When keys were used could not be written down", exc_info=error)
