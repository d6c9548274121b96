from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.banks import Said, fill

from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.recall import catalogue
from threadline.engine.recall.catalogue import NONE, Catalogue, Rows
from threadline.engine.store.base import Row
from threadline.engine.store.sqlite import SqliteStore
from threadline.engine.store.words import State


class Memories:
    """A store of nothing but rows, which come and go; what a `Catalogue` reads of it."""

    def __init__(self) -> None:
        self.held: dict[int, tuple[Row, bytes | None]] = {}
        self.log: list[tuple[int, int]] = []
        self.generation = 0
        self.complete_since = 0
        self.given = 0
        self.vector = 0

    def embed(self) -> None:
        """Make the vectors that are missing."""
        for memory, (row, vector) in self.held.items():
            if vector is None:
                self.vector += 1
                self.held[memory] = row, bytes([memory % 120, 1, 2, 3])

    def add(
        self, document: int, pieces: int, *, embedded: bool, role: str = "user", speaker: str | None = None
    ) -> None:
        passage = self.given + 1
        for _ in range(pieces):
            self.given += 1
            self.vector += embedded
            row = Row(self.given, passage, document, passage, role, speaker, float(passage), 7)
            self.held[self.given] = row, bytes([self.given % 120, 1, 2, 3]) if embedded else None

    def remove(self, passages: set[int]) -> None:
        gone = [memory for memory, (row, _) in self.held.items() if row.passage in passages]
        if gone:
            self.generation += 1
            for memory in gone:
                del self.held[memory]
                self.log.append((self.generation, memory))

    def state(self) -> State:
        return State(self.generation, self.complete_since, max(self.held, default=0), vector=self.vector)

    def gone(self, generation: int) -> list[int]:
        return [memory for at, memory in self.log if at > generation]

    def count(self) -> int:
        return len(self.held)

    def rows(self, after: int, limit: int) -> list[Row]:
        return [row for memory, (row, _) in sorted(self.held.items()) if memory > after][:limit]

    def vectors(self, model: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        assert model == "m"
        found = [(memory, vector) for memory, (_, vector) in sorted(self.held.items()) if memory > after and vector]
        return found[:limit]

    def late_vectors(self, model: str, ids: Sequence[int]) -> list[tuple[int, bytes]]:
        assert 0 < len(ids) <= catalogue._SLICE
        return [each for each in self.vectors(model, 0, len(self.held)) if each[0] in ids]


def open_catalogue(store: Any) -> Catalogue:
    return Catalogue(store, "m", 4)


def plainly(store: Memories) -> dict[str, list[Any]]:
    """What the rows must be, in plain Python."""
    rows = [row for _, (row, _) in sorted(store.held.items())]
    passages = list(dict.fromkeys(row.passage for row in rows))
    owner = {row.passage: row.document for row in rows}
    before, after = [], []
    for place, passage in enumerate(passages):
        same = [other for other, each in enumerate(passages) if owner[each] == owner[passage]]
        before.append(max((other for other in same if other < place), default=NONE))
        after.append(min((other for other in same if other > place), default=NONE))
    starts = [min(place for place, row in enumerate(rows) if row.passage == passage) for passage in passages]
    return {
        "memories": [row.memory for row in rows],
        "documents": [row.document for row in rows],
        "turns": [row.turn for row in rows],
        "roles": [{"user": 0, "assistant": 1}.get(row.role, 2) for row in rows],
        "said_at": [row.said_at for row in rows],
        "lengths": [row.tokens for row in rows],
        "messages": [passages.index(row.passage) for row in rows],
        "vectors": [list(vector) if vector else [0, 0, 0, 0] for vector in (store.held[row.memory][1] for row in rows)],
        "starts": [*starts, len(rows)],
        "before": before,
        "after": after,
    }


def held(rows: Rows) -> dict[str, list[Any]]:
    return {
        each.name: getattr(rows, each.name).tolist()
        for each in fields(rows)
        if each.name not in ("names", "speakers", "norms")
    }


def check_norms(rows: Rows) -> None:
    expected = [max(1.0, float(np.linalg.norm(vector))) for vector in rows.vectors.astype(np.float64)]
    assert np.allclose(rows.norms, expected)


def speakers(rows: Rows) -> list[str | None]:
    return [None if number == NONE else rows.names[number] for number in rows.speakers.tolist()]


additions = st.builds(
    lambda document, pieces, embedded, who: ("add", document, pieces, embedded, who),
    st.integers(1, 4),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([("user", None), ("assistant", None), ("user", "Ann"), ("tool", "Bo"), ("user", "User")]),
)
removals = st.builds(lambda passages: ("remove", passages), st.sets(st.integers(1, 30), min_size=1, max_size=4))
looks = st.just(("look",))
anew = st.just(("anew",))
embeds = st.just(("embed",))


def do(store: Memories, step: Sequence[Any]) -> None:
    if step[0] == "add":
        _, document, pieces, embedded, (role, speaker) = step
        store.add(document, pieces, embedded=embedded, role=role, speaker=speaker)
    elif step[0] == "remove":
        store.remove(step[1])
    elif step[0] == "embed":
        store.embed()
    elif step[0] == "anew":
        store.generation += 1
        store.complete_since = store.generation
        store.log.clear()


@pytest.fixture(scope="module", autouse=True)
def _small_arrays() -> Iterator[None]:
    """So that slices end and arrays grow within a few rows."""
    before = catalogue._SLICE, catalogue._FIRST_CAPACITY
    catalogue._SLICE, catalogue._FIRST_CAPACITY = 3, 2
    yield
    catalogue._SLICE, catalogue._FIRST_CAPACITY = before


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(additions, additions, removals, looks, embeds, anew), max_size=25))
def test_equal_what_is_read_at_once(steps: list[Sequence[Any]]) -> None:
    store = Memories()
    kept = open_catalogue(store)
    for step in steps:
        do(store, step)
        if step[0] == "look":
            assert held(kept.rows()) == plainly(store)
    rows = kept.rows()
    check_norms(rows)
    assert held(rows) == plainly(store) == held(open_catalogue(store).rows())
    spoken = {row.memory: row.speaker for row, _ in store.held.values()}
    assert speakers(rows) == [None if spoken[m] == "User" else spoken[m] for m in rows.memories.tolist()]
    assert [kind.dtype for kind in (rows.memories, rows.messages, rows.vectors)] == [np.int64, np.int32, np.int8]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(additions, additions, removals, anew), min_size=2, max_size=20))
