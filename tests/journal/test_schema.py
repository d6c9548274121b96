"""The database holds the rules, whoever writes to it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from threadline.errors import StorageError
from threadline.journal.deliveries import drop
from threadline.journal.journal import Journal
from threadline.journal.outbox import JournalOutbox
from threadline.journal.records import SessionRecord
from threadline.journal.sql import SCHEMA
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


# A journal of the first version, opened by this one.

OLD = Path(__file__).parent / "data" / "schema-1.sql"

FILLED = """
INSERT INTO bank (name, folded) VALUES ('b', 'b'), ('other', 'other');
INSERT INTO session (bank, id, kind, parent, fork_turn, fork_event, opened_at, tags, metadata) VALUES
    (1, 's', 'fresh', NULL, NULL, NULL, '2026-01-02T00:00:00+00:00', '["a"]', '{"k": 1}'),
    (1, 'branch', 'branch', 1, 2, 1, '2026-01-02T00:00:00+00:00', '[]', '{}'),
    (2, 's', 'fresh', NULL, NULL, NULL, '2026-01-02T00:00:00+00:00', '[]', '{}');
INSERT INTO event (session, kind, at) VALUES (1, 'open', 'now'), (2, 'branch', 'now'), (1, 'rewind', 'now');
UPDATE session SET last_turn = 1 WHERE session = 1;
INSERT INTO turn (session, number, messages, content_hash, occurred_at, recorded_at) VALUES
    (1, 1, '[{"role": "user", "text": "one"}]', x'01', '2026-01-02T00:00:00+00:00', '2026-01-02T00:00:00+00:00');
UPDATE session SET last_turn = 2 WHERE session = 1;
INSERT INTO turn (session, number, messages, content_hash, occurred_at, recorded_at) VALUES
    (1, 2, '[{"role": "user", "text": "two"}]', x'02', '2026-01-02T00:00:00+00:00', '2026-01-02T00:00:00+00:00');
UPDATE session SET last_turn = 3 WHERE session = 1;
INSERT INTO turn (session, number, messages, content_hash, occurred_at, recorded_at) VALUES
    (1, 3, '[{"role": "user", "text": "three"}]', x'03', '2026-01-02T00:00:00+00:00', '2026-01-02T00:00:00+00:00');
INSERT INTO rewound VALUES (1, 2, 3);
INSERT INTO note (bank, session, id, text, content_hash, occurred_at, recorded_at) VALUES
    (1, 1, 'n', 'a note', x'04', '2026-01-02T00:00:00+00:00', '2026-01-02T00:00:00+00:00');
INSERT INTO forgotten (bank, session, number, key_hash, at) VALUES
    (1, NULL, NULL, x'05', 'now'), (1, 1, 9, NULL, 'now');
INSERT INTO delivery (bank, document, kind, session, note, first_turn, last_turn, turns, state, attempts, error,
                      created_at, tried_at) VALUES
    (1, 'session:s', 'turns', 1, NULL, 1, 1, NULL, 'done', 1, NULL, '2026-01-02T00:00:00+00:00', 'then'),
    (1, 'note:n', 'note', 1, 1, NULL, NULL, NULL, 'dead', 2, 'no', '2026-01-02T00:00:00+00:00', 'then'),
    (1, 'session:s', 'turns', 1, NULL, 2, 2, NULL, 'waiting', 3, 'down', '2026-01-02T00:00:00+00:00', 'then'),
    (1, 'session:s', 'retract', 1, NULL, NULL, NULL, '[2]', 'waiting', 0, NULL, '2026-01-02T00:00:00+00:00', NULL),
    (1, '*', 'forget', NULL, NULL, NULL, NULL, NULL, 'waiting', 0, NULL, '2026-01-02T00:00:00+00:00', NULL);
