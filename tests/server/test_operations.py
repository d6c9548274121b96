"""The durable queue: accepted is written, carried out once and in order; no bank waits for another."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.server.queued_lives import WRITES
from threadline.engine.models.fake import FakeEmbedder
from threadline.errors import (
    ConflictError,
    EmbedderError,
    InputError,
    RequestError,
    StorageBusyError,
    UnknownBankError,
    UnknownItemError,
)
from threadline.server import operations, workers
from threadline.server.house import House, Room, Tenant
from threadline.server.operations import Operation
from threadline.server.retaining import Retaining
from threadline.server.store import open_store
from threadline.server.store import operations as store
from threadline.server.upkeep import Retention, tidy
from threadline.server.workers import Workers
from threadline.settings import Settings

_NAME = "7f3e2b1c-0000-4000-8000-000000000001"


class Gate:
    """A kind of operation that waits until it is let through, and notes the order."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, room: Room, operation: Operation) -> Mapping[str, Any]:
        self.begun.append((room.id, (operation.payload or {})["number"]))
        self.entered.release()
        assert self.open.wait(10)
        return {}


@pytest.fixture
def room(house: House) -> Room:
    return house.tenant().make_room("bank")


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setitem(operations.KINDS, "gate", gate)
    yield gate
    gate.open.set()


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Operation], Mapping[str, Any]]], None]:
    """Has operations of the kind `kind` carried out by a function."""

    def register(function: Callable[[Operation], Mapping[str, Any]]) -> None:
        monkeypatch.setitem(operations.KINDS, "kind", lambda _, operation: function(operation))

    return register


def _payload(text: str = "Carla plays chess in Lima.", **more: Any) -> dict[str, Any]:
    return {"items": [Retaining(text, **more).as_json()]}


def _get(room: Room, name: str) -> Operation:
    found = store.get(room.tenant.database, room.uid, name)
    assert found is not None
    return found


def _ended(room: Room, name: str) -> Operation:
    house = room.tenant.house
    assert house.workers.wait_until(lambda: _get(room, name).state in operations.ENDED, 10)
    return _get(room, name)


def _memories(room: Room) -> int:
    return room.tenant.backend.figures(room.id).memories


def test_write_what_is_accepted_before_saying_so(room: Room, gate: Gate) -> None:
    operations.submit(room, "gate", {"number": 0}, queue="retain")
    assert gate.entered.acquire(timeout=10)
    name = operations.submit(room, "batch_retain", _payload()).id
    other = apsw.Connection(str(room.tenant.database.path), flags=apsw.SQLITE_OPEN_READONLY)
    found = other.execute("SELECT kind, state FROM operations WHERE id = ?", (name,)).get
    other.close()
    assert found == ("batch_retain", "pending")
    gate.open.set()
    assert _ended(room, name).state == "completed"
    assert _memories(room) == 1


def test_keep_no_content_of_what_is_completed(room: Room) -> None:
    name = operations.submit(room, "batch_retain", _payload("Zebedee's secret is 1234.")).id
    _ended(room, name)
    rows = room.tenant.database.rows("SELECT * FROM operations")
    assert "Zebedee" not in str(rows)


def test_take_one_id_once(room: Room) -> None:
    first = operations.submit(room, "batch_retain", _payload(), operation_id=_NAME)
    again = operations.submit(room, "batch_retain", _payload(), operation_id=_NAME)
    assert (first.id, first.repeated, again.id, again.repeated) == (_NAME, False, _NAME, True)
    _ended(room, _NAME)
    assert operations.submit(room, "batch_retain", _payload(), operation_id=_NAME).repeated
    with pytest.raises(ConflictError, match="other content"):
        operations.submit(room, "batch_retain", _payload("Something else."), operation_id=_NAME)
    with pytest.raises(RequestError, match="Invalid operation_id format: none"):
        operations.submit(room, "batch_retain", _payload(), operation_id="none")
    assert _memories(room) == 1


def test_let_two_banks_use_the_same_id(room: Room) -> None:
    other = room.tenant.make_room("other")
    operations.submit(room, "batch_retain", _payload(), operation_id=_NAME)
    assert not operations.submit(other, "batch_retain", _payload("Something else."), operation_id=_NAME).repeated
    _ended(room, _NAME)
    _ended(other, _NAME)
    assert (_memories(room), _memories(other)) == (1, 1)


def test_take_one_id_once_from_many_at_a_time(room: Room) -> None:
    with ThreadPoolExecutor(16) as pool:
        submitted = list(
            pool.map(lambda _: operations.submit(room, "batch_retain", _payload(), operation_id=_NAME), range(64))
        )
    assert sum(not each.repeated for each in submitted) == 1
    _ended(room, _NAME)
    assert store.listed(room.tenant.database, room.uid)[1] == 2
    assert _memories(room) == 1


