from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.engine.banks import BEGAN, Said, fill

from threadline.documents import Batch, Passage
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.retain.prepare import prepare
from threadline.engine.store.base import Embedding
from threadline.engine.store.sqlite import SqliteStore
from threadline.errors import BackendRefusedError, StorageError

WHEN = datetime(2023, 5, 3, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "memory.db")
    yield opened
    opened.close()


def retain(store: SqliteStore, key: str, *said: tuple[int, int, str], document: str = "session:s") -> None:
    passages = tuple(Passage(turn, place, "user", text, WHEN, "Ann") for turn, place, text in said)
    batch = Batch("b", document, key, passages)
    store.retain(batch, prepare(passages, None), "")


def kept(store: SqliteStore) -> list[str]:
    return [text for _, _, text in store.texts(0, 10**6)]


def test_apply_a_key_once(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"))
    retain(store, "k", (2, 0, "pear"))
    assert store.figures().passages == 1
    assert store.missing(Batch("b", "session:s", "k", (Passage(3, 0, "user", "fig", WHEN),))) == []


def test_leave_a_passage_alone_that_is_there(store: SqliteStore) -> None:
    retain(store, "k1", (1, 0, "apple"))
    retain(store, "k2", (1, 0, "apple"), (2, 0, "pear"), (2, 0, "pear"))
    assert [passage.text for _, passage in store.passages()] == ["apple", "pear"]
    assert kept(store) == ["apple", "pear"]


@pytest.mark.parametrize("late", [(1, 1), (2, 1)])
def test_refuse_a_passage_that_comes_late_and_all_of_its_batch(store: SqliteStore, late: tuple[int, int]) -> None:
    retain(store, "k1", (1, 0, "apple"), (2, 0, "pear"), (2, 2, "plum"))
    with pytest.raises(BackendRefusedError, match="arrived after a later one"):
        retain(store, "k2", (*late, "late"), (3, 0, "fig"))
    assert store.figures().passages == 3
    retain(store, "k2", (3, 0, "fig"))
    assert store.figures().passages == 4


def test_never_change_a_passage(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"))
    with pytest.raises(StorageError, match="immutable"):
        store.database.write("test", lambda connection: list(connection.execute("UPDATE passages SET text = 'x'")))


def test_refuse_turns_before_the_first(store: SqliteStore) -> None:
    with pytest.raises(BackendRefusedError, match="Turn 0"):
        retain(store, "k", (0, 0, "apple"))


def test_refuse_another_text_in_the_place_of_one(store: SqliteStore) -> None:
    retain(store, "k1", (1, 0, "what was said"))
    retain(store, "k2", (1, 0, "what was said"))
    with pytest.raises(BackendRefusedError, match="from-journal"):
        retain(store, "k3", (1, 0, "what another journal says"))
    assert [passage.text for _, passage in store.passages()] == ["what was said"]


def test_keep_a_turn_from_coming_back_that_never_came(store: SqliteStore) -> None:
    store.retract("session:s", [2])
    retain(store, "k", (1, 0, "apple"), (2, 0, "pear"), (3, 0, "plum"))
    assert [passage.turn for _, passage in store.passages()] == [1, 3]
    assert kept(store) == ["apple", "plum"]


def test_tell_of_what_went_away_by_generation(store: SqliteStore) -> None:
    def state() -> tuple[int, int, int]:
        now = store.state()
        return now.generation, now.complete_since, now.newest

    retain(store, "k", (1, 0, "apple"), (2, 0, "fig"))
    assert state() == (0, 0, 2)
    store.retract("session:s", [7])
    assert state() == (0, 0, 2)
    store.retract("session:s", [1])
    assert state() == (1, 0, 2)
    store.retract("session:s", [2])
    assert state() == (2, 0, 0)
    assert [store.gone(generation) for generation in range(3)] == [[1, 2], [2], []]
    retain(store, "k2", (3, 0, "pear"))
    assert state() == (2, 0, 3)  # an id is never used again
    store.clear()
    assert state() == (3, 3, 0)
    assert store.gone(0) == []  # whoever is behind has to begin anew


def test_tell_of_a_document_that_went_away(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"), (2, 0, "fig"))
    retain(store, "k2", (1, 0, "pear"), document="session:t")
    store.forget("session:s", None)
    assert (store.state().generation, store.gone(0)) == (1, [1, 2])
    store.forget("session:unknown", None)
    assert store.state().generation == 1


def test_forget_what_was_said_about_a_document_with_its_last_turn(store: SqliteStore) -> None:
    passages = (Passage(1, 0, "user", "apple", WHEN),)
    batch = Batch("b", "note:n", "k", passages, metadata={"title": "orchard"}, context="fruit")
    store.retain(batch, prepare(passages, None), "")
    store.retract("note:n", [1])
    assert store.database.rows("SELECT metadata, context FROM documents") == [("{}", None)]


def test_move_the_wal_into_the_file(store: SqliteStore) -> None:
    for number in range(40):
        retain(store, f"k{number}", (number + 1, 0, f"word{number} " * 30_000))
    wal = store.path.with_name("memory.db-wal")
    assert store.path.stat().st_size > wal.stat().st_size


def test_remove_the_files_unless_somebody_has_them_open(tmp_path: Path) -> None:
    one, other = SqliteStore(tmp_path / "memory.db"), SqliteStore(tmp_path / "memory.db")
    retain(one, "k", (1, 0, "apple"))
    one.words.catch_up()
    assert other.figures().passages == 1
    assert not one.remove()
    assert other.remove()
    assert list(tmp_path.iterdir()) == []


# What is read of it.


def test_give_out_memories_slice_by_slice(store: SqliteStore) -> None:
    retain(store, "k", *((turn, 0, f"apple {turn}") for turn in range(1, 6)))
    assert [(memory, text) for memory, _, text in store.texts(1, 2)] == [(2, "apple 2"), (3, "apple 3")]
    assert [row.memory for row in store.rows(3, 9)] == [4, 5]
    assert (store.texts(5, 9), store.rows(5, 9)) == ([], [])


def test_give_out_where_a_memory_belongs(store: SqliteStore) -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    at = datetime(2024, 5, 3, 1, 2, 3, 250_000, tzinfo=east)
    fill(store, [Said("session:s", 4, "apple", 2, "assistant", "Bo", at), Said("note:n", 1, "fig")])
    one, other = store.rows(0, 9)
    assert (one.memory, one.passage, one.document, one.turn, one.role, one.speaker) == (1, 1, 1, 4, "assistant", "Bo")
    assert one.said_at == pytest.approx(at.timestamp(), abs=1e-3)
    assert (other.document, other.speaker, other.said_at) == (2, None, BEGAN.timestamp())


@pytest.mark.parametrize("year", [1, 1969, 1970, 9999])
def test_give_out_any_moment(store: SqliteStore, year: int) -> None:
    at = datetime(year, 7, 1, 12, 30, tzinfo=UTC)
    fill(store, [Said("session:s", 1, "apple", at=at)])
    assert store.rows(0, 9)[0].said_at == at.timestamp()


def test_give_out_tags_of_every_document(store: SqliteStore) -> None:
    fill(store, [Said("session:s", 1, "apple", tags=("b", "a")), Said("session:t", 1, "fig")])
    assert store.tags() == {1: frozenset({"a", "b"}), 2: frozenset()}
    assert store.document_ids(["session:t", "session:unknown"]) == {"session:t": 2}


def test_give_out_memories_whole(store: SqliteStore) -> None:
    text = "The first sentence of it. " * 40
    batch = Batch("b", "session:s", "k", (Passage(3, 1, "user", text, WHEN, "Ann", "r"),), ("a",), {"k": [1]})
    store.retain(batch, prepare(batch.passages, None), "")
    pieces = store.memories([1, 2, 99])
    assert sorted(pieces) == [1, 2]
    assert " ".join(pieces[number].text for number in (1, 2)) == text.strip()
    assert pieces[2].passage == batch.passages[0]
    assert (pieces[1].document, pieces[1].tags, pieces[1].metadata) == ("session:s", ("a",), {"k": [1]})
    assert [memory.id for memory in store.memories_of("session:s", 3)] == [1, 2]
    assert store.memories_of("session:s", 2) == store.memories_of("session:unknown", None) == []


def test_hold_many_ids_in_one_question(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"))
    assert list(store.memories(range(100_000))) == [1]
    assert store.token_vectors("fake", range(100_000)) == {}


# Vectors of several models.


def test_serve_the_model_a_bank_begins_with(store: SqliteStore) -> None:
    assert store.state().serving == ""
    fill(store, [Said("session:s", 1, "apple")], FakeEmbedder("one"))
    assert store.state().serving == "one"
    fill(store, [Said("session:s", 2, "pear")], FakeEmbedder("two"))
    assert store.state().serving == "one"
    assert [memory for memory, _ in store.vectors("one", 0, 9)] == [1]
    assert [memory for memory, _ in store.vectors("two", 0, 9)] == [2]
    assert store.vectors("three", 0, 9) == []


def test_serve_no_model_where_something_is_there_without_a_vector(store: SqliteStore) -> None:
    fill(store, [Said("session:s", 1, "apple")])
    fill(store, [Said("session:s", 2, "pear")], FakeEmbedder("one"))
    assert store.state().serving == ""


def test_embed_what_is_still_there(store: SqliteStore) -> None:
    fill(store, [Said("session:s", 1, "apple"), Said("session:s", 2, "pear"), Said("session:s", 3, "fig")])
    assert [memory for memory, _, _ in store.unembedded("one", 0, 2)] == [1, 2]
    store.retract("session:s", [2])
    store.embed("one", {1: Embedding(b"\x01"), 2: Embedding(b"\x02"), 3: Embedding(b"\x03", b"tokens")})
    assert store.vectors("one", 0, 9) == [(1, b"\x01"), (3, b"\x03")]
    assert store.token_vectors("one", [1, 2, 3]) == {3: b"tokens"}
    store.embed("one", {1: Embedding(b"\x09")})
    assert store.vectors("one", 0, 1) == [(1, b"\x01")]  # what is there stays
    assert store.unembedded("one", 0, 9) == []
    assert [memory for memory, _, _ in store.unembedded("two", 1, 9)] == [3]


def test_delete_the_vectors_of_every_other_model(store: SqliteStore) -> None:
    fill(store, [Said("session:s", 1, "apple")], FakeEmbedder("one"))
    store.embed("two", {1: Embedding(b"\x01")})
    assert store.figures().vectors == 2
    store.serve("two")
    assert (store.state().serving, store.vectors("one", 0, 9), store.figures().vectors) == ("two", [], 1)


def test_rebuild_but_what_came_since(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"), (2, 0, "pear"))
    pieces = {number: prepare([passage], FakeEmbedder())[0].pieces for number, passage in store.passages()}
    retain(store, "k2", (3, 0, "fig"))
    assert store.rebuild(pieces, "fake") == 3
    assert kept(store) == ["fig", "apple", "pear"]
    assert store.state().serving == "fake"
    assert [memory for memory, _, _ in store.unembedded("fake", 0, 9)] == [3]


def test_count_what_it_holds(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"), (2, 0, "The first sentence of it. " * 40))
    retain(store, "k2", (1, 0, "fig"), document="session:t")
    before = store.figures()
    assert (before.documents, before.passages, before.memories, before.vectors) == (2, 3, 4, 0)
    store.words.catch_up()
    assert store.figures().bytes > before.bytes
    store.retract("session:t", [1])
    assert store.figures().documents == 1


def test_keep_what_a_document_says_of_itself_as_json(store: SqliteStore) -> None:
    batch = Batch("b", "session:s", "k", (Passage(1, 0, "user", "x", WHEN),), metadata={"ключ": ["值", None, 1.5]})
    store.retain(batch, prepare(batch.passages, None), "")
    assert json.loads(store.database.rows("SELECT metadata FROM documents")[0][0]) == {"ключ": ["值", None, 1.5]}
    assert store.memories([1])[1].metadata == {"ключ": ["值", None, 1.5]}
