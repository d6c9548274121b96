"""A host that says late what was undone, where a session came from, and what its model holds word for word."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from threadline import InputError, LineageError, Memory, Recalled, Session, UnknownTurnError
from threadline.testing import FakeBackend, Fault


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def memory(tmp_path: Path, backend: FakeBackend) -> Iterator[Memory]:
    with Memory.open(tmp_path, backend=backend, redact=False) as memory:
        yield memory


def say(session: Session, *texts: str) -> None:
    for text in texts:
        session.add_turn(user=text, host_key=f"key of {text}")


def heard(found: list[Recalled]) -> set[str]:
    return {one.text for one in found}


def seen(session: Session) -> list[str]:
    return [turn.messages[0].text for turn in session.history()]


def test_find_a_turn_by_its_key(memory: Memory) -> None:
    session = memory.session("s")
    say(session, "one", "two")
    session.rewind()
    found = session.find_turn("key of two")
    assert found is not None
    assert (found.number, found.taken_back) == (2, True)
    assert session.find_turn("key of three") is None
    assert memory.session("t").find_turn("key of one") is None


def test_take_back_a_turn_in_the_middle(memory: Memory, backend: FakeBackend) -> None:
    session = memory.session("s")
    say(session, "tea one", "tea two", "tea three")
    assert memory.flush()
    assert session.take_back(2) == [("s", 2)]
    assert seen(session) == ["tea one", "tea three"]
    assert memory.flush()
    assert heard(session.recall("tea")) == {"tea one", "tea three"}
    assert backend.texts("default", "session:s") == [(1, "tea one"), (3, "tea three")]
    assert session.take_back(1, 2) == [("s", 1)], "what was taken back already stays so"
    assert session.take_back(1, 2) == []


def test_take_back_only_what_there_is(memory: Memory) -> None:
    session = memory.session("s")
    say(session, "one")
    with pytest.raises(UnknownTurnError, match="no turn 2"):
        session.take_back(1, 2)
    with pytest.raises(InputError, match="whole numbers"):
        session.take_back(0)
    assert seen(session) == ["one"]


def test_a_branch_keeps_what_was_taken_back_after_it(memory: Memory) -> None:
    session = memory.session("s")
    say(session, "one", "two")
    branch = session.branch("b")
    session.take_back(1)
    assert seen(session) == ["two"]
    assert seen(branch) == ["one", "two"]


def test_learn_a_branch_late(memory: Memory) -> None:
    parent = memory.session("parent")
    say(parent, "one", "two", "three")
    child = memory.session("child")
    say(child, "four")
    say(parent, "five")
    late = child.descend("parent", at_turn=2)
    assert seen(late) == ["one", "two", "four"]
    assert seen(child.descend("parent", at_turn=2)) == ["one", "two", "four"], "again is no error"
    (summary,) = [one for one in memory.sessions() if one.id == "child"]
    assert (summary.kind, summary.parent, summary.fork_turn) == ("branch", "parent", 2)


def test_a_late_branch_inherits_what_its_parent_had_by_then(memory: Memory) -> None:
    parent = memory.session("parent")
    say(parent, "one", "two")
    child = memory.session("child")
    say(child, "three")
    say(parent, "four")
    parent.take_back(1)
    assert seen(child.descend("parent")) == ["one", "two", "three"], "it was taken back after the fork"


def test_a_late_branch_inherits_turns_recorded_later_than_its_own(memory: Memory) -> None:
    child = memory.session("child")
    say(child, "three")
    parent = memory.session("parent")
    say(parent, "one", "two")
    late = child.descend("parent", at_turn=2)
    parent.rewind()
    assert seen(late) == ["one", "two", "three"], "it was taken back after the fork"


def test_learn_a_continuation_late(memory: Memory) -> None:
    say(memory.session("parent"), "one")
    child = memory.session("child")
    say(child, "two")
    assert seen(child.descend("parent", "continuation")) == ["one", "two"]


def test_a_delegate_inherits_nothing(memory: Memory) -> None:
    say(memory.session("parent"), "one")
    child = memory.session("child")
    say(child, "two")
    assert seen(child.descend("parent", "delegation")) == ["two"]


def test_refuse_another_lineage(memory: Memory) -> None:
    parent = memory.session("parent")
    say(parent, "one")
    child = parent.branch("child")
    with pytest.raises(LineageError, match="exists already"):
        child.descend("elsewhere")
    with pytest.raises(LineageError, match="descend from itself"):
        parent.descend("child")
    with pytest.raises(LineageError, match="descend from itself"):
        parent.descend("parent")
    with pytest.raises(UnknownTurnError, match="no turn 7"):
        memory.session("other").descend("parent", at_turn=7)
    with pytest.raises(InputError, match="kind must be one of"):
        memory.session("other").descend("parent", "fresh")  # type: ignore[arg-type]


def test_leave_out_what_the_model_holds(memory: Memory) -> None:
    say(memory.session("old"), "tea of old")
    session = memory.session("s")
    say(session, "tea one", "tea two")
    assert memory.flush()
    for scope in ("session", "bank"):
        assert "tea one" in heard(session.recall("tea", scope=scope))
    assert heard(session.recall("tea", outside_context=True)) == set()
    assert heard(session.recall("tea", scope="bank", outside_context=True)) == {"tea of old"}
    session.compress(kept_turns=1)
    assert heard(session.recall("tea", scope="bank", outside_context=True)) == {"tea of old", "tea one"}
    assert heard(session.recall("tea", outside_context=True)) == {"tea one"}


def test_a_branch_holds_what_it_took_along(memory: Memory) -> None:
    parent = memory.session("parent")
    say(parent, "tea one")
    parent.compress()
    say(parent, "tea two")
    branch = parent.branch("branch")
    say(parent, "tea three")
    say(branch, "tea four")
    assert memory.flush()
    assert heard(branch.recall("tea", scope="bank", outside_context=True)) == {"tea one", "tea three"}
    branch.compress()
    assert heard(branch.recall("tea", outside_context=True)) == {"tea one", "tea two", "tea four"}


def test_a_continuation_holds_a_summary_only(memory: Memory) -> None:
    parent = memory.session("parent")
    say(parent, "tea one")
    child = parent.continuation("child")
    say(child, "tea two")
    assert memory.flush()
    assert heard(child.recall("tea", outside_context=True)) == {"tea one"}


def test_the_bank_is_in_no_context(memory: Memory) -> None:
    with pytest.raises(InputError, match="outside_context"):
        memory.recall("tea", outside_context=True)
    with pytest.raises(InputError, match="kept_turns"):
        memory.session("s").compress(kept_turns=-1)


def test_fall_back_on_the_request_before(memory: Memory, backend: FakeBackend) -> None:
    session = memory.session("s")
    say(session, "tea", "coffee")
    assert memory.flush()
    session.prefetch("tea")
    (slot,) = memory._context.prefetcher._slots.values()
    assert slot.ended.wait(10)
    gate = threading.Event()
    backend.faults.append(Fault("recall", gate=gate))
    session.prefetch("coffee")
    try:
        assert session.prefetched("coffee", 0.0) == []
        assert heard(session.prefetched("coffee", 0.0, instead="tea")) == {"tea"}
        assert session.prefetched("coffee", 0.0, instead="water") == [], "what was never asked for is no result"
        assert memory.session("t").prefetched("milk", 0.0, instead="tea") == [], "nor is another session's"
        session.leave()
        assert session.prefetched("coffee", 0.0, instead="tea") == [], "nor what was found before a switch"
    finally:
        gate.set()