def test_carry_out_a_queue_in_order(room: Room, gate: Gate) -> None:
    gate.open.set()
    names = [operations.submit(room, "gate", {"number": number}).id for number in range(50)]
    for name in names:
        _ended(room, name)
    assert gate.begun == [("bank", number) for number in range(50)]


def test_append_in_order(room: Room) -> None:
    texts = [f"Chapter {number} of the story." for number in range(20)]
    names = [operations.submit(room, "batch_retain", _payload(text, document="d", mode="append")).id for text in texts]
    for name in names:
        assert _ended(room, name).state == "completed"
    stored = room.shelf._database.rows("SELECT text FROM passages ORDER BY id")
    assert [text for (text,) in stored] == texts


def test_keep_no_bank_waiting_for_another(room: Room, gate: Gate) -> None:
    operations.submit(room, "gate", {"number": 0})
    assert gate.entered.acquire(timeout=10)
    other = room.tenant.make_room("other")
    assert _ended(other, operations.submit(other, "batch_retain", _payload()).id).state == "completed"


def test_take_banks_in_turn(room: Room, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = Gate()
    monkeypatch.setitem(operations.KINDS, "hold", hold)
    operations.submit(room.tenant.make_room("busy"), "hold", {"number": 0})
    assert hold.entered.acquire(timeout=10)  # one thread is left, so that the order is one
    many = [operations.submit(room, "gate", {"number": number}, queue=f"q{number}").id for number in range(20)]
    assert gate.entered.acquire(timeout=10)
    other = room.tenant.make_room("other")
    one = operations.submit(other, "gate", {"number": 0}).id
    gate.open.set()
    for name in many:
        _ended(room, name)
    _ended(other, one)
    hold.open.set()
    assert gate.begun.index(("other", 0)) == 1


def test_try_again_what_may_pass(house: House, room: Room, kind: Callable[..., None]) -> None:
    house.workers._rests = lambda _: 0.0
    faults = iter([StorageBusyError("held"), EmbedderError("no model")])

    def carry(operation: Operation) -> Mapping[str, Any]:
        for fault in faults:
            raise fault
        return {"tried": operation.attempts}

    kind(carry)
    done = _ended(room, operations.submit(room, "kind", {}).id)
    assert (done.state, done.retries, done.error, done.metadata) == ("completed", 2, None, {"tried": 2})


def test_give_up_in_the_end(house: House, room: Room, kind: Callable[..., None]) -> None:
    house.workers._rests = lambda _: 0.0

    def carry(operation: Operation) -> Mapping[str, Any]:
        raise StorageBusyError(f"held {operation.attempts}")

    kind(carry)
    done = _ended(room, operations.submit(room, "kind", {}).id)
    assert (done.state, done.attempts, done.error) == ("failed", workers.ATTEMPTS, f"held {workers.ATTEMPTS - 1}")


def test_rest_before_trying_again_and_be_hurried(house: House, room: Room, kind: Callable[..., None]) -> None:
    house.workers._rests = lambda _: 3600.0
    faults = iter([StorageBusyError("held")])

    def carry(operation: Operation) -> Mapping[str, Any]:
        del operation
        for fault in faults:
            raise fault
        return {}

    kind(carry)
    name = operations.submit(room, "kind", {}).id
    assert house.workers.wait_until(lambda: _get(room, name).attempts == 1, 10)
    resting = _get(room, name)
    assert (resting.state, resting.error) == ("pending", "held")
    assert resting.next_retry_at is not None
    assert resting.next_retry_at > resting.updated_at
    operations.retry(room, name)
    assert _ended(room, name).state == "completed"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (InputError("The document is none."), "The document is none."),
        (KeyError("x"), "An internal error (KeyError); the server's log has more."),
    ],
)
def test_say_why_one_failed(room: Room, kind: Callable[..., None], fault: Exception, message: str) -> None:
    def carry(operation: Operation) -> Mapping[str, Any]:
        raise fault

    kind(carry)
    done = _ended(room, operations.submit(room, "kind", {}).id)
    assert (done.state, done.error) == ("failed", message)


def test_fail_a_batch_whose_part_failed_and_retry_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    carry = operations.KINDS["retain"]

    def fail(room: Room, operation: Operation) -> Mapping[str, Any]:
        raise InputError("Not today.")

    monkeypatch.setitem(operations.KINDS, "retain", fail)
    name = operations.submit(room, "batch_retain", _payload()).id
    failed = _ended(room, name)
    assert (failed.state, failed.error) == ("failed", "Not today.")
    monkeypatch.setitem(operations.KINDS, "retain", carry)
    operations.retry(room, name)
    done = _ended(room, name)
    assert (done.state, done.error, done.metadata["unit_ids_count"]) == ("completed", None, 1)
    assert _memories(room) == 1


