from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from threadline.engine.recall.fuse import DEFAULT, Confidence, Weights
from threadline.engine.recall.signals import Signals


def signals(**columns: list[float]) -> Signals:
    """Signals of which those that are not told are 0."""
    length = len(next(iter(columns.values())))
    return Signals(*(np.array(columns.get(each.name, [0.0] * length)) for each in fields(Signals)))


def test_add_up_what_each_signal_counts() -> None:
    found = signals(words=[0.5, 0.0], age=[1.0, 2.0], user=[0.0, 1.0])
    assert Weights(words=4.0, age=-0.5).score(found).tolist() == [1.5, -1.0]
    assert Weights().score(found).tolist() == [0.0, 0.0]


def test_weigh_every_signal() -> None:
    assert [each.name for each in fields(Weights)] == [each.name for each in fields(Signals)]
    for each in fields(Weights):
        assert Weights(**{each.name: 2.0}).score(signals(**{each.name: [3.0]})).tolist() == [6.0], each.name


def test_be_as_sure_as_the_channels_make_it() -> None:
    sure = Confidence(words=2.0, meaning=4.0, tokens=1.0, bias=-3.0)
    found = sure.of(signals(words=[0.0, 1.0, 0.5], meaning=[0.0, 0.5, 0.5], tokens=[0.0, 0.0, 0.0]))
    assert found.tolist() == pytest.approx([0.0474, 0.7311, 0.5], abs=1e-4)
    assert sure.of(signals(words=[-50.0, 50.0])).tolist() == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize("fusion", [DEFAULT.words, DEFAULT.meaning, DEFAULT.tokens])
def test_prefer_more_of_what_speaks_for_a_memory(fusion: object) -> None:
    weights, sure = fusion.weights, fusion.confidence  # type: ignore[attr-defined]
    for name in ("words", "meaning", "tokens"):
        less, more = weights.score(signals(**{name: [0.1, 0.9]}))
        assert more > less or getattr(weights, name) == 0
        less, more = sure.of(signals(**{name: [0.1, 0.9]}))
        assert more > less or getattr(sure, name) == 0


def test_count_only_channels_that_there_are() -> None:
    assert (DEFAULT.words.weights.meaning, DEFAULT.words.weights.tokens, DEFAULT.words.weights.near_meaning) == (
        0,
        0,
        0,
    )
    assert DEFAULT.meaning.weights.tokens == DEFAULT.meaning.confidence.tokens == 0
    assert DEFAULT.words.confidence.meaning == DEFAULT.words.confidence.tokens == 0
