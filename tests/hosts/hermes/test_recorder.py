"""The journal has what the host's log has: nothing lost, nothing repeated, what was undone gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import OpenMemory
from threadline import Memory
from threadline.hosts.hermes.recorder import Recorder
from threadline.hosts.hermes.statedb import HostSession, Row, StateDb
from threadline.turns import Turn

from .hostlog import Agent, HostDb, answer, call, result, user


@pytest.fixture
def hermes(tmp_path: Path) -> Path:
    return tmp_path / "hermes"


@pytest.fixture
def db(hermes: Path) -> Iterator[HostDb]:
    db = HostDb(hermes)
    yield db
    db.close()


@pytest.fixture
def agent(db: HostDb) -> Agent:
    return Agent(db, "a")


@pytest.fixture
def recorder(memory: Memory, hermes: Path) -> Iterator[Recorder]:
    recorder = Recorder(memory, hermes)
    yield recorder
    recorder.close()


def shown(turn: Turn) -> tuple[str, ...]:
    return tuple(message.text for message in turn.messages)


def seen(memory: Memory, session: str = "a") -> list[tuple[str, ...]]:
    """What a session sees, turn by turn."""
    return [shown(turn) for turn in memory.find_session(session).history()]


def own(memory: Memory, session: str = "a") -> list[tuple[str, ...]]:
    """What was said in a session itself and not taken back."""
    return [shown(turn) for turn in memory.find_session(session).turns() if not turn.taken_back]


def settled(recorder: Recorder) -> None:
    """A comparison that is repeated, here or after a restart, changes nothing."""
    assert not recorder.reconcile().changed


def test_record_each_turn_once_by_either_road(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    agent.say("Hello", "Good morning")
    recorder.turn("a", "Hello", "Good morning")
    agent.say("And now?", "Now we work")
    assert recorder.reconcile().added == [("a", 2)]
    recorder.turn("a", "And now?", "Now we work")
    recorder.turn("a", "And now?", "Now we work")
    assert own(memory) == [("Hello", "Good morning"), ("And now?", "Now we work")]
    settled(recorder)


def test_record_what_came_before_a_turn_first(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    agent.say("Hello", "Good morning")
    recorder.turn("a", "Hello", "Good morning")
    agent.add(user("Look at the tests"), call("1"), result("1", "tests.py"), answer("Operation interrupted."))
    agent.add(user("No, wait"))
    agent.say("Look at the docs", "They are fine")
    recorder.turn("a", "Look at the docs", "They are fine")
    assert own(memory)[1:] == [
        ("Look at the tests", '[calls shell {"command": "ls"}]', "tests.py", "Operation interrupted."),
        ("No, wait",),
        ("Look at the docs", "They are fine"),
    ]
    settled(recorder)


def test_record_without_a_log(recorder: Recorder, memory: Memory) -> None:
    recorder.turn("a", "Hello", "Good morning")
    recorder.turn("a", "Hello", "You said so")
    assert own(memory) == [("Hello", "Good morning"), ("Hello", "You said so")]
    assert "There is no" in recorder.problems[0]


def test_take_back_what_was_undone(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    for number in range(3):
        agent.say(f"Question {number}", "Well")
        recorder.turn("a", f"Question {number}", "Well")
    agent.undo(2)
    assert recorder.catch_up("a").retracted == [("a", 3), ("a", 2)]
    agent.say("Question 1", "Well")
    recorder.turn("a", "Question 1", "Well")
    assert own(memory) == [("Question 0", "Well"), ("Question 1", "Well")]
    settled(recorder)


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("todo", [False, True])
@pytest.mark.parametrize(("head", "tail"), [(0, 2), (2, 4), (0, 3), (3, 1)])
def test_take_no_copy_of_a_compression_for_a_turn(
    agent: Agent, recorder: Recorder, memory: Memory, merge: bool, todo: bool, head: int, tail: int
) -> None:
    said = [(f"Question {number % 3}", f"Answer {number % 2}") for number in range(8)]
    for text, reply in said[:5]:
        agent.say(text, reply)
    agent.compress_in_place(head, tail, merge=merge, todo=todo)
    for text, reply in said[5:]:
        agent.say(text, reply)
    agent.compress_in_place(head, tail, merge=merge, todo=todo)
    recorder.reconcile()
    assert own(memory) == said
    settled(recorder)


def test_follow_a_compression_into_a_new_session(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    for number in range(4):
        agent.say(f"Question {number}", "Well")
    agent.rotate("b", 2, 4)
    agent.say("Question 3", "Well")
    assert recorder.reconcile().lineages == ["b"]
    assert own(memory, "b") == [("Question 3", "Well")]
    assert len(seen(memory, "b")) == 5
    settled(recorder)


def test_inherit_what_a_branch_copied(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    agent.say("Question 0", "Well")
    agent.say("Question 1", "Well")
    branch = agent.branch("b", ends=False)
    agent.say("Question 2", "Not so well")
    branch.say("Question 1", "Well")
    recorder.reconcile()
    assert own(memory, "b") == [("Question 1", "Well")]
    assert seen(memory, "b") == [("Question 0", "Well"), ("Question 1", "Well"), ("Question 1", "Well")]
    settled(recorder)


def test_recognise_messages_that_the_host_made_into_one(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    agent.add(user("Look at the docs"))
    agent.say("And at the tests", "Both are fine")
    agent.say("Go", "Gone")
    recorder.turn("a", "Go", "Gone")
    agent.retry_in_gateway()
    agent.say("Go", "Gone again")
    recorder.turn("a", "Go", "Gone again")
    assert own(memory) == [
        ("Look at the docs",),
        ("And at the tests", "Both are fine"),
        ("Go", "Gone"),
        ("Go", "Gone again"),
    ]
    settled(recorder)


def test_keep_both_attempts_of_a_retry(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    agent.say("Go", "Gone")
    recorder.turn("a", "Go", "Gone")
    agent.add(user(agent.retry()), answer("Gone again"))
    recorder.turn("a", "Go", "Gone again")
    assert own(memory) == [("Go", "Gone"), ("Go", "Gone again")]
    settled(recorder)


def test_take_an_unfinished_turn_of_another_process_when_it_is_old(
    agent: Agent, hermes: Path, memory: Memory, db: HostDb
) -> None:
    now = db.now
    agent.add(user("Look at the tests"), call("1"))
    recorder = Recorder(memory, hermes, clock=lambda: now + 30)
    assert not recorder.reconcile().changed
    later = Recorder(memory, hermes, clock=lambda: now + 90)
    assert later.reconcile().added == [("a", 1)]
    agent.add(result("1", "tests.py"), answer("There is one"))
    recorder.turn("a", "Look at the tests", "There is one")
    assert own(memory) == [("Look at the tests", '[calls shell {"command": "ls"}]'), ("tests.py", "There is one")]
    settled(later)


def test_look_again_at_an_unfinished_turn_by_itself(agent: Agent, hermes: Path, memory: Memory, db: HostDb) -> None:
    agent.add(user("Look at the tests"))
    now = [db.now + 30]
    recorder = Recorder(memory, hermes, clock=lambda: now[0])
    recorder.reconcile()
    Agent(db, "b").say("Hello", "Good morning")
    now[0] += 60
    recorder.turn("b", "Hello", "Good morning")
    assert own(memory) == [("Look at the tests",)]


def test_take_an_unfinished_turn_at_once_where_it_is_over(
    agent: Agent, hermes: Path, memory: Memory, db: HostDb
) -> None:
    agent.add(user("Look at the tests"))
    now = db.now
    recorder = Recorder(memory, hermes, clock=lambda: now)
    assert not recorder.catch_up("a").changed
    assert recorder.catch_up("a", over=True).added == [("a", 1)]


def test_put_what_was_overheard_before_the_turn_that_follows(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    agent.add({**user("[Ada|7]\nLunch at noon?"), "observed": True}, {**user("[Bob|8]\nYes"), "observed": True})
    assert not recorder.reconcile().changed
    agent.say("Book a table", "Done")
    recorder.turn("a", "Book a table", "Done")
    (turn,) = memory.find_session("a").turns()
    assert [(message.speaker, message.text) for message in turn.messages] == [
        ("Ada", "Lunch at noon?"),
        ("Bob", "Yes"),
        (None, "Book a table"),
        (None, "Done"),
    ]
    settled(recorder)


def test_leave_out_what_was_not_said_with_the_user(db: HostDb, recorder: Recorder, memory: Memory) -> None:
    Agent(db, "a").say("Hello", "Good morning")
    db.create_session("child", "cli", "a", _delegate_from="a")
    Agent(db, "child").say("Count the files", "Twelve")
    db.create_session("unmarked", "cli", "a")
    Agent(db, "unmarked").say("Count the files", "Twelve")
    Agent(db, "job", "cron").say("[IMPORTANT: You are running as a scheduled cron job.]", "Nothing new")
    skipped = recorder.reconcile().skipped
    assert skipped.keys() == {"child", "unmarked", "job"}
    assert [session.id for session in memory.sessions()] == ["a"]


def test_pass_over_what_did_not_change(db: HostDb, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, HostSession] = {}
    quiet, busy = Agent(db, "quiet"), Agent(db, "busy")
    for agent in (quiet, busy):
        agent.say("Hello", "Good morning")
    Agent(db, "job", "cron").say("[IMPORTANT: You are running as a scheduled cron job.]", "Nothing new")
    assert len(recorder.reconcile(seen).added) == 2
    assert seen.keys() == {"quiet", "busy", "job"}
    busy.say("And how are you?", "Well")
    read: list[str] = []
    rows = StateDb.rows

    def listed(self: StateDb, session: str, after: int = 0) -> list[Row] | None:
        read.append(session)
        return rows(self, session, after)

    monkeypatch.setattr(StateDb, "rows", listed)
    assert recorder.reconcile(seen).added == [("busy", 2)]
    assert recorder.reconcile(seen).added == []
    assert read == ["busy"]
    busy.undo(1)
    assert recorder.reconcile(seen).retracted == [("busy", 2)]


def test_take_back_in_a_branch_what_it_inherited(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    agent.say("Question 0", "Well")
    agent.say("Question 1", "Well")
    branch = agent.branch("b")
    recorder.session("b")
    branch.undo(1)
    branch.say("Question 1", "Not so well")
    recorder.turn("b", "Question 1", "Not so well")
    assert seen(memory, "b") == [("Question 0", "Well"), ("Question 1", "Not so well")]
    assert seen(memory) == [("Question 0", "Well"), ("Question 1", "Well")]
    settled(recorder)


def test_forgotten_turns_do_not_come_back(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    agent.say("Question 0", "Well")
    agent.say("Question 1", "Well")
    recorder.reconcile()
    memory.forget(session="a", turn=1)
    settled(recorder)
    memory.forget(session="a")
    assert not recorder.reconcile().changed


def test_recognise_what_was_recorded_while_the_log_was_away(
    agent: Agent, hermes: Path, tmp_path: Path, memory: Memory
) -> None:
    blind = Recorder(memory, tmp_path / "nowhere")
    for reply in ("Gone", "Gone again"):
        agent.add(user("Go"))
        agent.add(answer(reply))
        blind.turn("a", "Go", reply + "\n\n(by a plug-in)")
    agent.add(user("Go"))
    agent.say("Stop", "Stopped")
    recorder = Recorder(memory, hermes)
    recorder.turn("a", "Stop", "Stopped")
    assert [texts[0] for texts in own(memory)] == ["Go", "Go", "Go", "Stop"]
    settled(recorder)


def test_read_a_secret_as_the_journal_holds_it(agent: Agent, hermes: Path, open_memory: OpenMemory) -> None:
    memory = open_memory(redact=True)
    agent.say("My password is hunter2hunter2", "I will not tell")
    blind = Recorder(memory, hermes.parent / "nowhere")
    blind.turn("a", "My password is hunter2hunter2", "I will not tell")
    recorder = Recorder(memory, hermes)
    settled(recorder)
    assert "hunter2" not in repr(memory.find_session("a").turns())


def test_know_the_captions_of_pictures(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:..."}, "caption": "a cat on a roof"}
    agent.add({"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}, answer("A cat"))
    recorder.turn("a", "[1 image] What is it?", "A cat", agent.live)
    assert own(memory) == [("What is it?\n[image: a cat on a roof]", "A cat")]
    settled(recorder)


def test_follow_a_long_session_row_by_row(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    """A turn costs no more at the end of a session than at its beginning: nothing of it is read again."""
    recorder.turn("a", "Hello", "Good morning")
    for number in range(30):
        agent.say(f"Question {number}", "Well")
        recorder.turn("a", f"Question {number}", "Well")
    read: list[int] = []
    rows = recorder._db.rows

    def counted(session: str, after: int = 0) -> list[Row] | None:
        found = rows(session, after)
        read.append(len(found or ()))
        return found

    recorder._db.rows = counted  # type: ignore[method-assign]
    agent.say("And now?", "Now we work")
    recorder.turn("a", "And now?", "Now we work")
    assert read == [2]


def test_bring_back_what_was_restored_in_the_log(agent: Agent, recorder: Recorder, memory: Memory, db: HostDb) -> None:
    agent.say("Question 0", "Well")
    agent.say("Question 1", "Well")
    recorder.reconcile()
    agent.undo()
    recorder.reconcile()
    db.restore("a")
    recorder.reconcile()
    assert own(memory) == [("Question 0", "Well"), ("Question 1", "Well")]
    settled(recorder)


def test_keep_taken_back_what_the_log_never_heard_of(agent: Agent, recorder: Recorder, memory: Memory) -> None:
    agent.say("Question 0", "Well")
    agent.say("Question 1", "Well")
    recorder.reconcile()
    memory.find_session("a").rewind()
    settled(recorder)
    assert own(memory) == [("Question 0", "Well")]


def test_tell_what_is_said_in_a_branch_from_what_was_copied_after_retries(
    agent: Agent, recorder: Recorder, memory: Memory
) -> None:
    agent.say("yes", "yes")
    for reply in ("no", "yes"):
        agent.add(user(agent.retry()), answer(reply))
    branch = agent.branch("b")
    branch.say("yes", "maybe")
    recorder.reconcile()
    assert own(memory, "b") == [("yes", "maybe")]
    settled(recorder)
