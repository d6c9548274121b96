"""A question as the channels read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from threadline.engine.late import Encoded, sentence_vectors, token_weights
from threadline.engine.models.base import Embedder, Encoder
from threadline.engine.recall.catalogue import NONE, Rows
from threadline.engine.recall.timeframe import Asked, understand
from threadline.engine.terms import identifiers, query_terms, shortened, without_names, words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# How a question begins, in English. What begins otherwise is more often said in the course of a conversation.
_ASKS = re.compile(
    r"^\W*(what|when|where|who|whom|whose|which|why|how|did|do|does|is|are|was|were|has|have|had|can you|could you"
    r"|would|in which|on which|in what|list|summari[sz]e|tell me)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a bank.

    Attributes:
        terms: stems, to be found in the word index.
        wholes: identifiers, to be found as they stand.
        speakers: the people it names who speak in the bank, as the catalogue counts them.
        said: it reads like a message of a conversation rather than a question about one.
        time: what it says about time.
        vectors: of the whole without the speakers' names and of each of its sentences, int8, shape
            (1 + sentences, dimensions); None where there is no embedder.
        encoded: its tokens, or None where the embedder has none.
        weights: what each token counts.
    """

    text: str
    terms: tuple[str, ...]
    wholes: tuple[str, ...]
    speakers: tuple[int, ...]
    said: bool
    time: Asked
    vectors: npt.NDArray[np.int8] | None
    encoded: Encoded | None
    weights: npt.NDArray[np.float32] | None


def read_question(text: str, asked_at: datetime, rows: Rows, embedder: Embedder | None) -> Question:
    """Read a question.

    Args:
        asked_at: the moment that "yesterday" and the like are seen from.
        rows: the bank's memories: who speaks in it.
        embedder: whose vectors the rows have; None for words alone.

    Raises:
        EmbedderError: the model cannot be loaded or run.
    """
    text = shortened(text.encode("utf-8", "replace").decode("utf-8"))
    said = set(words(text))
    speakers = tuple(number for number, name in enumerate(rows.names) if not said.isdisjoint(words(name)))
    asked = _Embedded(None, None, None)
    if embedder is not None and words(text):
        asked = _embed(text, [rows.names[number] for number in speakers], embedder)
    return Question(
        text=text,
        terms=tuple(query_terms(text)),
        wholes=tuple(identifiers(text)),
        speakers=speakers,
        said=not _ASKS.match(text),
        time=understand(text, asked_at),
        vectors=asked.vectors,
        encoded=asked.encoded,
        weights=asked.weights,
    )


@dataclass(frozen=True, slots=True)
class _Embedded:
    vectors: npt.NDArray[np.int8] | None
    encoded: Encoded | None
    weights: npt.NDArray[np.float32] | None


def _embed(text: str, names: list[str], embedder: Embedder) -> _Embedded:
    import numpy as np

    from threadline.engine.vectors import quantise

    matter = without_names(text, names)
    if not isinstance(embedder, Encoder):
        return _Embedded(quantise(embedder.embed_query(matter)[np.newaxis]), None, None)
    encoded = embedder.encode_query(matter)
    vectors = np.concatenate([encoded.vector[np.newaxis], sentence_vectors(encoded)])
    known = frozenset(word for name in names for word in words(name))
    return _Embedded(quantise(vectors), encoded, token_weights(encoded, known))


def asks_about(question: Question, rows: Rows, places: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether the memory of each place was said by somebody whom the question names."""
    import numpy as np

    speakers = rows.speakers[places]
    return np.asarray(np.isin(speakers, question.speakers) & (speakers != NONE))
