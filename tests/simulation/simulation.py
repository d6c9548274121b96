"""One seed: a world of processes that come and go, healed at the end and held against the model."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest.mock import patch

from threadline.journal.journal import Journal

from . import verdict
from .hosts import Host, Story
from .model import Bank
from .process import Process
from .road import Road
from .servers import HAUNTED, SERVERS
from .world import BROKEN, STUCK, Violation, World

BANKS = ("first", "second")

_STEPS = 20_000
_DELIVERIES = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one seed went.

    Attributes:
        kind: what was wrong; None when nothing was.
        happened: how often what happened.
    """

    seed: int
    kind: str | None
    about: str
    steps: int
    happened: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)


class Simulation:
    """A world and what goes on in it besides its actors: processes begin, stop and die, and the clock jumps."""

    def __init__(self, world: World) -> None:
        chance = world.chance
        self.world = world
        self.kind = chance.choice(list(SERVERS))
        world.count(f"server.{self.kind}")
        self.server = SERVERS[self.kind](world)
        self.road = Road(
            world,
            rate=chance.choice((0.0, 0.1, 0.3, 0.6)),
            refuses=chance.random() < 0.3,
            haunted=chance.random() < 0.5 and self.kind in HAUNTED,
        )
        events = chance.choice((12, 25, 50, 90))
        self.stories = {name: Story(world, Bank(name), events if name == BANKS[0] else events // 4) for name in BANKS}
        self.road.may_differ = lambda batch: self.stories[batch.bank].bank.has_forgotten(batch.document)
        self.processes: list[Process] = []
        self._names = 0
        self._most = chance.choice((1, 2, 2, 2))
        self._second_bank = chance.choice((0.0, 0.0, 0.0, 0.3))
        self._batch = chance.choice((1, 2, 3, 4))
        self._deaths = chance.choice((0.0, 0.003, 0.01, 0.03))
        self._stops = chance.choice((0.0, 0.002, 0.01))
        self._jumps = chance.choice((0.0, 0.01, 0.05))
        self._weights = chance.choice(((1.0,), (0.3, 1.0, 3.0), (0.05, 1.0, 1.0, 10.0)))

    def run(self) -> None:
        """Let everything happen until the hosts have done what they had to do; then heal, and look.

        Raises:
            Violation: something is wrong.
        """
        while self.world.steps < _STEPS and any(story.left > 0 for story in self._told()):
            self._happen()
            self.world.step()
        for _ in range(self.world.chance.choice((0, 20, 200))):
            self._happen()
            self.world.step()
        self._heal()

    def _told(self) -> list[Story]:
        """The stories that somebody may still tell: of the second bank only where it is used at all."""
        return [story for name, story in self.stories.items() if name == BANKS[0] or self._second_bank]

    def _happen(self) -> None:
        chance, world = self.world.chance, self.world
        self.processes = [process for process in self.processes if process.alive]
        if not self.processes or (len(self.processes) < self._most and chance.random() < 0.05):
            self._begin()
        for process in list(self.processes):
            if chance.random() < self._deaths or (process.over and chance.random() < 0.2):
                self._kill(process)
        if self.processes and chance.random() < self._stops:
            self._stop(chance.choice(self.processes), chance.choice((0.0, 2.0, 5.0)))
        if chance.random() < self._jumps:
            world.now += chance.choice((0.3, 1.0, 5.0, 30.0, 90.0))
        if chance.random() < 0.002:
            world.set_wall(chance.choice((-3600.0, -10.0, -86400.0, 30.0)))
        if chance.random() < 0.02:
            self.road.arrive()
        self.server.happen()

    def _begin(self) -> Process:
        chance = self.world.chance
        bank = BANKS[1] if chance.random() < self._second_bank else BANKS[0]
        story = self.stories[bank]
        process = self._open(bank)
        process.start("writer", process.carry, chance.choice(self._weights))
        for number in range(chance.choice((1, 1, 2, 3))):
            host = Host(self.world, process, story)
            process.start(f"host{number + 1}", host.live, chance.choice(self._weights))
        return process

    def _open(self, bank: str) -> Process:
        self._names += 1
        name = f"p{self._names}"
        self.world.count("processes")
        self.world.say(f"{name} opens bank {bank}")
        batch = self._batch if self.world.chance.random() < 0.8 else self.world.chance.randint(1, 4)
        process = Process(self.world, name, self.stories[bank].bank, self.server, self.road, batch)
        self.processes.append(process)
        return process

    def _kill(self, process: Process) -> None:
        self.world.count("kills")
        self.world.say(f"{process.name} dies")
        process.kill()
        self.processes.remove(process)

    def _stop(self, process: Process, seconds: float) -> None:
        if not process.stopping:
            self.world.count("stops")
            self.world.say(f"{process.name} stops")
            process.begin_to_stop(seconds)

    def _heal(self) -> None:
        """Nothing goes wrong any more: all processes end, another opens each bank and delivers everything."""
        world = self.world
        world.say("from now on nothing goes wrong")
        self.road.rate = 0.0
        self.server.heal()
        for process in list(self.processes):
            if process.alive and world.chance.random() < 0.5:
                self._stop(process, 5.0)
        for _ in range(world.chance.choice((0, 30, 300))):
            world.step()
        for process in list(self.processes):
            if process.alive:
                self._kill(process)
        while self.road.late and world.chance.random() < 0.5:
            self.road.arrive()
        for name, story in self.stories.items():
            if story.bank.views:
                self._judge(self._open(name))

    def _judge(self, process: Process) -> None:
        """Deliver everything, perhaps anew, and look."""
        self._deliver(process)
        while self.road.late:
            self.road.arrive()
        verdict.judge(process, self.server, self.road.haunted)
        if self.server.capabilities.deletes and self.world.chance.random() < 0.1:
            self.world.count("redelivered")
            process.outbox.redeliver()
            self._deliver(process)
            verdict.judge(process, self.server, self.road.haunted)
        process.kill()

    def _deliver(self, process: Process) -> None:
        for _ in range(_DELIVERIES):
            busy = process.courier.carry_next() or process.outbox.adopt()
            self.world.look()
            if busy:
                continue
            due = process.courier.due()
            if not due:
                break
            self.world.now = max(self.world.now, min(due)) + 0.001
        waiting = process.outbox.is_waiting(process.outbox.last())
        buffered = process.journal.database.rows(
            "SELECT id FROM session WHERE bank = ? AND batched_turn < last_turn", (process.context.bank.key,)
        )
        if waiting or buffered:
            raise Violation(STUCK, f"waiting: {waiting}, in no batch: {buffered}")


def run_seed(seed: int, tracing: bool = False, within: str | None = None) -> Outcome:
    """Live through one seed.

    Args:
        within: a folder for the files; None: where they are fastest.
    """
    with tempfile.TemporaryDirectory(prefix="threadline-sim-", dir=within or fast_folder()) as folder:
        home = Path(folder)
        (home / "journal.db").write_bytes(_template())
        world = World(seed, home, tracing)
        simulation = Simulation(world)
        kind, about = None, ""
        try:
            with patch("threadline.session.session.uuid.uuid4", world.uuid):
                simulation.run()
        except Violation as violation:
            kind, about = violation.kind, violation.about
            world.say(str(violation))
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed is to be told
            kind, about = BROKEN, f"{type(error).__name__}: {error}"
            world.say(about)
        finally:
            for process in simulation.processes:
                if process.alive:
                    process.kill()
    return Outcome(seed, kind, about, world.steps, world.happened, world.trace or [])


@cache
def _template() -> bytes:
    """An empty journal, made once."""
    with tempfile.TemporaryDirectory(prefix="threadline-sim-", dir=fast_folder()) as folder:
        Journal(Path(folder)).close()
        return (Path(folder) / "journal.db").read_bytes()


def fast_folder() -> str | None:
    shm = Path("/dev/shm")  # noqa: S108 - where it exists, it is private to nobody and gone at the next start
    return str(shm) if shm.is_dir() else None
