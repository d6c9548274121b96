from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from threadline.engine import vectors
from threadline.engine.vectors import cosines, lengths, quantise, stack


def unit_rows(count: int) -> npt.NDArray[np.float32]:
    rows = np.random.default_rng(7).normal(size=(count, 384))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_compare_as_the_unrounded_vectors_do() -> None:
    rows = unit_rows(50)
    stored = quantise(rows)
    measured = cosines(quantise(rows[3]), stored, lengths(stored))
    assert np.allclose(measured, rows @ rows[3], atol=0.01)
    assert measured.argmax() == 3


@pytest.mark.parametrize("count", [1, 2, 50, 51])
def test_compare_the_same_on_two_threads(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = quantise(unit_rows(count))
    alone = cosines(stored[0], stored, lengths(stored))
    monkeypatch.setattr(vectors, "_WORTH_A_THREAD", 0)
    assert np.array_equal(cosines(stored[0], stored, lengths(stored)), alone)


def test_compare_with_no_rows() -> None:
    nothing = np.zeros((0, 384), np.int8)
    assert cosines(quantise(unit_rows(1)[0]), nothing, lengths(nothing)).shape == (0,)


def test_divide_a_row_of_zeros_by_one() -> None:
    assert lengths(np.array([[0, 0], [3, 4]], np.int8)).tolist() == [1, 5]


def test_stack_what_was_stored() -> None:
    rows = quantise(unit_rows(3))
    assert np.array_equal(stack([row.tobytes() for row in rows], 384), rows)
