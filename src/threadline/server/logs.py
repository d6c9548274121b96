"""What the server writes down of itself: a JSON object a line, and never what anybody said.

Of a request: its method, its route as a template, how it ended. Not its path, query or body: bank and document ids are
its caller's. Of an error: where it happened, not its message, which may hold what was being worked on.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from threadline.server import metrics
from threadline.server.limits import Refusal

#: The logger of everything that the server says itself: its messages are ours, and hold no values.
LOG = logging.getLogger("threadline.server")

_REQUESTS = logging.getLogger("threadline.server.requests")

#: Loggers whose messages may be shown: ours, and those that only tell how serving goes.
_TRUSTED = ("threadline.", "uvicorn.")

#: The status of a request whose sender left before it was answered.
_GONE = 499

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")

#: What any of our routes answers is data, never a page that could run or be framed.
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_NO_PAGE = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. Of records of others' only where they come from: their messages may hold anything."""
        ours = record.name.startswith(_TRUSTED)
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage().strip() if ours else f"{record.name}: {record.module}.{record.funcName}",
            **getattr(record, "told", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = stack(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, separators=(",", ":"))


def stack(error: BaseException) -> list[dict[str, Any]]:
    """An error and those behind it: their kinds and where they came from, without their messages."""
    found: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(found) < 10:
        frames = traceback.extract_tb(current.__traceback__)[-30:]
        places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        found.append({"kind": type(current).__name__, "at": places})
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return found


def start_logging(stream: TextIO | None = None, *, requests: bool = True) -> logging.Handler:
    """Have everything that this process logs written as JSON lines.

    Args:
        stream: where to; stderr if not given.
        requests: whether each request has a line.
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # asked of the system for each line
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("threadline").setLevel(logging.INFO)
    _REQUESTS.setLevel(logging.INFO if requests else logging.CRITICAL)
    return handler


class Watch:
    """The outermost middleware: gives each request an id, and tells how it ended, by a line and in figures."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and watch it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watched = _Watched(scope, send)
        try:
            await self._app(scope, receive, watched.send)
        except Exception as error:  # noqa: BLE001 - the last one that can answer; it is told with its stack
            watched.fail(error)
            if not watched.status:
                await Refusal(500, "Internal server error").answer(receive, watched.send)
        finally:
            watched.tell()


class _Watched:
    """One request under way."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()
        self._error: BaseException | None = None
        self.status = 0
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        self.id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8).encode()
        scope.setdefault("state", {})["request_id"] = self.id.decode()
        metrics.IN_PROGRESS.inc()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self.id), *_SECURITY]
            if not any(name == b"content-type" and value.startswith(b"text/html") for name, value in headers):
                headers.append(_NO_PAGE)
            message = {**message, "headers": headers}
        await self._send(message)

    def fail(self, error: BaseException) -> None:
        self._error = error
        if self.status:  # it was answered, by whoever saw the error first or before it happened
            self.status = max(self.status, 500)

    def tell(self) -> None:
        metrics.IN_PROGRESS.dec()
        status = self.status or _GONE
        seconds = time.perf_counter() - self._began
        route = route_of(self._scope)
        method = self._scope["method"] if self._scope["method"] in _METHODS else "other"
        metrics.observe(method, route, status, seconds)
        caller = self._scope["state"].get("caller")
        told = {
            "id": self.id.decode(),
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "tenant": None if caller is None else caller.tenant,
            "key": None if caller is None else caller.key,
        }
        level = logging.ERROR if self._error is not None else logging.INFO
        _REQUESTS.log(level, "request", extra={"told": told}, exc_info=self._error)


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def route_of(scope: Scope) -> str:
    """The template of the route that answered; what no route has is `unmatched`, however it was spelt."""
    route = scope.get("route")
    found = getattr(route, "path_format", None) or getattr(route, "path", None)
    return str(found) if found else "unmatched"
