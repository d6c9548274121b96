from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from threadline.documents import Batch, Passage
from threadline.engine.recall.scope import Visible
from threadline.engine.recall.words import search_words
from threadline.engine.retain.prepare import prepare
from threadline.engine.store.sqlite import SqliteStore

EVERYTHING = Visible(None, frozenset())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Thirty turns, the earlier ones the better matches for `apple`: documents 1, 2 and 3 in rotation."""
    opened = SqliteStore(tmp_path / "memory.db")
    for number in range(30):
        text = "apple " * 3 + "pear " * number
        passages = (Passage(number // 3 + 1, 0, "user", text, datetime(2024, 5, 3, tzinfo=UTC)),)
        batch = Batch("b", f"session:{number % 3}", f"k{number}", passages)
        opened.retain(batch, prepare(passages, None), "")
    yield opened
    opened.close()


def test_rank_the_best_first(store: SqliteStore) -> None:
    ranking = search_words(store, ["apple"], EVERYTHING, 5)
    assert ranking.channel == "words"
    assert [memory for memory, _ in ranking.found] == [1, 2, 3, 4, 5]
    assert [score for _, score in ranking.found] == sorted((s for _, s in ranking.found), reverse=True)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (Visible({3: 99}, frozenset()), [3, 6, 9]),
        (Visible({3: 2}, frozenset()), [3, 6]),
        (Visible({}, frozenset()), []),
        (Visible(dict.fromkeys(range(3, 90), 99), frozenset()), [3, 6, 9]),
        (Visible(None, frozenset((document, turn) for document in (1, 2) for turn in range(1, 11))), [3, 6, 9]),
        (Visible({3: 99}, frozenset({(3, 1)})), [6, 9, 12]),
    ],
    ids=["document", "up to a turn", "nothing", "many documents", "hidden turns", "hidden in a document"],
)
def test_fill_the_ranking_with_visible_memories_alone(
    store: SqliteStore, visible: Visible, expected: list[int]
) -> None:
    assert [memory for memory, _ in search_words(store, ["apple"], visible, 3).found] == expected


def test_find_nothing_without_terms(store: SqliteStore) -> None:
    assert search_words(store, [], EVERYTHING, 5).found == ()
    assert search_words(store, ["plum"], EVERYTHING, 5).found == ()
