"""Memories, one by one and in pages, and the graph that they make."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from threadline.server.wire.base import WireBody, WireShape


class MemoryUnitListItem(WireShape):
    """A memory in a list."""

    id: str
    text: str = ""
    context: str = ""
    date: str = Field(default="", description="When it happened, else when it was said; empty: unknown.")
    fact_type: str | None = None
    document_id: str | None = None
    mentioned_at: str | None = None
    occurred_start: str | None = None
    occurred_end: str | None = None
    entities: str = Field(default="", description="Names, with commas between them.")
    chunk_id: str | None = None
    proof_count: int = 1
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    consolidated_at: str | None = None
    consolidation_failed_at: str | None = None
    state: str = "valid"
    invalidation_reason: str | None = None
    invalidated_at: str | None = None
    edited_at: str | None = None
    updated_at: str | None = None
    source_memory_ids: list[str] = []


class ListMemoryUnitsResponse(WireShape):
    """A page of memories."""

    items: list[MemoryUnitListItem]
    total: int
    limit: int
    offset: int


class MemoryUnit(WireShape):
    """A memory by itself."""

    id: str
    text: str
    context: str
    date: str
    type: str
    mentioned_at: str | None
    occurred_start: str | None
    occurred_end: str | None
    entities: list[str]
    document_id: str | None
    chunk_id: str | None
    tags: list[str]
    metadata: dict[str, Any]
    observation_scopes: str | list[list[str]] | None
    state: str
    invalidation_reason: str | None
    invalidated_at: str | None
    edited_at: str | None
    consolidated_at: str | None
    consolidation_failed_at: str | None


class MemoryChange(WireShape):
    """What a memory was before an edit."""

    previous_text: str
    previous_tags: list[str]
    previous_occurred_start: str | None
    previous_occurred_end: str | None
    previous_mentioned_at: str | None
    changed_at: str
    new_source_memory_ids: list[str] = []
    source_facts: list[dict[str, Any]] = []


class UpdateMemoryRequest(WireBody):
    """What a memory is to say from now on, or whether it is recalled at all. What is not given stays."""

    text: str | None = None
    context: str | None = Field(default=None, description="'' takes it away.")
    occurred_start: str | None = Field(default=None, description="ISO 8601; '' or null takes it away.")
    occurred_end: str | None = Field(default=None, description="ISO 8601; '' or null takes it away.")
    mentioned_at: str | None = Field(default=None, description="ISO 8601; '' or null takes it away.")
    fact_type: str | None = Field(default=None, description="'world' or 'experience'.")
    entities: list[str] | None = Field(default=None, description="Whom or what it is about from now on.")
    resolve_entities: bool = Field(default=True, description="Names are taken as they are, in whatever case.")
    state: str | None = Field(default=None, description="'invalidated': it is not recalled any more; 'valid': again.")
    reason: str | None = Field(default=None, description="Why it is invalid.")

    @field_validator("occurred_start", "occurred_end", "mentioned_at", mode="before")
    @classmethod
    def _cleared(cls, value: Any) -> Any:
        return "" if value is None else value

    @model_validator(mode="after")
    def _says_something(self) -> UpdateMemoryRequest:
        given = self.model_fields_set - {"resolve_entities", "reason"}
        if all(getattr(self, name) is None for name in given):
            raise ValueError("Provide at least one field to update.")
        if self.state not in (None, "valid", "invalidated"):
            raise ValueError("state must be 'valid' or 'invalidated'.")
        if self.fact_type not in (None, "world", "experience"):
            raise ValueError("fact_type must be 'world' or 'experience'.")
        return self


class MemoryGraphNodeData(WireShape):
    """A memory as a node."""

    id: str
    label: str = ""
    text: str = ""
    date: str = ""
    context: str = ""
    entities: str = ""
    color: str | None = None


class MemoryGraphNode(WireShape):
    """A node as Cytoscape has it."""

    data: MemoryGraphNodeData


class MemoryGraphEdgeData(WireShape):
    """What two memories have in common."""

    id: str
    source: str
    target: str
    linkType: str = ""  # noqa: N815 - its name on the wire
    weight: float = 0.0
    entityName: str = ""  # noqa: N815 - its name on the wire
    color: str | None = None
    lineStyle: str | None = None  # noqa: N815 - its name on the wire


class MemoryGraphEdge(WireShape):
    """An edge as Cytoscape has it."""

    data: MemoryGraphEdgeData


class MemoryGraphTableRow(WireShape):
    """A memory as a row of the table beside the graph."""

    id: str
    text: str = ""
    context: str = ""
    occurred_start: str | None = None
    occurred_end: str | None = None
    mentioned_at: str | None = None
    date: str | None = None
    entities: str = ""
    document_id: str | None = None
    chunk_id: str | None = None
    fact_type: str | None = None
    tags: list[str] = []
    created_at: str | None = None
    proof_count: int | None = None


class GraphDataResponse(WireShape):
    """Memories and what they have in common."""

    nodes: list[MemoryGraphNode]
    edges: list[MemoryGraphEdge]
    table_rows: list[MemoryGraphTableRow]
    total_units: int
    limit: int
