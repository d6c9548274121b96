"""What the real host itself does to its memory provider, and tells it nothing of."""

from __future__ import annotations

from .scenario import Scenarios
from .world import World

OWN = Scenarios()


@OWN.add(
    "an interrupted turn",
    "A turn; the next one is broken off by Ctrl-C while the model answers; another turn. (The host hands on no turn "
    "that was broken off.)",
    host=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.break_off(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@OWN.add("left in the midst of a turn", "A turn; Ctrl-D while the model answers the next one; the next day.", host=True)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.break_off(host, "a", leave=True)
    world.restart("later")


@OWN.add(
    "killed in the midst of a turn",
    "A turn; SIGKILL while the model answers the next one; more than a minute later another process.",
    host=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.die_in_a_turn(host, "a")
    world.pass_a_minute()
    world.restart("later")


@OWN.add(
    "an agent that is dropped",
    "Batches of 3; two turns; `/personality pirate`, at which the host makes another agent and tells the old one "
    "nothing; a turn; the host ends by its command line.",
    host=True,
)
def _(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.step(host, "command", text="/personality pirate")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@OWN.add(
    "a compression in the midst of a turn",
    "Three turns; in the fourth the model uses a tool, and the host compresses in place before it goes on; a turn.",
    host=True,
)
def _(world: World) -> None:
    host = world.start("a")
    for _ in range(3):
        world.say(host, "a")
    world.settle(host)
    world.compress_in_a_turn(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@OWN.add(
    "an /undo in the gateway",
    "Two turns delivered; /undo, of which the gateway tells nobody; a turn; the gateway is stopped.",
    host=True,
    gateway=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.undo(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@OWN.add(
    "a /branch in the gateway",
    "Two turns delivered; /branch, of which the gateway tells nobody; a turn there; the gateway is stopped.",
    host=True,
    gateway=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.switch(host, "a", "b", "branch", parent="a")
    marker = world.say(host, "b")
    world.settle(host)
    world.exit(host)
    world.claim("the branch is known for one", world.descends(marker, "a"))


@OWN.add(
    "an agent that is evicted",
    "Batches of 3; two turns in one chat; a turn in another one, at which the gateway evicts the first agent; the "
    "gateway is stopped; the next day.",
    host=True,
    gateway=True,
)
def _(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.begin(host, "b", every=3)
    world.say(host, "b")
    world.settle(host)
    world.exit(host)
    world.restart("later")
