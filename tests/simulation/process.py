"""One simulated process: a real journal, courier and prefetcher, with seams at which others may go first."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from typing import Any, cast
from unittest.mock import patch

from threadline.delivery.courier import Courier
from threadline.delivery.writer import SWEEP_SECONDS, Writer
from threadline.documents import Recalled
from threadline.errors import ThreadlineError
from threadline.journal.journal import Journal
from threadline.journal.outbox import JournalOutbox
from threadline.prefetch.prefetch import Prefetcher, Token
from threadline.session.context import Context
from threadline.settings import Settings

from .model import Bank
from .road import Road
from .servers import Server
from .world import Actor, Gone, World

_GRACE = 1.0
_BUFFERED = (
    "SELECT 1 FROM session WHERE bank = :bank AND id = :id AND batched_turn < last_turn AND forgotten_at IS NULL"
)


class Process:
    """A memory as `memory.py` opens one, without its threads: they are actors of the world.

    Args:
        batch: how many turns make a batch in this process.
    """

    def __init__(self, world: World, name: str, bank: Bank, server: Server, road: Road, batch: int) -> None:
        self.name = name
        self.bank = bank
        self.alive = True
        road.living.add(name)
        self.stopping = False
        self.closing = False
        self.over = False
        self._road = road
        self._world = world
        self._actors: list[Actor] = []
        self._stop_at: float | None = None
        with patch("threadline.journal.owner.secrets.token_hex", lambda size: name):
            self.journal = Journal(world.home, clock=world.wall)
        record = self.journal.bank(bank.name, redact=False)
        self.backend = server.connect(road, name)
        self.outbox = JournalOutbox(self.journal, record, server.capabilities.appends)
        self.courier = Courier(
            self.outbox,
            self.backend,
            chance=world.chance,
            clock=world.monotonic,
            closing=lambda: self._stop_at is not None,
        )
        self.runner = Runner(self)
        self.prefetcher = Prefetches(self)
        self.desk = WritersDesk(world, self.courier)
        settings = Settings(home=world.home, retain_every_n_turns=batch, idle_seconds=world.chance.choice((1.0, 30.0)))
        self.context = Context(
            settings, self.journal, record, self.backend, self.outbox, cast(Writer, self.desk), self.prefetcher
        )
        self._watch()

    def start(self, name: str, work: Callable[[], object], weight: float = 1.0) -> Actor:
        """One more thread of it."""
        actor = self._world.start(f"{self.name}.{name}", work, weight)
        self._actors.append(actor)
        return actor

    def begin_to_stop(self, seconds: float) -> None:
        """As `Memory.close`, and then the process is over."""
        self.stopping = True
        self.start("closer", lambda: self._stop(seconds))

    def _stop(self, seconds: float) -> None:
        self._world.pause()
        self.closing = True
        try:
            self.journal.close_batches()
        finally:
            self.prefetcher.close()
            self._stop_at = self._world.now + seconds
            self.desk.wake()
        if not self._world.wait(seconds - _GRACE, lambda: self.journal_closed):
            self.backend.close()
            self._world.wait(_GRACE, lambda: self.journal_closed)
        self.over = True

    @property
    def journal_closed(self) -> bool:
        return bool(self.journal.database._closed)

    def kill(self) -> None:
        """It dies where it stands: nothing that it was doing has an effect any more."""
        self.alive = False
        self._road.living.discard(self.name)
        for actor in self._actors:
            actor.die()
        database = self.journal.database
        database._closed = True
        for connection in [*database._readers, database._writer]:
            connection.close()
        if self.journal.owner._descriptor is not None:
            os.close(self.journal.owner._descriptor)
            self.journal.owner._descriptor = None
        self.backend.close()

    def carry(self) -> None:
        """What the writer's thread does: see `Writer`."""
        while self._stop_at is None or self._world.now < self._stop_at:
            self._world.pause()
            self.desk.woken = False
            busy = self._step()
            if not busy and not self.desk.woken:
                if self._stop_at is not None:
                    break
                self._world.wait(self._patience(), lambda: self.desk.woken)
        self.journal.close()
        self.backend.close()

    def _step(self) -> bool:
        try:
            self.desk.act()
            if self.courier.carry_next() or self.outbox.adopt():
                return True
            self.outbox.checkpoint()
        except ThreadlineError as error:
            self._world.say(f"trouble: {error}")
        return False

    def _patience(self) -> float:
        due = [*self.courier.due(), *self.desk.due()]
        return max(0.0, min([SWEEP_SECONDS, *(at - self._world.now for at in due)]))

    def is_buffered(self, session: str) -> bool:
        """Whether the session has turns that are in no batch."""
        connection = self.journal.database._writer
        row = {"bank": self.context.bank.key, "id": session}
        return bool(list(connection.execute(_BUFFERED, row)))

    def _watch(self) -> None:
        """Let others go first before each read, and before and after each write; and let the dead do nothing."""
        database = self.journal.database
        write, read, compact = database.write, database.read, database.compact

        def watched_write(name: str, work: Callable[..., object]) -> object:
            self._pause()
            result = write(name, work)
            self._world.count(f"write.{name}")
            self._world.say(f"committed {name}")
            if self._world.actor is not None:
                self._world.actor.committed(name, result)
            self._pause()
            return result

        def watched_read() -> object:
            self._pause()
            return read()

        def watched_compact() -> None:
            self._pause()
            compact()

        seams: dict[str, Any] = {"write": watched_write, "read": watched_read, "compact": watched_compact}
        for name, seam in seams.items():
            setattr(database, name, seam)

    def _pause(self) -> None:
        if self.alive:
            self._world.pause()
        if not self.alive:
            raise Gone


