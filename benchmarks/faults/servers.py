"""What a server, or the road to it, does to those who write to it."""

from __future__ import annotations

from .scenario import Scenarios
from .world import RETAIN, World

SERVERS = Scenarios()


@SERVERS.add(
    "a server that is down for the session", "Nobody listens; two turns; the next day the server is there.", server=True
)
def _(world: World) -> None:
    world.server.stop_listening()
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    world.exit(host)
    world.server.start_listening()
    world.restart("later")


@SERVERS.add(
    "a server that comes back", "The server is away for one turn in the middle of three.", slow=True, server=True
)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.server.stop_listening()
    world.say(host, "a")
    world.settle(host, 2)
    world.server.start_listening()
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@SERVERS.add("a server that is busy", "Two retains are answered 429 with Retry-After: 1.", slow=True, server=True)
def _(world: World) -> None:
    world.fault(RETAIN, "status", times=2, status=429, headers={"Retry-After": "1"})
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@SERVERS.add(
    "a key that is refused", "Every request is answered 401; two turns; the next day the key is right.", server=True
)
def _(world: World) -> None:
    world.fault(".*", "status", status=401)
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    world.exit(host)
    world.heal()
    world.restart("later")


@SERVERS.add("an answer that is lost", "The server applies two retains and resets their connections.", server=True)
def _(world: World) -> None:
    world.fault(RETAIN, "apply_then_reset", times=2)
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@SERVERS.add(
    "a time-out that did apply",
    "The time-out is 2 s; the server applies a retain and never answers.",
    slow=True,
    server=True,
)
def _(world: World) -> None:
    world.fault(RETAIN, "apply_then_hang", times=1)
    host = world.start("a", timeout=2)
    world.say(host, "a")
    world.settle(host)
    world.say(host, "a")
    world.settle(host)
    world.heal()
    world.exit(host)


@SERVERS.add(
    "a request that arrives late",
    "The time-out is 2 s; the server takes up a retain after 4 s, when its sender has given up.",
    slow=True,
    server=True,
)
def _(world: World) -> None:
    world.fault(RETAIN, "late", times=1, seconds=4)
    host = world.start("a", timeout=2)
    marker = world.say(host, "a")
    world.settle(host)
    world.say(host, "a")
    world.settle(host)
    world.exit(host)
    world.until(lambda: world.retains(marker) >= (1 if world.side == "theirs" else 2))  # who sends it again?


@SERVERS.add(
    "another program on the port", "The first four requests are answered with a page that is no JSON.", server=True
)
def _(world: World) -> None:
    world.fault(".*", "garbage", times=4)
    host = world.start("a")
    world.say(host, "a")
    world.settle(host, 5)
    world.heal()
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@SERVERS.add(
    "an operation that fails", "The server accepts an asynchronous retain and fails to process it once.", server=True
)
def _(world: World) -> None:
    world.fake.fail_operations = 1
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@SERVERS.add(
    "a batch that is refused",
    "One retain is answered 422; another turn; the status is asked for, as above.",
    server=True,
)
def _(world: World) -> None:
    world.fault(RETAIN, "status", times=1, status=422, body={"detail": "not like this"})
    host = world.start("a")
    world.step(host, "sync", session="a", user="This is refused", assistant="Noted.")
    world.settle(host)
    world.say(host, "a")
    world.settle(host)
    world.claim("status shows what was refused, and why", "not like this" in world.step(host, "status")["told"])
    world.exit(host)


@SERVERS.add(
    "a version that cannot be asked at first",
    "GET /version fails once; two turns; /new, a turn, /resume, a turn; then a turn in another process.",
    server=True,
)
def _(world: World) -> None:
    world.fault("GET /version", "status", times=1, status=503)
    host = world.start("a")
    for _ in range(2):
        world.say(host, "a")
        world.settle(host)
    world.switch(host, "a", "b", parent="a")
    world.say(host, "b")
    world.switch(host, "b", "a", "resume", parent="b")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)
    host = world.start("a")
    world.say(host, "a")
    world.exit(host)


@SERVERS.add(
    "exit on a server that hangs",
    "A retain hangs for good; one more turn; the host ends by its command line; the next day the server works.",
    exits=True,
    slow=True,
    server=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.fault(RETAIN, "hang")
    world.say(host, "a")
    world.wait_for(RETAIN)
    world.say(host, "a")
    world.exit(host)
    world.heal()
    world.restart("later")
