"""Recall as a server does it: memories as their callers know them, with the scores that found them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from threadline.documents import Query
from threadline.engine.recall.select import Hit
from threadline.engine.store.shelf import Unit
from threadline.server import metrics
from threadline.server.house import Room

#: The most memories of one recall, whatever their tokens.
MOST = 500


@dataclass(frozen=True, slots=True)
class Floors:
    """The least that a score may be; None: anything.

    A memory that one channel found with too low a score counts as not found by it, and goes where none is left.
    """

    semantic: float | None = None
    keyword: float | None = None
    final: float | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """What found a memory.

    Attributes:
        final: the fused score, from 0 to 1; comparable within one recall only.
        semantic: the nearness of its meaning; None where that did not find it.
        keyword: what it has of the query's words; None where they did not find it.
    """

    final: float
    semantic: float | None
    keyword: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """A memory that a recall returns.

    Attributes:
        before: what was said just before it, where it is too short to be understood alone.
    """

    unit: Unit
    scores: Scores
    tokens: int
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A recall. What is known of it beyond the query is what only a server's callers say."""

    query: Query
    floors: Floors = field(default_factory=Floors)


def recall(room: Room, asked: Asked) -> list[Found]:
    """Find memories, best first. What a session took back is not among them.

    Raises:
        EmbedderError: the model cannot be loaded or run.
        StorageError: the bank cannot be read.
    """
    query = replace(asked.query, limit=min(asked.query.limit, MOST), scope=room.tenant.scope(room))
    hits = room.engine.recall(query)
    units = room.shelf.units([hit.memory.id for hit in hits])
    found = []
    for hit in hits:
        unit = units.get(hit.memory.id)
        scores = None if unit is None else _scores(hit, asked.floors)
        if unit is not None and scores is not None:
            found.append(Found(unit, scores, hit.tokens, hit.before))
    metrics.RECALLED.inc(len(found))
    return found


def _scores(hit: Hit, floors: Floors) -> Scores | None:
    by_channel: Mapping[str, float] = {reason.channel: reason.score for reason in hit.why}
    final = 1 / (1 + math.exp(-max(-50.0, min(50.0, hit.score))))
    semantic = _above(by_channel.get("meaning"), floors.semantic)
    keyword = _above(by_channel.get("words"), floors.keyword)
    lost = semantic is None and keyword is None and by_channel.keys() & {"meaning", "words"}
    if lost or (floors.final is not None and final < floors.final):
        return None
    return Scores(final, semantic, keyword)


def _above(score: float | None, floor: float | None) -> float | None:
    return None if score is None or (floor is not None and score < floor) else float(score)
