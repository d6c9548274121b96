"""The journal has what the host's log has: nothing lost, nothing repeated, what was undone gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import OpenMemory
from threadline import Memory
from threadline.hosts.hermes.recorder import Recorder
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
