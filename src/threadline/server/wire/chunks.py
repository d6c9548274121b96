"""Chunks, by the names that memories have of them."""

from __future__ import annotations

from fastapi import APIRouter

from threadline.errors import InputError, UnknownItemError
from threadline.server import browsing
from threadline.server.access import ReadTenant, TheCaller
from threadline.server.chunks import places
from threadline.server.wire.base import WireRoute, same
from threadline.server.wire.documents import shown_chunk
from threadline.server.wire.shapes.documents import ChunkResponse

router = APIRouter(route_class=WireRoute, tags=["Documents"])


@router.get("/v1/default/chunks/{chunk_id:path}", operation_id="get_chunk", summary="Get chunk details", **same())
def get_chunk(tenant: ReadTenant, caller: TheCaller, chunk_id: str) -> ChunkResponse:
    """A chunk with its text."""
    for place in places(chunk_id):
        try:
            room = tenant.room(place.bank)
        except InputError:
            continue
        chunk = browsing.sources(room).chunk(place.document, place.index) if caller.sees(room.id) else None
        if chunk is not None:
            return shown_chunk(room, chunk)
    raise UnknownItemError("Chunk not found")
