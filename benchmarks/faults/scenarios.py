"""The faults: what a host does, what goes wrong, and what must be true afterwards. Each is played on both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .world import BANK, Outcome, Side, World

RETAIN = r"POST .*/memories$"
RECALL = r"POST .*/memories/recall$"

#: What a call on the host's thread may take, in milliseconds: a turn or a switch that waits for nobody; a recall that
#: has a deadline of 1.5 s; an end that has one of 10 s.
AT_ONCE, BY_ITS_DEADLINE, AT_THE_END = 250.0, 2_500.0, 12_000.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault.

    Attributes:
        known: where its users reported it; empty for our own.
        version: which Hindsight server it plays against.
        slow: it takes many seconds by its nature.
    """

    name: str
    what: str
    play: Callable[[World], None]
    known: str = ""
    limit_ms: float | None = None
    version: str = "1.1.0"
    slow: bool = False

    def run(self, side: Side, hermes: Path | None) -> Outcome:
        """Play it on one side."""
        with World(side, hermes, self.version) as world:
            self.play(world)
            return world.judge(self.limit_ms)


def a_partial_batch_at_exit(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    world.exit(host)


def switches_to_and_fro(world: World) -> None:
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


def a_late_prefetch(world: World) -> None:
    host = world.start("a")
    marker = world.say(host, "a")
    host.step("settle", seconds=10)
    world.fault(RECALL, "delay", times=1, seconds=4)
    host.step("queue", session="a", query=f"What about {marker}?")
    host.step("switch", session="a", to="b", reason="new", parent="a")
    world.server.wait_for(RECALL)
    host.step("settle", seconds=10)
    world.leak(host.step("ask", session="b", query="Good morning"), [marker])
    world.exit(host)


def the_first_message_of_a_session(world: World) -> None:
    host = world.start("a")
    marker = world.say(host, "a", about="the blue teapot")
    host.step("settle", seconds=10)
    world.exit(host)
    host = world.start("b")
    answer = host.step("ask", session="b", query="Where is the blue teapot?")
    world.claim("the first message gets what bears on it", marker in str(answer.get("recalled")))
    world.exit(host)


def recall_for_the_message_before(world: World) -> None:
    host = world.start("a")
    teapot = world.say(host, "a", about="the blue teapot")
    world.switch(host, "a", "b", "resume")
    ladder = world.say(host, "b", about="the tall ladder")
    world.switch(host, "b", "c", "resume")
    host.step("settle", seconds=10)
    host.step("queue", session="c", query="the tall ladder")
    host.step("settle", seconds=10)
    answer = str(host.step("ask", session="c", query="the blue teapot").get("recalled"))
    first = min([(answer.find(one), one) for one in (teapot, ladder) if one in answer], default=(0, ""))[1]
    world.claim("a message gets what bears on it, not on the one before", first == teapot)
    world.exit(host)


def an_exit_that_races_the_writer(world: World) -> None:
    world.fault(RETAIN, "delay", times=1, seconds=13)
    host = world.start("a", asynchronous=False)
    world.say(host, "a")
    world.say(host, "a")
    world.exit(host, measured=True)
    world.heal()
    world.server.release()
    world.restart("later")


def a_retain_that_fails_once(world: World) -> None:
    world.fault(RETAIN, "status", times=1, status=500)
    host = world.start("a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.exit(host)


def failures_nobody_sees(world: World) -> None:
    world.fault(RETAIN, "status", status=500)
    host = world.start("a")
    for _ in range(3):
        world.say(host, "a")
    host.step("settle", seconds=1)
    status = host.step("status")
    world.claim(
        "status says that nothing is being remembered, and why", not status["healthy"] and bool(status["error"])
    )
    world.heal()
    world.exit(host)
    world.restart("later")


def the_retain_tool_on_a_slow_server(world: World) -> None:
    host = world.start("a")
    world.fault(RETAIN, "delay", times=1, seconds=5)
    world.blocked(host.step("note", session="a", text="Remember the milk"))
    world.exit(host)
    texts = world.fake.texts(BANK).values()
    world.claim("what the tool was told is remembered once", sum("the milk" in text for text in texts) == 1)


def evicted_agents(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    host.step("drop")
    before = host.step("threads")["threads"]
    for _ in range(5):
        host.step("start", session="a")
        world.say(host, "a")
        host.step("settle", seconds=10)
        host.step("drop")
    after = host.step("threads")["threads"]
    world.claim("five evicted agents leave no thread behind", after <= before)


def a_turn_that_arrives_after_the_switch(world: World) -> None:
    host = world.start("a", every=2)
    world.say(host, "a")
    world.say(host, "a")
    world.switch(host, "a", "b", parent="a")
    world.say(host, "b")
    world.say(host, "a", late=True)
    host.step("settle", seconds=10)
    world.say(host, "b")
    world.exit(host)
    world.restart("later")


def a_delivered_turn_is_undone(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.undo(host, "a")
    world.say(host, "a")
    world.exit(host)


def a_buffered_turn_is_undone(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    world.undo(host, "a")
    world.say(host, "a")
    world.exit(host)
    world.restart("later")


def a_turn_is_undone_while_it_is_sent(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.fault(RETAIN, "delay", times=1, seconds=1)
    world.say(host, "a")
    world.server.wait_for(RETAIN, count=2)
    world.undo(host, "a")
    host.step("settle", seconds=10)
    world.exit(host)


def a_parent_of_long_ago(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.switch(host, "a", "b", "branch", parent="a")
    world.say(host, "b")
    world.switch(host, "b", "c", "new")
    world.say(host, "c")
    world.exit(host)
    documents = world.fake.banks[BANK].documents.values()
    tags = {tag for document in documents if "marker3x" in document.text for tag in document.tags}
    world.claim("a session without a parent is delivered without one", not any(t.startswith("parent:") for t in tags))


def a_secret_is_said(world: World) -> None:
    secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"  # noqa: S105 - made up; GitHub's published example
    host = world.start("a")
    world.say(host, "a", about=f"and my token is {secret}")
    world.exit(host)
    world.claim("the secret is not archived", not any(secret in text for text in world.fake.texts(BANK).values()))


def resume_on_a_slow_server(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.fault(RECALL, "delay", seconds=6)
    host.step("queue", session="a", query="anything at all")
    world.server.wait_for(RECALL, count=1)
    world.outcome.blocked_ms = 0.0
    world.switch(host, "a", "b", "resume", parent="a")
    world.heal()
    world.server.release()
    host.kill()


def exit_on_a_server_that_hangs(world: World) -> None:
    host = world.start("a", asynchronous=False)
    world.fault(RETAIN, "hang", times=1)
    world.say(host, "a")
    world.server.wait_for(RETAIN)
    world.say(host, "a")
    world.exit(host, measured=True)
    world.heal()
    world.server.release()
    world.restart("later")


def a_turn_while_recall_hangs(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.fault(RECALL, "hang")
    world.say(host, "a")
    world.server.wait_for(RECALL, count=2)
    world.say(host, "a")
    world.heal()
    world.server.release()
    host.step("settle", seconds=10)
    world.exit(host)


def a_partial_batch_at_new(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    world.switch(host, "a", "b", parent="a")
    world.say(host, "b")
    world.switch(host, "b", "c", parent="b")
    world.exit(host)


def a_partial_batch_at_compression_in_place(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.switch(host, "a", "a", "compression")
    world.say(host, "a")
    world.say(host, "a")
    world.exit(host)


def a_switch_to_nowhere(world: World) -> None:
    host = world.start("a", every=2)
    world.say(host, "a")
    world.switch(host, "a", "", parent="a")
    world.say(host, "a")
    world.exit(host)


def a_server_that_is_down_for_the_session(world: World) -> None:
    world.server.stop_listening()
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    world.exit(host)
    world.server.start_listening()
    world.restart("later")


def a_server_that_comes_back(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.server.stop_listening()
    world.say(host, "a")
    host.step("settle", seconds=1)
    world.server.start_listening()
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.exit(host)


def a_server_that_is_busy(world: World) -> None:
    world.fault(RETAIN, "status", times=2, status=429, headers={"Retry-After": "1"})
    host = world.start("a")
    world.say(host, "a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.exit(host)


def an_answer_that_is_lost(world: World) -> None:
    world.fault(RETAIN, "apply_then_reset", times=2)
    host = world.start("a", asynchronous=False)
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.exit(host)


def another_program_on_the_port(world: World) -> None:
    world.fault(".*", "garbage", times=4)
    host = world.start("a")
    world.say(host, "a")
    host.step("settle", seconds=3)
    world.heal()
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.exit(host)


def an_operation_that_fails(world: World) -> None:
    world.fake.fail_operations = 1
    host = world.start("a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.exit(host)


def a_batch_that_is_refused(world: World) -> None:
    world.fault(RETAIN, "status", times=1, status=422, body={"detail": "not like this"})
    host = world.start("a")
    host.step("sync", session="a", user="This is refused", assistant="Noted.")
    host.step("settle", seconds=10)
    world.say(host, "a")
    host.step("settle", seconds=10)
    status = host.step("status")
    world.claim("status shows what was refused", "not like this" in status["error"])
    world.exit(host)


def killed_with_a_partial_batch(world: World) -> None:
    host = world.start("a", every=3)
    world.say(host, "a")
    world.say(host, "a")
    host.kill()
    world.restart("later", every=3)


def killed_in_the_middle_of_a_retain(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    host.step("settle", seconds=10)
    world.fault(RETAIN, "hang")
    world.say(host, "a")
    world.server.wait_for(RETAIN, count=2)
    host.kill()
    world.heal()
    world.server.release()
    world.restart("later")


def killed_after_it_was_applied(world: World) -> None:
    host = world.start("a")
    world.fault(RETAIN, "apply_then_hang")
    world.say(host, "a")
    world.server.wait_for(RETAIN)
    host.kill()
    world.heal()
    world.server.release()
    world.restart("a")


def resumed_in_another_process(world: World) -> None:
    host = world.start("a")
    world.say(host, "a")
    world.exit(host)
    host = world.start("a")
    world.say(host, "a")
    world.exit(host)


def resumed_on_an_old_server(world: World) -> None:
    resumed_in_another_process(world)


def a_version_that_cannot_be_asked_at_first(world: World) -> None:
    world.fault("GET /version", "status", times=1, status=503)
    host = world.start("a", every=2)
    for _ in range(4):
        world.say(host, "a")
        host.step("settle", seconds=10)
    world.exit(host)
    host = world.start("a", every=2)
    world.say(host, "a")
    world.exit(host)


def two_processes_in_one_session(world: World) -> None:
    one, other = world.start("a"), world.start("a")
    for _ in range(3):
        world.say(one, "a")
        world.say(other, "a")
    one.step("settle", seconds=10)
    other.step("settle", seconds=10)
    world.exit(one)
    world.exit(other)


SCENARIOS = (
    Scenario("a partial batch at exit", "Batches of 3, two turns, then the host ends.", a_partial_batch_at_exit, "#36216, #53625"),
    Scenario("switches to and fro", "Two sessions, with /new and /resume between their turns.", switches_to_and_fro, "#41911"),
    Scenario("a late prefetch", "A recall of the old session takes 4 s and ends after the switch; the new session asks something else.", a_late_prefetch, "#29865", slow=True),
    Scenario("recall for the message before", "The model is told what bears on the message before, not on this one.", recall_for_the_message_before, "#12081"),
    Scenario("the first message of a session", "A new process asks about what another session said.", the_first_message_of_a_session, "#5820"),
    Scenario("an exit that races the writer", "The server takes 13 s for a retain; the host ends after two turns; the next day it starts again.", an_exit_that_races_the_writer, "#15073, #15497", AT_THE_END, slow=True),
    Scenario("a retain that fails once", "The first retain is answered 500.", a_retain_that_fails_once, "#82879"),
    Scenario("failures nobody sees", "Every retain is answered 500; the status is asked for; then it works again.", failures_nobody_sees, "#92219, #80388"),
    Scenario("the retain tool on a slow server", "The model remembers something on purpose; the server takes 5 s.", the_retain_tool_on_a_slow_server, "#61442, #29079", AT_ONCE, slow=True),
    Scenario("evicted agents", "Five agents of one process end one after the other.", evicted_agents, "#64278", slow=True),
    Scenario("a turn that arrives after the switch", "Batches of 2; a turn of the old session is recorded between two of the new one.", a_turn_that_arrives_after_the_switch, "the provider's source"),
    Scenario("a delivered turn is undone", "Two turns delivered, /undo, another turn.", a_delivered_turn_is_undone, "#37051"),
    Scenario("a parent of long ago", "/branch from a, then /new without a parent.", a_parent_of_long_ago, "the provider's source"),
    Scenario("a secret is said", "A turn contains an access token.", a_secret_is_said, "#115104"),
    Scenario("/resume on a slow server", "A recall takes 6 s; the host switches meanwhile.", resume_on_a_slow_server, "reproduced", AT_ONCE),
    Scenario("exit on a server that hangs", "A retain hangs for good; one more turn; the host ends; the next day the server works.", exit_on_a_server_that_hangs, "reproduced", AT_THE_END, slow=True),
    Scenario("a buffered turn is undone", "Batches of 3; two turns, /undo, a turn, exit.", a_buffered_turn_is_undone),
    Scenario("a turn is undone while it is sent", "/undo comes while the server works at the turn.", a_turn_is_undone_while_it_is_sent),
    Scenario("a turn while recall hangs", "The server hangs in every recall; the user goes on talking.", a_turn_while_recall_hangs, limit_ms=BY_ITS_DEADLINE),
    Scenario("a partial batch at /new", "Batches of 3; two turns, /new, one turn, /new.", a_partial_batch_at_new),
    Scenario("a partial batch at a compression in place", "Batches of 3; the id stays the same.", a_partial_batch_at_compression_in_place),
    Scenario("a switch to nowhere", "The host names no new session.", a_switch_to_nowhere),
    Scenario("a server that is down for the session", "Nobody listens; the next day the server is there.", a_server_that_is_down_for_the_session),
    Scenario("a server that comes back", "The server is away for one turn in the middle.", a_server_that_comes_back),
    Scenario("a server that is busy", "429 with Retry-After, twice.", a_server_that_is_busy),
    Scenario("an answer that is lost", "The server applies two retains and resets the connection.", an_answer_that_is_lost),
    Scenario("another program on the port", "Four requests are answered with a page that is no JSON.", another_program_on_the_port),
    Scenario("an operation that fails", "The server accepts an asynchronous retain and fails to process it once.", an_operation_that_fails),
    Scenario("a batch that is refused", "One retain is answered 422; the status is asked for.", a_batch_that_is_refused),
    Scenario("killed with a partial batch", "Batches of 3; two turns; SIGKILL; the next day.", killed_with_a_partial_batch),
    Scenario("killed in the middle of a retain", "SIGKILL while the server has not answered, nor applied it; the next day.", killed_in_the_middle_of_a_retain),
    Scenario("killed after it was applied", "SIGKILL after the server applied it and before it answered; the next day.", killed_after_it_was_applied),
    Scenario("resumed in another process", "One session in two processes, one after the other.", resumed_in_another_process),
    Scenario("resumed on an old server", "The same on Hindsight 0.4, which knows neither append nor operation ids.", resumed_on_an_old_server, version="0.4.22"),
    Scenario("a version that cannot be asked at first", "GET /version fails once; batches of 2; then another process.", a_version_that_cannot_be_asked_at_first),
    Scenario("two processes in one session", "Two processes talk in one session by turns.", two_processes_in_one_session),
)  # fmt: skip
