"""Rows of a bank, written down by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from threadline.engine.recall.catalogue import NONE, Rows
from threadline.engine.recall.question import Question, read_question
from threadline.engine.roles import person, side
from threadline.engine.vectors import lengths

ASKED = datetime(2024, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Message:
    """One message: where it is and of how many pieces."""

    document: int
    pieces: int = 1
    role: str = "user"
    speaker: str | None = None
    at: float = 0.0
    tokens: int = 7


def rows_of(messages: Sequence[Message], vectors: npt.NDArray[np.int8] | None = None) -> Rows:
    """The rows of messages in the order they came."""
    count = sum(message.pieces for message in messages)
    vectors = np.zeros((count, 4), np.int8) if vectors is None else vectors
    each = [(number, message) for number, message in enumerate(messages) for _ in range(message.pieces)]
    names = list(dict.fromkeys(name for message in messages if (name := person(message.speaker))))
    before, after = [NONE] * len(messages), [NONE] * len(messages)
    last: dict[int, int] = {}
    for place, message in enumerate(messages):
        if message.document in last:
            before[place], after[last[message.document]] = last[message.document], place
        last[message.document] = place
    named = [person(message.speaker) for _, message in each]
    return Rows(
        memories=np.arange(1, len(each) + 1, dtype=np.int64) * 10,
        documents=np.array([message.document for _, message in each], np.int64),
        turns=np.array([number + 1 for number, _ in each], np.int64),
        roles=np.array([side(message.role) for _, message in each], np.int32),
        speakers=np.array([NONE if name is None else names.index(name) for name in named], np.int32),
        said_at=np.array([message.at for _, message in each], np.float64),
        lengths=np.array([message.tokens for _, message in each], np.int32),
        messages=np.array([number for number, _ in each], np.int32),
        vectors=vectors,
        norms=lengths(vectors),
        starts=np.array(np.cumsum([0, *(message.pieces for message in messages)]), np.int32),
        before=np.array(before, np.int32),
        after=np.array(after, np.int32),
        names=names,
    )


def asked(text: str, rows: Rows) -> Question:
    """A question by words alone."""
    return read_question(text, ASKED, rows, None)
