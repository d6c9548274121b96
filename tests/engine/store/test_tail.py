"""What the index has not read yet is found as if it had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engine.banks import Said, fill

from threadline.engine.store.sqlite import SqliteStore
from threadline.engine.store.tail import LONGEST
from threadline.engine.store.words import Among, WordIndex
from threadline.engine.terms import identifiers, query_terms

SAID = [
    "a pear and an apple",
    "an apple",
    "a fig of the size of an apple, and more of what there is to say of figs and pears in a longer text",
    "apple apple pie",
    "the ticket ABC-123 is about apples",
    "nothing of the kind",
]
QUERIES = ["apple", "apple pear", "fig pie unknown", "ABC-123", "kind of pie"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "memory.db")
    yield opened
    opened.close()


def _keep(store: SqliteStore, texts: list[str], first: int = 1) -> None:
    fill(store, [Said("session:s", turn, text) for turn, text in enumerate(texts, first)])


def _search(index: WordIndex, query: str, among: Among | None = None) -> list[tuple[int, float]]:
    found = index.search(query_terms(query), identifiers(query), among, 99)
    return list(zip(found.memories.tolist(), found.scores.tolist(), strict=True))


@pytest.mark.parametrize("indexed", [0, 3])
def test_find_what_waits_as_if_it_were_indexed(store: SqliteStore, indexed: int) -> None:
    _keep(store, SAID[:indexed])
    store.words.catch_up()
    _keep(store, SAID[indexed:], indexed + 1)
    waiting = {query: _search(store.words, query) for query in QUERIES}
    assert store.words.behind() == len(SAID) - indexed, "a search writes nothing"
    store.words.catch_up()
    assert store.words.behind() == 0
    for query, found in waiting.items():
        written = dict(_search(store.words, query))
        assert dict(found).keys() == written.keys(), query
        if not indexed:  # else the index has counted only what it holds
            assert dict(found) == pytest.approx(written, rel=0.05 if "-" in query else 1e-4), query


@pytest.mark.parametrize("length", [1, 39, 40, 41, 42, 57, 95, 96, 150, 160, 200, 700])
def test_count_a_length_as_the_index_writes_it(store: SqliteStore, length: int) -> None:
    _keep(store, ["fig", " ".join(["apple", *["pear"] * (length - 1)]), "apple"])
    waiting = _search(store.words, "apple")
    store.words.catch_up()
    assert _search(store.words, "apple") == waiting


def test_leave_out_what_went_away(store: SqliteStore) -> None:
    _keep(store, SAID[:3])
    store.words.catch_up()
    _keep(store, SAID[3:], 4)
    assert {memory for memory, _ in _search(store.words, "apple")} == {1, 2, 3, 4, 5}
    store.retract("session:s", [2, 4])
    assert {memory for memory, _ in _search(store.words, "apple")} == {1, 3, 5}
    assert [held.memories.tolist() for held in store.words.holders(["appl"], 9)] == [[1, 3, 5]]


def test_keep_to_what_is_asked_of(store: SqliteStore) -> None:
    _keep(store, SAID)
    assert {memory for memory, _ in _search(store.words, "apple", Among("memory", [2, 6]))} == {2}
    assert _search(store.words, "apple", Among("document", [99])) == []


def test_write_the_index_once_too_much_waits(store: SqliteStore) -> None:
    _keep(store, ["apple"] * LONGEST)
    assert len(_search(store.words, "apple")) == LONGEST
    assert store.words.behind() == LONGEST
    assert store.words.catch_up(slices=1), "the background leaves a few for later"
    assert store.words.behind() == LONGEST
    _keep(store, ["apple"], LONGEST + 1)
    assert len(_search(store.words, "apple")) == LONGEST + 1
    assert store.words.behind() == 0


def test_write_the_index_once_too_much_went_away(store: SqliteStore) -> None:
    _keep(store, ["apple"] * (2 * LONGEST))
    store.words.catch_up()
    store.retract("session:s", range(1, LONGEST + 2))
    assert len(_search(store.words, "apple")) == LONGEST - 1
