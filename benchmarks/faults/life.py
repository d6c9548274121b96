"""What a host does in the course of its life, and no provider should mind."""

from __future__ import annotations

from .scenario import LATE, NO_KEYS, NOWHERE, TOO_SHORT, WHILE_ENDING, Scenarios
from .world import RECALL, RETAIN, World

LIFE = Scenarios()


@LIFE.add(
    "a buffered turn is undone",
    "Batches of 3; two turns; /undo of the second before it was sent; turns until a batch is full.",
)
def _(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.undo(host, "a")
    for _ in range(3):
        world.say(host, "a")
    world.settle(host)
    world.exit(host)


@LIFE.add("a turn is undone while it is sent", "/undo comes while the server works at the turn.", server=True)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.fault(RETAIN, "delay", times=1, seconds=1)
    world.say(host, "a")
    world.wait_for(RETAIN, 2)
    world.undo(host, "a")
    world.settle(host)
    world.exit(host)


@LIFE.add("a branch", "Two turns; /branch, to whose session the host copies the history; a turn there.")
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    world.switch(host, "a", "b", "branch", parent="a")
    world.say(host, "b")
    world.settle(host)
    world.exit(host)


@LIFE.add("a late turn after a branch", "/branch comes before the last turn of the parent is recorded.", unlived=LATE)
def _(world: World) -> None:
    host = world.start("a")
    world.switch(host, "a", "b", "branch", parent="a")
    marker = world.say(host, "a", late=True)
    world.say(host, "b")
    world.settle(host)
    world.exit(host)
    world.claim("no session is its own parent", "parent:a" not in world.tags_of(marker))


@LIFE.add("a compression in place", "Three turns delivered; the host compresses under the same id; another turn.")
def _(world: World) -> None:
    host = world.start("a")
    for _ in range(3):
        world.say(host, "a")
    world.switch(host, "a", "a", "compression")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@LIFE.add(
    "a partial batch at a compression",
    "Batches of 3; a turn; a compression in place; turns until a batch is full.",
    unlived=TOO_SHORT,
)
def _(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.switch(host, "a", "a", "compression")
    for _ in range(3):
        world.say(host, "a")
    world.settle(host)
    world.claim("all of it is there before the end", world.has_all())
    world.exit(host)


@LIFE.add("a partial batch at /new", "Batches of 3; two turns; /new; one turn; /new.")
def _(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    world.switch(host, "a", "b", parent="a")
    world.say(host, "b")
    world.switch(host, "b", "c", parent="b")
    world.settle(host)
    world.claim("all of it is there before the end", world.has_all())
    world.exit(host)


@LIFE.add(
    "a switch to nowhere",
    "Batches of 2; a turn; a switch for which the host names no session; another turn.",
    unlived=NOWHERE,
)
def _(world: World) -> None:
    host = world.start("a", every=2)
    world.say(host, "a")
    world.switch(host, "a", "", "resume", parent="a")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@LIFE.add(
    "the same turn twice",
    "A host hands a turn in again under the same key, as after a doubt of its own. (hermes-agent 0.19.0 gives no keys, "
    "and the bundled provider has no place for one.)",
    unlived=NO_KEYS,
)
def _(world: World) -> None:
    host = world.start("a")
    marker = world.say(host, "a", key="message-1")
    world.settle(host)
    world.say_again(host, "a", marker, key="message-1")
    world.settle(host)
    world.exit(host)


@LIFE.add(
    "a turn while recall hangs",
    "The server hangs in every recall; the user goes on talking. (Both sides wait for a recall for 3 s.)",
    slow=True,
    server=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.fault(RECALL, "hang")
    before = world.came(RECALL)
    world.say(host, "a")
    world.wait_for(RECALL, before + 1)
    world.say(host, "a")
    world.heal()
    world.settle(host)
    world.exit(host)


@LIFE.add(
    "a switch while the writer hangs",
    "The server hangs in a retain; /resume; a turn there; then it works again. (The bundled provider re-appends the "
    "session at the switch, and so sends the turn after all.)",
    server=True,
)
def _(world: World) -> None:
    world.earlier("b")
    host = world.start("a")
    world.fault(RETAIN, "hang", times=1)
    before = world.came(RETAIN)
    world.say(host, "a")
    world.wait_for(RETAIN, before + 1)
    world.switch(host, "a", "b", "resume", parent="a", at_once=True)
    world.say(host, "b")
    world.heal()
    world.settle(host)
    world.exit(host)


@LIFE.add(
    "a turn while shutting down",
    "A retain takes 2 s; the host ends meanwhile, and while it does one more turn arrives; the next day.",
    slow=True,
    unlived=WHILE_ENDING,
)
def _(world: World) -> None:
    host = world.start("a")
    world.fault(RETAIN, "delay", times=1, seconds=2)
    world.say(host, "a")
    world.wait_for(RETAIN)
    world.exit_while_a_turn_arrives(host, "a")
    world.heal()
    world.restart("later")


@LIFE.add(
    "agents that end",
    "Six agents of one process begin, say a turn, and are shut down properly.",
    slow=True,
    gateway=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.step(host, "retire")
    before = host.step("threads", at_most=0)["threads"]
    for _ in range(5):
        world.begin(host, "a")
        world.say(host, "a")
        world.settle(host)
        world.step(host, "retire")
    after = host.step("threads", at_most=before)["threads"]
    world.claim(f"five more agents leave no thread each behind ({after - before} more threads)", after - before < 5)
    host.end()
