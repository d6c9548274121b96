"""A question weighed against a bank: channels, candidates, signals, fusion, and a second look at the best."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from threadline.documents import Budget, Query, Reason
from threadline.engine.late import late_interaction
from threadline.engine.recall.candidates import candidates
from threadline.engine.recall.catalogue import Rows
from threadline.engine.recall.fuse import Fusion, Fusions
from threadline.engine.recall.meaning import meaning_scores
from threadline.engine.recall.moments import time_scores
from threadline.engine.recall.question import Question
from threadline.engine.recall.scope import Visible
from threadline.engine.recall.signals import Signals, signals
from threadline.engine.recall.timeframe import Timeframe
from threadline.engine.recall.words import document_scores, word_scores
from threadline.engine.store.base import Memory
from threadline.engine.store.words import WordIndex

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Places = npt.NDArray[np.int64]

#: How many of the best a reranker looks at.
RERANKED = 50

#: The channels of which a memory's place is told.
CHANNELS = ("words", "meaning", "tokens", "time")


@dataclass(frozen=True, slots=True)
class Effort:
    """What a budget buys.

    Attributes:
        depth: how many memories each channel hands over.
        second_look: how many of the best are compared token by token.
    """

    depth: int
    second_look: int


EFFORTS: dict[Budget, Effort] = {
    "low": Effort(depth=50, second_look=0),
    "mid": Effort(depth=100, second_look=64),
    "high": Effort(depth=300, second_look=300),
}


def effort_of(query: Query) -> Effort:
    """What a query's budget buys; more is weighed where more is to be returned."""
    effort = EFFORTS[query.budget or "mid"]
    return replace(effort, depth=max(effort.depth, query.limit))


class Tokens(Protocol):
    """Where the token vectors of memories are kept."""

    def __call__(self, memories: Collection[int]) -> dict[int, bytes]:
        """Those of memories that have some."""


