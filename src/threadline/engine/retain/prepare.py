"""Passages made ready to be stored: split, counted, embedded. Nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from threadline.documents import Passage
from threadline.engine.late import signs
from threadline.engine.models.base import Embedder, Encoder
from threadline.engine.models.wordpiece import count_tokens
from threadline.engine.retain.split import split
from threadline.engine.roles import person
from threadline.engine.store.base import Embedding, Piece, Prepared
from threadline.engine.vectors import quantise

#: The most pieces of one message that are embedded at once. A message of 10 MB must not hold the writer for minutes:
#: what comes after is found by its words, until background work has embedded it too.
MAX_EMBEDDED = 512


def prepare(passages: Sequence[Passage], embedder: Embedder | None) -> list[Prepared]:
    """Make pieces of passages.

    Args:
        passages: what was said.
        embedder: what embeds them, or None to leave them to the word index.

    Raises:
        EmbedderError: the model cannot be loaded or run.
    """
    prepared = [Prepared(passage, _pieces(passage.text)) for passage in passages]
    if embedder is None:
        return prepared
    texts = [embedded_text(one.passage, piece) for one in prepared for piece in one.pieces[:MAX_EMBEDDED]]
    made = iter(embeddings(texts, embedder))
    return [
        replace(
            one,
            pieces=tuple(replace(piece, embedding=next(made)) for piece in one.pieces[:MAX_EMBEDDED])
            + one.pieces[MAX_EMBEDDED:],
        )
        for one in prepared
    ]


def prepare_whole(passages: Sequence[Passage], embedder: Embedder | None) -> list[Prepared]:
    """Make one piece of each passage, however long it is.

    Raises:
        EmbedderError: the model cannot be loaded or run.
    """
    spans = [_trimmed(passage.text) for passage in passages]
    tokens = count_tokens([passage.text[start:end] for passage, (start, end) in zip(passages, spans, strict=True)])
    pieces = [Piece(start, end, count) for (start, end), count in zip(spans, tokens, strict=True)]
    if embedder is not None:
        texts = [embedded_text(passage, piece) for passage, piece in zip(passages, pieces, strict=True)]
        made = embeddings(texts, embedder)
        pieces = [replace(piece, embedding=each) for piece, each in zip(pieces, made, strict=True)]
    return [Prepared(passage, (piece,)) for passage, piece in zip(passages, pieces, strict=True)]


def embeddings(texts: Sequence[str], embedder: Embedder) -> list[Embedding]:
    """What a model makes of texts.

    Raises:
        EmbedderError: the model cannot be loaded or run.
    """
    if not texts:
        return []
    if isinstance(embedder, Encoder):
        return [Embedding(quantise(each.vector).tobytes(), signs(each)) for each in embedder.encode(texts)]
    return [Embedding(row.tobytes()) for row in quantise(embedder.embed(texts))]


def embedded_text(passage: Passage, piece: Piece) -> str:
    """What is embedded of a piece: its text, behind its speaker's name where that is a person's."""
    text = passage.text[piece.start : piece.end]
    return f"{passage.speaker}: {text}" if person(passage.speaker) else text


def _pieces(text: str) -> tuple[Piece, ...]:
    offsets = split(text)
    tokens = count_tokens([text[start:end] for start, end in offsets])
    return tuple(Piece(start, end, count) for (start, end), count in zip(offsets, tokens, strict=True))


def _trimmed(text: str) -> tuple[int, int]:
    return len(text) - len(text.lstrip()), len(text.rstrip())
