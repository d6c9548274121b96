"""Tags."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from threadline.server import browsing
from threadline.server.access import ReadRoom
from threadline.server.wire.base import WireRoute, same
from threadline.server.wire.queries import Limit, Offset, span
from threadline.server.wire.shapes.entities import ListTagsResponse, TagItem

router = APIRouter(route_class=WireRoute, tags=["Memory"])


@router.get("/v1/default/banks/{bank_id}/tags", operation_id="list_tags", summary="List tags", **same())
def list_tags(
    room: ReadRoom,
    q: Annotated[str | None, Query(description="A pattern, such as `user:*`; in any case.")] = None,
    source: Annotated[Literal["memories", "mental_models"], Query(description="Whose tags.")] = "memories",
    limit: Limit = 100,
    offset: Offset = 0,
) -> ListTagsResponse:
    """List tags and how many memories, or mental models, carry each, the most used first."""
    wanted = span(limit, offset)
    page = browsing.listing(room).tags(q, wanted) if source == "memories" else browsing.model_tags(room, q, wanted)
    items = [TagItem(tag=tag, count=count) for tag, count in page.items]
    return ListTagsResponse(items=items, total=page.total, limit=limit, offset=offset)