class Reranker(Protocol):
    """What looks at a question and memories together, such as a cross-encoder; used where the budget is `high`."""

    def __call__(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """A score for each text; higher is better, in whatever unit: only their order counts."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Memories weighed against a question, best first.

    Attributes:
        rows: the bank as it was.
        places: rows, in order of their scores.
        signals: of each place.
        scores: the fused scores.
        confidence: how sure it is that each bears on the question, from 0 to 1.
        fusion: what made scores of the signals.
    """

    rows: Rows
    places: Places
    signals: Signals
    scores: Floats
    confidence: Floats
    fusion: Fusion

    def reasons(self) -> Callable[[int], tuple[Reason, ...]]:
        """Tells of a place of this ranking why the memory there was found, best rank first."""
        columns = {channel: getattr(self.signals, channel) for channel in CHANNELS}
        found = {
            channel: list(zip(_ranks(column).tolist(), column.tolist(), strict=True))
            for channel, column in columns.items()
            if column.any()
        }

        def reasons(place: int) -> tuple[Reason, ...]:
            told = [(channel, *each[place]) for channel, each in found.items()]
            return tuple(Reason(*each) for each in sorted(told, key=_by_rank) if each[2] > 0)

        return reasons


def _by_rank(reason: tuple[str, int, float]) -> int:
    return reason[1]


def _ranks(column: Floats) -> npt.NDArray[np.int64]:
    """Which place each value has among all, from 1; equal ones share the better place."""
    import numpy as np

    return len(column) - np.searchsorted(np.sort(column), column, side="right") + 1


def rank(
    question: Question,
    rows: Rows,
    seen: Visible,
    index: WordIndex,
    tokens: Tokens,
    fusions: Fusions,
    effort: Effort,
    frames: Sequence[Timeframe] = (),
) -> Ranked:
    """Weigh a bank's memories against a question.

    Args:
        rows: the bank.
        seen: what may be found.
        tokens: gives the token vectors of memories for the second look.
        fusions: what makes scores of signals.
        frames: the time of what is asked, besides what the question itself says.

    Raises:
        StorageError: the bank cannot be read.
    """
    words = word_scores(index, rows, question, seen.rows, seen.documents, effort.depth)
    meaning = meaning_scores(rows, question, seen.rows)
    frames = (*question.time.frames, *frames)
    time = time_scores(rows, frames, seen.rows) if frames else None
    places = candidates(rows, words, meaning, time, seen.rows, effort.depth)
    document = document_scores(index, rows, question, seen.rows, places)
    found = signals(rows, places, question, seen.rows, words, meaning, time, document)
    fusion = fusions.words if question.vectors is None else fusions.meaning
    scores = fusion.weights.score(found)
    ranked = _ordered(Ranked(rows, places, found, scores, fusion.confidence.of(found), fusion))
    if question.encoded is None or not effort.second_look:
        return ranked
    return _second_look(ranked, question, tokens, fusions.tokens, effort.second_look)


def _ordered(ranked: Ranked) -> Ranked:
    import numpy as np

    order = np.argsort(-ranked.scores, kind="stable")
    return Ranked(
        ranked.rows,
        ranked.places[order],
        ranked.signals.take(order),
        ranked.scores[order],
        ranked.confidence[order],
        ranked.fusion,
    )


def _second_look(ranked: Ranked, question: Question, tokens: Tokens, fusion: Fusion, count: int) -> Ranked:
    """Compare the best token by token, and put them in order anew. The others stay behind them, in their order."""
    import numpy as np

    compared, known = _compare(question, ranked.rows.memories[ranked.places[:count]], tokens)
    if not known.any():
        return ranked
    # One without tokens, such as the end of a very long message, is taken to fit as well as its meaning lets expect,
    # and no better than the best: where all that have some are far from the question, there is nothing to expect.
    meaning = ranked.signals.meaning[: len(compared)]
    usual = compared[known].sum() / max(meaning[known].sum(), 1e-9)
    column = np.zeros(len(ranked.places))
    column[: len(compared)] = np.where(known, compared, np.minimum(usual * meaning, compared[known].max()))
    signals = ranked.signals.with_tokens(column)
    scores, confidence = fusion.weights.score(signals), fusion.confidence.of(signals)
    first, behind = slice(None, len(compared)), slice(len(compared), None)
    confidence[behind] = ranked.confidence[behind]
    scores[behind] = scores[first].min() + ranked.scores[behind] - ranked.scores[first].min()
    return _ordered(Ranked(ranked.rows, ranked.places, signals, scores, confidence, fusion))


def rerank(
    ranked: Ranked, question: str, reranker: Reranker, fetch: Callable[[Collection[int]], Mapping[int, Memory]]
) -> Ranked:
    """Put the best in the order of a reranker. The scores stay a falling row: theirs are of another unit."""
    import numpy as np

    look = ranked.places[:RERANKED]
    memories = fetch(ranked.rows.memories[look].tolist())
    there = [place for place, row in enumerate(look) if int(ranked.rows.memories[row]) in memories]
    judged = reranker(question, [memories[int(ranked.rows.memories[look[place]])].text for place in there])
    order = np.arange(len(ranked.places))
    order[there] = np.array(there, np.int64)[np.argsort(-np.asarray(judged, np.float64), kind="stable")]
    return replace(
        ranked, places=ranked.places[order], signals=ranked.signals.take(order), confidence=ranked.confidence[order]
    )


def _compare(
    question: Question, memories: npt.NDArray[np.int64], tokens: Tokens
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """How well each memory's tokens fit the question's, and which memories have tokens."""
    import numpy as np

    kept = tokens(memories.tolist())
    assert question.encoded is not None and question.weights is not None  # noqa: S101 - it has tokens
    each = [kept.get(memory, b"") for memory in memories.tolist()]
    found = late_interaction(question.encoded, question.weights, each).astype(np.float64)
    return found, np.array([bool(signs) for signs in each], np.bool_)
