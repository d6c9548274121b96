from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest
from tests.engine.recall.rows import ASKED, Message, rows_of

from threadline.engine.late import Encoded
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.recall.question import Question, asks_about, read_question

ROWS = rows_of([Message(1, speaker="Ann Lee"), Message(1, speaker="Bo"), Message(1), Message(2, speaker="assistant")])


class Reader(FakeEmbedder):
    """An embedder that shows its tokens: the words of a text and its full stops."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def encode(self, text: str) -> Encoded:
        tokens = tuple(text.lower().replace(".", " .").split())
        states: npt.NDArray[np.float32] = self.embed(tokens)
        return Encoded(self.embed([text])[0], states, tokens)

    def encode_query(self, text: str) -> Encoded:
        self.read.append(text)
        return self.encode(text)


def read(text: str, embedder: FakeEmbedder | None = None) -> Question:
    return read_question(text, ASKED, ROWS, embedder)


def test_read_words_identifiers_and_speakers() -> None:
    question = read("What did Lee say about apples in ERR_CONN_42?")
    assert question.terms == ("lee", "say", "appl", "err", "conn", "42")
    assert question.wholes == ("err_conn_42",)
    assert [ROWS.names[number] for number in question.speakers] == ["Ann Lee"]
    assert (question.vectors, question.encoded, question.weights) == (None, None, None)


def test_mark_what_was_said_by_whom_it_names() -> None:
    everywhere = np.arange(4)
    assert asks_about(read("What did Ann and Bo say?"), ROWS, everywhere).tolist() == [True, True, False, False]
    assert asks_about(read("What did Bo say?"), ROWS, np.array([2, 1])).tolist() == [False, True]
    assert asks_about(read("Bonn?"), ROWS, everywhere).tolist() == [False] * 4
    assert asks_about(read("What did the assistant say?"), ROWS, everywhere).tolist() == [False] * 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("What is my dog called?", False),
        ("  - when did we meet", False),
        ("Tell me about the apple", False),
        ("Whatever you say", True),
        ("My dog is called Bruno.", True),
        ("", True),
    ],
)
def test_tell_a_question_from_what_is_said(text: str, said: bool) -> None:
    assert read(text).said == said


def test_see_time_from_when_it_is_asked() -> None:
    (frame,) = read_question("What did I do yesterday?", datetime(2024, 3, 1, 9, tzinfo=UTC), ROWS, None).time.frames
    assert (frame.start, frame.end) == (datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))


def test_embed_without_the_names_of_those_who_speak() -> None:
    embedder = Reader()
    question = read("What did Bo plant?", embedder)
    assert embedder.read == ["What did plant?"]
    assert question.vectors is not None
    assert question.vectors.shape == (1, 64)
    assert question.vectors.dtype == np.int8


def test_embed_each_sentence_where_there_are_several() -> None:
    question = read("Thanks for that again. Which apple is red", Reader())
    assert question.vectors is not None
    assert question.vectors.shape == (3, 64)
    assert question.encoded is not None
    assert question.weights is not None
    assert len(question.encoded.tokens) == len(question.weights) == 9


def test_weigh_a_name_less_where_a_question_is_of_names_alone() -> None:
    question = read("Bo?", Reader())
    assert question.encoded is not None
    assert question.encoded.tokens == ("bo?",)
    question = read("Bo", Reader())
    assert question.weights is not None
    assert question.weights.tolist() == pytest.approx([0.1])


@pytest.mark.parametrize("text", ["", "?!", " \n"])
def test_embed_nothing_where_nothing_is_asked(text: str) -> None:
    question = read(text, Reader())
    assert (question.vectors, question.terms, question.wholes) == (None, (), ())


def test_read_an_overlong_question_at_its_ends() -> None:
    embedder = Reader()
    question = read("first " + "x " * 100_000 + "last \ud800", embedder)
    assert {"first", "last"} <= set(question.terms)
    assert len(question.text) < 5_000
    assert question.text.endswith("last ?")
