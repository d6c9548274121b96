"""The figures, worked out by hand."""

from __future__ import annotations

import pytest
from benchmarks.evaluation import fitting, grouped, interval, reciprocal_rank, share, summary, tokens_of, units
from benchmarks.peers.base import Hit

from .systems import outcome


def test_read_units_in_the_order_of_their_first_appearance() -> None:
    unit_of = {"m1": "s1", "m2": "s2", "m3": "s1"}
    hits = [Hit("m3", "three"), Hit("m2", "two"), Hit("m1", "one"), Hit(None, "a note"), Hit("m9", "of another bank")]
    assert units(hits, unit_of) == ("s1", "s2")


def test_count_the_share_of_the_evidence_found() -> None:
    assert share(("a", "b", "c"), frozenset("bx")) == 0.5
    assert share((), frozenset("b")) == 0.0
    assert share(("a", "b"), frozenset("ab")) == 1.0


def test_rank_by_the_first_evidence() -> None:
    assert reciprocal_rank(("a", "b", "c"), frozenset("cb")) == 0.5
    assert reciprocal_rank(("a", "b", "c"), frozenset("x")) == 0.0


def test_figure_a_question() -> None:
    """Evidence at the places 2, 7 and 15, a fourth not found."""
    found = [f"u{place}" for place in range(1, 21)]
    figures = outcome(*found, gold=["u2", "u7", "u15", "lost"], within={512: 0.25, 4096: 0.75}).figures
    assert figures == {
        "recall@5": 0.25,
        "recall@10": 0.5,
        "recall@20": 0.75,
        "hit@10": 1.0,
        "mrr": 0.5,
        "evidence@512": 0.25,
        "evidence@4096": 0.75,
    }


def test_miss_when_the_evidence_comes_too_late() -> None:
    figures = outcome(*(f"u{place}" for place in range(1, 12)), gold=["u11"]).figures
    assert (figures["hit@10"], figures["recall@10"], figures["recall@20"]) == (0.0, 0.0, 1.0)


def test_average_over_questions_not_over_conversations() -> None:
    outcomes = [
        outcome("a", gold=["a"], conversation="long"),
        outcome("a", gold=["x"], conversation="long"),
        outcome("a", gold=["x"], conversation="long"),
        outcome("a", gold=["a"], conversation="short"),
    ]
    assert summary(outcomes).estimates["recall@5"].value == 50.0


def test_leave_unanswerable_questions_out_of_the_shares_and_say_what_they_return() -> None:
    outcomes = [outcome("a", gold=["a"], memories=4, tokens=100), outcome("a", memories=2, tokens=30)]
    found = summary(outcomes)
    assert found.questions == 2
    assert found.estimates["recall@5"].value == 100.0
    assert found.returned == {
        "answerable": {"questions": 1, "memories": 4.0, "tokens": 100.0},
        "unanswerable": {"questions": 1, "memories": 2.0, "tokens": 30.0},
    }


def test_summarise_questions_none_of_which_has_an_answer() -> None:
    assert summary([outcome("a")]).estimates == {}


def test_time_in_milliseconds() -> None:
    found = summary([outcome(seconds=number / 1000) for number in range(1, 102)])
    assert (found.ms_p50, found.ms_p95) == (51.0, 96.0)


def test_draw_whole_conversations() -> None:
    """Of two, both are drawn as one half of the time, and each alone a quarter: the extremes are their own means."""
    assert interval([[0.0, 0.0], [100.0]]) == (0.0, 100.0)
    assert interval([[0.0, 100.0], [100.0, 0.0]]) == (50.0, 50.0)


def test_weigh_a_drawn_conversation_by_its_questions() -> None:
    """Nine zeros and one hundred: drawn together, their mean is 10, not 50."""
    groups = [[0.0] * 9, [100.0]]
    drawn = {interval(groups, resamplings=1)[0] for _ in range(3)}
    assert len(drawn) == 1, "the same seed each time"
    assert drawn <= {0.0, 10.0, 100.0}


def test_narrow_the_interval_with_more_conversations() -> None:
    few = interval([[0.0], [100.0]] * 2)
    many = interval([[0.0], [100.0]] * 100)
    assert few[0] < many[0] < 50.0 < many[1] < few[1]
    assert many == pytest.approx((43.1, 56.9), abs=0.6)  # 1.96 * 50 / sqrt(200) = 6.9


def test_cut_a_ranking_to_a_budget() -> None:
    hits = [Hit("a", "", 300), Hit("b", "", 300), Hit("c", "", 200), Hit("d", "", 50)]
    assert [hit.ref for hit in fitting(hits, 512)] == ["a", "c"]
    assert [hit.ref for hit in fitting(hits, 299)] == ["c", "d"]


def test_count_the_tokens_of_a_system_that_does_not() -> None:
    assert tokens_of(Hit("a", "three short words", 7)) == 7
    assert tokens_of(Hit("a", "three short words")) == 3


def test_group_in_the_order_of_appearance() -> None:
    outcomes = [outcome(conversation=name) for name in "bab"]
    assert {name: len(some) for name, some in grouped(outcomes, lambda one: one.conversation).items()} == {
        "b": 2,
        "a": 1,
    }
    assert list(grouped(outcomes, lambda one: one.conversation)) == ["b", "a"]
