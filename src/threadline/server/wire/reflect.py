"""Reflect."""

from __future__ import annotations

from fastapi import APIRouter

from threadline.documents import Query
from threadline.errors import NeedsModelError
from threadline.server.access import ReadRoom
from threadline.server.reflecting import reflect
from threadline.server.refreshing import fact
from threadline.server.wire.base import WireRoute, partly
from threadline.server.wire.shapes.filters import tag_filter
from threadline.server.wire.shapes.reflect import (
    ReflectBasedOn,
    ReflectFact,
    ReflectRequest,
    ReflectResponse,
    ReflectTrace,
)
from threadline.server.wire.shapes.retain import TokenUsage

router = APIRouter(route_class=WireRoute, tags=["Memory"])


@router.post(
    "/v1/default/banks/{bank_id}/reflect",
    operation_id="reflect",
    summary="Reflect and generate answer",
    **partly("without a language model the answer is quoted from memory; `response_schema` is refused"),
)
def reflect_on(room: ReadRoom, request: ReflectRequest) -> ReflectResponse:
    """Answer a question from what memory has on it: in quotes, with who said them, where and when."""
    if request.response_schema is not None:
        raise NeedsModelError("Structured output (response_schema)")
    query = Query(
        request.question(),
        max_tokens=max(0, min(request.max_tokens, 2**31)),
        tags=tag_filter(request.tags, request.tags_match, request.tag_groups),
        types=tuple(request.fact_types or ()),
        budget=request.budget,
    )
    answer = reflect(room, query)
    told = ReflectResponse(text=answer.text, usage=TokenUsage())
    if request.include.facts is not None:
        told.based_on = ReflectBasedOn(memories=[ReflectFact(**fact(room, unit)) for unit in answer.units])
    if request.include.tool_calls is not None:
        told.trace = ReflectTrace()
    return told
