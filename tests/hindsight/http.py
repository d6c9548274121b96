"""A fake Hindsight server over HTTP on the loopback interface, whose faults are scripted."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from .fake import Answer, FakeHindsight

Kind = Literal["delay", "hang", "apply_then_hang", "reset", "apply_then_reset", "status", "garbage", "late"]


@dataclass(slots=True)
class Fault:
    """What happens to the requests that it matches.

    Attributes:
        match: a regular expression on `METHOD path`.
        kind: `delay`: handled after `seconds`; `hang`: never handled, held until `release`; `apply_then_hang`: handled,
            and never answered; `reset`, `apply_then_reset`: the connection is reset, the second after it was handled;
            `status`: answered so and not handled; `garbage`: answered with a page that is no JSON; `late`: held, and
            handled after `seconds`, when the client has given up.
        times: how many requests it happens to; None: to all.
    """

    match: str
    kind: Kind
    times: int | None = None
    seconds: float = 0.0
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


class HttpHindsight:
    """Serves a fake on 127.0.0.1. A context manager; `faults` may be changed at any time."""

    def __init__(self, fake: FakeHindsight) -> None:
        self.fake = fake
        self.faults: list[Fault] = []
        self.changed = threading.Condition()
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._port = 0
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start_listening()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start_listening(self) -> None:
        """Take connections, on the same port as before."""
        self._released.clear()
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True)
        self._thread.start()

    def stop_listening(self) -> None:
        """Refuse connections, and end those there are. What it holds stays."""
        self._released.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.end_connections()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None

    def release(self) -> None:
        """Let go of every request that hangs, and of those to come."""
        self._released.set()

    def close(self) -> None:
        """Stop for good."""
        self.stop_listening()

    def wait_for(self, match: str, count: int = 1, seconds: float = 10.0) -> bool:
        """Wait until so many requests that match came, whether or not they were handled."""

        def came() -> bool:
            return sum(re.search(match, line) is not None for line in self.seen) >= count

        with self.changed:
            return self.changed.wait_for(came, seconds)

    @property
    def seen(self) -> list[str]:
        """Each request that came, as `METHOD path`, also those that were not handled."""
        return list(self._seen)

    _seen: tuple[str, ...] = ()

    def note(self, line: str) -> Fault | None:
        """A request came: which fault happens to it?"""
        with self.changed:
            self._seen = (*self._seen, line)
            self.changed.notify_all()
        with self._lock:
            for fault in self.faults:
                if re.search(fault.match, line) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def wait_released(self, seconds: float | None) -> None:
        """Wait so long, or until `release`."""
        self._released.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: HttpHindsight) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(connection)  # its client was quicker

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's
        """Quietly."""

    def handle_any(self) -> None:
        """Answer a request, or do to it what a fault says."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        split = urlsplit(self.path)
        owner = self.server.owner
        fault = owner.note(f"{self.command} {split.path}")

        def apply() -> Answer:
            return owner.fake.handle(self.command, split.path, parse_qs(split.query), body)

        if fault is None:
            self._send(apply())
            return
        if fault.kind in ("delay", "late"):
            owner.wait_released(fault.seconds)
            self._send(apply())
            return
        if fault.kind.startswith("apply_then"):
            apply()
        if fault.kind.endswith("hang"):
            owner.wait_released(None)
        match fault.kind:
            case "status":
                detail = fault.body if fault.body is not None else {"detail": f"status {fault.status}"}
                self._send(Answer(fault.status, detail, fault.headers))
            case "garbage":
                self._write(200, b"<html>another program</html>", {"content-type": "text/html"})
            case _:
                self._reset()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the base class's names

    def _send(self, answer: Answer) -> None:
        self._write(answer.status, json.dumps(answer.body).encode(), answer.headers)

    def _write(self, status: int, body: bytes, headers: Any) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """Close the connection so that the client is told of it at once."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
