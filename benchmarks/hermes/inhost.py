"""What a provider adds to the host: turns typed into it, and the provider's calls timed within its process."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.model import FakeModel

from benchmarks.talk import asked

from .probed import Calls, ProbedCli, Took

#: How long the provider may take at most to have nothing left to do before the end is timed, in seconds.
_SETTLE_SECONDS = 60.0
_FENCE = "<memory-context>"


@dataclass(slots=True)
class Figures:
    """Everything that was timed of one provider, in milliseconds.

    Attributes:
        waits: of each turn, by its place in the session: what it waited for its memories, i.e. `on_turn_start` and
            `prefetch`. The first of each process is in `first_waits` alone: what is loaded is loaded then.
        calls: the other calls, by name.
        loads: to import the provider and to initialize it, together.
        ready: from the start of the process to the end of its first turn.
        exits: from `/exit`, with nothing left to do, to the end of the process.
        told: how many turns were told something of the past.
    """

    waits: dict[int, float] = field(default_factory=dict)
    first_waits: list[float] = field(default_factory=list)
    calls: dict[str, list[float]] = field(default_factory=dict)
    loads: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)
    exits: list[float] = field(default_factory=list)
    turns: int = 0
    told: int = 0


class Subject:
    """One provider in a home of its own, whose one session goes on from process to process."""

    def __init__(self, name: str, home: Home, model: FakeModel, seed: int = 1) -> None:
        self.name = name
        self.figures = Figures()
        self._home, self._model = home, model
        self._calls = Calls(home)
        self._asked = asked(seed)
        self._session = ""

    def live(self, turns: int, switches: int) -> None:
        """One process: so many turns of the session, so many commands that switch, and the end."""
        began = time.perf_counter()
        with ProbedCli(self._home, *(["--resume", self._session] if self._session else [])) as host:
            self._session = self._session or host.first_session
            self._say(host)
            self.figures.ready.append((time.perf_counter() - began) * 1000)
            host.settle(_SETTLE_SECONDS)
            self._note_start(self._calls.fresh())
            for _ in range(turns - 1):
                self._say(host)
                host.settle(_SETTLE_SECONDS)
                self._note_turn(self._calls.fresh())
            for _ in range(switches):
                self._switch(host)
            host.settle(_SETTLE_SECONDS)
            self._note(self._calls.fresh())
            self.figures.exits.append(host.exit())
            self._note(self._calls.fresh(), "at the end: ")

    def _say(self, host: ProbedCli) -> None:
        host.chat(next(self._asked))
        self.figures.turns += 1
        self.figures.told += _FENCE in self._model.requests[-1].user

    def _switch(self, host: ProbedCli) -> None:
        """/new, /branch from there, /resume back there, with something said before each.

        Never back to the session that goes on: hermes-agent 0.19.0 writes all of a session into its log once more when
        it is resumed so, and the session would not be as long as it is said to be.
        """
        new = host.command("/new")
        for command in ("/branch", f"/resume {new}"):
            self._say_aside(host)
            host.command(command)
        self._say_aside(host)

    def _say_aside(self, host: ProbedCli) -> None:
        host.chat(next(self._asked))
        host.settle(_SETTLE_SECONDS)

    def _note_start(self, calls: list[Took]) -> None:
        self.figures.loads.append(sum(one.ms for one in calls if one.call in ("load", "initialize")))
        self.figures.first_waits.append(_wait(calls))
        self._note(calls)

    def _note_turn(self, calls: list[Took]) -> None:
        self.figures.waits[self.figures.turns] = _wait(calls)
        self._note(calls)

    def _note(self, calls: list[Took], when: str = "") -> None:
        for one in calls:
            self.figures.calls.setdefault(when + one.call, []).append(one.ms)


def _wait(calls: list[Took]) -> float:
    return sum(one.ms for one in calls if one.call in ("on_turn_start", "prefetch"))
