"""Every fault of the table, in its order, and the conversation without one that is played first."""

from __future__ import annotations

from .known import KNOWN
from .life import LIFE
from .own import OWN
from .processes import PROCESSES
from .scenario import Scenario
from .servers import SERVERS
from .world import World


def _nothing(world: World) -> None:
    host = world.start("a")
    world.say(host, "a", "the blue teapot")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


#: If either side does not hold here, it is not a fault that is measured.
CONTROL = Scenario("no fault at all", "Two turns on a server that works.", _nothing)
SCENARIOS = (*KNOWN, *LIFE, *SERVERS, *PROCESSES, *OWN)
