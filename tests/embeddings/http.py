"""A fake OpenAI-compatible endpoint over HTTP on the loopback interface, whose faults are scripted."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from threadline.engine.models.fake import FakeEmbedder

Answer = tuple[int, Any, dict[str, str]]


class Endpoint:
    """Serves `/v1/embeddings` on 127.0.0.1. A context manager.

    Attributes:
        requests: the body of each request that came.
        keys: the `Authorization` of each.
        answers: what the next requests are answered, in order; then come vectors again. None hangs until `release`.
    """

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.answers: list[Callable[[dict[str, Any]], Answer | None]] = []
        self.came = threading.Event()
        self.released = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, body: dict[str, Any], key: str | None) -> Answer | None:
        if path != "/v1/embeddings":
            return 404, {"error": {"message": f"no route {path}"}}, {}
        self.requests.append(body)
        self.keys.append(key)
        self.came.set()
        return self.answers.pop(0)(body) if self.answers else vectors(body)


def vectors(body: dict[str, Any]) -> Answer:
    """What a server that works answers: vectors of any length, in any order, and none for an empty text."""
    texts = body["input"]
    if not all(texts):
        return 400, {"error": {"message": "'$.input' is invalid: an empty string"}}, {}
    rows = 3 * FakeEmbedder().embed(texts)[:, : body.get("dimensions", FakeEmbedder.dimensions)]
    data = [{"object": "embedding", "index": place, "embedding": row.tolist()} for place, row in enumerate(rows)]
    return 200, {"object": "list", "model": body["model"], "data": data[::-1]}, {}


def status(code: int, message: str = "no", **headers: str) -> Callable[[dict[str, Any]], Answer]:
    """Answers with an error as OpenAI writes it."""
    return lambda _: (code, {"error": {"message": message}}, {n.replace("_", "-"): v for n, v in headers.items()})


def said(body: Any) -> Callable[[dict[str, Any]], Answer]:
    """Answers with this body, as if all were well."""
    return lambda _: (200, body, {})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: Endpoint) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's
        """Quietly."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        found = self.server.owner.answer(self.path, body, self.headers.get("authorization"))
        if found is None:
            self.server.owner.released.wait()
            self.close_connection = True
            return
        code, content, headers = found
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)