class WritersDesk:
    """Stands in for the writer where sessions speak to it."""

    trouble: str | None = None

    def __init__(self, world: World, courier: Courier) -> None:
        self.woken = True
        self._world = world
        self._courier = courier
        self._reminders: dict[Hashable, tuple[float, Callable[[], None]]] = {}

    def wake(self) -> None:
        self.woken = True

    def remind(self, about: Hashable, seconds: float, action: Callable[[], None]) -> None:
        self._reminders[about] = (self._world.now + seconds, action)

    def hurry(self) -> None:
        self._reminders["hurry"] = (self._world.now, self._courier.hurry)
        self.wake()

    def wait_until(self, settled: Callable[[], bool], seconds: float) -> bool:
        until = self._world.now + seconds
        while not settled():
            if self._world.now >= until:
                return False
            self._world.wait(0.02, lambda: False)
        return True

    def due(self) -> list[float]:
        return [at for at, _ in self._reminders.values()]

    def act(self) -> None:
        due = [about for about, (at, _) in self._reminders.items() if at <= self._world.now]
        for action in [self._reminders.pop(about)[1] for about in due]:
            self._world.count("host.idle reminder" if action != self._courier.hurry else "host.hurry")
            action()


class Runner:
    """Runs the recalls of a process, each as an actor: it may take as long as it likes."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._closed = False
        self._count = 0

    def submit(self, work: Callable[[], None]) -> None:
        if not self._closed:
            self._count += 1
            weight = self._process._world.chance.choice((0.1, 1.0, 3.0))
            self._process.start(f"prefetch{self._count}", work, weight)

    def close(self) -> None:
        self._closed = True


class Moment:
    """An event whose wait is a pause."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._set = False

    def set(self) -> None:
        self._set = True

    def wait(self, seconds: float) -> bool:
        return self._world.wait(seconds, lambda: self._set)


class Prefetches(Prefetcher[list[Recalled]]):
    """Remembers of each result when it was recalled, and waits by pausing."""

    def __init__(self, process: Process) -> None:
        super().__init__(process.runner)
        self._process = process
        self._began: list[tuple[list[Recalled], int]] = []

    def began(self, found: list[Recalled]) -> int:
        """When it was recalled, by the model's clock."""
        return next((began for result, began in self._began if result is found), self._process.bank.changes)

    def _slot(self, token: Token, find: Callable[[], list[Recalled]]) -> Any:
        def noted() -> list[Recalled]:
            began = self._process.bank.changes
            found = find()
            self._began.append((found, began))
            return found

        slot = super()._slot(token, noted)
        if not isinstance(slot.ended, Moment):
            slot.ended = cast(Any, Moment(self._process._world))
        return slot
