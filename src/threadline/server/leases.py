"""Who uses a bank: many at once, or the one that deletes it, who waits until the others are done."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from threadline.errors import StorageBusyError

# What uses a bank waits so many seconds at most for one who deletes it.
_MOMENT = 1.0


class Leased:
    """What is used within a lease."""

    __slots__ = ()

    def use(self) -> AbstractContextManager[None]:
        """Keep it from being deleted, within this."""
        raise NotImplementedError


class Leases:
    """The leases of a tenant's banks, by their names. A thread that has one may take another of the same bank."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._users: dict[str, int] = {}
        self._deleting: dict[str, int] = {}  # by which thread
        self._own = threading.local()

    @contextlib.contextmanager
    def shared(self, bank: str) -> Iterator[None]:
        """Use a bank. Waits a moment while it is being deleted, and no longer: the threads are all requests' alike.

        Raises:
            StorageBusyError: it takes longer.
        """
        own = self._held()
        with self._changed:
            deadline = time.monotonic() + _MOMENT
            self._wait(lambda: bank not in self._deleting or bool(own.get(bank)), deadline, bank)
            self._add(bank, 1)
            own[bank] = own.get(bank, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._add(bank, -1)
                _count_down(own, bank)

    @contextlib.contextmanager
    def exclusive(self, bank: str, seconds: float = 10.0) -> Iterator[None]:
        """Delete a bank: nobody else uses it within this. A thread that deletes it already goes on.

        The thread's own shared leases are given up while it waits, for two that use a bank and both want to delete it
        would wait for each other. So another may have deleted it before: look again whether it is there.

        Args:
            seconds: how long to wait for those who do.

        Raises:
            StorageBusyError: they take longer; nothing was deleted.
        """
        if self._deleting.get(bank) == threading.get_ident():
            yield
            return
        deadline = time.monotonic() + seconds
        own = self._held()
        with self._changed:
            shared = own.get(bank, 0)
            self._add(bank, -shared)
            try:
                self._wait(lambda: bank not in self._deleting, deadline, bank)
                self._deleting[bank] = threading.get_ident()
                try:
                    self._wait(lambda: bank not in self._users, deadline, bank)
                except StorageBusyError:
                    self._end(bank)
                    raise
            finally:
                self._add(bank, shared)
            self._add(bank, 1)  # what deletes it may use it
            own[bank] = own.get(bank, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._add(bank, -1)
                _count_down(own, bank)
                self._end(bank)

    def _add(self, bank: str, count: int) -> None:
        self._users[bank] = self._users.get(bank, 0) + count
        if not self._users[bank]:
            del self._users[bank]
        self._changed.notify_all()

    def used(self, bank: str) -> bool:
        """Whether somebody uses a bank at this moment, this thread included."""
        with self._changed:
            return bank in self._users

    def _held(self) -> dict[str, int]:
        held: dict[str, int] | None = getattr(self._own, "held", None)
        if held is None:
            held = self._own.held = {}
        return held

    def _end(self, bank: str) -> None:
        self._deleting.pop(bank, None)
        self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool], deadline: float, bank: str) -> None:
        if not self._changed.wait_for(ready, deadline - time.monotonic()):
            raise StorageBusyError(f"Bank {bank!r} is in use, or is being deleted; try again in a moment.")


def _count_down(counts: dict[str, int], bank: str) -> None:
    counts[bank] -= 1
    if not counts[bank]:
        del counts[bank]
