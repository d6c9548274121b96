"""The vectors that follow: while many ask at once, what is retained is found by its words first, and by meaning soon.

To embed a message costs ten times what it costs to store it. A server with nothing else to do embeds it before it
answers; one that many ask at once would let all of them wait for that.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from threadline.errors import ClosedError, ThreadlineError, UnknownBankError
from threadline.server import threads
from threadline.server.store import backlogs, banks

if TYPE_CHECKING:
    from threadline.server.house import House, Room

#: With more requests than this at once, a retain leaves its vectors for later.
BUSY = 3

#: While there are many requests, the background takes one part in so many of a processor.
_COURTESY = 4

# What is being stored takes about this long.
_STORING_SECONDS = 0.002

_FIRST_REST, _LONGEST_REST = 1.0, 60.0

_LOG = logging.getLogger("threadline.server")


class Backlogs:
    """The banks with memories that have no vectors yet, and the thread that makes them.

    Which banks those are is in each tenant's `server.db`: a server that dies goes on where it was.

    Args:
        house: whose banks they are.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._waiting: deque[Room] = deque()
        self._additions: dict[str, int] = {}  # by the uid of a bank
        self._storing: dict[str, int] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="threadline-embedding", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier server left."""
        self._thread.start()

    def embeds_now(self) -> bool:
        """Whether a retain has the time to embed before it answers."""
        return threads.working() <= BUSY

    @contextlib.contextmanager
    def later(self, room: Room) -> Iterator[None]:
        """Store memories without vectors within this: the bank is on the list before, and stays there until after.

        Raises:
            StorageError: it cannot be noted.
        """
        with self._lock:
            self._storing[room.uid] = self._storing.get(room.uid, 0) + 1
        try:
            self._add(room)
            yield
        finally:
            with self._lock:
                self._storing[room.uid] -= 1
                if room.uid in self._additions:  # who looked before it was stored has to look again
                    self._additions[room.uid] += 1
                if not self._storing[room.uid]:
                    del self._storing[room.uid]
            self._wake.set()

    def _add(self, room: Room) -> None:
        with self._lock:
            known = room.uid in self._additions
            self._additions[room.uid] = self._additions.get(room.uid, 0) + 1
        if not known:
            backlogs.add(room.database, room.uid)
            with self._lock:
                self._waiting.append(room)
        self._wake.set()

    def count(self) -> int:
        """How many banks have some."""
        with self._lock:
            return len(self._additions)

    def stop(self) -> None:
        """Stop behind what is under way; the rest is made at the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._resume()
        rest = _FIRST_REST
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            try:
                while not self._stopping.is_set() and self._next():
                    rest = _FIRST_REST
            except ClosedError:
                return
            except ThreadlineError as error:
                _LOG.error("Vectors could not be made (%s); trying again in %.0f s.", type(error).__name__, rest)
                self._stopping.wait(rest)
                rest = min(2 * rest, _LONGEST_REST)
                self._wake.set()

    def _resume(self) -> None:
        for tenant in self._house.tenants():
            for uid in backlogs.every(tenant.database):
                found = banks.find_by_uid(tenant.database, uid)
                if found is not None:
                    self._add(tenant.room(found.id))

    def _next(self) -> bool:
        """Embed a slice of the bank that waits longest; False where none waits."""
        with self._lock:
            if not self._waiting:
                return False
            room = self._waiting[0]
            additions = self._additions[room.uid]
        began = time.monotonic()
        more = _embed(room)
        with self._lock:
            self._waiting.popleft()
            done = not more and self._additions[room.uid] == additions and room.uid not in self._storing
            if done:
                del self._additions[room.uid]
            else:
                self._waiting.append(room)
        if done:
            backlogs.remove(room.database, room.uid)
            self._again(room)
        elif not more:
            self._stopping.wait(_STORING_SECONDS)
        if not self.embeds_now():
            self._stopping.wait(_COURTESY * (time.monotonic() - began))
        return True

    def _again(self, room: Room) -> None:
        """What was added while the bank was taken off the list must be on it."""
        with self._lock:
            added = room.uid in self._additions
        if added:
            backlogs.add(room.database, room.uid)


def _embed(room: Room) -> bool:
    """Embed a slice of a bank; returns whether there is more of it."""
    try:
        with room.use():
            return room.engine.upkeep()
    except UnknownBankError:
        return False
