"""Tags, entities and the series of time."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from threadline.server.wire.base import WireShape
from threadline.server.wire.shapes.recall import EntityObservationResponse


class TagItem(WireShape):
    """A tag, and how many memories carry it."""

    tag: str
    count: int


class ListTagsResponse(WireShape):
    """A page of tags."""

    items: list[TagItem]
    total: int
    limit: int
    offset: int


class EntityListItem(WireShape):
    """Whom or what memories are about."""

    id: str
    canonical_name: str
    mention_count: int
    first_seen: str | None = None
    last_seen: str | None = None
    metadata: dict[str, Any] | None = None


class EntityListResponse(WireShape):
    """A page of entities."""

    items: list[EntityListItem]
    total: int
    limit: int
    offset: int


class EntityDetailResponse(WireShape):
    """An entity by itself."""

    id: str
    canonical_name: str
    mention_count: int
    first_seen: str | None = None
    last_seen: str | None = None
    metadata: dict[str, Any] | None = None
    observations: list[EntityObservationResponse]


class EntityGraphNodeData(WireShape):
    """An entity as a node."""

    id: str
    label: str = ""
    mentionCount: int = 0  # noqa: N815 - its name on the wire
    color: str | None = None


class EntityGraphNode(WireShape):
    """A node as Cytoscape has it."""

    data: EntityGraphNodeData


class EntityGraphEdgeData(WireShape):
    """Two entities that memories mention together."""

    id: str
    source: str
    target: str
    linkType: str = "cooccurrence"  # noqa: N815 - its name on the wire
    weight: int = 0
    color: str | None = None
    lineStyle: str | None = None  # noqa: N815 - its name on the wire
    lastCooccurred: str | None = None  # noqa: N815 - its name on the wire


class EntityGraphEdge(WireShape):
    """An edge as Cytoscape has it."""

    data: EntityGraphEdgeData


class EntityGraphResponse(WireShape):
    """Entities that memories mention together."""

    nodes: list[EntityGraphNode]
    edges: list[EntityGraphEdge]
    total_entities: int
    total_edges: int
    limit: int


class MemoryTimeseriesBucket(WireShape):
    """How many memories lie in a span of time."""

    time: str
    world: int = 0
    experience: int = 0
    observation: int = 0


class MemoriesTimeseriesResponse(WireShape):
    """How many memories lie in each span of a period."""

    bank_id: str
    period: str
    trunc: str
    time_field: str = "created_at"
    buckets: list[MemoryTimeseriesBucket] = Field(default_factory=list)
