"""The recall prepared for the next turn, served only to the session, epoch and query it was made for."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_THREADS = 2
_SLOTS = 256


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
    ended: threading.Event = field(default_factory=threading.Event)
    result: T | None = None
    error: BaseException | None = None


class Prefetcher(Generic[T]):
    """Runs recalls on daemon threads of its own; one slot per session, the newest request wins.

    A recall that ends late finds its slot replaced, or is asked for with another token: either way nobody is
    served its result, and nobody waits for its thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[Hashable, _Slot[T]] = OrderedDict()
        self._waiting: queue.SimpleQueue[_Slot[T] | None] = queue.SimpleQueue()
        self._threads = 0
        self._closed = False

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

    def close(self) -> None:
        """Begin nothing more. Threads in the middle of a recall end by themselves."""
        with self._lock:
            self._closed = True
            self._slots.clear()
            for _ in range(self._threads):
                self._waiting.put(None)
            self._threads = 0

    def _slot(self, token: Token, find: Callable[[], T]) -> _Slot[T]:
        with self._lock:
            slot = self._slots.get(token.session)
            if slot is not None and slot.token == token:
                return slot
            slot = _Slot(token, find)
            self._slots[token.session] = slot
            self._slots.move_to_end(token.session)
            if len(self._slots) > _SLOTS:
                self._slots.popitem(last=False)
            self._waiting.put(slot)
            if self._threads < _THREADS and not self._closed:
                self._threads += 1
                threading.Thread(target=self._run, name="threadline-prefetch", daemon=True).start()
            return slot

    def _run(self) -> None:
        while (slot := self._waiting.get()) is not None:
            with self._lock:
                current = self._slots.get(slot.token.session) is slot
            if current:
                try:
                    slot.result = slot.find()
                except BaseException as error:  # noqa: BLE001 - kept for whoever takes the slot, and raised there
                    slot.error = error
            slot.ended.set()
