"""Recall."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from fastapi import APIRouter, Response

from threadline.documents import MemoryType, Query
from threadline.engine.models.wordpiece import count_tokens
from threadline.server.access import ReadRoom
from threadline.server.chunks import chunk_id
from threadline.server.house import Room
from threadline.server.recalling import MOST, Asked, Floors, Found, recall
from threadline.server.wire.base import json_response, partly
from threadline.server.wire.quick import ReadingRoute
from threadline.server.wire.shapes.filters import tag_filter
from threadline.server.wire.shapes.recall import (
    ChunkData,
    EntityStateResponse,
    RecallRequest,
    RecallResponse,
    RecallResult,
    RecallScores,
)
from threadline.turns import Json

router = APIRouter(tags=["Memory"])


def recall_memories(room: ReadRoom, request: RecallRequest) -> Response:
    """Find memories for a question, best first, as many as fit in `max_tokens`."""
    began = time.perf_counter()
    asked = _asked(request)
    found = [] if asked is None else recall(room, asked)
    named = request.include.entities is not None
    answer = RecallResponse(results=[_result(room, each, named=named) for each in found])
    answer.source_facts_truncated = None if request.include.source_facts is None else False
    if named:
        answer.entities = _entities(room, found) or None
    if request.include.chunks is not None:
        answer.chunks = _chunks(room, found, request.include.chunks.max_tokens)
    if request.trace:
        answer.trace = _trace(request, found, time.perf_counter() - began)
    return json_response(answer)


router.add_api_route(
    "/v1/default/banks/{bank_id}/memories/recall",
    recall_memories,
    methods=["POST"],
    route_class_override=ReadingRoute,
    operation_id="recall_memories",
    summary="Recall memories",
    response_model=RecallResponse,
    **partly("`prefer_observations` changes nothing, as there are none; `trace` has fields of its own"),
)


def _asked(request: RecallRequest) -> Asked | None:
    """The recall of a request; None where nothing can be found."""
    known = [each for each in get_args(MemoryType) if each in (request.types or ())]
    if request.types is not None and request.types and not known:
        return None
    floors = request.min_scores
    query = Query(
        request.query,
        max_tokens=max(0, min(request.max_tokens, 2**31)),
        limit=MOST,
        tags=tag_filter(request.tags, request.tags_match, request.tag_groups),
        types=tuple(known),
        asked_at=request.asked_at(),
        during=request.during(),
        budget=request.budget,
    )
    return Asked(query, Floors() if floors is None else Floors(floors.semantic, floors.keyword, floors.final))


def _result(room: Room, found: Found, *, named: bool) -> RecallResult:
    unit, scores = found.unit, found.scores
    return RecallResult(
        id=unit.id,
        text=unit.text,
        type=unit.type,
        entities=(list(unit.entities) or None) if named else None,
        context=unit.context or "",
        mentioned_at=None if unit.mentioned_at is None else unit.mentioned_at.isoformat(),
        document_id=unit.document,
        metadata=plain(unit.metadata),
        chunk_id=chunk_id(room.id, unit.document, unit.chunk),
        tags=list(unit.tags),
        scores=RecallScores(final=scores.final, semantic=scores.semantic, keyword=scores.keyword),
    )


def plain(metadata: Mapping[str, Json]) -> dict[str, str]:
    """Metadata as the wire has it: texts alone."""
    import json

    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}


def _entities(room: Room, found: Sequence[Found]) -> dict[str, EntityStateResponse]:
    names = dict.fromkeys(name for each in found for name in each.unit.entities)
    ids = room.shelf.entity_ids(names) if names else {}
    return {
        name: EntityStateResponse(entity_id=ids[name], canonical_name=name, observations=[])
        for name in names
        if name in ids
    }


def _chunks(room: Room, found: Sequence[Found], max_tokens: int) -> dict[str, ChunkData]:
    """The chunks that the memories are from, in their order, as far as they fit; the last one is cut."""
    texts = room.shelf.chunk_texts([each.unit.memory for each in found])
    chunks: dict[str, ChunkData] = {}
    left = max_tokens
    for each in found:
        name = chunk_id(room.id, each.unit.document, each.unit.chunk)
        text = texts.get(each.unit.memory)
        if name in chunks or text is None or left <= 0:
            continue
        tokens = count_tokens([text])[0]
        if tokens > left:
            text = text[: max(1, len(text) * left // tokens)]
        chunks[name] = ChunkData(id=name, text=text, chunk_index=each.unit.chunk, truncated=tokens > left)
        left -= tokens
    return chunks


def _trace(request: RecallRequest, found: Sequence[Found], seconds: float) -> dict[str, Any]:
    return {
        "query": {"query_text": request.query, "budget": request.budget, "max_tokens": request.max_tokens},
        "results": [
            {
                "rank": rank,
                "id": each.unit.id,
                "tokens": each.tokens,
                "final": each.scores.final,
                "semantic": each.scores.semantic,
                "keyword": each.scores.keyword,
            }
            for rank, each in enumerate(found, start=1)
        ],
        "summary": {"total_duration_seconds": seconds, "results_returned": len(found)},
    }
