from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from threadline.delivery.outbox import Parcel
from threadline.documents import Removal, Run
from threadline.journal.forgetting import forget_session, forget_turn
from threadline.journal.journal import Journal
from threadline.journal.outbox import JournalOutbox
from threadline.journal.records import BankRecord, SessionRecord
from threadline.turns import Identity, Message, Note

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


@pytest.fixture
def bank(journal: Journal) -> BankRecord:
    return journal.bank("b")


@pytest.fixture
def outbox(journal: Journal, bank: BankRecord) -> JournalOutbox:
    return JournalOutbox(journal, bank)


def _say(journal: Journal, session: SessionRecord, *words: str, batch_size: int = 1) -> None:
    for word in words:
        journal.append_turn(session, [Message("user", word)], occurred_at=WHEN, batch_size=batch_size)


def _texts(parcel: Parcel | None) -> list[str]:
    assert parcel is not None
    return [] if parcel.batch is None else [passage.text for passage in parcel.batch.passages]


def test_close_a_batch_when_it_is_full(journal: Journal, bank: BankRecord, outbox: JournalOutbox) -> None:
    session = journal.open_session(bank, "s")
    _say(journal, session, "a", "b", batch_size=3)
    assert outbox.claim(()) is None
    _say(journal, session, "c", "d", batch_size=3)
    assert _texts(outbox.claim(())) == ["a", "b", "c"]


def test_deliver_in_order_and_one_at_a_time_for_each_document(
    journal: Journal, bank: BankRecord, outbox: JournalOutbox, tmp_path: Path
) -> None:
    one, two = journal.open_session(bank, "one"), journal.open_session(bank, "two")
    _say(journal, one, "1a", "1b")
    _say(journal, two, "2a")
    first = outbox.claim(())
    assert _texts(first) == ["1a"]
    other_journal = Journal(tmp_path)
    other = JournalOutbox(other_journal, bank)
    second = other.claim(())
    assert _texts(second) == ["2a"], "the first document is leased: its next batch must wait"
    assert first is not None
    outbox.delivered(first)
    assert _texts(outbox.claim(())) == ["1b"]
    other_journal.close()


def test_send_the_same_batch_under_the_same_key_again(
    journal: Journal, bank: BankRecord, outbox: JournalOutbox
) -> None:
    _say(journal, journal.open_session(bank, "s"), "a")
    first = outbox.claim(())
    assert first is not None
    outbox.delayed(first, "down")
    again = outbox.claim(())
    assert again is not None
    assert (again.batch, again.attempts) == (first.batch, 1)


def test_give_different_content_a_different_key(tmp_path: Path) -> None:
    """A journal begun anew must not have its turns taken for those of the lost one."""
    keys = set()
    for number, word in enumerate(("before", "after")):
        journal = Journal(tmp_path / str(number))
        _say(journal, journal.open_session(journal.bank("b"), "s"), word)
        parcel = JournalOutbox(journal, journal.bank("b")).claim(())
        assert parcel is not None
        assert parcel.batch is not None
        keys.add(parcel.batch.key)
        journal.close()
    assert len(keys) == 2


def test_keep_the_key_when_a_turn_is_forgotten_between_two_attempts(
    journal: Journal, bank: BankRecord, outbox: JournalOutbox
) -> None:
    """The first attempt may have arrived: under another key what is left would be there twice."""
    session = journal.open_session(bank, "s")
    _say(journal, session, "a", "b", batch_size=2)
    first = outbox.claim(())
    assert first is not None
    outbox.delayed(first, "down")
    forget_turn(journal, bank, session, 1)
    second = outbox.claim(())
    assert _texts(second) == ["b"]
    assert first.batch is not None
    assert second is not None
    assert second.batch is not None
    assert first.batch.key == second.batch.key


