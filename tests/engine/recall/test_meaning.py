from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.recall.rows import ASKED, Message, rows_of

from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.recall.catalogue import Rows
from threadline.engine.recall.meaning import meaning_scores
from threadline.engine.recall.question import Question, read_question
from threadline.engine.vectors import quantise

TEXTS = ["red apple", "green pear tree", "red apple pie", "an old fig"]


def rows_with(texts: list[str | None]) -> Rows:
    """Rows with the vectors of texts; None has none."""
    vectors: npt.NDArray[np.int8] = np.zeros((len(texts), FakeEmbedder.dimensions), np.int8)
    for place, text in enumerate(texts):
        if text is not None:
            vectors[place] = quantise(FakeEmbedder().embed([text]))[0]
    return rows_of([Message(number + 1) for number in range(len(texts))], vectors)


def ask(text: str, rows: Rows) -> Question:
    return read_question(text, ASKED, rows, FakeEmbedder())


def cosine(text: str, other: str) -> float:
    one, two = FakeEmbedder().embed([text, other])
    return float(one @ two)


def test_measure_how_near_each_is() -> None:
    rows = rows_with([*TEXTS])
    found = meaning_scores(rows, ask("red apple", rows), np.ones(4, np.bool_))
    assert found.tolist() == pytest.approx([cosine("red apple", text) for text in TEXTS], abs=0.02)
    assert found.argmax() == 0


def test_give_nothing_to_a_row_without_a_vector() -> None:
    rows = rows_with(["red apple", None])
    assert meaning_scores(rows, ask("red apple", rows), np.ones(2, np.bool_))[1] == 0.0


def test_give_nothing_without_an_embedder_or_rows() -> None:
    rows = rows_with(["red apple"])
    assert meaning_scores(rows, read_question("red apple", ASKED, rows, None), np.ones(1, np.bool_)).tolist() == [0.0]
    nothing = rows_with([])
    assert meaning_scores(nothing, ask("red apple", nothing), np.ones(0, np.bool_)).tolist() == []


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | st.sampled_from(TEXTS), st.booleans()), max_size=12))
def test_give_the_same_however_many_are_hidden(given: list[tuple[str | None, bool]]) -> None:
    rows = rows_with([text for text, _ in given])
    question = ask("red apple", rows)
    seen = np.array([visible for _, visible in given], np.bool_)
    everything = meaning_scores(rows, question, np.ones(len(rows), np.bool_))
    found = meaning_scores(rows, question, seen)
    assert found.tolist() == pytest.approx(np.where(seen, everything, 0.0).tolist(), abs=1e-6)
