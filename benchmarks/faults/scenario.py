"""One fault: what a host does, what goes wrong, and what must be true afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .outcome import Outcome, Side
from .world import World

#: How often a scenario is played at most when a call took a little too long: the machine is shared.
_PLAYS = 3


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault. It is played on both sides.

    Attributes:
        what: what was done, for the page.
        known: where users reported it; empty for our own.
        exits: whether how long the end takes is the question.
        version: which Hindsight server it plays against.
        slow: it takes many seconds by its nature.
    """

    name: str
    what: str
    play: Callable[[World], None]
    known: str = ""
    exits: bool = False
    version: str = "1.1.0"
    slow: bool = False

    def run(self, side: Side, hermes: Path | None) -> Outcome:
        """Play it on one side."""
        for _ in range(_PLAYS - 1):
            outcome = self._run(side, hermes)
            if not outcome.hardly_slow:
                return outcome
        return self._run(side, hermes)

    def _run(self, side: Side, hermes: Path | None) -> Outcome:
        with World(side, hermes, self.version) as world:
            self.play(world)
            return world.judge()


class Scenarios(list[Scenario]):
    """Faults of one kind, in the order in which they stand in their module."""

    def add(
        self, name: str, what: str, *, known: str = "", exits: bool = False, version: str = "1.1.0", slow: bool = False
    ) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
        """The decorated function plays a fault."""

        def register(play: Callable[[World], None]) -> Callable[[World], None]:
            self.append(Scenario(name, what, play, known, exits, version, slow))
            return play

        return register
