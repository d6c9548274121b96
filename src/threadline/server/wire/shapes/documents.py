"""Documents, their chunks, and what happened to them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from threadline.server.wire.base import WireBody, WireShape
from threadline.server.wire.shapes.recall import ChunkAttachment

ObservationScopes = Literal["per_tag", "combined", "all_combinations", "shared"] | list[list[str]]


class DocumentListItem(WireShape):
    """A document in a list, without its text."""

    id: str
    bank_id: str = ""
    content_hash: str | None = None
    created_at: str = ""
    updated_at: str = ""
    text_length: int = 0
    memory_unit_count: int = 0
    retain_params: dict[str, Any] | None = None
    document_metadata: dict[str, Any] | None = None
    tags: list[str] = []
    matched_fields: list[Literal["id", "original_text"]] = []


class ListDocumentsResponse(WireShape):
    """A page of documents."""

    items: list[DocumentListItem]
    total: int
    limit: int
    offset: int
    total_is_estimate: bool = False


class DocumentResponse(WireShape):
    """A document with its text."""

    id: str
    bank_id: str
    original_text: str | None
    content_hash: str | None
    created_at: str
    updated_at: str
    memory_unit_count: int
    nodes_by_fact_type: dict[str, int] | None = None
    tags: list[str] = []
    document_metadata: dict[str, Any] | None = None
    retain_params: dict[str, Any] | None = None
    observation_scopes: str | list[list[str]] | None = None
    attachments: list[ChunkAttachment] | None = None


class ChunkResponse(WireShape):
    """A chunk of a document."""

    chunk_id: str
    document_id: str
    bank_id: str
    chunk_index: int
    chunk_text: str
    created_at: str
    attachments: list[ChunkAttachment] | None = None


class ListChunksResponse(WireShape):
    """A page of chunks."""

    items: list[ChunkResponse]
    total: int
    limit: int
    offset: int


class DocumentEventKind(StrEnum):
    """What happened to a document."""

    RETAIN = "retain"
    APPEND = "append"
    REPROCESS = "reprocess"
    RETAG = "retag"
    FACT_EDITED = "fact_edited"
    FACT_INVALIDATED = "fact_invalidated"
    FACT_RESTORED = "fact_restored"
    FACT_DELETED = "fact_deleted"
    OBSERVATIONS_CLEARED = "observations_cleared"
    CONSOLIDATION = "consolidation"


class ObservationIdSample(WireShape):
    """How many observations, and some of them."""

    count: int = 0
    ids: list[str] = Field(default_factory=list)


class DocumentEvent(WireShape):
    """What happened to a document once."""

    document_id: str
    kind: DocumentEventKind
    created_at: str = Field(default_factory=str, json_schema_extra={"format": "date-time"})
    operation_id: str | None = None
    fact_id: str | None = None
    facts_added: int = 0
    facts_removed: int = 0
    observations_created: ObservationIdSample = Field(default_factory=ObservationIdSample)
    observations_updated: ObservationIdSample = Field(default_factory=ObservationIdSample)
    observations_removed: ObservationIdSample = Field(default_factory=ObservationIdSample)


class DocumentHistoryResponse(WireShape):
    """What happened to a document, the latest first."""

    document_id: str
    total: int
    limit: int
    offset: int
    items: list[DocumentEvent]


class UpdateDocumentRequest(WireBody):
    """What a document is to have from now on; what is not given stays."""

    tags: list[str] | None = Field(default=None, description="All of its tags; an empty list: none.")
    observation_scopes: ObservationScopes | None = None


class UpdateDocumentResponse(WireShape):
    """It was changed."""

    success: bool = True


class DeleteDocumentResponse(WireShape):
    """What was deleted."""

    success: bool
    message: str
    document_id: str
    memory_units_deleted: int


class ReprocessDocumentResponse(WireShape):
    """The operation that makes the memories again."""

    success: bool
    operation_id: str
    items_count: int
