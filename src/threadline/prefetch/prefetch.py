"""The recall prepared for the next turn, served only to the session, epoch and query it was made for."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

_THREADS = 2
_SLOTS = 256


class Runner(Protocol):
    """What runs recalls in the background."""

    def submit(self, work: Callable[[], None]) -> None:
        """Run it, at once or later; it raises nothing. Once closed, it is dropped."""

    def close(self) -> None:
        """Begin nothing more."""


class DaemonThreads:
    """Up to two daemon threads: one recall that hangs does not keep the next from being made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = 0
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """See `Runner.submit`."""
        with self._lock:
            if self._closed:
                return
            self._waiting.put(work)
            if self._threads < _THREADS:
                self._threads += 1
                threading.Thread(target=self._run, name="threadline-prefetch", daemon=True).start()

    def close(self) -> None:
        """See `Runner.close`."""
        with self._lock:
            self._closed = True
            for _ in range(self._threads):
                self._waiting.put(None)
            self._threads = 0

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()


@dataclass(frozen=True, slots=True)
class Token:
    """What a prefetch is bound to. A result is served only for an equal token."""

    session: Hashable
    epoch: Hashable
    query: Hashable


@dataclass(slots=True, eq=False)
class _Slot(Generic[T]):
    token: Token
    find: Callable[[], T]
    previous: _Slot[T] | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    result: T | None = None
    error: BaseException | None = None


class Prefetcher(Generic[T]):
    """Runs recalls on daemon threads of its own; one slot per session, the newest request wins.

    What the request before found by itself can still be asked for.

    A recall that ends late finds its slot replaced, or is asked for with another token: either way nobody is
    served its result, and nobody waits for its thread.

    Args:
        runner: runs what it is given, at once or later; None: two daemon threads, begun when they are needed.
    """

    def __init__(self, runner: Runner | None = None) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot[T]] = OrderedDict()
        self._runner = runner or DaemonThreads()

    def begin(self, token: Token, find: Callable[[], T]) -> None:
        """Have `find` run in the background, unless it already does for this very token."""
        self._slot(token, find)

    def take(self, token: Token, find: Callable[[], T], seconds: float) -> T | None:
        """The result for the token, begun now if it was not before; None when it takes longer than `seconds`.

        Raises:
            BaseException: what `find` raised.
        """
        slot = self._slot(token, find)
        if not slot.ended.wait(max(0.0, seconds)):
            return None
        with self._lock:
            if self._slots.get(token.session) is slot:
                del self._slots[token.session]
        if slot.error is not None:
            raise slot.error
        return slot.result

    def finished(self, token: Token) -> T | None:
        """The result for the token of the newest request or the one before, if it is there already; else None."""
        with self._lock:
            slot = self._slots.get(token.session)
            while slot is not None and slot.token != token:
                slot = slot.previous
        return slot.result if slot is not None and slot.ended.is_set() else None

    def close(self) -> None:
        """Begin nothing more. Threads in the middle of a recall end by themselves."""
        with self._lock:
            self._slots.clear()
        self._runner.close()

    def _slot(self, token: Token, find: Callable[[], T]) -> _Slot[T]:
        with self._lock:
            slot = self._slots.get(token.session)
            if slot is not None and slot.token == token:
                return slot
            if slot is not None:
                slot.previous = None  # one request back is far enough
            slot = _Slot(token, find, slot)
            self._slots[token.session] = slot
            self._slots.move_to_end(token.session)
            if len(self._slots) > _SLOTS:
                self._slots.popitem(last=False)
        self._runner.submit(lambda: self._run(slot))
        return slot

    def _run(self, slot: _Slot[T]) -> None:
        with self._lock:
            current = self._slots.get(slot.token.session) is slot
        if current:
            try:
                slot.result = slot.find()
            except BaseException as error:  # noqa: BLE001 - kept for whoever takes the slot, and raised there
                slot.error = error
        slot.ended.set()
