"""One open memory for each bank in a process, shared by all agents that use it.

A host makes a provider for each agent, many in one process, and may drop one without a word. So no provider owns
anything: it holds a lease. The memory is closed when the last lease is given back, or when the last provider that
holds one is gone; what is not delivered by then is in the journal.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threadline.hosts.hermes.statedb import HostSession
from threadline.memory import Memory
from threadline.prefetch.prefetch import Prefetcher


@dataclass(frozen=True)
class Opening:
    """What a memory is opened with. Equal openings share one.

    Attributes:
        settings: as `Memory.open` takes them.
    """

    home: Path
    bank: str
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)  # there may be a key in it

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is told apart by."""
        return str(self.home.expanduser().absolute()), self.bank, json.dumps(self.settings, sort_keys=True, default=str)

    def open(self) -> Memory:
        """Open it.

        Raises:
            ThreadlineError: as `Memory.open`.
        """
        return Memory.open(self.home, bank=self.bank, **self.settings)


class Shared:
    """A memory, and what else is made once for it in a process.

    Attributes:
        prefetcher: runs what is looked up in the background besides recalls of a session.
        seen: how the sessions of the host's log were when they were last compared with the journal.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.prefetcher: Prefetcher[Any] = Prefetcher()
        self.seen: dict[str, HostSession] = {}
        self._lock = threading.Lock()
        self._done: set[str] = set()

    def first(self, name: str) -> bool:
        """Whether this is the first time that this is asked of this name."""
        with self._lock:
            if name in self._done:
                return False
            self._done.add(name)
            return True

    def close(self) -> None:
        """Deliver what can be delivered within `shutdown_seconds`, and let go of everything."""
        self.prefetcher.close()
        self.memory.close()


class _Entry:
    def __init__(self) -> None:
        self.lock = threading.Lock()  # held while it is opened: whoever comes meanwhile waits for that
        self.leases = 0
        self.shared: Shared | None = None


class Lease:
    """The right to use a memory until it is given back."""

    def __init__(self, pool: Pool, key: tuple[str, str, str], entry: _Entry, shared: Shared) -> None:
        self._pool = pool
        self._key = key
        self._entry = entry
        self._given_back = False
        self.shared = shared
        self.process = os.getpid()

    @property
    def memory(self) -> Memory:
        """What it is the right to use."""
        return self.shared.memory

    def give_back(self) -> None:
        """Give it back; the last to do so closes the memory. Doing it twice is no error."""
        if self._pool._let_go(self):
            self.shared.close()

    def discard(self) -> None:
        """Say that the memory was closed by somebody else: the next lease opens it anew."""
        self._pool._drop(self._key, self._entry)
        self._pool._let_go(self)

    def end_with(self, owner: object) -> None:
        """Give it back when the owner is gone, in the background: nobody waits for a delivery in a collected object."""
        weakref.finalize(owner, _give_back_later, self).atexit = False  # a memory closes itself at exit


def _give_back_later(lease: Lease) -> None:
    """Not here: an object may be collected in a thread that is just within the pool's lock."""
    threading.Thread(target=lease.give_back, name="threadline-close", daemon=True).start()


class Pool:
    """The memories that are open in this process.

    Args:
        share: opens a memory; for tests.
    """

    def __init__(self, share: Callable[[Opening], Shared] | None = None) -> None:
        self._share = share or (lambda opening: Shared(opening.open()))
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, str, str], _Entry] = {}
        self._orphans: list[object] = []

    def lease(self, opening: Opening) -> Lease:
        """The right to use a memory, opened now if it is not open yet.

        Raises:
            ThreadlineError: it cannot be opened; the next call tries again.
        """
        key = opening.key
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            entry.leases += 1
        try:
            with entry.lock:
                if entry.shared is None:
                    entry.shared = self._share(opening)
                return Lease(self, key, entry, entry.shared)
        except BaseException:
            self._count_down(key, entry)
            raise

    def open_banks(self) -> list[str]:
        """The banks that are open, for status and tests."""
        with self._lock:
            return sorted(key[1] for key, entry in self._entries.items() if entry.shared is not None)

    def forget_parent(self) -> None:
        """In a forked child: nothing that the parent opened may be used here, nor closed."""
        self._orphans.append(self._entries)
        self._lock = threading.Lock()
        self._entries = {}

    def _let_go(self, lease: Lease) -> bool:
        """Whether this was the last lease, so that the memory is to be closed."""
        with self._lock:
            if lease._given_back:
                return False
            lease._given_back = True
        return lease.process == os.getpid() and self._count_down(lease._key, lease._entry)

    def _count_down(self, key: tuple[str, str, str], entry: _Entry) -> bool:
        with self._lock:
            entry.leases -= 1
            if entry.leases:
                return False
            if self._entries.get(key) is entry:
                del self._entries[key]
            return entry.shared is not None

    def _drop(self, key: tuple[str, str, str], entry: _Entry) -> None:
        with self._lock:
            if self._entries.get(key) is entry:
                del self._entries[key]


#: The pool of this process.
POOL = Pool()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.forget_parent)
