"""One fault: what a host does, what goes wrong, and what must be true afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict, Unpack

from .outcome import Outcome
from .player import Player, Pythons
from .world import World

#: How often a scenario is played at most when a call took a little too long: the machine is shared.
_PLAYS = 3


#: Why the commands of the real host do not lead to a fault.
LATE = "between the end of a turn and the host's worker taking it up there is no time to type a command"
NO_PARENT = "the command line names a parent for every new session"
TOO_SHORT = "the host compresses no conversation of a single turn"
NOWHERE = "its commands always lead to a session"
NO_KEYS = "it gives turns no keys"
WHILE_ENDING = "it takes no turn once it is ending"

Play = Callable[[World], None]


class More(TypedDict, total=False):
    """What else can be said of a fault; see `Scenario`."""

    known: str
    exits: bool
    version: str
    slow: bool
    server: bool
    unlived: str
    gateway: bool
    host: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault. Every player that can live it plays it.

    Attributes:
        what: what was done, for the page.
        known: where users reported it; empty for our own.
        exits: whether how long the end takes is the question.
        version: which Hindsight server it plays against.
        slow: it takes many seconds by its nature.
        server: it is the server's, or needs one: the embedded backend cannot have it.
        unlived: why the commands of the real host do not lead to it; empty where they do.
        gateway: in the real host it is the gateway's.
        host: it is the real host's own, and nobody else has it.
    """

    name: str
    what: str
    play: Play
    known: str = ""
    exits: bool = False
    version: str = "1.1.0"
    slow: bool = False
    server: bool = False
    unlived: str = ""
    gateway: bool = False
    host: bool = False

    def can(self, player: Player) -> bool:
        """Whether a player can live it."""
        if not player.real:
            return not self.host
        return not self.unlived and not (self.server and player.embedded)

    def run(self, player: Player, pythons: Pythons | None) -> Outcome:
        """Have one player play it."""
        for _ in range(_PLAYS - 1):
            outcome = self._run(player, pythons)
            if not outcome.hardly_slow:
                return outcome
        return self._run(player, pythons)

    def _run(self, player: Player, pythons: Pythons | None) -> Outcome:
        with World(player, pythons, self.version, gateway=self.gateway) as world:
            self.play(world)
            return world.judge()


class Scenarios(list[Scenario]):
    """Faults of one kind, in the order in which they stand in their module."""

    def add(self, name: str, what: str, **more: Unpack[More]) -> Callable[[Play], Play]:
        """The decorated function plays a fault."""

        def register(play: Play) -> Play:
            self.append(Scenario(name, what, play, **more))
            return play

        return register
