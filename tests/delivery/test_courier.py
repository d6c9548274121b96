"""One delivery at a time, without a thread: what rests, what is left alone, what becomes a dead letter."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from threadline import BackendRefusedError, BackendUnavailableError, Capabilities, ClosedError, EmbedderError
from threadline.delivery.courier import Courier
from threadline.journal.journal import Journal
from threadline.journal.outbox import JournalOutbox
from threadline.journal.records import BankRecord
from threadline.testing import FakeBackend, Fault
from threadline.turns import Message


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Road:
    """A journal with a bank, a courier on a clock of its own, and a fake at the end."""

    def __init__(self, home: Path, backend: FakeBackend) -> None:
        self.journal = Journal(home)
        self.bank: BankRecord = self.journal.bank("b")
        self.backend = backend
        self.clock = Clock()
        self.closing = False
        outbox = JournalOutbox(self.journal, self.bank, backend.capabilities.appends)
        self.courier = Courier(outbox, backend, chance=random.Random(1), clock=self.clock, closing=lambda: self.closing)

    def say(self, session: str, *texts: str) -> None:
        for text in texts:
            record = self.journal.open_session(self.bank, session)
            self.journal.append_turn(record, [Message("user", text)], occurred_at=datetime(2026, 1, 2, tzinfo=UTC))

    def carry_all(self) -> int:
        count = 0
        while self.courier.carry_next():
            count += 1
        return count

    def states(self) -> list[tuple[str, int, str | None]]:
        return self.journal.database.rows("SELECT state, attempts, error FROM delivery ORDER BY delivery")

    def texts(self, session: str) -> list[str]:
        return [text for _, text in self.backend.texts("b", f"session:{session}")]


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    road = Road(tmp_path, FakeBackend())
    yield road
    road.journal.close()


def test_let_a_failed_delivery_rest_and_its_document_wait(road: Road) -> None:
    road.say("s", "one", "two")
    road.say("t", "other")
    road.backend.faults.append(Fault("retain", EmbedderError("no model")))
    assert road.carry_all() == 2, "the failed one, and the other document's"
    assert (road.texts("s"), road.texts("t")) == ([], ["other"])
    (due,) = road.courier.due()
    assert 0 < due <= 1
    road.clock.now = due
    road.carry_all()
    assert road.texts("s") == ["one", "two"]


def test_leave_a_backend_alone_that_is_away(road: Road) -> None:
    """Twenty documents wait: it is not asked twenty times."""
    for number in range(20):
        road.say(f"s{number}", "hello")
    road.backend.faults += [Fault("retain", BackendUnavailableError("down")) for _ in range(200)]
    asked = 0
    while road.clock.now < 60:
        asked += road.carry_all()
        road.clock.now = min([due for due in road.courier.due() if due > road.clock.now], default=60.0)
    assert 5 < asked < 30
    road.backend.faults.clear()
    road.courier.hurry()
    assert road.carry_all() == 20


def test_do_what_the_backend_asks_for(road: Road) -> None:
    road.say("s", "one")
    road.say("t", "other")
    road.backend.faults.append(Fault("retain", BackendUnavailableError("busy", retry_after=30)))
    assert road.carry_all() == 1, "it asked to be left alone, not this document alone"
    road.clock.now = 29.9
    assert road.carry_all() == 0
    road.clock.now = 30.1
    assert road.carry_all() == 2


def test_try_at_once_when_somebody_asks_for_it(road: Road) -> None:
    road.say("s", "one")
    road.backend.faults.append(Fault("retain", BackendUnavailableError("busy", retry_after=3000)))
    road.carry_all()
    road.courier.hurry()
    assert road.carry_all() == 1
    assert road.courier.due() == []


def test_go_on_behind_a_dead_letter(road: Road) -> None:
    road.say("s", "one", "two")
    road.backend.faults.append(Fault("retain", BackendRefusedError("too long")))
    road.carry_all()
    assert road.states() == [("dead", 1, "too long"), ("done", 1, None)]


def test_count_what_was_closed_under_it_for_no_fault(road: Road) -> None:
    road.say("s", "one")
    road.backend.faults.append(Fault("retain", ClosedError("closed")))
    road.closing = True
    road.carry_all()
    assert road.states() == [("waiting", 1, None)], "it counts as tried: it may have arrived"
    road.courier.hurry()
    assert road.courier.due() == [math.inf], "not again in this process"


def test_make_a_dead_letter_of_what_the_backend_cannot_delete(tmp_path: Path) -> None:
    road = Road(tmp_path, FakeBackend(Capabilities(deletes=False)))
    road.say("s", "one")
    road.carry_all()
    road.journal.rewind(road.bank, road.journal.get_session(road.bank, "s"), 1)
    road.carry_all()
    state, _, error = road.states()[-1]
    assert state == "dead"
    assert "cannot delete" in str(error)
    road.journal.close()


def test_send_all_of_a_document_where_a_batch_replaces_it(tmp_path: Path) -> None:
    road = Road(tmp_path, FakeBackend(Capabilities(appends=False)))
    road.say("s", "one", "two", "three")
    road.carry_all()
    assert road.texts("s") == ["one", "two", "three"]
    road.journal.rewind(road.bank, road.journal.get_session(road.bank, "s"), 1)
    road.carry_all()
    (*_, (verb, removal)) = road.backend.calls
    assert verb == "retract"
    (run,) = removal.runs  # type: ignore[attr-defined]
    assert (run.first, run.last, [passage.text for passage in run.batch.passages]) == (1, 3, ["one", "two"])
    road.journal.close()
