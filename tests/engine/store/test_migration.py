"""A bank of the first version, whose word index was in the file, opened by this one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from tests.engine.banks import BEGAN, Said, say, texts

from threadline.documents import Batch, Query
from threadline.engine.bank import Bank
from threadline.engine.models import minilm
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.store.sqlite import SCHEMA
from threadline.engine.vectors import quantise
from threadline.errors import StorageError

OLD = Path(__file__).with_name("schema-1.sql")

SAID = [
    Said("session:s", 1, "a red apple", speaker="Ann"),
    Said("session:s", 2, "a green pear", role="assistant", at=BEGAN + timedelta(hours=1)),
    Said("session:s", 4, "an old fig tree", at=BEGAN + timedelta(hours=2)),
    Said("note:n", 1, "the apple is sour"),
    Said("session:t", 1, "nobody embedded this plum"),
]
TAKEN_OUT = Said("session:s", 3, "sesame, of which nothing is to be left")


def _fill(path: Path, model: str = "fake") -> None:
    """Make a file as the first version left it: the third turn of `session:s` was taken out."""
    path.parent.mkdir(parents=True)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON").fetchall()
    connection.execute(OLD.read_text("utf-8"))
    connection.execute(
        """
        INSERT INTO documents (name, metadata, context) VALUES
            ('session:s', '{"k": 1}', 'fruit'), ('note:n', '{}', NULL), ('session:t', '{}', NULL);
        INSERT INTO tags VALUES (1, 'a'), (1, 'b'), (2, 'a');
        INSERT INTO applied VALUES ('key');
        """
    )
    documents = {"session:s": 1, "note:n": 2, "session:t": 3}
    for number, said in enumerate([*SAID[:2], TAKEN_OUT, *SAID[2:]], 1):
        connection.execute(
            "INSERT INTO passages (document, turn, position, role, speaker, ref, occurred_at, text) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (documents[said.document], said.turn, 0, said.role, said.speaker, "r", said.at.isoformat(), said.text),
        )
        connection.execute(
            "INSERT INTO memories (passage, start, end, tokens) VALUES (?, 0, ?, 5)", (number, len(said.text))
        )
        connection.execute(
            "INSERT INTO words (rowid, text, context, said, place) VALUES (?, ?, '', '', '')", (number, said.text)
        )
        if "plum" not in said.text:
            vector = quantise(FakeEmbedder().embed([said.text]))[0].tobytes()
            connection.execute("INSERT INTO vectors VALUES (?, ?, ?)", (number, model, vector))
    connection.execute(
        """
        INSERT INTO removed VALUES (1, 3);
        INSERT INTO words (words, rowid, text, context, said, place)
            VALUES ('delete', 3, 'sesame, of which nothing is to be left', '', '', '');
        DELETE FROM passages WHERE turn = 3;
        UPDATE state SET generation = 7;
        """
    )
    connection.execute(f"PRAGMA application_id = {SCHEMA.application_id}; PRAGMA user_version = 1")
    connection.close()


@pytest.fixture
def migrated(tmp_path: Path) -> Iterator[Bank]:
    _fill(tmp_path / "old" / "memory.db")
    bank = Bank(tmp_path / "old", FakeEmbedder(), reopen=FakeEmbedder)
    yield bank
    bank.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Bank]:
    bank = Bank(tmp_path / "fresh", FakeEmbedder())
    yield bank
    bank.close()


def _connection(bank: Bank) -> apsw.Connection:
    return bank._store.database.read()  # type: ignore[attr-defined,no-any-return]  # a `SqliteStore`


def _tables(connection: apsw.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]


def _shape(connection: apsw.Connection) -> dict[str, object]:
    """Everything that SQLite says of every table, but for the text it was made with."""
    shape: dict[str, object] = {"tables": sorted(connection.execute("PRAGMA table_list"))}
    for table in _tables(connection):
        for about in ("table_xinfo", "foreign_key_list"):
            shape[f"{about} {table}"] = list(connection.execute(f"SELECT * FROM pragma_{about}(?)", (table,)))
        indexes = list(connection.execute('SELECT name, "unique", origin, partial FROM pragma_index_list(?)', (table,)))
        shape[f"indexes {table}"] = sorted(indexes)
        for name, *_ in indexes:
            shape[f"index {name}"] = list(connection.execute("SELECT * FROM pragma_index_xinfo(?)", (name,)))
    made = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') ORDER BY 1, 2"
    shape["made"] = list(connection.execute(made))
    checks = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%CHECK%'")
    shape["checks"] = sorted((name, sql.count("CHECK")) for name, sql in checks)
    return shape


def test_make_of_it_what_a_new_bank_looks_like(migrated: Bank, fresh: Bank) -> None:
    assert _shape(_connection(migrated)) == _shape(_connection(fresh))
    assert list(_connection(migrated).execute("PRAGMA user_version")) == [(3,)]


def test_keep_every_row(tmp_path: Path, migrated: Bank) -> None:
    _fill(tmp_path / "untouched" / "memory.db")
    old = apsw.Connection(str(tmp_path / "untouched" / "memory.db"))
    new = _connection(migrated)
    for table in ("documents", "tags", "passages", "removed", "memories", "applied", "sqlite_sequence"):
        statement = f"SELECT * FROM {table} ORDER BY 1, 2" if table != "applied" else "SELECT * FROM applied"
        before = list(old.execute(statement))
        assert before
        assert [row[: len(before[0])] for row in new.execute(statement)] == before, table  # what is new stands behind
    vectors = "SELECT memory, name, vector FROM vectors JOIN models ON models.id = model ORDER BY 1"
    assert list(new.execute(vectors)) == list(old.execute("SELECT memory, model, vector FROM vectors ORDER BY 1"))
    assert list(new.execute("SELECT generation, complete_since, serving FROM state")) == [(7, 7, "fake")]
    assert list(new.execute("PRAGMA foreign_key_check")) == []
    assert list(new.execute("PRAGMA integrity_check")) == [("ok",)]
    old.close()


def test_recall_from_it(migrated: Bank) -> None:
    first, *_ = migrated.recall(Query("red apple"))
    assert first.memory.text == "a red apple"
    assert [reason.channel for reason in first.why] == ["words", "meaning"]
    assert (first.memory.tags, first.memory.metadata, first.memory.passage.speaker) == (("a", "b"), {"k": 1}, "Ann")
    assert texts(migrated.recall(Query("plum"))) == ["nobody embedded this plum"]
    assert "sesame, of which nothing is to be left" not in texts(migrated.recall(Query("sesame", min_confidence=0.0)))


def test_serve_the_vectors_it_has(migrated: Bank) -> None:
    ranked, _ = migrated.rank(Query("red apple"))
    assert (ranked.rows.vectors.any(axis=1)).tolist() == [True, True, True, True, False]


def test_go_on_with_it(tmp_path: Path, migrated: Bank) -> None:
    migrated.retain(Batch("b", "session:s", "key", (Said("session:s", 9, "of a key that was applied").passage(),)))
    late = [TAKEN_OUT, Said("session:s", 5, "a new plum")]
    migrated.retain(Batch("b", "session:s", "k2", tuple(said.passage() for said in late)))
    assert texts(migrated.recall(Query("new plum")))[0] == "a new plum"
    assert [memory.id for memory in migrated.memories_of("session:s")] == [1, 2, 4, 7]
    migrated.retract("session:s", [1])
    assert "a red apple" not in texts(migrated.recall(Query("red apple", min_confidence=0.0)))
    migrated.forget("note:n")
    assert b"is sour" not in (tmp_path / "old" / "memory.db").read_bytes()
    assert migrated.rebuild() == 4


def test_end_where_a_bank_that_never_was_older_is(migrated: Bank, fresh: Bank) -> None:
    for document in ("session:s", "note:n", "session:t"):
        passages = tuple(said.passage() for said in SAID if said.document == document)
        fresh.retain(Batch("b", document, f"key of {document}", passages))
    migrated.rebuild()
    for text in ("red apple", "old fig", "sour", "plum"):
        query = Query(text, min_confidence=0.0)
        assert texts(migrated.recall(query)) == texts(fresh.recall(query))


def test_embed_anew_after_an_older_model(tmp_path: Path) -> None:
    _fill(tmp_path / "old" / "memory.db", model="older")
    asked: list[str] = []

    def reopen(name: str) -> FakeEmbedder:
        asked.append(name)
        return FakeEmbedder(name)

    bank = Bank(tmp_path / "old", FakeEmbedder(), reopen=reopen)
    assert [reason.channel for reason in bank.recall(Query("red apple"))[0].why] == ["words", "meaning"]
    assert asked == ["older"]
    while bank.upkeep():
        pass
    assert bank.figures().vectors == 5
    assert list(_connection(bank).execute("SELECT name FROM models")) == [("fake",)]
    bank.close()


def test_take_vectors_of_the_default_model_for_those_of_its_older_self(tmp_path: Path) -> None:
    """They have no tokens beside them, which the model has now: they serve until there are new ones."""
    _fill(tmp_path / "old" / "memory.db", model=minilm.NAME)
    bank = Bank(tmp_path / "old", FakeEmbedder(minilm.NAME), reopen=FakeEmbedder)
    assert bank._store.state().serving == minilm.OLDER_NAME
    assert [reason.channel for reason in bank.recall(Query("red apple"))[0].why] == ["words", "meaning"]
    while bank.upkeep():
        pass
    assert list(_connection(bank).execute("SELECT name FROM models")) == [(minilm.NAME,)]
    bank.close()


def test_open_an_empty_one(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "memory.db"))
    connection.execute(OLD.read_text("utf-8"))
    connection.execute(f"PRAGMA application_id = {SCHEMA.application_id}; PRAGMA user_version = 1")
    connection.close()
    bank = Bank(tmp_path, FakeEmbedder())
    assert bank.recall(Query("apple")) == []
    say(bank, "an apple")
    assert [reason.channel for reason in bank.recall(Query("apple"))[0].why] == ["words", "meaning"]
    bank.close()


RULED = (
    "INSERT INTO passages (document, turn, position, role, occurred_at, text) VALUES (1, 1, 0, 'user', 'now', 'late')",
    "INSERT INTO passages (document, turn, position, role, occurred_at, text) VALUES (1, 3, 0, 'user', 'now', 'out')",
    "INSERT INTO passages (document, turn, position, role, occurred_at, text) VALUES (1, 9, -1, 'user', 'now', 'x')",
    "UPDATE passages SET text = 'x'",
    "INSERT INTO memories (passage, start, end, tokens) VALUES (1, 5, 5, 1)",
    "INSERT INTO memories (passage, start, end, tokens) VALUES (99, 0, 5, 1)",
    "INSERT INTO vectors VALUES (1, 1, x'00')",
    "INSERT INTO vectors VALUES (1, 99, x'00')",
    "INSERT INTO vectors VALUES (99, 1, x'00')",
    "INSERT INTO tokens VALUES (1, 99, x'00')",
    "INSERT INTO tokens VALUES (99, 1, x'00')",
    "INSERT INTO models (name) VALUES ('fake')",
    "INSERT INTO state (one, generation) VALUES (2, 0)",
    "UPDATE state SET serving = NULL",
)


@pytest.mark.parametrize("statement", RULED)
def test_hold_the_rules(migrated: Bank, statement: str) -> None:
    with pytest.raises(StorageError, match=r"constraint|arrived after|taken out|immutable"):
        migrated._store.database.write("test", lambda connection: list(connection.execute(statement)))  # type: ignore[attr-defined]


def test_leave_nothing_of_the_old_word_index(migrated: Bank) -> None:
    assert [name for name in _tables(_connection(migrated)) if name.startswith(("words", "old"))] == []
