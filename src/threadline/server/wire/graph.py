"""The graph of memories: those that mention the same, and those said near each other in time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response

from threadline.engine.store.listing import MemoryFilter
from threadline.engine.store.pages import Span
from threadline.engine.store.shelf import Unit
from threadline.server import browsing
from threadline.server.access import ReadRoom
from threadline.server.chunks import chunk_id, places
from threadline.server.house import Room
from threadline.server.wire.base import WireRoute, json_response, partly
from threadline.server.wire.queries import Limit, iso, tags_of
from threadline.server.wire.shapes.filters import QueryTags, QueryTagsMatch
from threadline.server.wire.shapes.memories import (
    GraphDataResponse,
    MemoryGraphEdge,
    MemoryGraphEdgeData,
    MemoryGraphNode,
    MemoryGraphNodeData,
    MemoryGraphTableRow,
)

router = APIRouter(route_class=WireRoute, tags=["Memory"])

#: The most edges of each kind, and how many later memories each one is linked with.
_EDGES = 10_000
_NEIGHBOURS = 10
_LABEL = 30

#: Memories further apart in time than this have nothing to do with each other for it; none weighs less than this.
_HOURS = 24.0
_LEAST_WEIGHT = 0.3


@router.get(
    "/v1/default/banks/{bank_id}/graph",
    operation_id="get_graph",
    summary="Get memory graph data",
    response_model=GraphDataResponse,
    **partly("edges are of a common entity and of nearness in time; those of meaning are not shown"),
)
def get_graph(
    room: ReadRoom,
    type: Annotated[str | None, Query(description="world, experience or observation.")] = None,  # noqa: A002
    limit: Limit = 1000,
    q: Annotated[str | None, Query(description="What their text or context has in it, in any case.")] = None,
    tags: QueryTags = None,
    tags_match: QueryTagsMatch = "all_strict",
    document_id: Annotated[str | None, Query(description="Only those of a document.")] = None,
    chunk_id: Annotated[str | None, Query(description="Only those of a chunk.")] = None,
) -> Response:
    """Memories, those said last first, and what they have in common."""
    wanted = MemoryFilter(
        type=type or None,
        document=document_id or None,
        text=q or None,
        tags=tags_of(tags, tags_match, None),
        hidden=room.tenant.scope(room).hidden,
    )
    for narrowed in _within_chunk(room, wanted, chunk_id):
        page = browsing.listing(room).memories(narrowed, Span(limit))
        if page.total:
            break
    else:
        page = browsing.listing(room).memories(MemoryFilter(document=""), Span(0))
    units = page.items
    edges = itertools.chain(
        itertools.islice(_near_in_time(units), _EDGES), itertools.islice(_of_one_entity(units), _EDGES)
    )
    answer = GraphDataResponse(
        nodes=[_node(unit) for unit in units],
        edges=list(edges),
        table_rows=[_row(room, unit) for unit in units],
        total_units=page.total,
        limit=limit,
    )
    return json_response(answer)


def _within_chunk(room: Room, wanted: MemoryFilter, name: str | None) -> Iterator[MemoryFilter]:
    """What may be meant by the filter within a chunk; nothing where the name is none of this bank's."""
    from dataclasses import replace

    if not name:
        yield wanted
        return
    for place in places(name):
        if place.bank == room.id and wanted.document in (None, place.document):
            yield replace(wanted, document=place.document, chunk=place.index)


def _near_in_time(units: Sequence[Unit]) -> Iterator[MemoryGraphEdge]:
    """Each with those said just before it."""
    dated = [(unit, unit.mentioned_at) for unit in units if unit.mentioned_at is not None]
    for place, (unit, at) in enumerate(dated):
        for other, before in dated[place + 1 : place + 1 + _NEIGHBOURS]:
            hours = abs((at - before).total_seconds()) / 3600
            if hours <= _HOURS:
                yield _edge(unit, other, "temporal", max(_LEAST_WEIGHT, 1 - hours / _HOURS))


def _of_one_entity(units: Sequence[Unit]) -> Iterator[MemoryGraphEdge]:
    """Each with the next that mention the same; what few mention first, for it says the most."""
    mentioning: dict[str, list[Unit]] = {}
    for unit in units:
        for name in unit.entities:
            mentioning.setdefault(name, []).append(unit)
    for name, those in sorted(mentioning.items(), key=lambda item: (len(item[1]), item[0])):
        for place, unit in enumerate(those):
            for other in those[place + 1 : place + 1 + _NEIGHBOURS]:
                yield _edge(unit, other, "entity", 1.0, name)


def _edge(one: Unit, other: Unit, kind: str, weight: float, entity: str = "") -> MemoryGraphEdge:
    color, style = ("#ffd700", "solid") if kind == "entity" else ("#00bcd4", "dashed")
    data = MemoryGraphEdgeData(
        id=f"{one.id}-{other.id}-{kind}",
        source=one.id,
        target=other.id,
        linkType=kind,
        weight=weight,
        entityName=entity,
        color=color,
        lineStyle=style,
    )
    return MemoryGraphEdge(data=data)


def _node(unit: Unit) -> MemoryGraphNode:
    colors = ("#e0e0e0", "#90caf9", "#42a5f5")
    data = MemoryGraphNodeData(
        id=unit.id,
        label=f"{unit.text[:_LABEL]}..." if len(unit.text) > _LABEL else unit.text,
        text=unit.text,
        date=iso(unit.occurred("start") or unit.mentioned_at) or "",
        context=unit.context or "",
        entities=", ".join(unit.entities) or "None",
        color=colors[min(len(unit.entities), 2)],
    )
    return MemoryGraphNode(data=data)


def _row(room: Room, unit: Unit) -> MemoryGraphTableRow:
    date = unit.occurred("start") or unit.mentioned_at
    return MemoryGraphTableRow(
        id=unit.id,
        text=unit.text,
        context=unit.context or "N/A",
        occurred_start=iso(unit.occurred("start")),
        occurred_end=iso(unit.occurred("end")),
        mentioned_at=iso(unit.mentioned_at),
        date="N/A" if date is None else (iso(date) or "")[:16].replace("T", " "),
        entities=", ".join(unit.entities) or "None",
        document_id=unit.document,
        chunk_id=chunk_id(room.id, unit.document, unit.chunk),
        fact_type=unit.type,
        tags=list(unit.tags),
        created_at=iso(unit.stored_at),
        proof_count=1,
    )
