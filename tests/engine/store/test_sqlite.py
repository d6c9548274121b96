from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from threadline.documents import Batch, Passage
from threadline.engine.retain.prepare import prepare
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


def found(store: SqliteStore, *terms: str, documents: list[int] | None = None) -> list[tuple[int, int]]:
    return [(match.document, match.turn) for match in store.search(terms, documents, 100)]


def test_apply_a_key_once(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"))
    retain(store, "k", (2, 0, "pear"))
    assert store.figures().passages == 1


def test_leave_a_passage_alone_that_is_there(store: SqliteStore) -> None:
    retain(store, "k1", (1, 0, "apple"))
    retain(store, "k2", (1, 0, "apple"), (2, 0, "pear"), (2, 0, "pear"))
    assert [passage.text for _, passage in store.passages()] == ["apple", "pear"]
    assert found(store, "apple") == [(1, 1)]


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


def test_find_an_answer_by_what_opened_its_turn(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "Which kennel did we choose?"), (1, 1, "Happy Paws."), (2, 0, "Thanks."))
    assert found(store, "kennel") == [(1, 1), (1, 1)]


def test_find_a_long_answer_by_its_own_words_alone(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "Which kennel did we choose?"), (1, 1, "Happy Paws has room for us. " * 60))
    assert found(store, "kennel") == [(1, 1)]
    assert len(found(store, "paws")) == 3


def test_find_by_date_and_speaker(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"))
    assert found(store, "may") == found(store, "wednesday") == found(store, "ann") == [(1, 1)]


def test_search_in_some_documents_alone(store: SqliteStore) -> None:
    retain(store, "k1", (1, 0, "apple"))
    retain(store, "k2", (1, 0, "apple"), document="session:t")
    ids = store.document_ids(["session:s", "session:t", "session:unknown"])
    assert set(ids) == {"session:s", "session:t"}
    assert found(store, "apple", documents=[ids["session:t"]]) == [(ids["session:t"], 1)]
    assert found(store, "apple", documents=[]) == []
    assert found(store, f"d{ids['session:t']}") == []  # where a memory is kept is no word of it


def test_keep_a_turn_from_coming_back_that_never_came(store: SqliteStore) -> None:
    store.retract("session:s", [2])
    retain(store, "k", (1, 0, "apple"), (2, 0, "pear"), (3, 0, "plum"))
    assert [passage.turn for _, passage in store.passages()] == [1, 3]
    assert found(store, "pear") == []


def test_tell_of_removals_by_the_generation(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"))
    assert store.state() == (0, 1)
    store.retract("session:s", [7])
    assert store.state() == (0, 1)
    store.retract("session:s", [1])
    assert store.state() == (1, 0)
    retain(store, "k2", (2, 0, "pear"))
    assert store.state() == (1, 2)  # an id is never used again


def test_forget_what_was_said_about_a_document_with_its_last_turn(store: SqliteStore) -> None:
    passages = (Passage(1, 0, "user", "apple", WHEN),)
    batch = Batch("b", "note:n", "k", passages, metadata={"title": "orchard"}, context="fruit")
    store.retain(batch, prepare(passages, None), "")
    store.retract("note:n", [1])
    assert store.database.rows("SELECT metadata, context FROM documents") == [("{}", None)]


def test_list_speakers(store: SqliteStore) -> None:
    assert store.speakers() == []
    passages = tuple(Passage(n, 0, "user", "hi", WHEN, name) for n, name in enumerate(["Bo", "Al", None, "Bo"], 1))
    store.retain(Batch("b", "session:s", "k", passages), prepare(passages, None), "")
    assert store.speakers() == ["Al", "Bo"]


def test_leave_no_beginning_of_a_deleted_word_in_the_index(store: SqliteStore) -> None:
    # Enough long words with the same beginning for many borders between leaves to fall within them.
    for number in range(20):
        words = [f"prefixedword{(number * 1_000 + place) * 7919 % 100_000:05d}" for place in range(1_000)]
        retain(store, f"k{number}", (1, 0, " ".join(words)), document=f"session:{number}")
    for number in range(10):
        store.forget(f"session:{number}", None)
    kept = {f"prefixedword{number * 7919 % 100_000:05d}" for number in range(10_000, 20_000)}
    terms = store.database.rows("SELECT term FROM words_idx")
    borders = [bytes(term)[1:].decode() for (term,) in terms if b"prefixedword" in bytes(term)]
    assert len(borders) > 5
    assert [border for border in borders if not any(word.startswith(border) for word in kept)] == []


def test_move_the_wal_into_the_file(store: SqliteStore) -> None:
    for number in range(40):
        retain(store, f"k{number}", (number + 1, 0, f"word{number} " * 30_000))
    wal = store.path.with_name("memory.db-wal")
    assert store.path.stat().st_size > wal.stat().st_size


def test_refuse_another_text_in_the_place_of_one(store: SqliteStore) -> None:
    retain(store, "k1", (1, 0, "what was said"))
    retain(store, "k2", (1, 0, "what was said"))
    with pytest.raises(BackendRefusedError, match="from-journal"):
        retain(store, "k3", (1, 0, "what another journal says"))
    assert [passage.text for _, passage in store.passages()] == ["what was said"]


def test_remove_the_file_unless_somebody_has_it_open(tmp_path: Path) -> None:
    one, other = SqliteStore(tmp_path / "memory.db"), SqliteStore(tmp_path / "memory.db")
    assert other.figures().passages == 0
    assert not one.remove()
    assert other.remove()
    assert list(tmp_path.iterdir()) == []


def test_rebuild_a_damaged_word_index(store: SqliteStore) -> None:
    retain(store, "k", (1, 0, "apple"), (2, 0, "pear"))
    store.database.write("test", lambda connection: list(connection.execute("DELETE FROM words_data WHERE id > 10")))
    with pytest.raises(StorageError):
        found(store, "apple")
    pieces = {number: prepare([passage], None)[0].pieces for number, passage in store.passages()}
    assert store.rebuild(pieces, "") == 2
    assert found(store, "apple") == [(1, 1)]
