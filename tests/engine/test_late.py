from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadline.engine.late import MOST, Encoded, late_interaction, sentence_vectors, signs, token_weights

WIDTH = 16


def encoded(states: list[list[int]], tokens: list[str] | None = None) -> Encoded:
    matrix = np.array(states, np.float32).reshape(-1, WIDTH)
    vector = np.full(WIDTH, 0.25, np.float32)
    return Encoded(vector, matrix, tuple(tokens or [f"w{place}" for place in range(len(matrix))]))


state = st.lists(st.sampled_from([-1, 1]), min_size=WIDTH, max_size=WIDTH)
texts = st.lists(state, max_size=6)
weight = st.sampled_from([0.05, 0.1, 1.0])


def plainly(asked: list[list[int]], weights: list[float], memory: list[list[int]]) -> float:
    """MaxSim, token by token."""
    if not memory or not asked:
        return 0.0
    best = [max(sum(a * b for a, b in zip(one, other, strict=True)) / WIDTH for other in memory) for one in asked]
    return sum(b * w for b, w in zip(best, weights, strict=True)) / sum(weights)


@settings(deadline=None)
@given(st.lists(st.tuples(state, weight), max_size=5), st.lists(texts, max_size=6))
def test_equal_a_plain_loop(asked: list[tuple[list[int], float]], memories: list[list[list[int]]]) -> None:
    states, weights = [one for one, _ in asked], [one for _, one in asked]
    kept = [signs(encoded(memory)) for memory in memories]
    found = late_interaction(encoded(states), np.array(weights, np.float32), kept)
    assert found.tolist() == pytest.approx([plainly(states, weights, memory) for memory in memories], abs=1e-5)


def test_compare_signs_alone() -> None:
    strong, weak = encoded([[5] * 8 + [-5] * 8]), encoded([[1] * 8 + [-1] * 8])
    assert late_interaction(strong, np.ones(1, np.float32), [signs(weak)]).tolist() == [1.0]
    opposite = encoded([[-1] * 8 + [1] * 8])
    assert late_interaction(strong, np.ones(1, np.float32), [signs(opposite), b""]).tolist() == [-1.0, 0.0]


def test_keep_a_bit_for_each_dimension_of_each_telling_token() -> None:
    text = encoded([[1] * WIDTH] * 5, ["the", "apple", ".", "##s", "i"])
    assert signs(text) == b"\xff\xff" * 2
    assert len(signs(encoded([[1] * WIDTH] * 200))) == MOST * WIDTH // 8
    assert signs(encoded([])) == b""


def test_weigh_tokens_by_what_they_tell() -> None:
    text = encoded([[1] * WIDTH] * 5, ["the", "apple", "ann", ",", "##s"])
    assert token_weights(text, frozenset({"ann"})).tolist() == pytest.approx([0.05, 1.0, 0.1, 0.05, 1.0])


def unit(*values: float) -> npt.NDArray[np.float32]:
    row = np.zeros(WIDTH, np.float32)
    row[: len(values)] = values
    return row / np.linalg.norm(row)


def test_make_a_vector_of_each_sentence() -> None:
    states = np.stack([unit(1), unit(1), unit(1), unit(0, 1), unit(0, 1), unit(0, 1), unit(1, 1)])
    text = Encoded(unit(1, 1), states, ("thanks", "a", "!", "which", "apple", "?", "eh"))
    found = sentence_vectors(text)  # "eh" is too short for a meaning of its own
    assert found.tolist() == [unit(1).tolist(), unit(0, 1).tolist()]
    assert np.linalg.norm(found, axis=1) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("tokens", [[], ["one"], ["a", "whole", "sentence", "."], ["no", ".", "and", "so", "on"]])
def test_make_none_of_a_single_sentence(tokens: list[str]) -> None:
    assert sentence_vectors(encoded([[1] * WIDTH] * len(tokens), tokens)).shape == (0, WIDTH)