def test_cancel_what_waits(room: Room, gate: Gate) -> None:
    first = operations.submit(room, "gate", {"number": 0}, queue="retain").id
    assert gate.entered.acquire(timeout=10)
    name = operations.submit(room, "batch_retain", _payload()).id
    operations.cancel(room, name)
    assert _get(room, name).state == "cancelled"
    assert [part.state for part in store.children(room.tenant.database, _get(room, name))] == ["cancelled"]
    with pytest.raises(ConflictError, match="status is 'cancelled'"):
        operations.cancel(room, name)
    gate.open.set()
    _ended(room, first)
    assert _memories(room) == 0
    operations.retry(room, name)
    assert _ended(room, name).state == "completed"
    with pytest.raises(ConflictError, match="no incomplete sub-batches"):
        operations.retry(room, name)
    operations.delete(room, name)
    with pytest.raises(UnknownItemError):
        operations.cancel(room, name)
    assert store.listed(room.tenant.database, room.uid)[1] == 1


def test_begin_nothing_beside_one_that_was_cancelled_and_is_still_at_it(house: House, room: Room, gate: Gate) -> None:
    first = operations.submit(room, "gate", {"number": 0}).id
    assert gate.entered.acquire(timeout=10)
    second = operations.submit(room, "gate", {"number": 1}).id
    operations.cancel(room, first)
    assert not gate.entered.acquire(timeout=0.1)
    gate.open.set()
    assert _ended(room, second).state == "completed"
    assert _get(room, first).state == "cancelled"
    assert gate.begun == [("bank", 0), ("bank", 1)]


def test_answer_with_the_one_that_waits_already(room: Room, gate: Gate) -> None:
    first = operations.submit(room, "gate", {"number": 0}, single="all")
    assert gate.entered.acquire(timeout=10)
    second = operations.submit(room, "gate", {"number": 1}, single="all")
    third = operations.submit(room, "gate", {"number": 2}, single="all")
    assert (second.repeated, third.repeated, third.id) == (False, True, second.id)
    assert first.id != second.id


