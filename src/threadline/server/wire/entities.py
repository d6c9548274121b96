"""Entities: whom and what memories are about."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from threadline.engine.store.listing import Mentioned, Together
from threadline.errors import RequestError, UnknownItemError
from threadline.server import browsing
from threadline.server.access import ReadRoom, WriteRoom
from threadline.server.wire.base import WireRoute, absent, partly
from threadline.server.wire.queries import Limit, Offset, TagGroups, iso, span, tags_of
from threadline.server.wire.shapes.entities import (
    EntityDetailResponse,
    EntityGraphEdge,
    EntityGraphEdgeData,
    EntityGraphNode,
    EntityGraphNodeData,
    EntityGraphResponse,
    EntityListItem,
    EntityListResponse,
)
from threadline.server.wire.shapes.filters import QueryTags, QueryTagsMatch

router = APIRouter(route_class=WireRoute, tags=["Entities"])

_PATH = "/v1/default/banks/{bank_id}/entities"
_GIVEN = "only entities that somebody named: finding them in a text takes a language model"

#: The most that SQLite counts to.
_MOST = 2**53


@router.get(_PATH, operation_id="list_entities", summary="List entities", **partly(_GIVEN))
def list_entities(
    room: ReadRoom,
    limit: Limit = 100,
    offset: Offset = 0,
    tags: QueryTags = None,
    tags_match: QueryTagsMatch = "any",
    tag_groups: TagGroups = None,
) -> EntityListResponse:
    """List entities, those that most memories mention first."""
    page = browsing.listing(room).entities(span(limit, offset), tags_of(tags, tags_match, tag_groups))
    items = [
        EntityListItem(
            id=each.id,
            canonical_name=each.name,
            mention_count=each.count,
            first_seen=iso(each.first_seen),
            last_seen=iso(each.last_seen),
            metadata={},
        )
        for each in page.items
    ]
    return EntityListResponse(items=items, total=page.total, limit=limit, offset=offset)


@router.get(
    _PATH + "/graph", operation_id="get_entity_graph", summary="Get entity co-occurrence graph", **partly(_GIVEN)
)
def get_entity_graph(
    room: ReadRoom,
    limit: Limit = 1000,
    min_count: Annotated[int, Query(le=_MOST, ge=-_MOST, description="The least that is mentioned together.")] = 1,
    tags: QueryTags = None,
    tags_match: QueryTagsMatch = "any",
    tag_groups: TagGroups = None,
) -> EntityGraphResponse:
    """Entities that memories mention together, the most frequent pairs first."""
    wanted = tags_of(tags, tags_match, tag_groups)
    pairs = browsing.listing(room).together(limit, min_count, wanted)
    ids = dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second))
    nodes = browsing.listing(room).named(list(ids), wanted)
    return EntityGraphResponse(
        nodes=[_node(nodes[name]) for name in ids if name in nodes],
        edges=[_edge(pair) for pair in pairs],
        total_entities=len(ids),
        total_edges=len(pairs),
        limit=limit,
    )


@router.get(_PATH + "/{entity_id}", operation_id="get_entity", summary="Get entity details", **partly(_GIVEN))
def get_entity(
    room: ReadRoom,
    entity_id: str,
    tags: QueryTags = None,
    tags_match: QueryTagsMatch = "any",
    tag_groups: TagGroups = None,
) -> EntityDetailResponse:
    """An entity, and how many memories mention it."""
    try:
        name = str(uuid.UUID(entity_id))
    except ValueError as error:
        raise RequestError(f"Invalid entity_id: '{entity_id}' is not a valid UUID") from error
    found = browsing.listing(room).entity(name, tags_of(tags, tags_match, tag_groups))
    if found is None:
        raise UnknownItemError(f"Entity {entity_id} not found")
    return EntityDetailResponse(
        id=found.id,
        canonical_name=found.name,
        mention_count=found.count,
        first_seen=iso(found.first_seen),
        last_seen=iso(found.last_seen),
        metadata={},
        observations=[],
    )


@router.post(
    _PATH + "/{entity_id}/regenerate",
    operation_id="regenerate_entity_observations",
    summary="Regenerate entity observations (deprecated)",
    deprecated=True,
    **absent("Hindsight removed it, too"),
)
def regenerate_entity_observations(room: WriteRoom, entity_id: str) -> EntityDetailResponse:
    """This answers that it is gone."""
    _ = room, entity_id
    raise RequestError("This endpoint is deprecated. Entity observations are no longer supported.", status=410)


def _node(entity: Mentioned) -> EntityGraphNode:
    color = "#42a5f5" if entity.count > 1 else "#90caf9"
    data = EntityGraphNodeData(id=entity.id, label=entity.name, mentionCount=entity.count, color=color)
    return EntityGraphNode(data=data)


def _edge(pair: Together) -> EntityGraphEdge:
    data = EntityGraphEdgeData(
        id=f"{pair.first}-{pair.second}",
        source=pair.first,
        target=pair.second,
        weight=pair.count,
        color="#ffd700",
        lineStyle="solid",
        lastCooccurred=iso(pair.last_seen),
    )
    return EntityGraphEdge(data=data)
