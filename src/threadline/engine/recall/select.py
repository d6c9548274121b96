"""What of a ranking is returned: the best memories that fit, each once, and enough of them to be worth their place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from threadline.documents import Query, Reason
from threadline.engine.models.wordpiece import count_tokens
from threadline.engine.recall.catalogue import NONE
from threadline.engine.recall.rank import Ranked
from threadline.engine.store.base import Memory
from threadline.engine.terms import words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Where the best memory is not as sure as this, the answer was most likely never said: a few are returned at most.
SURE = 0.15
FEW = 3

#: What is less sure than this is not worth its place in any case: it has next to nothing of the question.
LEAST = 0.01

#: So many pieces of one message are returned before those of others; the rest of it comes last.
_PIECES = 2

#: A memory of at most so many tokens is returned with what was said before it, at most so many characters of that.
_SHORT = 8
_BEFORE = 240

_FETCH = 64


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory that a recall returns.

    Attributes:
        place: its place in the ranking, from 0.
        score: the fused score.
        confidence: from 0 to 1.
        why: the channels that found it, best rank first.
        count: how many memories say the same, this one included.
        before: what was said just before, where it is too short to be understood alone.
        tokens: what it takes of the budget, with `before`.
    """

    memory: Memory
    place: int
    score: float
    confidence: float
    why: tuple[Reason, ...]
    tokens: int
    count: int = 1
    before: str | None = None


Fetch = Callable[[Collection[int]], Mapping[int, Memory]]


def select(ranked: Ranked, query: Query, seen: npt.NDArray[np.bool_], fetch: Fetch) -> list[Hit]:
    """The memories to return, best first.

    Args:
        seen: which rows may be seen.
        fetch: gives memories by id; one that is not there any more is left out.
    """
    hits: list[Hit] = []
    said: dict[str, int] = {}
    left = query.max_tokens
    for hit in _spread(ranked, _worthwhile(ranked, query), fetch):
        text = _said(hit)
        twin = said.get(text)
        if twin is not None:
            hits[twin] = replace(hits[twin], count=hits[twin].count + 1)
        elif hit.tokens <= left and len(hits) < query.limit:
            hit = _introduced(ranked, hit, left, seen, fetch)
            left -= hit.tokens
            hits.append(hit)
            said[text] = len(hits) - 1
        if left <= 0 or (len(hits) >= query.limit and twin is None):
            break
    return hits


def is_answerable(ranked: Ranked) -> bool:
    """Whether the best of it is likely to bear on the question."""
    return bool(ranked.confidence.max(initial=0.0) >= SURE)


def _worthwhile(ranked: Ranked, query: Query) -> list[int]:
    """The places of the ranking that are worth returning, in their order."""
    least = LEAST if query.min_confidence is None else query.min_confidence
    places = [place for place, sure in enumerate(ranked.confidence) if sure >= least]
    return places if query.min_confidence is not None or is_answerable(ranked) else places[:FEW]


def _spread(ranked: Ranked, places: list[int], fetch: Fetch) -> Iterator[Hit]:
    """The memories at places of a ranking, but what a message has beyond `_PIECES` comes last."""
    counts: dict[int, int] = {}
    first: list[int] = []
    last: list[int] = []
    messages = ranked.rows.messages[ranked.places].tolist()
    for place in places:
        message = messages[place]
        counts[message] = counts.get(message, 0) + 1
        (first if counts[message] <= _PIECES else last).append(place)
    yield from _fetched(ranked, [*first, *last], fetch)


def _fetched(ranked: Ranked, places: list[int], fetch: Fetch) -> Iterator[Hit]:
    reasons = ranked.reasons()
    ids = ranked.rows.memories[ranked.places].tolist()
    scores, confidence = ranked.scores.tolist(), ranked.confidence.tolist()
    for start in range(0, len(places), _FETCH):
        some = places[start : start + _FETCH]
        memories = fetch([ids[place] for place in some])
        for place in some:
            memory = memories.get(ids[place])
            if memory is not None:
                yield Hit(memory, place, scores[place], confidence[place], reasons(place), memory.tokens)


def _said(hit: Hit) -> str:
    """What makes two memories say the same: their words, whatever their case, accents and punctuation.

    No less: "at three" and "at four", or "I do" and "I do not", are as near in meaning as any two memories are.
    """
    return " ".join(words(hit.memory.text)) or hit.memory.text


def _introduced(ranked: Ranked, hit: Hit, left: int, seen: npt.NDArray[np.bool_], fetch: Fetch) -> Hit:
    """A short memory with what was said before it, if that fits."""
    rows = ranked.rows
    message = rows.messages[ranked.places[hit.place]]
    earlier = int(rows.before[message])
    if hit.memory.tokens > _SHORT or earlier == NONE:
        return hit
    row = int(rows.starts[earlier + 1]) - 1
    memory = fetch([int(rows.memories[row])]).get(int(rows.memories[row])) if seen[row] else None
    if memory is None:
        return hit
    before = memory.text if len(memory.text) <= _BEFORE else "…" + memory.text[-_BEFORE:]
    tokens = hit.tokens + count_tokens([before])[0]
    return hit if tokens > left else replace(hit, before=before, tokens=tokens)
