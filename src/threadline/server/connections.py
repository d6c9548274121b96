"""One connection of a client: uvicorn's own, with limits on how long a request may take to begin and how large."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from threadline.server.limits import Refusal

_MOST_BYTES = 65_536
_TOO_LARGE = (431, "The headers are larger than 64 KiB.")


class Connection(HttpToolsProtocol):
    """A connection whose requests begin in time, with headers of at most 64 KiB."""

    seconds: ClassVar[float]
    most: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heard = 0
        self._beginning = True
        self._began = False
        self._refusal: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is there: a request is to begin."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        self._began = False
        super().data_received(data)
        if self._beginning and not self._began:  # a header that does not end is counted before it is one
            self._heard += len(data)
            if self._heard > _MOST_BYTES:
                self._refuse(*_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._heard = 0
        self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is whole."""
        self._heard += len(name) + len(value) + 4
        if self._heard > _MOST_BYTES:
            self._refusal = _TOO_LARGE
            raise ValueError(_TOO_LARGE[1])  # the parser stops, and has `send_400_response` say why
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """All headers are there."""
        self._stop_waiting()
        self._beginning = False
        self._began = True
        self._heard = 0
        full = len(self.connections) > self.most or len(self.tasks) > self.most
        self.app = _busy if full else self.config.loaded_app
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole; another may begin."""
        super().on_message_complete()
        self._beginning = True

    def send_400_response(self, msg: str) -> None:
        """What came is no request, or too much of one."""
        self._refuse(*(self._refusal or (400, msg)))

    def _begin(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self._heard:
            self._refuse(408, "The request did not begin in time.")
        else:
            self.transport.close()  # it asked for nothing

    def _refuse(self, status: int, detail: str) -> None:
        self._stop_waiting()
        if self.transport.is_closing():
            return
        body = json.dumps({"detail": detail}).encode()
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    """What answers beyond the limit. The connection is closed, so that there is one less."""
    del scope
    headers = ((b"retry-after", b"1"), (b"connection", b"close"))
    await Refusal(503, "The server has too many connections; try again later.", headers).answer(receive, send)


def connections(seconds: float, most: int) -> type[Connection]:
    """The protocol for uvicorn.

    Args:
        seconds: how long the headers of a request may take to arrive, the first from when the connection was made.
        most: how many connections are served at a time; those beyond are told to come later.
    """
    return type("LimitedConnection", (Connection,), {"seconds": seconds, "most": most})
