"""What becomes of a session when its process dies, and when it has several."""

from __future__ import annotations

from .scenario import Scenarios
from .world import RETAIN, World

PROCESSES = Scenarios()


@PROCESSES.add("killed with a partial batch", "Batches of 3; two turns; SIGKILL; the next day.")
def _(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    world.settle(host)
    host.kill()
    world.restart("later", every=3)


@PROCESSES.add(
    "killed in the middle of a retain",
    "SIGKILL while the server has neither applied nor answered it; the next day.",
    server=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.fault(RETAIN, "hang")
    world.say(host, "a")
    world.wait_for(RETAIN, 2)
    host.kill()
    world.heal()
    world.restart("later")


@PROCESSES.add(
    "killed after it was applied",
    "SIGKILL after the server applied it and before it answered; the next day.",
    server=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.fault(RETAIN, "apply_then_hang", times=1)
    world.say(host, "a")
    world.wait_for(RETAIN)
    host.kill()
    world.restart("a")


@PROCESSES.add(
    "killed while the server is away",
    "Nobody listens; three turns; SIGKILL; the next day the server is there.",
    server=True,
)
def _(world: World) -> None:
    world.server.stop_listening()
    host = world.start("a")
    for _ in range(3):
        world.say(host, "a")
    host.kill()
    world.server.start_listening()
    world.restart("later")


@PROCESSES.add("resumed in another process", "One session in two processes, one after the other.")
def _(world: World) -> None:
    for _ in range(2):
        host = world.start("a")
        world.say(host, "a")
        world.settle(host)
        world.exit(host)


@PROCESSES.add(
    "resumed on an old server",
    "The same on Hindsight 0.4, which knows neither append nor operation ids.",
    version="0.4.22",
    server=True,
)
def _(world: World) -> None:
    for _ in range(2):
        host = world.start("a")
        world.say(host, "a")
        world.settle(host)
        world.exit(host)


@PROCESSES.add("two processes in one session", "Two processes talk in one session by turns.")
def _(world: World) -> None:
    one, other = world.start("a"), world.start("a")
    for _ in range(3):
        world.say(one, "a")
        world.say(other, "a")
    world.settle(one)
    world.settle(other)
    world.exit(one)
    world.exit(other)
