"""What users of the bundled provider reported, or what was reproduced with its host."""

from __future__ import annotations

from .scenario import LATE, NO_PARENT, Scenarios
from .world import RECALL, RETAIN, World

KNOWN = Scenarios()


@KNOWN.add(
    "a partial batch at exit", "Batches of 3; two turns; the host ends by its command line.", known="#36216, #53625"
)
def _(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    world.exit(host)


@KNOWN.add("switches to and fro", "Two sessions, with /new and /resume between their turns.", known="#41911")
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    world.switch(host, "a", "b", parent="a")
    world.say(host, "b")
    world.switch(host, "b", "a", "resume", parent="b")
    world.say(host, "a")
    world.switch(host, "a", "b", "resume", parent="a")
    world.say(host, "b")
    world.exit(host)


@KNOWN.add(
    "a late prefetch",
    "A recall begun in one session takes 4 s; /new at once; when it has ended, the new session asks something else.",
    known="#29865",
    slow=True,
    server=True,
)
def _(world: World) -> None:
    (marker,) = world.remembered("the blue teapot")
    host = world.start("a")
    world.fault(RECALL, "delay", times=1, seconds=4)
    before = world.came(RECALL)
    world.step(host, "queue", session="a", query="What about the blue teapot?")
    world.wait_for(RECALL, before + 1)
    world.switch(host, "a", "b", parent="a", at_once=True)
    world.settle(host)
    world.leak(world.step(host, "ask", session="b", query="Good morning"), [marker])
    world.exit(host)


@KNOWN.add(
    "recall for the message before",
    "Two things are remembered; the recall for a message about one of them is done, and the next message is about the "
    "other.",
    known="#12081",
)
def _(world: World) -> None:
    teapot, ladder = world.remembered("the blue teapot", "the tall ladder")
    host = world.start("a")
    world.step(host, "queue", session="a", query="the tall ladder")
    world.settle(host)
    told = str(world.step(host, "ask", session="a", query="the blue teapot").get("recalled"))
    first = min((told.find(one), one) for one in (teapot, ladder) if one in told)[1]
    world.claim("a message gets what bears on it, not on the one before", first == teapot)
    world.exit(host)


@KNOWN.add(
    "the first message of a session", "A new process asks about what another session said.", known="#12081, #5820"
)
def _(world: World) -> None:
    (marker,) = world.remembered("the blue teapot")
    host = world.start("a")
    answer = world.step(host, "ask", session="a", query="Where is the blue teapot?")
    world.claim("the first message gets what bears on it", marker in str(answer.get("recalled")))
    world.exit(host)


@KNOWN.add(
    "one-shot on a slow server",
    "Every request takes 6 s; `hermes -z`: one turn, then the end without a flush; the next day the server is fast.",
    known="#15073, #15497",
    exits=True,
    slow=True,
    server=True,
)
def _(world: World) -> None:
    world.fault(".*", "delay", seconds=6)
    world.one_shot("a")
    world.heal()
    world.restart("later")


@KNOWN.add(
    "a retain that fails once", "The first retain is answered 500; then another turn.", known="#82879", server=True
)
def _(world: World) -> None:
    world.fault(RETAIN, "status", times=1, status=500)
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@KNOWN.add(
    "failures nobody sees",
    "Every retain is answered 500; `hermes memory status` (ours: `memory.status()`) is asked; the next day it works.",
    known="#92219, #80388",
    slow=True,
    server=True,
)
def _(world: World) -> None:
    world.fault(RETAIN, "status", status=500)
    host = world.start("a")
    for _ in range(3):
        world.say(host, "a")
    world.wait_for(RETAIN, 3 if world.side == "theirs" else 1)
    world.settle(host, 1)
    status = world.step(host, "status")
    world.claim(
        "status says that nothing is being remembered, and why", not status["healthy"] and "50" in status["told"]
    )
    world.exit(host)
    world.heal()
    world.restart("later")


@KNOWN.add(
    "the retain tool on a slow server",
    "The model remembers something on purpose; the server takes 5 s.",
    known="#61442",
    slow=True,
    server=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.fault(RETAIN, "delay", times=1, seconds=5)
    world.step(host, "note", session="a", text="Remember the milk")
    world.settle(host)
    world.exit(host)
    world.claim("what the tool was told is there once", world.kept_on_purpose("the milk") == 1)


@KNOWN.add(
    "a retain reported failed",
    "The time-out is 2 s, the server takes 4 s for the retain tool, and works it through; told that it failed, the "
    "model tries again.",
    known="#29079",
    slow=True,
    server=True,
)
def _(world: World) -> None:
    host = world.start("a", timeout=2)
    world.fault(RETAIN, "late", times=1, seconds=4)
    if world.step(host, "note", session="a", text="Remember the milk")["failed"]:
        world.step(host, "note", session="a", text="Remember the milk")
    world.settle(host)
    world.exit(host)
    world.heal()
    world.until(lambda: world.retains("the milk") >= 2)
    world.claim("what the tool was told is there once", world.kept_on_purpose("the milk") == 1)


@KNOWN.add(
    "evicted agents",
    "Six agents of a gateway come and go; of its end each hears that the session is over, and nothing else. (A "
    "provider for each agent, as the host makes them; ours: one memory for the process.) A pool of threads that fills "
    "up once is no leak: it counts from a thread for each agent.",
    known="#64278",
    slow=True,
    gateway=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.settle(host)
    world.step(host, "evict", session="a")
    before = host.step("threads", at_most=0)["threads"]
    for _ in range(5):
        world.begin(host, "a")
        world.say(host, "a")
        world.settle(host)
        world.step(host, "evict", session="a")
    after = host.step("threads", at_most=before)["threads"]
    world.claim(f"five more agents leave no thread each behind ({after - before} more threads)", after - before < 5)
    host.end()


@KNOWN.add(
    "a turn that arrives after the switch",
    "Batches of 2; /resume from one session to another comes before the last turn of the first is recorded; one turn "
    "in the second.",
    known="the provider's source",
    unlived=LATE,
)
def _(world: World) -> None:
    host = world.start("a", every=2)
    world.switch(host, "a", "b", "resume", parent="a")
    world.say(host, "a", late=True)
    world.say(host, "b")
    world.settle(host)
    world.exit(host)


@KNOWN.add("a delivered turn is undone", "Two turns delivered; /undo; another turn.", known="#37051")
def _(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.undo(host, "a")
    world.say(host, "a")
    world.settle(host)
    world.exit(host)


@KNOWN.add(
    "a parent of long ago",
    "/branch from a to b; then a new session c, for which the host names no parent (the command line of 0.19.0 always "
    "names one); a turn in c.",
    known="the provider's source",
    unlived=NO_PARENT,
)
def _(world: World) -> None:
    host = world.start("a")
    world.switch(host, "a", "b", "branch", parent="a")
    world.switch(host, "b", "c", "new")
    marker = world.say(host, "c")
    world.exit(host)
    parents = [tag for tag in world.tags_of(marker) if tag.startswith("parent:")]
    world.claim("a session without a parent is delivered without one", parents == [])


@KNOWN.add("a secret is said", "A turn contains an access token.", known="#115104")
def _(world: World) -> None:
    secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"  # noqa: S105 - made up; GitHub's published example
    host = world.start("a")
    world.say(host, "a", f"and my token is {secret}")
    world.exit(host)
    world.claim("the secret is not archived", world.count(secret) == 0)


@KNOWN.add(
    "/resume on a slow server",
    "A recall takes 6 s, and the host resumes another session meanwhile.",
    known="reproduced",
    server=True,
)
def _(world: World) -> None:
    world.remembered("the blue teapot")
    world.earlier("b")
    host = world.start("a")
    world.fault(RECALL, "delay", seconds=6)
    before = world.came(RECALL)
    world.step(host, "queue", session="a", query="the blue teapot")
    world.wait_for(RECALL, before + 1)
    world.switch(host, "a", "b", "resume", parent="a", at_once=True)
    world.heal()
    world.exit(host)


@KNOWN.add(
    "exit on a slow server",
    "Every retain takes 6 s; three turns; the host ends by its command line; the next day the server is fast.",
    known="reproduced",
    exits=True,
    slow=True,
    server=True,
)
def _(world: World) -> None:
    host = world.start("a")
    world.fault(RETAIN, "delay", seconds=6)
    for _ in range(3):
        world.say(host, "a")
    world.exit(host)
    world.heal()
    world.restart("later")
