from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from threadline.documents import Passage
from threadline.engine.late import Encoded, signs
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.retain.prepare import MAX_EMBEDDED, embeddings, prepare
from threadline.engine.vectors import quantise

WHEN = datetime(2024, 5, 3, tzinfo=UTC)


class Recorder(FakeEmbedder):
    """Remembers what it embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        return super().embed(texts)


class Reader(FakeEmbedder):
    """Shows the words of a text as its tokens."""

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        tokens = [tuple(text.lower().split()) for text in texts]
        return [
            Encoded(self.embed([text])[0], self.embed(each), each) for text, each in zip(texts, tokens, strict=True)
        ]

    def encode_query(self, text: str) -> Encoded:
        return self.encode([text])[0]


def passage(text: str, turn: int = 1, speaker: str | None = None) -> Passage:
    return Passage(turn, 0, "user", text, WHEN, speaker)


def test_embed_each_piece_behind_the_name_of_who_said_it() -> None:
    embedder = Recorder()
    made = prepare([passage("aaa", 1, "Ann"), passage("bbb", 2), passage("ccc", 3, "assistant")], embedder)
    assert embedder.texts == ["Ann: aaa", "bbb", "ccc"]
    vectors = [piece.embedding.vector for one in made for piece in one.pieces if piece.embedding]
    assert vectors == [row.tobytes() for row in quantise(FakeEmbedder().embed(["Ann: aaa", "bbb", "ccc"]))]


def test_keep_the_tokens_of_an_embedder_that_shows_them() -> None:
    (one,) = prepare([passage("red apple")], Reader())
    (encoded,) = Reader().encode(["red apple"])
    assert one.pieces[0].embedding is not None
    assert one.pieces[0].embedding.tokens == signs(encoded)
    assert len(one.pieces[0].embedding.tokens) == 2 * 64 // 8
    (plain,) = prepare([passage("red apple")], FakeEmbedder())
    assert plain.pieces[0].embedding is not None
    assert plain.pieces[0].embedding.tokens == b""
    assert plain.pieces[0].embedding.vector == one.pieces[0].embedding.vector


def test_embed_a_limited_number_of_pieces_of_one_message() -> None:
    text = "A sentence about nothing much at all. " * 14_000
    embedder = Recorder()
    one, other = prepare([passage(text), passage("bbb", 2)], embedder)
    assert len(embedder.texts) == MAX_EMBEDDED + 1
    assert len(one.pieces) > MAX_EMBEDDED
    assert sum(piece.embedding is not None for piece in one.pieces) == MAX_EMBEDDED
    assert one.pieces[MAX_EMBEDDED - 1].embedding is not None
    assert other.pieces[0].embedding is not None


def test_leave_vectors_out_without_an_embedder() -> None:
    (one,) = prepare([passage("Hello, how are you?")], None)
    assert [(piece.tokens, piece.embedding) for piece in one.pieces] == [(6, None)]


def test_make_nothing_of_white_space() -> None:
    embedder = Recorder()
    (one,) = prepare([passage(" \n")], embedder)
    assert one.pieces == ()
    assert embedder.texts == []
    assert embeddings([], embedder) == []
