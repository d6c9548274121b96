from __future__ import annotations

import pytest

from threadline.engine.recall.fuse import Fusion, reciprocal_rank, sum_of_z_scores
from threadline.engine.recall.ranking import Ranking

WORDS = Ranking("words", ((1, 9.0), (2, 3.0), (3, 1.0)))
MEANING = Ranking("meaning", ((2, 0.9), (4, 0.8), (3, 0.1)))
BOTH: list[Fusion] = [sum_of_z_scores, reciprocal_rank]


@pytest.mark.parametrize("fusion", BOTH)
def test_rank_all_that_was_found(fusion: Fusion) -> None:
    fused = fusion([WORDS, MEANING])
    assert {memory for memory, _ in fused} == {1, 2, 3, 4}
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


@pytest.mark.parametrize("fusion", BOTH)
def test_prefer_what_both_found(fusion: Fusion) -> None:
    assert fusion([Ranking("words", ((1, 2.0), (2, 1.9), (5, 0.0))), MEANING])[0][0] == 2


@pytest.mark.parametrize("fusion", BOTH)
def test_keep_the_order_of_a_single_channel(fusion: Fusion) -> None:
    assert [memory for memory, _ in fusion([WORDS, Ranking("meaning", ())])] == [1, 2, 3]


@pytest.mark.parametrize("fusion", BOTH)
def test_put_equal_ones_oldest_first(fusion: Fusion) -> None:
    same = [Ranking("words", ((7, 1.0),)), Ranking("meaning", ((3, 1.0),))]
    assert [memory for memory, _ in fusion(same)] == [3, 7]
    assert fusion([]) == []


def test_keep_a_score_that_stands_out() -> None:
    words = Ranking("words", ((1, 90.0), (2, 3.0), (3, 2.9), (4, 2.8)))
    meaning = Ranking("meaning", ((2, 0.50), (3, 0.49), (1, 0.48), (4, 0.10)))
    assert sum_of_z_scores([words, meaning])[0][0] == 1
    assert reciprocal_rank([words, meaning])[0][0] == 2