DELETE FROM delivery WHERE delivery = 5;
INSERT INTO lease VALUES (1, 'session:s', '1-dead');
"""

_BATCH = """INSERT INTO delivery (bank, document, kind, session, created_at, first_turn, last_turn)
            VALUES (1, 'session:s', 'turns', 1, 'now', {})"""

#: Statements that break one rule each, and some that break none.
RULED = (
    "UPDATE delivery SET state = 'dropped' WHERE delivery = 1",
    "UPDATE delivery SET state = 'nonsense' WHERE delivery = 1",
    "UPDATE delivery SET state = NULL WHERE delivery = 1",
    "UPDATE delivery SET kind = 'nonsense' WHERE delivery = 4",
    "UPDATE delivery SET kind = 'forget' WHERE delivery = 4",
    "UPDATE delivery SET first_turn = NULL WHERE delivery = 1",
    "UPDATE delivery SET first_turn = 1 WHERE delivery = 2",
    "UPDATE delivery SET last_turn = 0 WHERE delivery = 1",
    "UPDATE delivery SET last_turn = 'three' WHERE delivery = 1",
    "UPDATE delivery SET document = NULL WHERE delivery = 1",
    "UPDATE delivery SET created_at = NULL WHERE delivery = 1",
    "UPDATE delivery SET attempts = NULL WHERE delivery = 1",
    "UPDATE delivery SET bank = 99 WHERE delivery = 1",
    "UPDATE delivery SET session = 99 WHERE delivery = 4",
    "UPDATE delivery SET note = 99 WHERE delivery = 1",
    "UPDATE delivery SET first_turn = 1, last_turn = 1 WHERE delivery = 3",
    _BATCH.format("3, 3"),
    _BATCH.format("2, 3"),
    _BATCH.format("3, 4"),
    "INSERT INTO delivery (bank, document, kind, note, created_at) VALUES (1, 'note:n', 'note', 1, 'now')",
    "UPDATE session SET kind = 'nonsense' WHERE session = 2",
    "UPDATE session SET parent = NULL WHERE session = 2",
    "UPDATE session SET predecessor = 'another' WHERE session = 3",
    "UPDATE session SET predecessor = x'00' WHERE session = 3",
    "UPDATE session SET batched_turn = 9 WHERE session = 1",
    "UPDATE session SET bank = 1 WHERE session = 3",
    "UPDATE bank SET redact = 2 WHERE bank = 1",
    "UPDATE event SET kind = 'nonsense' WHERE event = 1",
    "UPDATE turn SET messages = '[]' WHERE turn = 1",
    "UPDATE note SET text = '' WHERE note = 1",
    "INSERT INTO compression VALUES (1, 3, 'now')",
    "INSERT INTO compression VALUES (1, 3, 'now'), (1, 3, 'now')",
    "INSERT INTO compression VALUES (99, 3, 'now')",
    "INSERT INTO compression VALUES (1, NULL, 'now')",
    "INSERT INTO lease VALUES (1, 'session:s', 'another')",
    "DELETE FROM bank WHERE bank = 2",
    "DELETE FROM note WHERE note = 1",
    "DELETE FROM session WHERE session = 3",
)


def _fill(path: Path, schema: str, version: int) -> None:
    """Make a journal as it was left, with everything in it that a journal can hold."""
    path.parent.mkdir()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(schema)
    connection.execute(FILLED)
    connection.execute(f"PRAGMA application_id = {SCHEMA.application_id}; PRAGMA user_version = {version}")
    connection.close()


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[Journal]:
    _fill(tmp_path / "migrated" / "journal.db", OLD.read_text("utf-8"), 1)
    journal = Journal(tmp_path / "migrated")
    yield journal
    journal.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Journal]:
    _fill(tmp_path / "fresh" / "journal.db", SCHEMA.create, SCHEMA.version)
    journal = Journal(tmp_path / "fresh")
    yield journal
    journal.close()


def _tables(connection: apsw.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]


def _shape(connection: apsw.Connection) -> dict[str, object]:
    """Everything that SQLite says of every table, but for the text it was made with."""
    shape: dict[str, object] = {"tables": list(connection.execute("PRAGMA table_list"))}
    shape["tables"] = sorted(shape["tables"])  # type: ignore[call-overload]
    for table in _tables(connection):
        for about in ("table_xinfo", "foreign_key_list"):
            shape[f"{about} {table}"] = list(connection.execute(f"SELECT * FROM pragma_{about}(?)", (table,)))
        indexes = list(connection.execute('SELECT name, "unique", origin, partial FROM pragma_index_list(?)', (table,)))
        shape[f"indexes {table}"] = sorted(indexes)
        for name, *_ in indexes:
            shape[f"index {name}"] = list(connection.execute("SELECT * FROM pragma_index_xinfo(?)", (name,)))
    made = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') ORDER BY 1, 2"
    shape["made"] = list(connection.execute(made))
    return shape


def _rows(connection: apsw.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in _tables(connection)}


def test_migrate_to_what_a_new_journal_looks_like(migrated: Journal, fresh: Journal) -> None:
    assert _shape(migrated.database.read()) == _shape(fresh.database.read())
    assert migrated.database.rows("PRAGMA user_version") == [(SCHEMA.version,)]


def test_keep_every_row_of_an_older_journal(tmp_path: Path, migrated: Journal) -> None:
    _fill(tmp_path / "old" / "journal.db", OLD.read_text("utf-8"), 1)
    old = apsw.Connection(str(tmp_path / "old" / "journal.db"))
    before, after = _rows(old), _rows(migrated.database.read())
    old.close()
    assert after.pop("compression") == []
    before["session"] = [(*row, None) for row in before["session"]]
    before["delivery"] = [(*row, None) for row in before["delivery"]]
    assert len(before["delivery"]) == 4
    assert after == before
    connection = migrated.database.read()
    assert list(connection.execute("PRAGMA foreign_key_check")) == []
    assert list(connection.execute("PRAGMA integrity_check")) == [("ok",)]


@pytest.mark.parametrize("statement", RULED)
def test_hold_the_same_rules_in_an_older_journal(migrated: Journal, fresh: Journal, statement: str) -> None:
    outcomes = []
    for journal in (migrated, fresh):
        try:
            _execute(journal, statement)
        except StorageError as error:
            outcomes.append(str(error).partition("journal.db")[2])
        else:
            outcomes.append("")
    assert outcomes[0] == outcomes[1]
    assert _rows(migrated.database.read()) == _rows(fresh.database.read())


def test_break_each_rule_with_a_statement_of_these(fresh: Journal) -> None:
    """The test above compares nothing where no statement is refused, or all of them are."""

    def outcome(statement: str) -> bool:
        with pytest.raises(_Undone) as raised:
            fresh.database.write("test", lambda connection: _undo(connection, statement))
        return raised.value.args[0] is None

    taken = {statement for statement in RULED if outcome(statement)}
    assert RULED[0] in taken, "a delivery may be dropped"
    assert RULED[1] not in taken
    assert 5 < len(taken) < len(RULED) - 20


def test_give_out_no_number_of_a_delivery_again_after_a_migration(migrated: Journal) -> None:
    migrated.close_batches(bank=migrated.bank("b"))
    numbers = [number for (number,) in migrated.database.rows("SELECT delivery FROM delivery ORDER BY 1")]
    assert numbers == [1, 2, 3, 4, 6], "5 was given out and is gone"


def test_go_on_with_an_older_journal(migrated: Journal) -> None:
    bank = migrated.bank("b")
    session = migrated.get_session(bank, "s")
    assert [turn.taken_back for turn in migrated.turns(session)] == [False, True, False]
    turn = migrated.append_turn(session, [Message("user", "four")], occurred_at=WHEN)
    assert turn.number == 4
    migrated.compress(session)
    assert migrated.compressed_turn(session) == 4
    assert drop(migrated, bank, [2]) == 1
    outbox = JournalOutbox(migrated, bank)
    outbox.adopt()
    carried = []
    while parcel := outbox.claim(()):
        outbox.delivered(parcel)
        carried.append(parcel.id)
    assert carried == [3, 4, 6]


class _Undone(Exception):  # noqa: N818 - it is no error
    """Takes back what a statement did; with what it raised, if it did."""


def _undo(connection: apsw.Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except apsw.Error as error:
        raise _Undone(error) from error
    raise _Undone(None)
