from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from benchmarks.tuning import KINDS, Asked, _figures, fit, fit_confidence

from threadline.engine.recall.fuse import Weights

NAMES = [each.name for each in fields(Weights)]


def asked(seed: int, source: str, *, told_by: str, own: bool = True) -> Asked:
    """Ten candidates with random signals; the one with the most of a signal is the evidence."""
    signals = np.random.default_rng(seed).random((10, len(NAMES)))
    units = np.array([f"unit {place}" for place in range(10)])
    best = str(units[signals[:, NAMES.index(told_by)].argmax()])
    return Asked(source, f"{source} {seed % 3}", signals, units, frozenset({best}) if own else frozenset())


def test_give_weight_to_the_signal_that_tells() -> None:
    questions = [asked(seed, "one", told_by="meaning") for seed in range(60)]
    weights = dict(zip(KINDS["tokens"], fit(questions, "tokens"), strict=True))
    assert weights["meaning"] > 5
    assert max(abs(weight) for name, weight in weights.items() if name != "meaning") < weights["meaning"] / 3


def test_count_every_source_the_same() -> None:
    many = [asked(seed, "large", told_by="words") for seed in range(90)]
    few = [asked(seed, "small", told_by="tokens") for seed in range(100, 130)]
    weights = dict(zip(KINDS["tokens"], fit([*many, *few], "tokens"), strict=True))
    assert weights["tokens"] == pytest.approx(weights["words"], rel=0.6)
    assert min(weights["tokens"], weights["words"]) > 3 * abs(weights["age"])


def test_fit_no_signal_that_a_kind_of_bank_lacks() -> None:
    questions = [asked(seed, "one", told_by="words") for seed in range(20)]
    assert len(fit(questions, "words")) == len(KINDS["words"]) < len(NAMES)


def test_be_sure_of_what_is_near_and_not_of_what_is_far() -> None:
    near = [asked(seed, "one", told_by="words") for seed in range(40)]
    far = [
        Asked("one", "other", one.signals * 0.3, one.units, frozenset())
        for one in (asked(seed, "one", told_by="words", own=False) for seed in range(40))
    ]
    weights = np.zeros(len(KINDS["words"]))
    weights[KINDS["words"].index("words")] = 1.0
    channel, bias = fit_confidence([*near, *far], "words", weights)
    assert channel * 0.9 + bias > 0 > channel * 0.3 + bias


def test_measure_a_ranking_by_its_units() -> None:
    one = Asked("s", "c", np.zeros((4, len(NAMES))), np.array(["a", "a", "b", "c"]), frozenset({"b", "missing"}))
    assert _figures(one, np.array([4.0, 3.0, 2.0, 1.0])) == {
        "recall@5": 0.5,
        "recall@10": 0.5,
        "recall@20": 0.5,
        "mrr": 0.5,
    }
