"""What speaks for each memory that may answer a question, channel by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from threadline.engine.recall.catalogue import NONE, Rows
from threadline.engine.recall.question import Question, asks_about
from threadline.engine.roles import OTHER, USER
from threadline.engine.vectors import cosines

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
    Places = npt.NDArray[np.int64]

_DAY = 86_400.0

#: How many other messages of a document speak for a message of it.
_THREAD = 2


@dataclass(frozen=True, slots=True)
class Signals:
    """One column a signal, one entry a candidate.

    Attributes:
        words: BM25, as a share of what the question's terms weigh together.
        meaning: the cosine with the question, or with one of its sentences where that is nearer.
        tokens: late interaction; 0 where it was not computed.
        speaker: 1 where it was said by somebody whom the question names.
        near_words, near_meaning: the better of the two messages next to it.
        thread: the words of the two best other messages of its document, above the least of the candidates.
        document: how much of the question's telling words its whole document says, from 0 to 1.
        user, agent: 1 where the unnamed user of a chat said it, or the agent or a tool of its.
        length: the logarithm of its tokens.
        age: the logarithm of how many days lie between it and the latest, where what is asked leans on the present.
        time: how well the moment it was said fits the time that the question speaks of, from 0 to 1.
    """

    words: Floats
    meaning: Floats
    tokens: Floats
    speaker: Floats
    near_words: Floats
    near_meaning: Floats
    thread: Floats
    document: Floats
    user: Floats
    agent: Floats
    length: Floats
    age: Floats
    time: Floats

    def with_tokens(self, tokens: Floats) -> Signals:
        """The same with the result of late interaction."""
        return replace(self, tokens=tokens)

    def take(self, places: Places) -> Signals:
        """The signals of some candidates, in this order."""
        return Signals(*(getattr(self, each.name)[places] for each in fields(self)))

    def at(self, place: int) -> Mapping[str, float]:
        """The signals of one candidate."""
        return {each.name: float(getattr(self, each.name)[place]) for each in fields(self)}


def signals(
    rows: Rows,
    candidates: Places,
    question: Question,
    seen: npt.NDArray[np.bool_],
    words: Floats,
    meaning: Floats,
    time: Floats | None,
    document: Floats,
) -> Signals:
    """Compute the signals of candidates.

    Args:
        candidates: rows.
        seen: which rows may be seen.
        words, meaning, time: of every row; 0 for those that must not be seen. No time where none is asked for.
        document: of every candidate.
    """
    import numpy as np

    roles = rows.roles[candidates]
    # What a tool gave back is the agent's, by whatever name: code and tables must not drown the talk.
    named = (rows.speakers[candidates] != NONE) & (roles != OTHER)
    near_words, near_meaning = _near(rows, candidates, (words, meaning))
    return Signals(
        words=words[candidates],
        meaning=_nearest(rows, candidates, question, meaning),
        tokens=np.zeros(len(candidates)),
        speaker=asks_about(question, rows, candidates).astype(np.float64),
        near_words=near_words,
        near_meaning=near_meaning,
        thread=_thread(rows, candidates, words),
        document=document,
        user=((roles == USER) & ~named).astype(np.float64),
        agent=((roles != USER) & ~named).astype(np.float64),
        length=np.log1p(rows.lengths[candidates]),
        age=_age(rows, candidates, question, seen),
        time=np.zeros(len(candidates)) if time is None else time[candidates],
    )


def _nearest(rows: Rows, candidates: Places, question: Question, meaning: Floats) -> Floats:
    import numpy as np

    best = meaning[candidates]
    if question.vectors is not None and len(candidates):
        matrix, norms = rows.vectors[candidates], rows.norms[candidates]
        for sentence in question.vectors[1:]:
            best = np.maximum(best, cosines(sentence, matrix, norms))
    return best


def _near(rows: Rows, candidates: Places, scores: Sequence[Floats]) -> list[Floats]:
    """The better of the messages before and after each candidate's, by each of some scores."""
    import numpy as np

    messages = rows.messages[candidates]
    # A message that came while this was computed is in the links, but not in these rows.
    beside = np.stack([rows.before[messages], rows.after[messages]])
    beside = np.where(beside < len(rows.before), beside, NONE)
    wanted = np.unique(beside)
    wanted = wanted[wanted != NONE]
    if not len(wanted):
        return [np.zeros(len(candidates)) for _ in scores]
    places = np.minimum(np.searchsorted(wanted, beside), len(wanted) - 1)
    best = (message_scores(rows, wanted, each)[places] for each in scores)
    return [np.where(beside == NONE, 0.0, each).max(axis=0) for each in best]


def message_scores(rows: Rows, messages: npt.NDArray[np.int32], scores: Floats) -> Floats:
    """The best score of each message's rows."""
    import numpy as np

    if not len(messages):
        return np.zeros(0)
    starts, ends = rows.starts[messages], rows.starts[messages + 1]
    counts = ends - starts
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    every = np.arange(counts.sum()) + np.repeat(starts - first, counts)
    return np.asarray(np.maximum.reduceat(scores[every], first))


def _thread(rows: Rows, candidates: Places, words: Floats) -> Floats:
    """What the best other messages of a document say for each of its messages."""
    import numpy as np

    if not len(candidates):
        return np.zeros(0)
    messages, which = np.unique(rows.messages[candidates], return_inverse=True)
    best = message_scores(rows, messages, words)
    best = best - words[candidates].min()
    documents = rows.documents[rows.starts[messages]]
    order = np.lexsort((-best, documents))
    owners = documents[order]
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    rank = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    ranked = np.where(rank <= _THREAD, best[order], 0.0)
    owner = np.cumsum(rank == 0) - 1
    total = np.add.reduceat(ranked, first)[owner]
    # One of the best gives way to the next one; for any other the last of the best does not count.
    spare = np.where(rank == _THREAD, best[order], 0.0)
    beyond = np.add.reduceat(spare, first)[owner]
    others = np.empty(len(order))
    others[order] = np.where(rank < _THREAD, total - best[order], total - beyond) / _THREAD
    return np.asarray(others[which])


def _age(rows: Rows, candidates: Places, question: Question, seen: npt.NDArray[np.bool_]) -> Floats:
    import numpy as np

    if not (question.said or question.time.recent or question.time.nearby) or not len(candidates):
        return np.zeros(len(candidates))
    return np.asarray(np.log1p((rows.said_at[seen].max() - rows.said_at[candidates]) / _DAY))
