"""The async twin of `Memory` and `Session`: the same names, the same implementation, run on worker threads.

Nothing is written here twice: each method is the other one, called in a thread, with its signature kept by the
type checker.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, Unpack

from threadline.backends.base import Backend
from threadline.errors import ClosedError
from threadline.memory import Memory
from threadline.session.session import Session
from threadline.settings import Given, Settings

if TYPE_CHECKING:
    from threadline.client.memory import RemoteMemory
    from threadline.client.session import RemoteSession

P = ParamSpec("P")
R = TypeVar("R")


async def _quickly(method: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run what only touches the journal on threads of its own: others may wait there for a backend, all at once."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_journal_threads(), functools.partial(method, *args, **kwargs))


@functools.cache
def _journal_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(4, thread_name_prefix="threadline-async")


def _of(twin: object, method: Callable[Concatenate[Any, P], R]) -> Callable[P, R]:
    """The twin's own method of that name: it may be on this machine or on a server."""
    found: Callable[P, R] = getattr(twin, method.__name__)
    return found


def _quick_of_session(
    method: Callable[Concatenate[Session, P], R],
) -> Callable[Concatenate[AsyncSession, P], Coroutine[Any, Any, R]]:
    @functools.wraps(method)
    async def call(self: AsyncSession, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await _quickly(_of(self._session, method), *args, **kwargs)

    return call


def _of_session(
    method: Callable[Concatenate[Session, P], R],
) -> Callable[Concatenate[AsyncSession, P], Coroutine[Any, Any, R]]:
    @functools.wraps(method)
    async def call(self: AsyncSession, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(_of(self._session, method), *args, **kwargs)

    return call


def _to_session(
    method: Callable[Concatenate[Session, P], Session],
) -> Callable[Concatenate[AsyncSession, P], Coroutine[Any, Any, AsyncSession]]:
    @functools.wraps(method)
    async def call(self: AsyncSession, /, *args: P.args, **kwargs: P.kwargs) -> AsyncSession:
        return AsyncSession(await _quickly(_of(self._session, method), *args, **kwargs))

    return call


def _of_memory(
    method: Callable[Concatenate[Memory, P], R],
) -> Callable[Concatenate[AsyncMemory, P], Coroutine[Any, Any, R]]:
    @functools.wraps(method)
    async def call(self: AsyncMemory, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(_of(self._alive(), method), *args, **kwargs)

    return call


def _memory_to_session(
    method: Callable[Concatenate[Memory, P], Session],
) -> Callable[Concatenate[AsyncMemory, P], Coroutine[Any, Any, AsyncSession]]:
    @functools.wraps(method)
    async def call(self: AsyncMemory, /, *args: P.args, **kwargs: P.kwargs) -> AsyncSession:
        return AsyncSession(await _quickly(_of(self._alive(), method), *args, **kwargs))

    return call


class AsyncSession:
    """A `Session` whose methods are awaited. Get one from `AsyncMemory.session`."""

    def __init__(self, session: Session | RemoteSession) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"<Async{repr(self._session)[1:]}"

    @property
    def id(self) -> str:
        """The id its host gave it."""
        return self._session.id

    add_turn = _quick_of_session(Session.add_turn)
    note = _quick_of_session(Session.note)
    turns = _quick_of_session(Session.turns)
    history = _quick_of_session(Session.history)
    find_turn = _quick_of_session(Session.find_turn)
    notes = _quick_of_session(Session.notes)
    branch = _to_session(Session.branch)
    continuation = _to_session(Session.continuation)
    descend = _to_session(Session.descend)
    switch = _to_session(Session.switch)
    leave = _quick_of_session(Session.leave)
    compress = _quick_of_session(Session.compress)
    compressed_turn = _quick_of_session(Session.compressed_turn)
    rewind = _quick_of_session(Session.rewind)
    rewind_to = _quick_of_session(Session.rewind_to)
    take_back = _quick_of_session(Session.take_back)
    flush = _quick_of_session(Session.flush)
    end = _quick_of_session(Session.end)
    status = _quick_of_session(Session.status)
    recall = _of_session(Session.recall)
    explain = _of_session(Session.explain)
    reflect = _of_session(Session.reflect)
    prefetch = _quick_of_session(Session.prefetch)
    prefetched = _of_session(Session.prefetched)


class AsyncMemory:
    """A `Memory` whose methods are awaited.

        async with AsyncMemory.open("~/.threadline", bank="alice") as memory:
            session = await memory.session("s1")

    `open` itself only notes what to open; the files are opened, on a worker thread, when the block is entered or
    the result awaited: `memory = await AsyncMemory.open(...)`, for a host that closes it in a hook of its own.
    """

    def __init__(self, settings: Settings, backend: Backend | None = None) -> None:
        self._settings = settings
        self._opens: Callable[[], Memory | RemoteMemory] = functools.partial(Memory, settings, backend)
        self._at: str | None = None  # the server, where it is on one
        self._memory: Memory | RemoteMemory | None = None

    def __repr__(self) -> str:
        where = f"at {self._at}" if self._at else f"in {self._settings.home}"
        return f"<AsyncMemory {self.bank!r} {where}>"

    @classmethod
    def open(
        cls,
        home: str | Path | None = None,
        *,
        bank: str | None = None,
        backend: Backend | str | None = None,
        **settings: Unpack[Given],
    ) -> Self:
        """What `Memory.open` takes. Use it in `async with`, or await it and close it yourself."""
        name = backend if isinstance(backend, str) else None
        loaded = Settings.load(home, bank=bank, backend=name, **settings)
        return cls(loaded, None if isinstance(backend, str) else backend)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        token: str | None = None,
        bank: str | None = None,
        timeout: float = 30.0,
        retry_seconds: float = 10.0,
    ) -> Self:
        """What `Memory.connect` takes. Use it in `async with`, or await it and close it yourself."""
        memory = cls(Settings(bank=bank or "default"))
        memory._at = url
        memory._opens = functools.partial(
            Memory.connect, url, token=token, bank=bank, timeout=timeout, retry_seconds=retry_seconds
        )
        return memory

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        self._memory = await asyncio.to_thread(self._opens)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def bank(self) -> str:
        """The name of the bank."""
        return self._memory.bank if self._memory else self._settings.bank

    @property
    def settings(self) -> Settings:
        """What this memory was opened with; of one on a server that is its bank alone."""
        return self._settings

    session = _memory_to_session(Memory.session)
    find_session = _memory_to_session(Memory.find_session)
    sessions = _of_memory(Memory.sessions)
    retain = _of_memory(Memory.retain)
    recall = _of_memory(Memory.recall)
    explain = _of_memory(Memory.explain)
    reflect = _of_memory(Memory.reflect)
    notes = _of_memory(Memory.notes)
    rebuild = _of_memory(Memory.rebuild)
    flush = _of_memory(Memory.flush)
    status = _of_memory(Memory.status)
    session_statuses = _of_memory(Memory.session_statuses)
    probe = _of_memory(Memory.probe)
    deliveries = _of_memory(Memory.deliveries)
    retry = _of_memory(Memory.retry)
    drop = _of_memory(Memory.drop)
    forget = _of_memory(Memory.forget)
    close = _of_memory(Memory.close)

    def _alive(self) -> Memory | RemoteMemory:
        if self._memory is None:
            raise ClosedError("This memory is not open yet; enter it with `async with`.")
        return self._memory
