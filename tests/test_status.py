"""What a host is told of delivery, and what it may do about it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from threadline import (
    BackendRefusedError,
    BackendUnavailableError,
    Capabilities,
    ClosedError,
    ForgottenError,
    InputError,
    Memory,
    Query,
    UnknownDeliveryError,
)
from threadline.testing import FakeBackend, Fault

DOWN = Fault("retain", BackendUnavailableError("The server is down."))
REFUSED = Fault("retain", BackendRefusedError("No, thank you."))


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def memory(tmp_path: Path, backend: FakeBackend) -> Iterator[Memory]:
    with Memory.open(tmp_path, backend=backend, redact=False, shutdown_seconds=0.2) as memory:
        yield memory


@pytest.fixture
def _rest_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is not tried again by itself."""
    monkeypatch.setattr("threadline.delivery.courier.rest_seconds", lambda *_: 3600.0)


def _until(memory: Memory, true: Callable[[], bool]) -> None:
    assert memory._context.writer.wait_until(true, 20)


def _fail_once(memory: Memory, backend: FakeBackend) -> None:
    """One turn of the session `s` that failed and rests."""
    backend.faults.append(DOWN)
    memory.session("s").add_turn(user="said")
    _until(memory, lambda: memory.status().retrying == 1)


def test_count_what_was_tried_again(memory: Memory, backend: FakeBackend) -> None:
    backend.faults += [DOWN, DOWN]
    memory.session("s").add_turn(user="said")
    assert memory.flush(20)
    status = memory.status()
    assert (status.retries, status.retrying, status.delivered, status.healthy) == (2, 0, 1, True)
    assert status.last_error is None
    (session,) = memory.session_statuses()
    assert (session.retries, session.retrying, session.delivered, session.undelivered) == (2, 0, 1, 0)


@pytest.mark.usefixtures("_rest_for_ever")
def test_tell_each_session_its_own(memory: Memory, backend: FakeBackend) -> None:
    well, refused, late = (memory.session(name) for name in ("well", "refused", "late"))
    well.add_turn(user="taken")
    well.add_turn(user="taken back")
    well.rewind()
    assert memory.flush(20)
    backend.faults.append(REFUSED)
    refused.add_turn(user="never")
    assert memory.flush(20)
    backend.faults.append(DOWN)
    late.add_turn(user="one")
    _until(memory, lambda: memory.status().retrying == 1)
    late.add_turn(user="two")
    told = {each.id: each for each in memory.session_statuses()}
    assert list(told) == ["well", "refused", "late"]
    assert [each.status() for each in (well, refused, late)] == list(told.values())
    assert (told["well"].turns, told["well"].taken_back, told["well"].delivered) == (2, 1, 2)
    assert told["well"].last_delivered is not None
    assert (told["well"].undelivered, told["well"].oldest_undelivered, told["well"].last_error) == (0, None, None)
    assert (told["refused"].dead_letters, told["refused"].delivered) == (1, 0)
    assert told["refused"].last_error == "No, thank you."
    assert (told["late"].undelivered, told["late"].retrying, told["late"].retries) == (2, 1, 1)
    assert told["late"].last_error == "The server is down."
    assert told["late"].oldest_undelivered == memory.status().oldest_undelivered == memory.deliveries()[1].created_at
    bank = memory.status()
    assert (bank.dead_letters, bank.undelivered, bank.retries, bank.dropped) == (1, 2, 1, 0)


def test_tell_what_is_in_no_batch_yet(tmp_path: Path, backend: FakeBackend) -> None:
    with Memory.open(tmp_path, backend=backend, retain_every_n_turns=9) as memory:
        session = memory.session("s")
        turn = session.add_turn(user="said")
        status = session.status()
        assert (status.turns, status.buffered, status.undelivered, status.delivered) == (1, 1, 1, 0)
        assert status.oldest_undelivered is not None
        assert status.oldest_undelivered >= turn.occurred_at
        session.end()
        assert session.status().ended_at is not None


def test_tell_nothing_of_a_forgotten_session(memory: Memory) -> None:
    session = memory.session("s")
    session.add_turn(user="said")
    memory.forget(session="s")
    assert memory.session_statuses() == []
    with pytest.raises(ForgottenError, match="begin another"):
        session.status()


def test_retry_a_dead_letter(memory: Memory, backend: FakeBackend) -> None:
    backend.faults.append(REFUSED)
    memory.session("s").add_turn(user="said")
    assert memory.flush(20)
    (dead,) = memory.deliveries()
    assert (dead.state, dead.session, dead.error) == ("dead", "s", "No, thank you.")
    assert not memory.status().healthy
    assert memory.retry() == 1
    assert memory.flush(20)
    assert memory.deliveries() == []
    assert backend.texts("default", "session:s") == [(1, "said")]
    assert memory.status().healthy


@pytest.mark.usefixtures("_rest_for_ever")
def test_retry_at_once_what_rests(memory: Memory, backend: FakeBackend) -> None:
    _fail_once(memory, backend)
    (waiting,) = memory.deliveries()
    assert memory.retry(waiting.id) == 0, "it waits already"
    assert memory._context.wait_for_delivery(20)


