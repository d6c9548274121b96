"""Late interaction: a question's tokens are compared with a memory's, each with the one it fits best.

The score is ColBERT's MaxSim (Khattab and Zaharia, 2020) over the token states that the embedder has anyway. Of a state
only the sign of each dimension is used, 48 bytes a token at 384 dimensions, and only telling tokens are kept of a
memory: on real conversations that ranked as well as the states themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadline.engine.terms import STOP_WORDS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

#: The most tokens that are kept of one memory.
MOST = 48

# What a token of a question counts: one that says how a sentence is built, the name of one who speaks, any other.
_GLUE, _NAME, _TELLING = 0.05, 0.1, 1.0
_ENDS = frozenset(".!?\u3002\uff01\uff1f")
_SENTENCES = 8
_SHORTEST = 3  # tokens: less is no sentence with a meaning of its own


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as a model reads it.

    Attributes:
        vector: of the whole text, of unit length, shape (dimensions,).
        states: of each token, of unit length, shape (tokens, dimensions); none where the model has no tokens.
        tokens: the tokens as they are written in the model's vocabulary.
    """

    vector: Floats
    states: Floats
    tokens: tuple[str, ...]


def signs(encoded: Encoded) -> bytes:
    """What is kept of a memory's tokens."""
    import numpy as np

    telling = [place for place, token in enumerate(encoded.tokens) if _tells(token)][:MOST]
    return np.packbits(encoded.states[telling] > 0, axis=1).tobytes()


def sentence_vectors(encoded: Encoded) -> Floats:
    """The vectors of a question's sentences, shape (sentences, dimensions); none where there is one alone.

    What is said to an agent is often a greeting, a word of thanks and then the matter: in one vector they blur.
    """
    import numpy as np

    ends = [place + 1 for place, token in enumerate(encoded.tokens) if token in _ENDS]
    borders = [0, *ends, len(encoded.tokens)]
    parts = [encoded.states[start:end].mean(axis=0) for start, end in _spans(borders)][:_SENTENCES]
    if len(parts) < 2:
        return np.zeros((0, len(encoded.vector)), np.float32)
    rows = np.stack(parts)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def token_weights(encoded: Encoded, names: frozenset[str]) -> Floats:
    """What each token of a question counts, shape (tokens,).

    Args:
        names: the words of the names of those who speak.
    """
    import numpy as np

    weights = [(_NAME if token in names else _TELLING) if _tells(token) else _GLUE for token in encoded.tokens]
    return np.array(weights, np.float32)


def late_interaction(encoded: Encoded, weights: Floats, kept: Sequence[bytes]) -> Floats:
    """How well each memory's tokens fit a question's, shape (len(kept),), at most 1.

    Two states count as alike as their signs agree, from -1 (nowhere) to 1 (everywhere).

    Args:
        weights: what each token of the question counts.
        kept: what `signs` made of each memory; one without tokens gets 0.
    """
    import numkong
    import numpy as np

    width = len(encoded.vector)
    counts = np.array([len(each) * 8 // width for each in kept])
    scores = np.zeros(len(kept), np.float32)
    there = np.flatnonzero(counts)
    if not len(there) or not len(encoded.tokens):
        return scores
    asked = np.packbits(encoded.states > 0, axis=1)
    rows = np.frombuffer(b"".join(kept), np.uint8).reshape(-1, asked.shape[1])
    agreement = 1 - 2 * np.asarray(numkong.cdist(rows, asked, "hamming", dtype="uint1")) / width
    starts = np.concatenate([[0], np.cumsum(counts[there])[:-1]])
    best = np.maximum.reduceat(agreement, starts, axis=0)
    scores[there] = best @ weights / weights.sum()
    return scores


def _tells(token: str) -> bool:
    return token not in STOP_WORDS and (token[0].isalnum() or token.startswith("##"))


def _spans(borders: Sequence[int]) -> list[tuple[int, int]]:
    return [(start, end) for start, end in itertools.pairwise(borders) if end - start >= _SHORTEST]
