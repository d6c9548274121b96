from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.banks import Said, fill, texts

from threadline.documents import Query
from threadline.engine.recall.catalogue import Catalogue
from threadline.engine.recall.fuse import DEFAULT
from threadline.engine.recall.rank import Ranked
from threadline.engine.recall.select import FEW, LEAST, SURE, Hit, is_answerable, select
from threadline.engine.recall.signals import Signals
from threadline.engine.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "memory.db")
    yield opened
    opened.close()


def ranked(store: SqliteStore, order: Sequence[int] | None = None, sure: Sequence[float] | None = None) -> Ranked:
    """A ranking of a store's memories in an order, the first one 1.0 and each next 0.01 less sure."""
    rows = Catalogue(store, "", 0).rows()
    places = np.arange(len(rows)) if order is None else np.array([memory - 1 for memory in order], np.int64)
    found = 1 - np.arange(len(places)) / 100
    nothing = Signals(*(np.zeros(len(places)) for _ in fields(Signals)))
    confidence = found if sure is None else np.array(sure)
    return Ranked(rows, places, nothing, found, confidence, DEFAULT.words)


def chosen(
    store: SqliteStore,
    found: Ranked,
    max_tokens: int = 10**6,
    limit: int = 10**6,
    sure: float | None = None,
    hidden: Sequence[int] = (),
) -> list[Hit]:
    query = Query("x", max_tokens=max_tokens, limit=limit, min_confidence=sure)
    return select(found, query, ~np.isin(found.rows.memories, hidden), store.memories)


def say(store: SqliteStore, *said: str, document: str = "") -> None:
    """Each text as a document of its own, or as the turns of one."""
    fill(store, [Said(document or f"session:{n}", n if document else 1, text) for n, text in enumerate(said, 1)])


# The budget and the limit.


def words(count: int, which: str = "word") -> str:
    return " ".join([which] * count)


def test_take_the_best_while_they_fit(store: SqliteStore) -> None:
    say(store, words(5, "apple"), words(4, "pear"), words(3, "fish"))
    assert [hit.tokens for hit in chosen(store, ranked(store))] == [5, 4, 3]
    assert [hit.tokens for hit in chosen(store, ranked(store), max_tokens=9)] == [5, 4]


def test_pass_over_what_does_not_fit(store: SqliteStore) -> None:
    say(store, words(5, "apple"), words(50, "pear"), words(3, "fish"), words(1, "tree"))
    assert [hit.tokens for hit in chosen(store, ranked(store), max_tokens=9)] == [5, 3, 1]


@pytest.mark.parametrize(("max_tokens", "limit"), [(0, 9), (-1, 9), (99, 0)])
def test_take_nothing_without_room(store: SqliteStore, max_tokens: int, limit: int) -> None:
    say(store, "apple")
    assert chosen(store, ranked(store), max_tokens, limit) == []


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["apple", "pear", "fish"]), st.integers(1, 4)), max_size=60),
    st.integers(0, 60),
    st.integers(1, 12),
)
def test_never_take_more_than_there_is_room_for(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, int]], max_tokens: int, limit: int
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("select") / "memory.db")
    say(store, *(words(count, word) for word, count in said), document="session:s")
    hits = chosen(store, ranked(store), max_tokens, limit)
    assert len(hits) <= limit
    assert sum(hit.tokens for hit in hits) <= max_tokens
    assert len(set(texts(hits))) == len(hits)
    assert [hit.place for hit in hits] == sorted(hit.place for hit in hits)
    for hit in hits:
        assert hit.count <= texts_of(said).count(hit.memory.text)
    everything = chosen(store, ranked(store))
    assert sum(hit.count for hit in everything) == len(said)
    assert {hit.memory.text: hit.count for hit in everything} == {
        text: texts_of(said).count(text) for text in texts_of(said)
    }
    store.close()


def texts_of(said: list[tuple[str, int]]) -> list[str]:
    return [words(count, word) for word, count in said]


# What says the same.


def test_return_what_says_the_same_once_with_a_count(store: SqliteStore) -> None:
    say(store, "An apple a day!", "a pear", "an apple, a DAY", "Án apple — a day", "an apple two days")
    hits = chosen(store, ranked(store, [3, 1, 2, 5, 4]))
    assert [(hit.memory.id, hit.count) for hit in hits] == [(3, 3), (2, 1), (5, 1)]


@pytest.mark.parametrize(
    ("one", "other"), [("at three", "at four"), ("I do", "I do not"), ("👍", "👎"), ("?", "!"), ("v1.2", "v1.3")]
)
def test_tell_apart_what_says_something_else(store: SqliteStore, one: str, other: str) -> None:
    say(store, one, other, one)
    assert [(hit.memory.text, hit.count) for hit in chosen(store, ranked(store))] == [(one, 2), (other, 1)]


