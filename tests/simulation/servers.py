"""What all processes of a world share behind their backends: fakes, the embedded engine's files, a fake Hindsight."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import apsw

from threadline.backends.base import Backend, Capabilities
from threadline.backends.embedded import EmbeddedBackend
from threadline.backends.fake import FakeBackend, FakeState
from threadline.backends.hindsight import HindsightBackend, HindsightOptions
from threadline.backends.hindsight.wire import Wire
from threadline.errors import ClosedError

from ..hindsight.direct import DirectWire
from ..hindsight.fake import FakeHindsight
from .backends import FaultyWire, WatchedBackend
from .road import Road
from .world import World

_PASSAGES = "SELECT name, turn, position, text FROM passages p JOIN documents d ON d.id = p.document ORDER BY p.id"


@dataclass(frozen=True, slots=True)
class Stored:
    """One message as a server holds it.

    Attributes:
        memory: the messages that are one memory there have this in common.
    """

    document: str
    turn: int
    position: int
    word: str
    memory: object = None


class Server(Protocol):
    """What remembers.

    Attributes:
        marks: whether it keeps a mark of what was taken out, so that what arrives late does not bring it back.
    """

    capabilities: Capabilities
    marks: bool

    def connect(self, road: Road, process: str) -> Backend:
        """The backend of one process."""

    def happen(self) -> None:
        """Something goes on in it, perhaps."""

    def heal(self) -> None:
        """From now on nothing goes wrong in it."""

    def stored(self, bank: str) -> Iterator[Stored]:
        """Everything it holds of a bank, in the order in which it came, document by document."""

    def told(self, bank: str) -> Iterator[tuple[str, str | None, str | None]]:
        """(document, session, parent) as it was told last, where it keeps that."""


class FakeServer:
    """The fake that ships with Threadline."""

    marks = True

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._state = FakeState()

    def connect(self, road: Road, process: str) -> Backend:
        fake = FakeBackend(self.capabilities, state=self._state)
        return WatchedBackend(fake, road, process, faulty=True, lasting=True)

    def happen(self) -> None:
        pass

    def heal(self) -> None:
        pass

    def stored(self, bank: str) -> Iterator[Stored]:
        for document, passages in self._state.banks.get(bank, {}).items():
            for passage in passages:
                yield Stored(document, passage.turn, passage.position, passage.text.split()[1])

    def told(self, bank: str) -> Iterator[tuple[str, str | None, str | None]]:
        for document, batch in self._state.batches.get(bank, {}).items():
            yield document, batch.session, batch.parent


class EmbeddedServer:
    """The embedded engine: what is shared are its files."""

    capabilities = EmbeddedBackend.capabilities
    marks = True

    def __init__(self, world: World) -> None:
        self._home = world.home

    def connect(self, road: Road, process: str) -> Backend:
        return WatchedBackend(EmbeddedBackend(self._home), road, process, faulty=True, lasting=False)

    def happen(self) -> None:
        pass

    def heal(self) -> None:
        pass

    def stored(self, bank: str) -> Iterator[Stored]:
        path = self._home / "banks" / bank / "memory.db"
        if path.exists():
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            for document, turn, position, text in list(connection.execute(_PASSAGES)):
                yield Stored(document, turn, position, text.split()[1])
            connection.close()

    def told(self, bank: str) -> Iterator[tuple[str, str | None, str | None]]:
        yield from ()


class HindsightServer:
    """A Hindsight server in memory; one that is new enough works through what it accepted whenever it likes."""

    capabilities = HindsightBackend.capabilities
    marks = False

    def __init__(self, world: World, version: str) -> None:
        self._world = world
        self._server = FakeHindsight(version, auto_run=False)
        self._fails = world.chance.choice((0.0, 0.0, 0.2))

    def connect(self, road: Road, process: str) -> Backend:
        wire = FaultyWire(DirectWire(self._server), road)

        def pause(seconds: float) -> None:
            self._world.wait(seconds, lambda: wire.closed)
            if wire.closed:
                raise ClosedError("The backend was closed.")

        options = HindsightOptions("the fake", timeout=self._world.chance.choice((5.0, 120.0)))
        backend = HindsightBackend(cast(Wire, wire), options, clock=self._world.monotonic, pause=pause)
        return WatchedBackend(backend, road, process, faulty=False, lasting=False)

    def happen(self) -> None:
        if self._server.pending and self._world.chance.random() < 0.3:
            self._server.fail_operations = int(self._world.chance.random() < self._fails)
            if self._server.fail_operations:
                self._world.count("fault.fails to process")
            self._world.say("the server processes what it accepted")
            self._server.run_next_operation()

    def heal(self) -> None:
        self._fails = 0.0
        self._server.fail_operations = 0
        self._server.auto_run = True
        while self._server.run_next_operation():
            pass

    def stored(self, bank: str) -> Iterator[Stored]:
        held = self._server.banks.get(bank)
        documents = sorted(held.documents.items(), key=_place) if held else ()
        for name, document in documents:
            document_name = document.metadata["threadline_document"]
            if not name.startswith("session:"):
                yield Stored(document_name, 1, 0, document.text.split()[1], name)
                continue
            positions: dict[int, int] = {}
            for message in json.loads(document.text):
                turn = message["turn"]
                positions[turn] = positions.get(turn, -1) + 1
                yield Stored(document_name, turn, positions[turn], message["content"].split()[1], name)

    def told(self, bank: str) -> Iterator[tuple[str, str | None, str | None]]:
        held = self._server.banks.get(bank)
        for document in (held.documents if held else {}).values():
            tags: dict[str, str] = dict(tag.split(":", 1) for tag in document.tags)
            yield document.metadata["threadline_document"], tags.get("session"), tags.get("parent")


def _place(one: tuple[str, Any]) -> tuple[str, int]:
    """Batches are documents of their own there: their order is that of their turns."""
    name, _, first = one[0].partition("#")
    return name, int(first or 0)


#: Every kind of server: how it is made.
SERVERS: dict[str, Callable[[World], Server]] = {
    "fake": lambda world: FakeServer(Capabilities()),
    "fake that replaces": lambda world: FakeServer(Capabilities(appends=False)),
    "fake that keeps": lambda world: FakeServer(Capabilities(deletes=False)),
    "embedded": EmbeddedServer,
    "hindsight": lambda world: HindsightServer(world, "1.1.0"),
    "old hindsight": lambda world: HindsightServer(world, "0.7.2"),
}
#: Where what was sent long ago may still arrive. The embedded engine dies with its process.
HAUNTED: Collection[str] = ("fake", "fake that replaces", "fake that keeps", "hindsight", "old hindsight")