def test_rest_what_is_resting_and_carry_the_others(journal: Journal, bank: BankRecord, outbox: JournalOutbox) -> None:
    _say(journal, journal.open_session(bank, "one"), "1a", "1b")
    _say(journal, journal.open_session(bank, "two"), "2a")
    first = outbox.claim(())
    assert first is not None
    outbox.delayed(first, "down")
    assert _texts(outbox.claim([first.id])) == ["2a"]


def test_go_on_behind_a_dead_letter(journal: Journal, bank: BankRecord, outbox: JournalOutbox) -> None:
    _say(journal, journal.open_session(bank, "s"), "a", "b")
    first = outbox.claim(())
    assert first is not None
    outbox.refused(first, "never")
    assert _texts(outbox.claim(())) == ["b"]


def test_never_send_what_was_taken_back_while_it_waited(
    journal: Journal, bank: BankRecord, outbox: JournalOutbox
) -> None:
    session = journal.open_session(bank, "s")
    _say(journal, session, "a", "b", batch_size=2)
    journal.rewind(bank, session, 1)
    parcel = outbox.claim(())
    assert _texts(parcel) == ["a"]
    assert parcel is not None
    outbox.delivered(parcel)
    assert outbox.claim(()) is None, "nothing was sent that would have to be retracted"


def test_retract_what_may_have_been_sent(journal: Journal, bank: BankRecord, outbox: JournalOutbox) -> None:
    session = journal.open_session(bank, "s")
    _say(journal, session, "a")
    parcel = outbox.claim(())
    journal.rewind(bank, session, 1)
    assert parcel is not None
    outbox.delivered(parcel)
    retraction = outbox.claim(())
    assert retraction is not None
    assert (retraction.kind, retraction.document) == ("retract", "session:s")
    assert retraction.removal == Removal("b", "session:s", (1,), (Run(1, 1, None),))


def test_send_what_a_branch_keeps(journal: Journal, bank: BankRecord, outbox: JournalOutbox) -> None:
    session = journal.open_session(bank, "s")
    _say(journal, session, "a", batch_size=5)
    branch = journal.fork(bank, session, "t", "branch")
    journal.rewind(bank, session, 1)
    parcel = outbox.claim(())
    assert _texts(parcel) == ["a"]
    assert parcel is not None
    outbox.delivered(parcel)
    journal.rewind(bank, branch, 1)
    retraction = outbox.claim(())
    assert retraction is not None
    assert retraction.removal is not None, "now nobody sees it any more"
    assert (retraction.kind, retraction.removal.turns) == ("retract", (1,))


def test_adopt_what_the_dead_left(journal: Journal, bank: BankRecord, outbox: JournalOutbox, tmp_path: Path) -> None:
    dead = Journal(tmp_path)
    session = dead.open_session(bank, "s")
    _say(dead, session, "a", batch_size=1)
    assert JournalOutbox(dead, bank).claim(()) is not None
    _say(dead, session, "b", batch_size=5)
    assert not outbox.adopt(), "it lives"
    assert outbox.claim(()) is None
    dead.close()
    assert outbox.adopt()
    parcel = outbox.claim(())
    assert _texts(parcel) == ["a"]
    assert parcel is not None
    outbox.delivered(parcel)
    assert _texts(outbox.claim(())) == ["b"]


def test_retract_what_the_dead_may_have_sent(
    journal: Journal, bank: BankRecord, outbox: JournalOutbox, tmp_path: Path
) -> None:
    dead = Journal(tmp_path)
    session = dead.open_session(bank, "s")
    _say(dead, session, "a", "b")
    assert _texts(JournalOutbox(dead, bank).claim(())) == ["a"]
    dead.close()  # after the backend had applied it, perhaps
    assert outbox.adopt()
    journal.rewind(bank, session, 2)
    sent = []
    while (parcel := outbox.claim(())) is not None:
        sent.append((parcel.kind, parcel.removal.turns if parcel.removal else _texts(parcel)))
        outbox.delivered(parcel)
    assert ("retract", (1,)) in sent
    assert ("retract", (2,)) not in sent, "nobody ever carried that one"


