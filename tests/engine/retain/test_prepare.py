from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from threadline.documents import Passage
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.retain.prepare import MAX_EMBEDDED, prepare

WHEN = datetime(2024, 5, 3, tzinfo=UTC)


class Recorder(FakeEmbedder):
    """Remembers what it embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        return super().embed(texts)


def passage(text: str, turn: int = 1, speaker: str | None = None) -> Passage:
    return Passage(turn, 0, "user", text, WHEN, speaker)


def test_embed_each_piece_behind_its_speaker() -> None:
    embedder = Recorder()
    (one, two) = prepare([passage("aaa", 1, "Ann"), passage("bbb", 2)], embedder)
    assert embedder.texts == ["Ann: aaa", "bbb"]
    assert [len(piece.vector or b"") for made in (one, two) for piece in made.pieces] == [64, 64]


def test_embed_a_limited_number_of_pieces_of_one_message() -> None:
    text = "A sentence about nothing much at all. " * 14_000
    embedder = Recorder()
    one, other = prepare([passage(text), passage("bbb", 2)], embedder)
    assert len(embedder.texts) == MAX_EMBEDDED + 1
    assert len(one.pieces) > MAX_EMBEDDED
    assert sum(piece.vector is not None for piece in one.pieces) == MAX_EMBEDDED
    assert one.pieces[MAX_EMBEDDED - 1].vector is not None
    assert other.pieces[0].vector is not None


def test_leave_vectors_out_without_an_embedder() -> None:
    (one,) = prepare([passage("Hello, how are you?")], None)
    assert [(piece.tokens, piece.vector) for piece in one.pieces] == [(6, None)]


def test_make_nothing_of_white_space() -> None:
    (one,) = prepare([passage(" \n")], Recorder())
    assert one.pieces == ()
