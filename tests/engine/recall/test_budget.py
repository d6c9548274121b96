from __future__ import annotations

from dataclasses import dataclass

from threadline.engine.recall.budget import within_budget


@dataclass
class Item:
    tokens: int


def take(sizes: list[int], max_tokens: int, limit: int = 99) -> list[int]:
    return [item.tokens for item in within_budget([Item(size) for size in sizes], max_tokens, limit)]


def test_take_the_best_while_they_fit() -> None:
    assert take([5, 4, 3], 9) == [5, 4]


def test_pass_over_what_does_not_fit() -> None:
    assert take([5, 50, 3, 1], 9) == [5, 3, 1]


def test_stop_at_the_limit() -> None:
    assert take([1, 1, 1], 9, 2) == [1, 1]
    assert take([1], 9, 0) == []


def test_take_nothing_without_a_budget() -> None:
    assert take([1], 0) == []
    assert take([1], -1) == []
