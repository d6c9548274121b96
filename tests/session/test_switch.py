"""What the switch owes: the old session's turns under the old session's name, once, and nothing of it in the new one.

The backend is a fake whose gate a test holds shut, so that a writer stands in the middle of a retain.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from threadline import BackendUnavailableError, Batch, ClosedError, Identity, Memory, Recalled, Session
from threadline.testing import FakeBackend, Fault

WAYS: dict[str, Callable[[Session], object]] = {
    "/new": lambda session: session.switch("next", reason="new", parent=session.id),
    "/reset": lambda session: session.switch("next", reason="reset"),
    "/resume": lambda session: session.switch("next", reason="resume", parent=session.id),
    "/branch": lambda session: session.switch("next", reason="branch"),
    "compression": lambda session: session.switch("next", reason="compression", parent=session.id),
    "compression in place": lambda session: session.switch(session.id, reason="compression"),
    "end": lambda session: session.end(),
    "leave": lambda session: session.leave(),
}


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def memory(tmp_path: Path, backend: FakeBackend) -> Iterator[Memory]:
    with Memory.open(tmp_path, backend=backend, retain_every_n_turns=3, idle_seconds=3600, redact=False) as memory:
        yield memory


def say(session: Session, *texts: str) -> None:
    for text in texts:
        session.add_turn(user=text)


def retained(backend: FakeBackend) -> list[Batch]:
    return [what for verb, what in backend.calls if verb == "retain" and isinstance(what, Batch)]


def texts(batch: Batch) -> list[str]:
    return [passage.text for passage in batch.passages]


@pytest.mark.parametrize("way", WAYS)
def test_deliver_a_partial_batch_under_the_old_session(memory: Memory, backend: FakeBackend, way: str) -> None:
    root = memory.session("root")
    session = root.branch("old") if way != "/branch" else memory.session("old")
    session = memory.session(
        "old", identity=Identity(platform="cli", user="u1"), tags=["mine"], metadata={"title": "Old"}
    )
    say(session, "one", "two")
    WAYS[way](session)
    memory.session("next", identity=Identity(platform="web", user="u2"), tags=["theirs"], metadata={"title": "Next"})
    assert memory.flush()
    (batch,) = retained(backend)
    assert (batch.document, batch.session, texts(batch)) == ("session:old", "old", ["one", "two"])
    assert batch.parent == (None if way == "/branch" else "root")
    assert batch.tags == ("mine",)
    assert batch.metadata == {"platform": "cli", "user": "u1", "title": "Old", "session": "old"}


@pytest.mark.parametrize("way", WAYS)
def test_deliver_nothing_where_nothing_is_buffered(memory: Memory, backend: FakeBackend, way: str) -> None:
    WAYS[way](memory.session("old"))
    assert memory.flush()
    assert retained(backend) == []


@pytest.mark.parametrize("way", WAYS)
def test_send_nothing_again_that_was_delivered(memory: Memory, backend: FakeBackend, way: str) -> None:
    session = memory.session("old")
    say(session, "one", "two", "three", "four")
    WAYS[way](session)
    assert memory.flush()
    assert [texts(batch) for batch in retained(backend)] == [["one", "two", "three"], ["four"]]


@pytest.mark.parametrize("way", WAYS)
def test_go_through_the_one_writer_behind_what_is_queued(memory: Memory, backend: FakeBackend, way: str) -> None:
    gate = threading.Event()
    backend.faults.append(Fault("retain", applied=1, gate=gate))
    session = memory.session("old")
    say(session, "one", "two", "three", "four")
    reached(lambda: len(retained(backend)) == 1)
    WAYS[way](session)
    assert not memory.flush(seconds=0.2), "the writer stands in the middle of a retain"
    assert [texts(batch) for batch in retained(backend)] == [["one", "two", "three"]]
    gate.set()
    assert memory.flush()
    assert [text for _, text in backend.texts("default", "session:old")] == ["one", "two", "three", "four"]


@pytest.mark.parametrize("way", WAYS)
def test_wait_for_nobody(memory: Memory, backend: FakeBackend, way: str) -> None:
    """The writer hangs in a retain, and a prefetch in a recall: the switch returns all the same."""
    gate = threading.Event()
    backend.faults += [Fault("retain", applied=1, gate=gate), Fault("recall", applied=1, gate=gate)]
    session = memory.session("old")
    say(session, "one", "two", "three", "four")
    session.prefetch("one")
    reached(lambda: {verb for verb, _ in backend.calls} == {"retain", "recall"})
    thread = threading.Thread(target=WAYS[way], args=[session])
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits for the backend"
    gate.set()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("late", [False, True], ids=["cached", "in flight"])
def test_serve_no_prefetch_of_before_it(memory: Memory, backend: FakeBackend, way: str, late: bool) -> None:
    session = memory.session("old")
    say(session, "a secret of the old session")
    session.flush()
    assert memory.flush()
    gate = threading.Event()
    if late:
        backend.faults.append(Fault("recall", applied=1, gate=gate))
    session.prefetch("secret")
    reached(lambda: (backend.calls[-1][0], sum(verb == "recall" for verb, _ in backend.calls)) == ("recall", 1))
    WAYS[way](session)
    target = memory.session("next" if memory_has(memory, "next") else "fresh")
    backend.faults.append(Fault("recall", BackendUnavailableError("down")))
    gate.set()
    assert served(session) == [], "what was prefetched before is not served in the old session either"
    if way not in ("/branch", "compression"):
        assert served(target) == []


def memory_has(memory: Memory, name: str) -> bool:
    return any(session.id == name for session in memory.sessions())


def served(session: Session) -> list[Recalled]:
    """What a prefetch answers. The one recall that it may begin by itself fails."""
    try:
        return session.prefetched("secret", 5.0)
    except BackendUnavailableError:
        return []


def test_name_where_a_new_session_comes_from_and_inherit_nothing(memory: Memory, backend: FakeBackend) -> None:
    session = memory.session("old")
    say(session, "one")
    new = session.switch("new", reason="new", parent="old")
    say(new, "two")
    assert [turn.messages[0].text for turn in new.history()] == ["two"]
    assert memory.flush()
    assert {batch.session: batch.parent for batch in retained(backend)} == {"old": None, "new": "old"}


def test_inherit_no_parent_from_an_earlier_switch(memory: Memory, backend: FakeBackend) -> None:
    one = memory.session("one")
    two = one.switch("two", reason="new", parent="one")
    three = two.switch("three", reason="new")
    four = three.switch("four", reason="resume", parent="three")
    for session in (two, three, four):
        say(session, f"said in {session.id}")
    assert memory.flush()
    assert {batch.session: batch.parent for batch in retained(backend)} == {"two": "one", "three": None, "four": None}


def test_keep_the_parent_of_a_session_that_is_resumed(memory: Memory, backend: FakeBackend) -> None:
    branch = memory.session("root").branch("branch")
    elsewhere = branch.switch("elsewhere", reason="new", parent="branch")
    say(elsewhere.switch("branch", reason="resume", parent="elsewhere"), "back again")
    assert memory.flush()
    assert [(batch.session, batch.parent) for batch in retained(backend)] == [("branch", "root")]


def test_branch_off_the_parent_that_the_host_names(memory: Memory) -> None:
    root, other = memory.session("root"), memory.session("other")
    say(root, "one", "two")
    branch = other.switch("branch", reason="branch", parent="root", at_turn=1)
    assert [turn.messages[0].text for turn in branch.history()] == ["one"]


def test_continue_a_parent_never_seen_on_this_machine(memory: Memory) -> None:
    session = memory.session("here").switch("next", reason="compression", parent="lived elsewhere")
    (found,) = [one for one in memory.sessions() if one.id == "next"]
    assert (session.id, found.kind, found.parent) == ("next", "continuation", "lived elsewhere")


def test_resume_a_session_never_seen_on_this_machine(memory: Memory) -> None:
    session = memory.session("here").switch("lived elsewhere")
    say(session, "one")
    assert session.history()[0].number == 1


@pytest.mark.parametrize("target", ["", "   ", None])
def test_go_nowhere_with_an_empty_id(memory: Memory, backend: FakeBackend, target: str | None) -> None:
    session = memory.session("old")
    say(session, "one")
    assert session.switch(target, reason="new") is session
    say(session, "two", "three")
    assert memory.flush()
    assert [texts(batch) for batch in retained(backend)] == [["one", "two", "three"]]


def test_change_nothing_by_a_resume_of_the_same_session(memory: Memory, backend: FakeBackend) -> None:
    session = memory.session("old")
    say(session, "one")
    assert session.switch("old") is session
    say(session, "two", "three")
    assert memory.flush()
    assert [texts(batch) for batch in retained(backend)] == [["one", "two", "three"]]


def test_attribute_a_late_turn_to_the_session_it_was_said_in(memory: Memory, backend: FakeBackend) -> None:
    old = memory.session("old")
    say(old, "one")
    new = old.switch("new", reason="new")
    say(new, "two")
    say(old, "late")
    assert memory.flush()
    said = {name: [text for _, text in backend.texts("default", f"session:{name}")] for name in ("old", "new")}
    assert said == {"old": ["one", "late"], "new": ["two"]}


def test_say_how_far_a_compression_in_place_went(memory: Memory, backend: FakeBackend) -> None:
    session = memory.session("s")
    assert session.compressed_turn() == 0
    say(session, "one", "two")
    session.compress()
    say(session, "three")
    assert session.compressed_turn() == 2
    assert memory.flush()
    assert [texts(batch) for batch in retained(backend)] == [["one", "two"], ["three"]]
    assert {found.text for found in session.recall("one two three", limit=9)} == {"one", "two", "three"}


def test_refuse_a_reason_that_is_none(memory: Memory) -> None:
    with pytest.raises(ValueError, match="reason must be one of"):
        memory.session("s").switch("t", reason="because")  # type: ignore[arg-type]


def test_keep_a_turn_said_while_shutting_down_for_the_next_start(tmp_path: Path, backend: FakeBackend) -> None:
    gate = threading.Event()
    backend.faults.append(Fault("retain", applied=1, gate=gate))
    memory = Memory.open(tmp_path, backend=backend, retain_every_n_turns=2, idle_seconds=3600, shutdown_seconds=20)
    session = memory.session("s")
    say(session, "one", "two")
    reached(lambda: len(retained(backend)) == 1)
    closing = threading.Thread(target=memory.close)
    closing.start()
    reached(lambda: memory_is_closing(memory))
    say(session, "said while shutting down")
    gate.set()
    closing.join()
    with Memory.open(tmp_path, backend=FakeBackend(state=backend.state)) as again:
        assert again.flush()
    assert [text for _, text in backend.texts("default", "session:s")] == ["one", "two", "said while shutting down"]


def memory_is_closing(memory: Memory) -> bool:
    try:
        memory.sessions()
    except ClosedError:
        return True
    return False


def test_return_by_the_deadline_and_deliver_at_the_next_start_in_order(tmp_path: Path, backend: FakeBackend) -> None:
    """The backend hangs for good. What it hung in was carried out all the same, and is not repeated."""
    backend.faults.append(Fault("retain", applied=1, gate=threading.Event()))
    memory = Memory.open(tmp_path, backend=backend, retain_every_n_turns=2, idle_seconds=3600)
    session = memory.session("s")
    say(session, "one", "two", "three")
    reached(lambda: len(retained(backend)) == 1)
    began = time.monotonic()
    memory.close(seconds=1.5)
    assert time.monotonic() - began < 5
    late = FakeBackend(state=backend.state)
    late.retain(retained(backend)[0])  # what was under way arrives after all
    with Memory.open(tmp_path, backend=late) as again:
        assert again.flush()
    assert [text for _, text in backend.texts("default", "session:s")] == ["one", "two", "three"]


def reached(condition: Callable[[], bool]) -> None:
    """Wait until another thread got somewhere."""
    deadline = time.monotonic() + 10
    signal = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        signal.wait(0.005)
