"""What a recall takes and answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from threadline.engine.terms import words
from threadline.errors import RequestError
from threadline.server.wire.base import WireBody, WireShape
from threadline.server.wire.shapes.filters import TagGroup, TagsMatch


class EntityIncludeOptions(WireShape):
    """How much of the entities is told."""

    max_tokens: int = 500


class ChunkIncludeOptions(WireShape):
    """How much of the chunks is told."""

    max_tokens: int = 8192


class SourceFactsIncludeOptions(WireShape):
    """How much of what observations were made from is told."""

    max_tokens: int = 4096
    max_tokens_per_observation: int = -1


class IncludeOptions(WireShape):
    """What is told beside the memories."""

    entities: EntityIncludeOptions | None = Field(default_factory=EntityIncludeOptions)
    chunks: ChunkIncludeOptions | None = None
    source_facts: SourceFactsIncludeOptions | None = None


class MinScores(WireShape):
    """The least that scores may be."""

    semantic: float | None = None
    keyword: float | None = None
    reranker: float | None = None
    final: float | None = None


class TemporalWindow(WireShape):
    """A time of which memories rank higher; others are not left out."""

    start: datetime
    end: datetime

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if _aware(self.start) > _aware(self.end):
            raise ValueError("temporal_window.start must not be after temporal_window.end")
        return self


class RecallRequest(WireBody):
    """A question put to a bank."""

    query: str
    types: list[str] | None = Field(default=None, description="Only memories of these types; unknown ones have none.")
    prefer_observations: bool | None = None
    budget: Literal["low", "mid", "high"] = "mid"
    max_tokens: int = 4096
    trace: bool = False
    query_timestamp: str | None = Field(default=None, description="When it is asked: ISO 8601.")
    include: IncludeOptions = Field(default_factory=IncludeOptions)
    tags: list[str] | None = None
    tags_match: TagsMatch = "any"
    tag_groups: list[TagGroup] | None = None
    min_scores: MinScores | None = None
    temporal_window: TemporalWindow | None = None

    @field_validator("query")
    @classmethod
    def _has_words(cls, value: str) -> str:
        if not words(value):
            raise ValueError("query must contain at least one word character after normalization")
        return value

    @model_validator(mode="after")
    def _one_filter(self) -> Self:
        if self.tags is not None and self.tag_groups is not None:
            raise ValueError("'tags' and 'tag_groups' are mutually exclusive. Use 'tag_groups' for compound filtering.")
        return self

    def during(self) -> tuple[datetime, datetime] | None:
        """The time that the question is about, its last moment included."""
        window = self.temporal_window
        return None if window is None else (_aware(window.start), _aware(window.end) + timedelta(microseconds=1))

    def asked_at(self) -> datetime | None:
        """The moment it is asked.

        Raises:
            RequestError: `query_timestamp` is no time.
        """
        if not self.query_timestamp:
            return None
        try:
            return _aware(datetime.fromisoformat(self.query_timestamp.replace("Z", "+00:00")))
        except ValueError as error:
            raise RequestError(
                f"Invalid query_timestamp format. Expected ISO format (e.g., '2023-05-30T23:40:00'): {error}"
            ) from error


class RecallScores(WireShape):
    """What found a memory."""

    final: float
    reranker: float | None = None
    semantic: float | None = None
    keyword: float | None = None


class ChunkAttachment(WireShape):
    """A file that a chunk refers to."""

    id: str
    hash: str
    kind: str
    media_type: str
    byte_size: int
    filename: str | None = None
    url: str


class RecallResult(WireShape):
    """A memory that was found."""

    id: str
    text: str
    type: str | None = None
    entities: list[str] | None = None
    context: str | None = None
    occurred_start: str | None = None
    occurred_end: str | None = None
    mentioned_at: str | None = None
    document_id: str | None = None
    metadata: dict[str, str] | None = None
    chunk_id: str | None = None
    tags: list[str] | None = None
    source_fact_ids: list[str] | None = None
    scores: RecallScores | None = None
    attachments: list[ChunkAttachment] | None = None


class EntityObservationResponse(WireShape):
    """What is known of an entity."""

    text: str
    mentioned_at: str | None = None


class EntityStateResponse(WireShape):
    """An entity that the memories are about."""

    entity_id: str
    canonical_name: str
    observations: list[EntityObservationResponse]


class ChunkData(WireShape):
    """The part of a document that a memory is from."""

    id: str
    text: str
    chunk_index: int
    truncated: bool = False
    attachments: list[ChunkAttachment] | None = None


class RecallResponse(WireShape):
    """What a recall answers, best first."""

    results: list[RecallResult]
    trace: dict[str, Any] | None = None
    entities: dict[str, EntityStateResponse] | None = None
    chunks: dict[str, ChunkData] | None = None
    source_facts: dict[str, RecallResult] | None = None
    source_facts_truncated: bool | None = None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
