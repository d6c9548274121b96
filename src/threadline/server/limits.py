"""How much a request may ask for: the size, the depth and the patience of its body, and how often one may come."""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STRINGS = re.compile(rb'"[^"]*"')
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}'))
_LISTS = bytes.maketrans(b"{}", b"[]")

#: So many callers have a bucket each; the one that came longest ago starts afresh.
_BUCKETS = 10_000

#: What a refused request still sends is read and dropped for so long, so that its sender gets to read the answer.
_DRAIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that the server gives before any route is asked."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def answer(self, receive: Receive, send: Send, *, unread: bool = False) -> None:
        """Send it, in Hindsight's shape.

        Args:
            unread: whether the request's body is still on its way. It is read and dropped, and the connection closed.
        """
        body = json.dumps({"detail": self.detail}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *self.headers]
        if unread:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": unread})
        if unread:
            await _drain(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (await receive()).get("more_body"):
                pass
    except TimeoutError:
        return  # the connection is closed now, whoever still sends


class Limits:
    """Middleware: bodies that are too large, too slow or too deep are refused before a route reads them.

    Args:
        max_bytes: the largest body.
        max_depth: how deep lists and objects of JSON may lie in each other.
        seconds: how long a body may take to arrive.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, max_depth: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_depth = max_depth
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0" if b"transfer-encoding" not in headers else b"")
        if length == b"0":
            await self._app(scope, receive, send)
        elif length.isdigit() and int(length) > self._max_bytes:
            # Who asks first (Expect: 100-continue) has not sent it, and need not.
            await self._too_large().answer(receive, send, unread=b"expect" not in headers)
        else:
            await self._read(scope, receive, send, _is_json(headers.get(b"content-type", b"")))

    async def _read(self, scope: Scope, receive: Receive, send: Send, is_json: bool) -> None:
        body = _Body(receive, self._max_bytes, self._seconds)
        try:
            if is_json:
                whole = await body.whole()
                refusal = self._look(whole)
                if refusal is not None:
                    await refusal.answer(receive, send)
                    return
                await self._app(scope, _replay(whole, receive), send)
            else:
                await self._app(scope, body.part, body.unless_refused(send))
        except _RefusedError:
            pass
        if body.refused is not None and not body.answered:
            await self._refusal(body.refused).answer(receive, send, unread=not body.done)

    def _look(self, body: bytes) -> Refusal | None:
        if is_deep(body, self._max_depth):
            return Refusal(400, f"The JSON body lies more than {self._max_depth} levels deep.")
        return None

    def _refusal(self, why: str) -> Refusal:
        if why == "slow":
            return Refusal(408, f"The body did not arrive within {self._seconds:g} s.")
        return self._too_large()

    def _too_large(self) -> Refusal:
        return Refusal(413, f"The body is larger than {self._max_bytes:,} bytes.")


class _RefusedError(Exception):
    """The body broke a limit while a route was reading it."""


class _Body:
    """A body that is counted and timed as it arrives.

    Attributes:
        refused: `large` or `slow`, once it broke a limit.
        answered: whether a route began to answer before that.
        done: whether all of it arrived.
    """

    def __init__(self, receive: Receive, max_bytes: int, seconds: float) -> None:
        self._receive = receive
        self._left = max_bytes
        self._seconds = seconds
        self._deadline: float | None = None
        self.done = False
        self.refused: str | None = None
        self.answered = False

    async def part(self) -> Message:
        """The next part, as a route asks for it; after the last one, whatever comes."""
        if self.refused is not None:
            raise _RefusedError
        if self.done:
            return await self._receive()
        loop = asyncio.get_running_loop()
        self._deadline = self._deadline or loop.time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self.refused = "slow"
            raise _RefusedError from None
        self.done = not message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.refused = "large"
            raise _RefusedError
        return message

    async def whole(self) -> bytes:
        """All of it."""
        parts: list[bytes] = []
        while not self.done:
            message = await self.part()
            if message["type"] == "http.disconnect":
                raise _RefusedError  # nobody is there to be answered
            parts.append(message.get("body", b""))
        return b"".join(parts)

    def unless_refused(self, send: Send) -> Send:
        """A route's way to answer, which is closed once the body was refused."""

        async def guarded(message: Message) -> None:
            if self.refused is not None and not self.answered:
                return  # what the route made of the fault; the refusal says it better
            self.answered = True
            await send(message)

        return guarded


def _replay(body: bytes, receive: Receive) -> Receive:
    """A body that was read already, for a route."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _is_json(content_type: bytes) -> bool:
    kind = content_type.partition(b";")[0].strip().lower()
    return not kind or kind == b"application/json" or kind.endswith(b"+json")


def is_deep(body: bytes, most: int) -> bool:
    """Whether lists and objects of a JSON text lie more than so deep in each other.

    A parser that descends into them would find out by its stack. Here everything that is not structure is dropped,
    then the innermost brackets, again and again.
    """
    if body.count(b"[") + body.count(b"{") <= most:
        return False
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    left = _STRINGS.sub(b"", body.translate(_LISTS, _NOT_STRUCTURE))
    for _ in range(most):
        if not left:
            return False
        left = left.replace(b"[]", b"")
    return b"[" in left


class Rates:
    """A token bucket for each caller: so many requests in the long run, and so many at once.

    Args:
        per_second: 0: as many as one likes.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Take one request from a caller's bucket; 0, or in how many seconds there is one to be had."""
        if not self._per_second:
            return 0.0
        now = self._clock()
        level, at = self._buckets.pop(caller, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._per_second)
        taken = level >= 1.0
        self._buckets[caller] = (level - 1.0 if taken else level, now)
        while len(self._buckets) > _BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - level) / self._per_second