def test_take_no_room_for_what_says_the_same(store: SqliteStore) -> None:
    say(store, "apple pie", "apple pie", "apple pie", "pear", "fig")
    hits = chosen(store, ranked(store), limit=2)
    assert [(hit.memory.text, hit.count) for hit in hits] == [("apple pie", 3), ("pear", 1)]
    assert texts(chosen(store, ranked(store), max_tokens=3)) == ["apple pie", "pear"]


def test_count_nothing_that_the_ranking_has_not(store: SqliteStore) -> None:
    say(store, "apple", "apple", "apple")
    assert [(hit.memory.id, hit.count) for hit in chosen(store, ranked(store, [2, 3]))] == [(2, 2)]


# The pieces of a long message.


def test_return_two_pieces_of_a_message_before_those_of_others(store: SqliteStore) -> None:
    long = " ".join(f"This is sentence number {number} of a long message." for number in range(100))
    fill(store, [Said("session:s", 1, long), Said("session:t", 1, "apple"), Said("session:u", 1, "pear")])
    pieces = len(Catalogue(store, "", 0).rows()) - 2
    assert pieces > 4
    hits = chosen(store, ranked(store))
    assert [hit.memory.id for hit in hits] == [1, 2, pieces + 1, pieces + 2, *range(3, pieces + 1)]


# What stands before a short memory.


def test_introduce_a_short_memory(store: SqliteStore) -> None:
    say(store, "Which kennel did we choose?", "Happy Paws.", "Thanks.", document="session:s")
    hits = chosen(store, ranked(store, [2, 1]))
    assert [(hit.memory.text, hit.before) for hit in hits] == [
        ("Happy Paws.", "Which kennel did we choose?"),
        ("Which kennel did we choose?", None),
    ]
    alone = store.memories([2])[2].tokens
    assert hits[0].tokens == alone + store.memories([1])[1].tokens


def test_introduce_no_long_memory_and_no_first_one(store: SqliteStore) -> None:
    say(store, "Which one?", words(13), "Which one?", document="session:s")
    assert [hit.before for hit in chosen(store, ranked(store, [2]))] == [None]
    assert [hit.before for hit in chosen(store, ranked(store, [1]))] == [None]


def test_introduce_with_the_end_of_what_was_said_before(store: SqliteStore) -> None:
    before = " ".join(f"Sentence number {number}." for number in range(100)) + " Which one?"
    say(store, before, "The red one.", document="session:s")
    (hit,) = chosen(store, ranked(store, [len(Catalogue(store, "", 0).rows())]))
    assert hit.memory.text == "The red one."
    assert hit.before is not None
    assert hit.before.startswith("…")
    assert hit.before.endswith("Sentence number 99. Which one?")
    assert len(hit.before) == 241


def test_introduce_with_nothing_hidden(store: SqliteStore) -> None:
    say(store, "the secret", "Yes.", document="session:s")
    assert [hit.before for hit in chosen(store, ranked(store, [2]))] == ["the secret"]
    assert [hit.before for hit in chosen(store, ranked(store, [2]), hidden=[1])] == [None]


def test_introduce_only_where_that_fits(store: SqliteStore) -> None:
    say(store, words(20), "Yes.", document="session:s")
    assert [hit.before for hit in chosen(store, ranked(store, [2]), max_tokens=22)] == [words(20)]
    assert [hit.before for hit in chosen(store, ranked(store, [2]), max_tokens=21)] == [None]


# Few or none, where the answer was most likely never said.


def test_return_few_where_nothing_is_sure(store: SqliteStore) -> None:
    say(store, *(f"apple {number}" for number in range(6)))
    doubtful = ranked(store, sure=[SURE - 0.01] * 6)
    assert not is_answerable(doubtful)
    assert len(chosen(store, doubtful)) == FEW
    assert len(chosen(store, ranked(store, sure=[LEAST / 2, LEAST, *[LEAST / 2] * 4]))) == 1
    assert chosen(store, ranked(store, sure=[LEAST / 2] * 6)) == []


def test_return_all_that_has_anything_of_it_where_one_is_sure(store: SqliteStore) -> None:
    say(store, *(f"apple {number}" for number in range(6)))
    assert len(chosen(store, ranked(store, sure=[LEAST, LEAST, LEAST, LEAST / 2, 0.0, SURE]))) == 4


def test_return_what_is_as_sure_as_was_asked_for(store: SqliteStore) -> None:
    say(store, *(f"apple {number}" for number in range(4)))
    found = ranked(store, sure=[0.5, 0.1, 0.7, 0.3])
    assert [hit.memory.id for hit in chosen(store, found, sure=0.3)] == [1, 3, 4]
    assert chosen(store, found, sure=0.8) == []
    assert len(chosen(store, ranked(store, sure=[0.0] * 4), sure=0.0)) == 4


# What changes meanwhile.


def test_leave_out_what_went_away_since(store: SqliteStore) -> None:
    say(store, "apple", "pear", "Yes.", document="session:s")
    found = ranked(store, [3, 1, 2])
    store.retract("session:s", [2])
    hits = chosen(store, found)
    assert [(hit.memory.text, hit.before) for hit in hits] == [("Yes.", None), ("apple", None)]
