from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.recall.rows import Message, asked, rows_of

from threadline.engine.recall.catalogue import NONE, Rows
from threadline.engine.recall.question import Question
from threadline.engine.recall.signals import Signals, message_scores, signals

messages = st.lists(st.builds(Message, st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=14)
score = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def weighed(draw: st.DrawFn) -> tuple[Rows, list[float], list[float], list[int]]:
    """Rows, a score of each in two channels, and some of the rows as candidates."""
    rows = rows_of(draw(messages))
    words, meaning = (draw(st.lists(score, min_size=len(rows), max_size=len(rows))) for _ in range(2))
    candidates = draw(st.sets(st.integers(0, len(rows) - 1), min_size=1))
    return rows, words, meaning, sorted(candidates)


def compute(
    rows: Rows,
    words: list[float],
    meaning: list[float],
    candidates: list[int],
    question: Question | None = None,
    visible: list[bool] | None = None,
) -> Signals:
    question = question or asked("What apple?", rows)
    document = np.zeros(len(candidates))
    words_, meaning_, time = (np.array(each, np.float64) for each in (words, meaning, [0.0] * len(rows)))
    seen = np.ones(len(rows), np.bool_) if visible is None else np.array(visible)
    return signals(rows, np.array(candidates, np.int64), question, seen, words_, meaning_, time, document)


def best_of(rows: Rows, message: int, scores: list[float]) -> float:
    return max(scores[row] for row in range(len(rows)) if rows.messages[row] == message)


@settings(deadline=None)
@given(weighed())
def test_take_the_better_of_the_messages_beside(given: tuple[Rows, list[float], list[float], list[int]]) -> None:
    rows, words, meaning, candidates = given
    found = compute(*given)
    for scores, near in ((words, found.near_words), (meaning, found.near_meaning)):
        for place, row in enumerate(candidates):
            message = int(rows.messages[row])
            beside = [int(link) for link in (rows.before[message], rows.after[message]) if link != NONE]
            assert near[place] == pytest.approx(max((best_of(rows, each, scores) for each in beside), default=0.0))


@settings(deadline=None)
@given(weighed())
def test_let_the_two_best_others_of_a_document_speak(given: tuple[Rows, list[float], list[float], list[int]]) -> None:
    rows, words, _, candidates = given
    found = compute(*given)
    least = min(words[row] for row in candidates)
    weighed = {int(rows.messages[row]) for row in candidates}
    for place, row in enumerate(candidates):
        own = int(rows.messages[row])
        others = [
            best_of(rows, each, words) - least
            for each in weighed
            if each != own and rows.documents[rows.starts[each]] == rows.documents[row]
        ]
        assert found.thread[place] == pytest.approx(sum(sorted(others, reverse=True)[:2]) / 2, abs=1e-9)


@settings(deadline=None)
@given(weighed())
def test_take_the_best_of_each_message(given: tuple[Rows, list[float], list[float], list[int]]) -> None:
    rows, words, _, _ = given
    wanted = np.arange(len(rows.before), dtype=np.int32)[::-1]
    found = message_scores(rows, wanted, np.array(words))
    assert found.tolist() == [best_of(rows, int(each), words) for each in wanted]
    assert message_scores(rows, wanted[:0], np.array(words)).tolist() == []


def test_tell_who_said_it() -> None:
    said = [
        Message(1, speaker="Ann"),
        Message(1, speaker="Bo"),
        Message(1),
        Message(1, role="assistant"),
        Message(1, role="tool"),
        Message(1, speaker="user"),
    ]
    rows = rows_of(said)
    found = compute(rows, [0.0] * 6, [0.0] * 6, list(range(6)), asked("What did ann say?", rows))
    assert found.speaker.tolist() == [1, 0, 0, 0, 0, 0]
    assert found.user.tolist() == [0, 0, 1, 0, 0, 1]
    assert found.agent.tolist() == [0, 0, 0, 1, 1, 0]  # what a tool gives back is the agent's
    nobody = compute(rows, [0.0] * 6, [0.0] * 6, list(range(6)), asked("What was said?", rows))
    assert nobody.speaker.tolist() == [0] * 6


def test_measure_how_long_it_is() -> None:
    rows = rows_of([Message(1, tokens=1), Message(1, tokens=100)])
    assert compute(rows, [0.0, 0.0], [0.0, 0.0], [0, 1]).length.tolist() == pytest.approx([math.log(2), math.log(101)])


@pytest.mark.parametrize(
    ("text", "leans"),
    [
        ("What is my current job?", True),
        ("What did we just discuss?", True),
        ("thanks, that was helpful", True),  # said in the course of a conversation
        ("What was in the basket?", False),
    ],
)
def test_look_at_the_age_where_the_question_leans_on_the_present(text: str, leans: bool) -> None:
    day = 86_400.0
    rows = rows_of([Message(1, at=5 * day), Message(2, at=2 * day), Message(5, at=6 * day)])
    found = compute(rows, [0.0] * 3, [0.0] * 3, [0, 1, 2], asked(text, rows))
    aged = [math.log(2), math.log(5), 0.0]
    assert found.age.tolist() == pytest.approx(aged if leans else [0.0] * 3)
    # What must not be seen does not say how old the rest is.
    hidden = compute(rows, [0.0] * 3, [0.0] * 3, [0, 1], asked(text, rows), [True, True, False])
    assert hidden.age.tolist() == pytest.approx([0.0, math.log(4)] if leans else [0.0] * 2)


def test_compute_nothing_of_nothing() -> None:
    rows = rows_of([Message(1)])
    found = compute(rows, [0.0], [0.0], [])
    assert all(len(getattr(found, name)) == 0 for name in ("words", "thread", "near_words", "age", "speaker"))


def test_leave_out_a_message_that_came_meanwhile() -> None:
    rows = rows_of([Message(1), Message(1)])
    rows.after[1] = 2  # links are shared with later views
    found = compute(rows, [0.5, 1.0], [0.0, 0.0], [1])
    assert found.near_words.tolist() == [0.5]


def test_take_candidates_in_an_order() -> None:
    rows = rows_of([Message(1), Message(1), Message(2)])
    found = compute(rows, [0.1, 0.2, 0.3], [0.0] * 3, [0, 1, 2]).take(np.array([2, 0]))
    assert found.words.tolist() == [0.3, 0.1]
    assert found.at(0)["words"] == 0.3
    assert found.with_tokens(np.array([1.0, 2.0])).at(1) == {**found.at(1), "tokens": 2.0}