@pytest.mark.usefixtures("_rest_for_ever")
def test_flush_at_once_what_rests(memory: Memory, backend: FakeBackend) -> None:
    _fail_once(memory, backend)
    assert not memory.flush(0.3, hurry=False), "a caller that looks again and again leaves the backend alone"
    assert len(backend.calls) == 1
    assert memory.flush(20)


@pytest.mark.usefixtures("_rest_for_ever")
def test_recall_in_time_from_a_backend_that_is_down(tmp_path: Path, backend: FakeBackend) -> None:
    """A host recalls at every turn: that must not wear a backend out that asked to be left alone."""
    with Memory.open(tmp_path, backend=backend, fresh_seconds=0.3, shutdown_seconds=0.2) as memory:
        _fail_once(memory, backend)
        assert memory.recall("said", fresh=True) == []
        assert [verb for verb, _ in backend.calls] == ["retain", "recall"]


@pytest.mark.usefixtures("_rest_for_ever")
def test_drop_what_is_not_to_be_delivered(memory: Memory, backend: FakeBackend) -> None:
    _fail_once(memory, backend)
    memory.session("s").add_turn(user="said later")
    first, _ = memory.deliveries()
    assert memory.drop(first.id) == 1
    assert memory.flush(20)
    assert backend.texts("default", "session:s") == [(2, "said later")]
    status = memory.status()
    assert (status.dropped, status.undelivered, status.healthy, status.last_error) == (1, 0, True, None)
    assert memory.session("s").status().last_error is None
    assert [each.id for each in memory.deliveries(["dropped"])] == [first.id]
    assert memory.retry(first.id) == 1
    assert memory.flush(20)
    assert memory.status().dropped == 0


def test_take_out_what_was_dropped_but_may_have_arrived(memory: Memory, backend: FakeBackend) -> None:
    """What was dropped may have arrived before that: a turn of it that is taken back is taken out all the same."""
    backend.faults.append(Fault("retain", BackendUnavailableError("no answer"), applied=1))
    session = memory.session("s")
    backend.faults.append(REFUSED)
    session.add_turn(user="said")
    assert memory.flush(20)
    (dead,) = memory.deliveries()
    memory.drop(dead.id)
    session.rewind()
    assert memory.flush(20)
    assert backend.texts("default", "session:s") == []


def test_refuse_a_delivery_that_is_none(memory: Memory) -> None:
    for act in (memory.retry, memory.drop):
        with pytest.raises(UnknownDeliveryError, match="no delivery 7"):
            act(7)
        with pytest.raises(InputError, match="named by its number"):
            act("seven")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="to be dropped"):
        memory.drop()


def test_refuse_to_drop_what_the_backend_is_taking(memory: Memory, backend: FakeBackend) -> None:
    gate = threading.Event()
    backend.faults.append(Fault("retain", gate=gate, applied=1))
    memory.session("s").add_turn(user="said")
    _until(memory, lambda: bool(backend.calls))
    with pytest.raises(InputError, match="being carried"):
        memory.drop(1)
    gate.set()
    assert memory.flush(20)
    with pytest.raises(InputError, match="was delivered"):
        memory.drop(1)


def test_probe_the_backend(memory: Memory, backend: FakeBackend) -> None:
    memory.session("s").add_turn(user="said")
    assert memory.flush(20)
    assert memory.probe().ok
    assert backend.state.banks["default"].keys() == {"session:s"}
    assert (memory.notes(), memory.status().notes, len(memory.deliveries(["done"]))) == ([], 0, 1)
    backend.faults.append(DOWN)
    assert memory.probe().error == "The backend fake did not take a note: The server is down."


def test_recall_no_note_of_a_probe(memory: Memory, backend: FakeBackend) -> None:
    """Neither one under way nor one that stayed behind."""
    memory.retain("Threadline is a mill in Leeds")
    assert memory.flush(20)
    backend.faults.append(Fault("forget", BackendRefusedError("Never.")))
    assert not memory.probe().ok
    assert len(backend.recall("default", Query("Threadline"))) == 2
    assert [found.text for found in memory.recall("Threadline")] == ["Threadline is a mill in Leeds"]
    assert memory.session("s").recall("Threadline") == []


def test_probe_a_backend_that_hangs_in_a_delivery(
    memory: Memory, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes come from one thread at a time: the probe waits for the delivery, and says that it did."""
    monkeypatch.setattr("threadline.backends.probe._GRACE", 0.0)
    gate = threading.Event()
    backend.faults.append(Fault("retain", gate=gate, applied=1))
    memory.session("s").add_turn(user="said")
    _until(memory, lambda: bool(backend.calls))
    assert "at another write" in (memory.probe(0.1).error or "")
    gate.set()
    assert memory.flush(20)
    assert memory.probe(20).ok


def test_say_of_a_backend_that_takes_a_batch_again_that_it_does(tmp_path: Path) -> None:
    for once in (True, False):
        backend = FakeBackend(Capabilities(idempotent_retain=once))
        with Memory.open(tmp_path / str(once), backend=backend) as memory:
            assert (memory.status().once, memory.status().backend) == (once, "fake")


def test_answer_nothing_once_closed(memory: Memory) -> None:
    memory.close()
    for call in (memory.session_statuses, memory.deliveries, memory.retry, memory.probe, lambda: memory.drop(1)):
        with pytest.raises(ClosedError):
            call()
