"""What all session routes share: how a bank and a session are named, how errors cross, and where waits are spent.

Ids are a host's own and may hold anything: `chats/2026-11` and `..` are good ones. A path cannot carry them: a slash is
decoded before routes are matched, and clients and proxies resolve dots. So which bank and session is meant stands in
the query, and what is said in the body.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from threadline.errors import ClosedError, ThreadlineError
from threadline.memory import Memory
from threadline.server import access
from threadline.server.errors import headers_of, status_of
from threadline.server.house import Room
from threadline.server.sessions.answers import Failed
from threadline.server.threads import ThreadRoute
from threadline.session.session import Session

T = TypeVar("T")

PREFIX = "/v1/threadline"

#: So many requests of one tenant may wait for a delivery at once, and as many for a prefetch; the next one waits for
#: its turn. They take none of the threads that other requests are worked on by.
_WAITS = 64

_LOG = logging.getLogger("threadline.server")

_Places = dict[tuple[str, str], anyio.CapacityLimiter]

_places: RunVar[_Places] = RunVar("threadline-places")


class SessionRoute(ThreadRoute):
    """A route whose errors are `{"error": {"type": "UnknownSessionError", "message": "..."}}`: a client raises that."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route."""
        handle = super().get_route_handler()

        async def handle_or_tell(request: Request) -> Response:
            try:
                return await handle(request)
            except ThreadlineError as error:
                return _told(error)
            except RequestValidationError as error:
                return _failed("InputError", _fault(error), 422)
            except HTTPException as error:
                return _failed("InputError", str(error.detail), error.status_code)

        return handle_or_tell


def a_router(tag: str) -> APIRouter:
    """A router of session routes, under one heading of the API's page."""
    told: dict[str, Any] = {"model": Failed, "description": "It was refused: the class of the error, and what to do."}
    return APIRouter(
        prefix=PREFIX, tags=[tag], route_class=SessionRoute, responses={"4XX": told, "422": told, "5XX": told}
    )


#: What marks a route as one that Hindsight does not have.
OURS: dict[str, Any] = {"openapi_extra": {"x-threadline": {"state": "ours", "why": ""}}}

_BankId = Annotated[str, Query(description="The bank: its name, or an alias of it.", examples=["alice"])]

SessionId = Annotated[
    str,
    Query(alias="session", description="The session: the id that its host gave it.", examples=["chats/2026-11"]),
]


async def _bank_to_read(request: Request, bank: _BankId) -> Room:
    return access.room_to_read(request, bank)


async def _bank_to_write(request: Request, bank: _BankId) -> Room:
    return access.room_to_write(request, bank)


async def _bank_to_admin(request: Request, bank: _BankId) -> Room:
    return access.room_to_admin(request, bank)


async def _bank_to_make(request: Request, bank: _BankId) -> Room:
    return await access.made_room(request, bank)


ReadBank = Annotated[Room, Depends(_bank_to_read)]
WriteBank = Annotated[Room, Depends(_bank_to_write)]
AdminBank = Annotated[Room, Depends(_bank_to_admin)]
MakeBank = Annotated[Room, Depends(_bank_to_make)]


@contextlib.contextmanager
def memory_of(room: Room) -> Iterator[Memory]:
    """The journal and the sessions of a bank.

    Raises:
        UnknownBankError: it was deleted meanwhile; while it is used here, it is not.
        ClosedError: the server is stopping.
    """
    try:
        with room.tenant.memory(room) as memory:
            yield memory
    except ClosedError as error:
        raise ClosedError("The server closed the bank in the middle of this request; try again.") from error


@contextlib.contextmanager
def conversation(room: Room, session: str) -> Iterator[Session]:
    """A session of a bank.

    Raises:
        UnknownSessionError: there is none of that id; it was never opened.
        ForgottenError: it was forgotten.
    """
    with memory_of(room) as memory:
        yield memory.find_session(session)


async def patiently(room: Room, work: Callable[[], T]) -> T:
    """Run what waits for a backend, apart from the threads of other requests."""
    return await anyio.to_thread.run_sync(work, limiter=_limiter(room, "deliveries"))


async def within(room: Room, seconds: float, work: Callable[[float], T], otherwise: T) -> T:
    """Run what waits so long at most, until it has a thread included; the work is told how much of it is left."""
    deadline = time.monotonic() + seconds

    def run() -> T:
        return work(max(0.0, deadline - time.monotonic()))

    places, place = _limiter(room, "prefetches"), object()
    try:
        places.acquire_on_behalf_of_nowait(place)
    except anyio.WouldBlock:
        with anyio.move_on_after(seconds) as waiting:
            await places.acquire_on_behalf_of(place)
        if waiting.cancelled_caught:
            return otherwise
    try:
        return await anyio.to_thread.run_sync(run, limiter=anyio.CapacityLimiter(1))
    finally:
        places.release_on_behalf_of(place)


def _limiter(room: Room, purpose: str) -> anyio.CapacityLimiter:
    """The places in which a tenant's requests wait: none waits for those of another tenant."""
    try:
        places = _places.get()
    except LookupError:
        places = {}
        _places.set(places)
    return places.setdefault((room.tenant.name, purpose), anyio.CapacityLimiter(_WAITS))


def _told(error: ThreadlineError) -> Response:
    status = status_of(error)
    if status >= 500:
        _LOG.error("%s", type(error).__name__, exc_info=error)
    response = _failed(type(error).__name__, str(error), status, getattr(error, "retry_after", None))
    response.headers.update(headers_of(error))
    return response


def _failed(kind: str, message: str, status: int, retry_after: float | None = None) -> Response:
    told: dict[str, Any] = {"type": kind, "message": message}
    return JSONResponse({"error": {**told, "retry_after": retry_after} if retry_after else told}, status)


def _fault(error: RequestValidationError) -> str:
    """What does not fit, and where, without the value: that may be private, and of any size."""
    faults = [f"{'.'.join(map(str, each['loc']))[:200]}: {each['msg']}" for each in error.errors()[:10]]
    return f"The request does not fit: {'; '.join(faults)}."