def test_end_the_operations_of_a_deleted_bank(
    house: House, room: Room, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleting, exclusive = threading.Event(), room.tenant.leases.exclusive

    def tell(*args: Any) -> AbstractContextManager[None]:
        deleting.set()
        return exclusive(*args)

    monkeypatch.setattr(room.tenant.leases, "exclusive", tell)
    operations.submit(room, "gate", {"number": 0})
    assert gate.entered.acquire(timeout=10)
    operations.submit(room, "gate", {"number": 1})
    with ThreadPoolExecutor(1) as pool:
        removed = pool.submit(house.tenant().remove, "bank")
        assert deleting.wait(10)
        assert not removed.done()  # what is carried out for it still has it open
        gate.open.set()
        removed.result(10)
    assert not list((house.settings.home / "banks").glob("*/memory.db"))
    assert room.tenant.database.rows("SELECT * FROM operations") == []
    with pytest.raises(UnknownBankError):
        operations.submit(room, "gate", {"number": 2})


def test_delete_banks_while_their_operations_begin(house: House) -> None:
    """Whoever deletes a bank does not wait for an operation that waits for the bank."""
    tenant = house.tenant()
    for number in range(20):
        room = tenant.make_room(f"bank {number}")
        for _ in range(3):
            operations.submit(room, "batch_retain", _payload())
        tenant.remove(room.id)
    assert tenant.database.rows("SELECT * FROM operations") == []
    assert not list((house.settings.home / "banks").glob("*/memory.db"))


def test_forget_what_failed_of_a_document(room: Room, gate: Gate) -> None:
    operations.submit(room, "gate", {"number": 0}, queue="retain")
    assert gate.entered.acquire(timeout=10)
    names = [operations.submit(room, "batch_retain", _payload(document=name)).id for name in ("a", "b")]
    for name in names:
        operations.cancel(room, name)
    operations.forget_document(room, "a")
    assert store.get(room.tenant.database, room.uid, names[0]) is None
    assert _get(room, names[1]).state == "cancelled"
    operations.forget_document(room, None)
    assert store.get(room.tenant.database, room.uid, names[1]) is None


def test_leave_nothing_of_a_deleted_bank_in_any_file(house: House, room: Room) -> None:
    name = operations.submit(room, "batch_retain", _payload("The quincunxes of the harbour master.")).id
    _ended(room, name)
    house.tenant().remove("bank")
    files = [path for path in house.settings.home.rglob("*") if path.is_file()]
    assert not [path for path in files if b"quincunxes" in path.read_bytes()]


def test_leave_the_rest_for_the_next_start(tmp_path: Path, gate: Gate) -> None:
    settings = Settings(home=tmp_path / "home", redact=False)
    house = House(settings, embedder=FakeEmbedder)
    room = house.tenant().make_room("bank")
    running = operations.submit(room, "gate", {"number": 0}).id
    assert gate.entered.acquire(timeout=10)
    rest = [operations.submit(room, "gate", {"number": number}).id for number in (1, 2)]
    threading.Timer(0.1, gate.open.set).start()
    began = time.monotonic()
    house.close(8)
    assert time.monotonic() - began < 8
    database = open_store(settings.home / "server.db")
    states = dict(database.rows("SELECT id, state FROM operations"))
    database.close()
    assert states == {running: "completed", **dict.fromkeys(rest, "pending")}
    reopened = House(settings, embedder=FakeEmbedder)
    try:
        for name in rest:
            assert _ended(reopened.tenant().room("bank"), name).state == "completed"
    finally:
        reopened.close(5)
    assert gate.begun == [("bank", 0), ("bank", 1), ("bank", 2)]


def test_keep_to_the_states_whatever_the_code(room: Room, gate: Gate) -> None:
    gate.open.set()
    name = operations.submit(room, "gate", {"number": 0}).id
    _ended(room, name)

    def execute(sql: str) -> None:
        room.tenant.database.write("test", lambda connection: connection.execute(sql))

    for sql in (
        "UPDATE operations SET state = 'pending', completed_at = NULL",
        "UPDATE operations SET state = 'done'",
        "UPDATE operations SET completed_at = NULL",
        "UPDATE operations SET attempts = -1",
        "UPDATE operations SET (state, payload, completed_at, error) = ('failed', NULL, '', 'none')",
    ):
        with pytest.raises(Exception, match=r"constraint|states"):
            execute(sql)
    assert _get(room, name).state == "completed"


def test_find_the_next_of_a_long_queue_at_once(house: House, room: Room) -> None:
    """The look at all queues is as long as there are queues, not as long as they are."""
    plan = room.tenant.database.rows(f"EXPLAIN QUERY PLAN {store._HEADS}")
    reads = [row[3] for row in plan if "operations" in row[3] or "this" in row[3]]
    assert reads
    assert all("operations_live" in read or "PRIMARY KEY" in read for read in reads)


def test_forget_old_records(room: Room) -> None:
    for _ in range(3):
        _ended(room, operations.submit(room, "batch_retain", _payload()).id)
    database = room.tenant.database

    def left() -> int:
        return store.listed(database, room.uid)[1]

    assert not tidy(room.tenant, Retention(operations=1, audit=1))
    assert not tidy(room.tenant, Retention(operations=0))
    assert left() == 6
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert store.prune(database, tomorrow, most=2)
    assert left() == 2
    assert not store.prune(database, tomorrow, most=2)
    assert left() == 0


def test_do_the_upkeep_when_there_is_nothing_else_to_do(house: House) -> None:
    kept: list[str] = []
    done = threading.Event()

    def upkeep(tenant: Tenant) -> bool:
        kept.append(tenant.name)
        if len(kept) == 3:
            done.set()
        return len(kept) < 3

    keeper = Workers(house, {}, 1, upkeep=upkeep)
    keeper.start()
    assert done.wait(10)
    assert keeper.stop(10)
    assert kept == ["default"] * 3


def test_begin_again_what_could_not_be_recorded(house: House, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_TROUBLE_SECONDS", 0.01)
    complete = store.complete
    faults = iter([StorageBusyError("held")])

    def record(*args: Any) -> None:
        for fault in faults:
            raise fault
        complete(*args)

    monkeypatch.setattr(store, "complete", record)
    assert _ended(room, operations.submit(room, "batch_retain", _payload()).id).state == "completed"
    assert _memories(room) == 1


def test_lose_nothing_and_double_nothing_wherever_the_process_is_killed(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.server.queued_lives", str(tmp_path)]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=120, check=True)
    lives = [json.loads(line) for line in ran.stdout.splitlines()]
    assert lives[-1]["said"][-1] == "end"
    assert len(lives) == 2 * len(WRITES) + 1
    # Another thread may have said something between the step and the kill.
    steps = {[line for line in life["said"] if line.startswith("commit")][-1] for life in lives[:-1]}
    assert steps == {f"{phase} {write}" for phase in ("commit", "committed") for write in WRITES}
    for life in lives:
        assert not [line for line in life["said"] if line.startswith("failed")], life
        assert life["was_there"] == ("committed operations.submit" in life["said"]), life
        assert life["repeated"] == life["was_there"]
        assert (life["operations"], life["memories"]) == (2, 1), life


def test_refuse_a_kind_that_nobody_carries_out(room: Room) -> None:
    with pytest.raises(KeyError):
        operations.submit(room, "nothing", {})


def test_stop_before_it_began(house: House) -> None:
    assert Workers(house).stop(1)