def test_carry_nothing_else_of_a_bank_while_it_is_forgotten(
    journal: Journal, bank: BankRecord, outbox: JournalOutbox, tmp_path: Path
) -> None:
    _say(journal, journal.open_session(bank, "s"), "a")
    outbox.redeliver()
    first = outbox.claim(())
    assert first is not None
    assert (first.kind, first.document) == ("forget", "*")
    second_journal = Journal(tmp_path)
    assert JournalOutbox(second_journal, bank).claim(()) is None
    outbox.delivered(first)
    assert _texts(outbox.claim(())) == ["a"]
    second_journal.close()


def test_redeliver_long_sessions_in_runs(journal: Journal, bank: BankRecord, outbox: JournalOutbox) -> None:
    session = journal.open_session(bank, "s")
    _say(journal, session, *[str(n) for n in range(120)], batch_size=1000)
    journal.append_note(bank, session, Note("n1", "s", "noted", WHEN))
    outbox.redeliver()
    sizes = []
    while (parcel := outbox.claim(())) is not None:
        sizes.append((parcel.kind, len(_texts(parcel))))
        outbox.delivered(parcel)
    assert sizes == [("forget", 0), ("retain", 50), ("retain", 50), ("retain", 20), ("retain", 1)]


def test_attribute_a_batch_to_its_own_session(journal: Journal, bank: BankRecord, outbox: JournalOutbox) -> None:
    session = journal.open_session(bank, "s", Identity(platform="cli", user="u1"), ["t1"], {"topic": "x"})
    _say(journal, session, "a", batch_size=5)
    journal.open_session(bank, "other", Identity(platform="web"), ["t2"])
    journal.leave(session)
    parcel = outbox.claim(())
    assert parcel is not None
    assert parcel.batch is not None
    assert parcel.batch.document == "session:s"
    assert parcel.batch.tags == ("t1",)
    assert parcel.batch.metadata == {"platform": "cli", "user": "u1", "topic": "x", "session": "s"}


def test_keep_the_forgets_that_somebody_waits_for_when_all_is_redelivered(
    journal: Journal, bank: BankRecord, outbox: JournalOutbox
) -> None:
    session = journal.open_session(bank, "s")
    _say(journal, session, "a")
    forget_session(journal, bank, session)
    last = outbox.last()
    outbox.redeliver()
    assert outbox.is_waiting(last)


def test_look_for_what_may_go_without_keeping_writers_out(
    journal: Journal, bank: BankRecord, outbox: JournalOutbox
) -> None:
    """Behind a delivery that rests there may be thousands: finding that none may go must not hold the write lock."""
    _say(journal, journal.open_session(bank, "s"), "a", "b")
    first = outbox.claim(())
    assert first is not None
    outbox.delayed(first, "down")
    writes: list[tuple[str, ...]] = []
    journal.database.observer = lambda phase, names: writes.append(names)
    assert outbox.claim([first.id]) is None
    assert writes == []


def test_let_go_of_a_lease_of_its_own_that_was_left_over(
    journal: Journal, bank: BankRecord, outbox: JournalOutbox
) -> None:
    """Recording an outcome may fail, as on a full disk: the delivery is carried again."""
    _say(journal, journal.open_session(bank, "s"), "a")
    assert _texts(outbox.claim(())) == ["a"]
    assert _texts(outbox.claim(())) == ["a"]


def test_leave_the_deliveries_of_another_bank_to_who_opened_it(journal: Journal, outbox: JournalOutbox) -> None:
    """It may have another backend, or an embedder that this process does without."""
    other = journal.bank("other")
    _say(journal, journal.open_session(other, "s"), "theirs")
    assert outbox.claim(()) is None
    assert _texts(JournalOutbox(journal, other).claim(())) == ["theirs"]
