from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.engine.banks import Said, fill
from tests.engine.recall.rows import asked

from threadline.engine.recall import words
from threadline.engine.recall.catalogue import Catalogue
from threadline.engine.recall.words import document_scores, word_scores
from threadline.engine.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Thirty turns, the earlier ones the better matches for `apple`: documents 1, 2 and 3 in rotation."""
    opened = SqliteStore(tmp_path / "memory.db")
    for number in range(30):
        fill(opened, [Said(f"session:{number % 3}", number // 3 + 1, "apple " * 3 + "pear " * number)])
    yield opened
    opened.close()


def scored(
    store: SqliteStore,
    text: str,
    hidden: Collection[int] = (),
    documents: Collection[int] | None = None,
    depth: int = 5,
) -> dict[int, float]:
    """The scores of the memories that have one, best first."""
    rows = Catalogue(store, "", 0).rows()
    seen = ~np.isin(rows.memories, list(hidden))
    scores = word_scores(store.words, rows, asked(text, rows), seen, documents, depth)
    assert scores.shape == (len(rows),)
    found = {int(memory): float(score) for memory, score in zip(rows.memories, scores, strict=True) if score}
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def test_score_the_best_first(store: SqliteStore) -> None:
    found = scored(store, "Which apple?")
    assert list(found)[:5] == [1, 2, 3, 4, 5]
    assert len(found) == 30
    assert all(score > 0 for score in found.values())


def test_score_nothing_hidden(store: SqliteStore) -> None:
    assert list(scored(store, "apple", hidden=range(1, 21)))[:3] == [21, 22, 23]
    assert scored(store, "apple", hidden=range(1, 31)) == {}


@pytest.mark.parametrize(("documents", "expected"), [([3], [3, 6, 9]), ([1, 2, 77], [1, 2, 4]), ([], [])])
def test_look_in_few_documents_alone(store: SqliteStore, documents: list[int], expected: list[int]) -> None:
    hidden = [memory for memory in range(1, 31) if (memory - 1) % 3 + 1 not in documents]
    assert list(scored(store, "apple", hidden, documents))[:3] == expected


def test_sift_what_is_found_in_many_documents(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    in_few = scored(store, "apple", [1, 3], [1, 3])
    monkeypatch.setattr(words, "_DOCUMENTS", 1)
    hidden = [memory for memory in range(1, 31) if memory in (1, 3) or (memory - 1) % 3 == 1]
    assert scored(store, "apple", hidden, [1, 3]) == {m: s for m, s in in_few.items() if m not in hidden}


@pytest.mark.parametrize(
    ("breadth", "depth", "at_least"), [(1, 1, 1), (4, 3, 3), (4, 29, 29), (7, 30, 30), (9, 99, 30)]
)
def test_find_as_many_as_are_wanted(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, breadth: int, depth: int, at_least: int
) -> None:
    monkeypatch.setattr(words, "BREADTH", breadth)
    found = scored(store, "apple", depth=depth)
    assert len(found) >= at_least
    assert list(found) == list(range(1, len(found) + 1))
    late = scored(store, "apple", hidden=range(1, 28), depth=depth)
    assert list(late)[:at_least] == [28, 29, 30][:at_least]


@pytest.mark.parametrize("text", ["", "?!", "plum"])
def test_score_nothing_without_a_match(store: SqliteStore, text: str) -> None:
    assert scored(store, text) == {}


def test_score_nothing_in_an_empty_bank(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "empty" / "memory.db")
    assert scored(store, "apple") == {}
    store.close()


def test_leave_out_what_came_after_the_rows_were_read(store: SqliteStore) -> None:
    rows = Catalogue(store, "", 0).rows()
    fill(store, [Said("session:new", 1, "apple apple apple")])
    scores = word_scores(store.words, rows, asked("apple", rows), np.ones(30, np.bool_), None, 5)
    assert scores.shape == (30,)
    assert scores.all()


def gathered(store: SqliteStore, text: str, hidden: Collection[int] = ()) -> list[float]:
    """How much each memory's document says of what is asked, the memories in their order."""
    rows = Catalogue(store, "", 0).rows()
    seen = ~np.isin(rows.memories, list(hidden))
    return list(document_scores(store.words, rows, asked(text, rows), seen, np.flatnonzero(seen)))


@pytest.fixture
def talks(tmp_path: Path) -> Iterator[SqliteStore]:
    """Two documents: one tells of a harbour and, in another message, of a ferry; the other of ferries alone."""
    opened = SqliteStore(tmp_path / "talks.db")
    for document, *texts in (("a", "the harbour", "a ferry", "a ferry"), ("b", "ferries", "nothing")):
        fill(opened, [Said(f"session:{document}", turn, text) for turn, text in enumerate(texts, 1)])
    yield opened
    opened.close()


def test_gather_what_a_document_says_in_all_its_memories(talks: SqliteStore) -> None:
    first, *_, other, last = gathered(talks, "Is there a ferry from the harbour?")
    assert (first, last) == (1.0, other)
    assert 0 < other < 0.5  # that more of them tell of a ferry makes it the less rare word
    assert gathered(talks, "a ferry, ferries and a submarine") == [1.0] * 5  # what nobody says asks for nothing
    assert gathered(talks, "a submarine") == [0.0] * 5


def test_gather_nothing_hidden(talks: SqliteStore) -> None:
    assert gathered(talks, "ferry harbour", hidden=[1])[0] == 1.0  # of a harbour nothing is seen: nobody says it
    assert gathered(talks, "ferry harbour", hidden=[2, 3])[0] < 1.0
    assert gathered(talks, "ferry harbour", hidden=range(1, 6)) == []


def test_gather_no_word_that_many_hold(talks: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "TELLING", 2)
    assert gathered(talks, "ferry harbour") == [1.0, 1.0, 1.0, 0.0, 0.0]


def test_gather_nothing_of_what_came_after_the_rows_were_read(talks: SqliteStore) -> None:
    rows = Catalogue(talks, "", 0).rows()
    fill(talks, [Said("session:c", 1, "a submarine")])
    found = document_scores(talks.words, rows, asked("submarine", rows), np.ones(5, np.bool_), np.arange(5))
    assert found.tolist() == [0.0] * 5
