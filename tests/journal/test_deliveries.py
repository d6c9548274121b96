"""Deliveries as people see them, and what they may do about them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from threadline import Delivery, InputError, Note, Turn, UnknownDeliveryError
from threadline.journal.deliveries import contents, deliveries, drop, find, retry
from threadline.journal.forgetting import forget_document, forget_turn
from threadline.journal.journal import Journal
from threadline.journal.outbox import JournalOutbox
from threadline.journal.records import BankRecord, SessionRecord
from threadline.turns import Message

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path, clock=lambda: WHEN)
    yield journal
    journal.close()


@pytest.fixture
def bank(journal: Journal) -> BankRecord:
    return journal.bank("b")


@pytest.fixture
def session(journal: Journal, bank: BankRecord) -> SessionRecord:
    return journal.open_session(bank, "s")


@pytest.fixture
def outbox(journal: Journal, bank: BankRecord) -> JournalOutbox:
    return JournalOutbox(journal, bank)


def _say(journal: Journal, session: SessionRecord, *words: str) -> None:
    for word in words:
        journal.append_turn(session, [Message("user", word)], occurred_at=WHEN)


def _note(journal: Journal, bank: BankRecord, session: SessionRecord | None, text: str) -> Note:
    return journal.append_note(bank, session, Note(id=f"n-{text}", session=None, text=text, occurred_at=WHEN))


def _carry(outbox: JournalOutbox, *refused: str) -> None:
    """Deliver everything, but for what carries one of these texts."""
    while parcel := outbox.claim(()):
        said = {passage.text for passage in parcel.batch.passages} if parcel.batch else set()
        if said & set(refused):
            outbox.refused(parcel, "No, thank you.")
        else:
            outbox.delivered(parcel)


def _states(journal: Journal, bank: BankRecord) -> list[str]:
    return [each.state for each in deliveries(journal, bank, ("waiting", "done", "dead", "dropped"))]


def test_tell_everything_of_a_delivery(journal: Journal, bank: BankRecord, session: SessionRecord) -> None:
    _say(journal, session, "one")
    (found,) = deliveries(journal, bank)
    assert found == Delivery(1, "session:s", "s", "turns", "waiting", 0, None, WHEN, None, 1, 1)


def test_tell_how_it_went(
    tmp_path: Path, journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    times = iter(WHEN + timedelta(minutes=minute) for minute in range(9))
    journal._clock = lambda: next(times)
    journal.append_turn(session, [Message("user", "one")], occurred_at=WHEN)
    parcel = outbox.claim(())
    assert parcel is not None
    outbox.delayed(parcel, "down")
    (found,) = deliveries(journal, bank)
    assert (found.state, found.attempts, found.error) == ("waiting", 1, "down")
    assert found.tried_at is not None
    assert found.created_at < found.tried_at


def test_name_what_is_taken_out_and_whose_it_is(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one", "two", "three")
    mine, banks = _note(journal, bank, session, "mine"), _note(journal, bank, None, "bank's")
    _carry(outbox)
    journal.rewind(bank, session, 1)
    forget_turn(journal, bank, session, 1)
    forget_document(journal, bank, f"note:{mine.id}")
    other = journal.open_session(bank, "other")
    _note(journal, bank, other, "other's")
    shown = [
        (each.kind, each.document, each.session, each.first_turn, each.last_turn) for each in deliveries(journal, bank)
    ]
    assert shown == [
        ("retract", "session:s", "s", 3, 3),
        ("forget", "session:s", "s", 1, 1),
        ("forget", f"note:{mine.id}", None, None, None),
        ("note", "note:n-other's", "other", None, None),
    ]
    assert banks.id == "n-bank's"


def test_list_what_waits_and_what_was_refused_unless_asked_for_more(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one", "two", "three")
    _carry(outbox, "two")
    _say(journal, session, "four")
    assert [(each.id, each.state) for each in deliveries(journal, bank)] == [(2, "dead"), (4, "waiting")]
    assert [each.id for each in deliveries(journal, bank, ("done",))] == [1, 3]
    assert _states(journal, bank) == ["done", "dead", "done", "waiting"]


def test_refuse_a_state_that_is_none(journal: Journal, bank: BankRecord) -> None:
    with pytest.raises(InputError, match="waiting, done, dead, dropped"):
        deliveries(journal, bank, ["lost"])  # type: ignore[list-item]
    with pytest.raises(InputError):
        deliveries(journal, bank, "dead")  # type: ignore[arg-type]


def test_see_nothing_of_another_bank(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one")
    _carry(outbox, "one")
    other = journal.bank("other")
    assert deliveries(journal, other) == []
    assert retry(journal, other) == 0
    for act in (retry, drop, find):
        with pytest.raises(UnknownDeliveryError, match="no delivery 1 in bank 'other'"):
            act(journal, other, [1])
    assert _states(journal, bank) == ["dead"]


def test_find_by_id_whatever_the_state(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one", "two", "three")
    _carry(outbox, "two")
    assert [(each.id, each.state) for each in find(journal, bank, [3, 2])] == [(2, "dead"), (3, "done")]
    with pytest.raises(UnknownDeliveryError, match="threadline outbox list --all"):
        find(journal, bank, [1, 9])


def test_carry_a_dead_letter_again(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one")
    _carry(outbox, "one")
    assert retry(journal, bank, [1]) == 1
    (found,) = deliveries(journal, bank)
    assert (found.state, found.error) == ("waiting", "No, thank you."), "it has not been made good yet"
    _carry(outbox)
    assert _states(journal, bank) == ["done"]
    assert find(journal, bank, [1])[0].error is None


def test_retry_every_dead_letter_and_nothing_that_was_dropped(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one", "two", "three")
    _carry(outbox, "one", "two", "three")
    drop(journal, bank, [2])
    assert retry(journal, bank) == 2
    assert _states(journal, bank) == ["waiting", "dropped", "waiting"]
    assert retry(journal, bank, [2]) == 1
    assert retry(journal, bank, [2]) == 0, "it waits already"
    assert _states(journal, bank) == ["waiting"] * 3


def test_change_nothing_when_one_of_several_will_not_do(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one", "two", "three")
    _carry(outbox, "one", "two")
    for act in (retry, drop):
        with pytest.raises(InputError, match="Delivery 3 was delivered"):
            act(journal, bank, [1, 3])
        with pytest.raises(UnknownDeliveryError):
            act(journal, bank, [2, 99])
    assert _states(journal, bank) == ["dead", "dead", "done"]


@pytest.mark.parametrize("number", ["1", 1.0, True, -1, 2**63])
def test_refuse_what_is_no_number(journal: Journal, bank: BankRecord, number: object) -> None:
    for act in (retry, drop, find):
        with pytest.raises(InputError, match="named by its number"):
            act(journal, bank, [number])  # type: ignore[list-item]


def test_do_not_empty_a_bank_that_was_filled_since(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    """The order to empty it was refused, and what came after it was not: carried late, it would take all of that."""
    _say(journal, session, "one")
    outbox.redeliver()
    order = outbox.claim(())
    assert order is not None
    outbox.refused(order, "I cannot delete.")
    assert retry(journal, bank, [order.id]) == 1, "nothing was delivered after it yet"
    order = outbox.claim(())
    assert order is not None
    outbox.refused(order, "I cannot delete.")
    _carry(outbox)
    with pytest.raises(InputError, match="rebuild --from-journal"):
        retry(journal, bank, [order.id])
    assert retry(journal, bank) == 0
    assert _states(journal, bank) == ["dead", "done"]
    assert drop(journal, bank, [order.id]) == 1


def test_carry_nothing_that_was_dropped(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one", "two", "three")
    assert drop(journal, bank, [1, 2, 1]) == 2
    assert drop(journal, bank, [1]) == 0
    parcel = outbox.claim(())
    assert parcel is not None
    assert parcel.id == 3
    outbox.delivered(parcel)
    assert outbox.claim(()) is None
    assert not outbox.is_waiting(3)
    assert _states(journal, bank) == ["dropped", "dropped", "done"]


def test_drop_the_order_to_take_something_out(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one", "two")
    _carry(outbox)
    journal.rewind(bank, session, 1)
    forget_turn(journal, bank, session, 1)
    assert drop(journal, bank, [each.id for each in deliveries(journal, bank)]) == 2
    assert outbox.claim(()) is None


def test_refuse_to_drop_what_is_being_carried(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    _say(journal, session, "one", "two")
    parcel = outbox.claim(())
    assert parcel is not None
    with pytest.raises(InputError, match="Delivery 1 is being carried"):
        drop(journal, bank, [1])
    assert drop(journal, bank, [2]) == 1, "the one behind it is carried by nobody"
    outbox.delayed(parcel, "down")
    assert drop(journal, bank, [1]) == 1


def test_drop_what_a_dead_process_carried(
    tmp_path: Path, journal: Journal, bank: BankRecord, session: SessionRecord
) -> None:
    _say(journal, session, "one")
    dying = Journal(tmp_path)
    assert JournalOutbox(dying, bank).claim(()) is not None
    with pytest.raises(InputError, match="being carried"):
        drop(journal, bank, [1])
    dying.close()
    assert drop(journal, bank, [1]) == 1


def test_show_what_a_delivery_carries(
    journal: Journal, bank: BankRecord, session: SessionRecord, outbox: JournalOutbox
) -> None:
    for word in ("one", "two", "three"):
        journal.append_turn(session, [Message("user", word)], occurred_at=WHEN, batch_size=2)
    journal.close_batches(bank=bank)
    note = _note(journal, bank, session, "a note")
    _carry(outbox)
    journal.rewind(bank, session, 1)
    forget_turn(journal, bank, session, 1)
    shown = [contents(journal, bank, each) for each in deliveries(journal, bank, ("waiting", "done"))]
    assert [[one.messages[0].text for one in each if isinstance(one, Turn)] for each in shown] == [
        ["two"],
        ["three"],
        [],
        [],
        [],
    ]
    (taken_back,) = shown[1]
    assert isinstance(taken_back, Turn)
    assert taken_back.taken_back
    (kept,) = shown[2]
    assert isinstance(kept, Note)
    assert (kept.id, kept.text, kept.session) == (note.id, "a note", "s")


def test_say_that_a_delivery_is_gone(journal: Journal, bank: BankRecord) -> None:
    note = _note(journal, bank, None, "a note")
    (found,) = deliveries(journal, bank)
    forget_document(journal, bank, f"note:{note.id}")
    with pytest.raises(UnknownDeliveryError):
        contents(journal, bank, found)


def test_send_a_replaced_document_no_shorter_than_it_is_there(
    journal: Journal, bank: BankRecord, session: SessionRecord
) -> None:
    """A backend that only replaces holds what the newest batch said: an old one that comes late must not cut it."""
    outbox = JournalOutbox(journal, bank, appends=False)
    _say(journal, session, "one", "two", "three")
    sent = {}
    while parcel := outbox.claim(()):
        assert parcel.batch is not None
        sent[parcel.id] = parcel.batch
        if parcel.id == 1:
            outbox.refused(parcel, "No, thank you.")
        else:
            outbox.delivered(parcel)
    retry(journal, bank)
    parcel = outbox.claim(())
    assert parcel is not None
    assert parcel.id == 1
    assert parcel.batch == sent[3]
