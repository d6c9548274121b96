"""Retain."""

from __future__ import annotations

from fastapi import APIRouter, Response

from threadline.errors import RequestError
from threadline.server.access import MakeRoom
from threadline.server.retaining import placed, retain, screen
from threadline.server.wire.base import json_response, same
from threadline.server.wire.quick import MakingRoute
from threadline.server.wire.shapes.retain import RetainRequest, RetainResponse, TokenUsage

router = APIRouter(tags=["Memory"])


def retain_memories(room: MakeRoom, request: RetainRequest) -> Response:
    """Retain items of documents, all or none. Answered: stored and recallable, or with `async`: accepted for good."""
    given = [item.retaining(request.document_tags) for item in request.items]
    items = placed(given)
    told = {"success": True, "bank_id": room.id, "items_count": len(items), "async": request.async_}
    answer = RetainResponse.model_validate(told)
    if not request.async_:
        retain(room, items)
        answer.usage = TokenUsage()
        return json_response(answer)
    strategies = {item.strategy for item in request.items}
    if request.operation_id is not None and len(strategies) > 1:
        raise RequestError("operation_id requires all retain items to resolve to a single strategy")
    from threadline.server import operations

    # Their documents as they came: sent again they are the same, also those whose document is made for them.
    payload = {"items": [item.as_json() for item in screen(room, given)]}
    submitted = operations.submit(room, "batch_retain", payload, operation_id=request.operation_id)
    answer.operation_id = submitted.id
    return json_response(answer)


router.add_api_route(
    "/v1/default/banks/{bank_id}/memories",
    retain_memories,
    methods=["POST"],
    route_class_override=MakingRoute,
    operation_id="retain_memories",
    summary="Retain memories",
    response_model=RetainResponse,
    **same(),
)
