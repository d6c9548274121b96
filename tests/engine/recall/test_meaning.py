from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from threadline.documents import Batch, Passage
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.recall.meaning import Meaning
from threadline.engine.recall.scope import Visible
from threadline.engine.retain.prepare import prepare
from threadline.engine.store.sqlite import SqliteStore

EVERYTHING = Visible(None, frozenset())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "memory.db")
    yield opened
    opened.close()


def retain(store: SqliteStore, *texts: str, first: int = 1, embedder: FakeEmbedder | None = None) -> None:
    embedder = embedder or FakeEmbedder()
    when = datetime(2024, 5, 3, tzinfo=UTC)
    passages = tuple(Passage(turn, 0, "user", text, when) for turn, text in enumerate(texts, first))
    store.retain(Batch("b", "session:s", f"k{first}", passages), prepare(passages, embedder), embedder.name)


def found(meaning: Meaning, query: str, visible: Visible = EVERYTHING, depth: int = 9) -> list[int]:
    return [memory for memory, _ in meaning.search(query, visible, depth).found]


def test_rank_the_nearest_first(store: SqliteStore) -> None:
    retain(store, "red apple", "green pear tree", "red apple pie")
    ranking = Meaning(store, FakeEmbedder()).search("red apple", EVERYTHING, 2)
    assert [memory for memory, _ in ranking.found] == [1, 3]
    assert ranking.found[0][1] == pytest.approx(1, abs=0.01)


def test_rank_visible_memories_alone(store: SqliteStore) -> None:
    retain(store, "red apple", "green pear tree", "red apple pie")
    meaning = Meaning(store, FakeEmbedder())
    assert found(meaning, "red apple", Visible({1: 2}, frozenset())) == [1, 2]
    assert found(meaning, "red apple", Visible(None, frozenset({(1, 1)}))) == [3, 2]
    assert found(meaning, "red apple", Visible({}, frozenset())) == []


def test_see_what_is_added_and_taken_out_later(store: SqliteStore) -> None:
    meaning = Meaning(store, FakeEmbedder())
    assert found(meaning, "red apple") == []
    retain(store, *(f"pear {number}" for number in range(1_500)))
    assert len(found(meaning, "pear", depth=9_999)) == 1_500
    retain(store, "red apple", first=1_501)
    assert found(meaning, "red apple", depth=1) == [1_501]
    store.retract("session:s", [1_501])
    assert 1_501 not in found(meaning, "red apple", depth=9_999)


def test_put_equal_ones_oldest_first(store: SqliteStore) -> None:
    retain(store, *["red apple"] * 20)
    assert found(Meaning(store, FakeEmbedder()), "red apple", depth=5) == [1, 2, 3, 4, 5]


def test_ignore_the_vectors_of_another_model(store: SqliteStore) -> None:
    retain(store, "red apple", embedder=FakeEmbedder("older"))
    retain(store, "red apple pie", first=2)
    assert found(Meaning(store, FakeEmbedder()), "red apple") == [2]
