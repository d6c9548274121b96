from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.recall.rows import Message, rows_of

from threadline.engine.recall.candidates import candidates
from threadline.engine.recall.catalogue import Rows


def weigh(
    rows: Rows,
    words: list[float],
    meaning: list[float] | None = None,
    time: list[float] | None = None,
    seen: list[bool] | None = None,
    depth: int = 3,
) -> list[int]:
    nothing = [0.0] * len(rows)
    columns = [np.array(each, np.float64) for each in (words, meaning or nothing, time or nothing)]
    visible: npt.NDArray[np.bool_] = np.array(seen or [True] * len(rows))
    found = candidates(rows, columns[0], columns[1], columns[2] if time else None, visible, depth)
    return [int(row) for row in found]


def apart(count: int) -> Rows:
    """Messages of as many documents: none is beside another."""
    return rows_of([Message(number) for number in range(1, count + 1)])


def test_take_the_best_of_each_channel() -> None:
    words = [0.0, 0.5, 0.9, 0.1, 0.3, 0.0, 0.0]
    meaning = [0.9, 0.0, 0.8, 0.1, 0.1, 0.7, -0.5]
    assert weigh(apart(7), words, meaning) == [0, 1, 2, 4, 5]


def test_take_nothing_that_no_channel_found() -> None:
    assert weigh(apart(3), [0.0] * 3, [-0.2, 0.0, -0.1]) == []
    assert weigh(rows_of([]), []) == []


def test_take_the_oldest_of_equal_ones() -> None:
    assert weigh(apart(6), [0.2, 0.5, 0.5, 0.5, 0.5, 0.2]) == [1, 2, 3]


def test_take_along_what_stands_beside_the_best() -> None:
    rows = rows_of([Message(1), Message(2), Message(1, pieces=2), Message(1), Message(1), Message(2)])
    # The second message of the first document, in rows 2 and 3, found by its second piece.
    assert weigh(rows, [0.1, 0.1, 0.1, 0.8, 0.1, 0.1, 0.1], depth=1) == [0, 3, 4]
    assert weigh(rows, [0.1, 0.1, 0.1, 0.1, 0.8, 0.1, 0.1], depth=1) == [2, 3, 4, 5]
    by_meaning = [-0.1, 0.1, 0.1, -0.1, 0.0, 0.1, 0.1]
    assert weigh(rows, [0.0, 0.0, 0.0, 0.0, 0.8, 0.0, 0.0], by_meaning, depth=1) == [1, 2, 4, 5, 6]


def test_take_along_nothing_that_has_nothing_of_the_question() -> None:
    rows = rows_of([Message(1), Message(1), Message(1)])
    assert weigh(rows, [0.0, 0.8, 0.0], [-0.1, 0.5, 0.0], depth=1) == [1]


def test_take_along_nothing_hidden() -> None:
    rows = rows_of([Message(1), Message(1), Message(1)])
    assert weigh(rows, [0.1, 0.8, 0.1], seen=[False, True, True], depth=1) == [1, 2]


def test_take_along_no_message_that_came_meanwhile() -> None:
    rows = rows_of([Message(1), Message(1)])
    rows.after[1] = 2
    assert weigh(rows, [0.1, 1.0], depth=1) == [0, 1]


def test_look_further_among_what_fits_the_time() -> None:
    words = [0.9, 0.8, 0.7, 0.1, 0.2, 0.0]
    time = [0.0, 0.0, 0.0, 1.0, 0.5, 1.0]
    assert weigh(apart(6), words, time=time) == [0, 1, 2, 3]
    meaning = [0.0] * 5 + [0.3]
    assert weigh(apart(6), words, meaning, time) == [0, 1, 2, 3, 5]


scores = st.integers(-4, 10).map(lambda n: n / 10)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), scores, scores, st.booleans()), max_size=16),
    st.integers(1, 5),
)
def test_see_what_is_visible_and_miss_none_of_the_best(
    given: list[tuple[int, int, float, float, bool]], depth: int
) -> None:
    rows = rows_of([Message(document, pieces) for document, pieces, *_ in given])
    each = [one for one in given for _ in range(one[1])]
    seen = [visible for *_, visible in each]
    words = [max(score, 0.0) if visible else 0.0 for *_, score, _, visible in each]
    meaning = [score if visible else 0.0 for *_, score, visible in each]
    found = weigh(rows, words, meaning, None, seen, depth)
    assert found == sorted(set(found))
    assert all(seen[row] for row in found)
    for column in (words, meaning):
        ranked = sorted((-score, row) for row, score in enumerate(column) if score > 0)
        assert {row for _, row in ranked[:depth]} <= set(found)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_find_the_best_of_very_many(seed: int, depth: int) -> None:
    random = np.random.default_rng(seed)
    count = 3_000
    words = np.round(random.random(count) ** random.integers(1, 40) - random.choice([0.0, 0.5, 0.99]), 3).clip(0)
    rows = _very_many()
    found = weigh(rows, words.tolist(), depth=depth)
    ranked = sorted((-score, row) for row, score in enumerate(words.tolist()) if score > 0)
    assert found == sorted(row for _, row in ranked[:depth])


@functools.cache
def _very_many() -> Rows:
    return apart(3_000)
