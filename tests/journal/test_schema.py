"""The database holds the rules, whoever writes to it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from threadline.errors import StorageError
from threadline.journal.journal import Journal
from threadline.journal.records import SessionRecord
from threadline.turns import Message

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


@pytest.fixture
def session(journal: Journal) -> SessionRecord:
    session = journal.open_session(journal.bank("b"), "s")
    for word in ("one", "two"):
        journal.append_turn(session, [Message("user", word)], occurred_at=WHEN, batch_size=9)
    return session


def _execute(journal: Journal, sql: str, **bindings: Any) -> None:
    def work(connection: apsw.Connection) -> None:
        connection.execute(sql, bindings)

    journal.database.write("test", work)


TURN = """INSERT INTO turn (session, number, messages, content_hash, occurred_at, recorded_at)
          VALUES (:session, :number, '[]', x'00', 'now', 'now')"""
BATCH = """INSERT INTO delivery (bank, document, kind, session, first_turn, last_turn, created_at)
           VALUES (1, 'session:s', 'turns', :session, :first, :last, 'now')"""


@pytest.mark.parametrize("number", [1, 2, 4])
def test_refuse_a_turn_that_is_not_the_next(journal: Journal, session: SessionRecord, number: int) -> None:
    with pytest.raises(StorageError):
        _execute(journal, TURN, session=session.key, number=number)


def test_refuse_to_change_a_turn(journal: Journal, session: SessionRecord) -> None:
    with pytest.raises(StorageError, match="never changed"):
        _execute(journal, "UPDATE turn SET messages = '[]'")


@pytest.mark.parametrize(("first", "last"), [(2, 2), (1, 3), (2, 1)])
def test_refuse_a_batch_that_leaves_a_gap_or_runs_ahead(
    journal: Journal, session: SessionRecord, first: int, last: int
) -> None:
    with pytest.raises(StorageError):
        _execute(journal, BATCH, session=session.key, first=first, last=last)


def test_refuse_to_batch_a_turn_twice(journal: Journal, session: SessionRecord) -> None:
    _execute(journal, BATCH, session=session.key, first=1, last=1)
    with pytest.raises(StorageError):
        _execute(journal, BATCH, session=session.key, first=1, last=2)
    _execute(journal, BATCH, session=session.key, first=2, last=2)


def test_refuse_two_leases_on_one_document(journal: Journal, session: SessionRecord) -> None:
    lease = "INSERT INTO lease VALUES (1, 'session:s', :owner)"
    _execute(journal, lease, owner="a")
    with pytest.raises(StorageError):
        _execute(journal, lease, owner="b")


def test_refuse_to_take_one_turn_back_twice_in_one_view(journal: Journal, session: SessionRecord) -> None:
    journal.rewind(journal.bank("b"), session, 1)
    event = journal.database.rows("SELECT max(event) FROM event")[0][0]
    turn = journal.database.rows("SELECT max(turn) FROM turn")[0][0]
    with pytest.raises(StorageError):
        _execute(journal, "INSERT INTO rewound VALUES (:s, :t, :e)", s=session.key, t=turn, e=event)


def test_never_use_the_number_of_a_forgotten_bank_or_session_again(journal: Journal, session: SessionRecord) -> None:
    first = journal.bank("other")
    _execute(journal, "DELETE FROM bank WHERE bank = :bank", bank=first.key)
    assert journal.bank("third").key > first.key