def test_never_change_what_was_handed_out(steps: list[Sequence[Any]]) -> None:
    store = Memories()
    kept = open_catalogue(store)
    views: list[tuple[Rows, dict[str, list[Any]]]] = []
    for step in steps:
        do(store, step)
        rows = kept.rows()
        views.append((rows, held(rows)))
    for rows, before in views:
        now = held(rows)
        # Only the links to what came later may have come since.
        later = zip(before.pop("after"), now.pop("after"), strict=True)
        assert all(was == link or (was == NONE and link >= len(rows.before)) for was, link in later)
        assert now == before


def test_find_rows_of_memories() -> None:
    store = Memories()
    for document in (1, 2, 1):
        store.add(document, 2, embedded=True)
    store.remove({3})
    rows = open_catalogue(store).rows()
    assert rows.memories.tolist() == [1, 2, 5, 6]
    places, known = rows.find(np.array([6, 3, 1, 99, 0, 5]))
    assert (places.tolist(), known.tolist()) == ([3, 0, 2], [True, False, True, False, False, True])
    nothing, known = open_catalogue(Memories()).rows().find(np.array([1, 2]))
    assert (nothing.tolist(), known.tolist()) == ([], [False, False])


def test_read_a_bank(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "memory.db")
    kept = Catalogue(store, "fake", 64)
    assert len(kept.rows()) == 0
    said = [Said("session:s", 1, "apple", speaker="Ann"), Said("session:s", 1, "pear " * 300, 1, "assistant")]
    fill(store, said, FakeEmbedder())
    rows = kept.rows()
    assert rows.messages.tolist()[:2] == [0, 1]
    assert set(rows.messages.tolist()) == {0, 1}
    assert (rows.before.tolist(), rows.after.tolist()) == ([NONE, 0], [1, NONE])
    assert rows.vectors.any(axis=1).all()
    store.retract("session:s", [1])
    fill(store, [Said("session:s", 2, "fig")])
    later = kept.rows()
    assert (len(later), bool(later.vectors.any()), list(later.names)) == (1, False, ["Ann"])
    assert len(rows) > 2  # as it was handed out
    store.close()


def test_take_no_vector_of_a_memory_that_went_away_between() -> None:
    class Changing(Memories):
        def rows(self, after: int, limit: int) -> list[Row]:
            rows = super().rows(after, limit)
            self.remove({1})
            self.add(2, 1, embedded=True)
            return rows

    store = Changing()
    store.add(1, 1, embedded=True)
    store.add(1, 1, embedded=True)
    kept = open_catalogue(store)
    first = kept.rows()
    assert set(itertools.chain(*first.vectors[:1].tolist())) == {0}
    assert held(kept.rows())["memories"][0] == 2
