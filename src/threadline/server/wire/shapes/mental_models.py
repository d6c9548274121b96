"""The shapes of mental models and of their refreshes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from threadline.server.schedules import check_schedule
from threadline.server.wire.base import WireBody, WireShape
from threadline.server.wire.shapes.filters import TagGroup, TagGroupAnd, TagGroupLeaf, TagGroupOr, TagsMatch
from threadline.server.wire.shapes.retain import TokenUsage
from threadline.server.wire.shapes.schemas import ResponseSchema
from threadline.server.wire.shapes.texts import Text

FactType = Literal["world", "experience", "observation"]
Mode = Literal["full", "delta"]
Fallback = Literal[
    "no_baseline_content",
    "source_query_changed",
    "structured_doc_unreadable",
    "delta_ops_failed",
    "delta_ops_all_skipped",
]
Outcome = Literal[
    "content_written",
    "content_unchanged",
    "content_preserved_no_new_facts",
    "refresh_failed_empty_candidate",
    "refresh_failed_delta_not_applied",
]
Tokens = Annotated[int, Field(ge=256, le=8192, description="Maximum tokens for generated content")]

_BOTH = (
    "refresh_after_consolidation and refresh_cron are mutually exclusive: "
    "a mental model refreshes either after consolidation or on a cron schedule, not both."
)
_FUZZY = (
    "resolve='fuzzy' is not supported in a trigger's tag_groups. A stored scope must "
    "be exact; use it on a recall or reflect request instead."
)


class MentalModelTrigger(WireShape):
    """How a mental model is refreshed."""

    budget: Literal["low", "mid", "high"] | None = None
    mode: Mode = "full"
    refresh_after_consolidation: bool = Field(default=False, description="Refresh it when memories were added")
    refresh_cron: str | None = Field(default=None, description="A schedule: five fields, UTC")
    full_refresh_cron: str | None = None
    min_refresh_interval_seconds: int | None = Field(default=None, ge=0)
    fact_types: list[FactType] | None = Field(default=None, description="Null: all types")
    exclude_mental_models: bool = False
    exclude_mental_model_ids: list[str] | None = None
    tags_match: TagsMatch | None = Field(
        default=None, description="How the model's tags filter memories; null: 'all_strict', or 'any' without tags"
    )
    tag_groups: list[TagGroup] | None = Field(default=None, description="Used instead of the model's own tags")
    include_chunks: bool | None = None
    recall_max_tokens: int | None = None
    recall_chunks_max_tokens: int | None = None
    reflect_search_observations_max_tokens: int | None = Field(default=None, ge=1)
    reflect_search_observations_include_entities: bool | None = None
    response_schema: ResponseSchema | None = None
    keep_trace: bool = False

    @field_validator("fact_types")
    @classmethod
    def _some_types(cls, value: list[FactType] | None) -> list[FactType] | None:
        if value is not None and not value:
            raise ValueError("fact_types must not be empty. Use null to include all fact types.")
        return value

    @field_validator("tag_groups")
    @classmethod
    def _exact_groups(cls, value: list[TagGroup] | None) -> list[TagGroup] | None:
        if any(_is_fuzzy(group) for group in value or []):
            raise ValueError(_FUZZY)
        return value

    @field_validator("refresh_cron", "full_refresh_cron")
    @classmethod
    def _schedule(cls, value: str | None) -> str | None:
        return check_schedule(value.strip()) if value and value.strip() else None

    @model_validator(mode="after")
    def _one_trigger(self) -> MentalModelTrigger:
        if self.refresh_after_consolidation and self.refresh_cron:
            raise ValueError(_BOTH)
        return self


class CreateMentalModelRequest(WireBody):
    """A new mental model."""

    id: str | None = Field(default=None, description="Optional custom ID (alphanumeric lowercase with hyphens)")
    name: Text = Field(description="Human-readable name for the mental model")
    source_query: Text = Field(description="The question whose answer is its content")
    tags: list[str] = Field(default=[], description="Tags for scoped visibility")
    max_tokens: Tokens = 2048
    trigger: MentalModelTrigger = Field(default_factory=MentalModelTrigger)


class CreateMentalModelResponse(WireShape):
    """The new mental model, and the operation that makes its content."""

    mental_model_id: str | None = None
    operation_id: str


class UpdateMentalModelRequest(WireBody):
    """What is to change of a mental model; null: as it is. Of the trigger only the fields given are changed."""

    name: Text | None = None
    source_query: Text | None = None
    max_tokens: Tokens | None = None
    tags: list[str] | None = None
    trigger: MentalModelTrigger | None = None


class RefreshMentalModelRequest(WireBody):
    """How to refresh it this once."""

    mode: Literal["full"] | None = Field(default=None, description="null runs the model's own mode")


class AsyncOperationSubmitResponse(WireShape):
    """The operation that was asked for."""

    operation_id: str
    status: str


class MentalModelResponse(WireShape):
    """A mental model."""

    id: str
    bank_id: str
    name: str
    source_query: str | None = None
    content: str | None = None
    tags: list[str] = []
    max_tokens: int | None = None
    trigger: MentalModelTrigger | None = None
    last_refreshed_at: str | None = None
    last_memory_seen_at: str | None = None
    last_refresh_failed_at: str | None = None
    last_full_refreshed_at: str | None = None
    created_at: str | None = None
    is_knowledge_page: bool | None = None
    reflect_response: dict[str, Any] | None = None
    is_stale: bool | None = None


class MentalModelListResponse(WireShape):
    """A page of mental models."""

    items: list[MentalModelResponse]
    total: int
    limit: int
    offset: int


class MentalModelRefreshScope(WireShape):
    """Which memories a refresh may see."""

    tags: list[str] | None = None
    tags_match: TagsMatch
    tag_groups: list[TagGroup] | None = None
    fact_types: list[str] | None = None
    exclude_mental_models: bool
    exclude_mental_model_ids: list[str] = []


class MentalModelRefreshWindow(WireShape):
    """The time that a refresh reads memories of."""

    created_after: datetime | None = None
    created_before: datetime
    watermark: datetime | None = None


class MentalModelFactCounts(WireShape):
    """How many memories a refresh saw and used, by type."""

    retrieved: dict[str, int] = {}
    used: dict[str, int] = {}


class MentalModelDeltaOperations(WireShape):
    """What a language model changed of the content."""

    applied: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []


class MentalModelRetraction(WireShape):
    """Memories that the content cites and that are gone."""

    fact_ids: list[str] = []
    fact_texts: list[str] = []
    applied: bool
    deferred_reason: str | None = None


class MentalModelRefreshTrace(WireShape):
    """How a refresh came to its result. There are no calls in it: no language model was asked."""

    recorded_at: datetime | None = None
    effective_mode: Mode
    mode_fallback_reason: Fallback | None = None
    outcome: Outcome
    tool_calls: list[dict[str, Any]] = []
    llm_calls: list[dict[str, Any]] = []
    delta_operations: MentalModelDeltaOperations | None = None
    retraction: MentalModelRetraction | None = None
    usage: TokenUsage | None = None
    duration_ms: int = 0
    warnings: list[str] = []


class MentalModelDryRunRefreshResult(WireShape):
    """What a refresh would do, nothing being changed."""

    mental_model_id: str
    name: str
    requested_mode: Mode
    effective_mode: Mode
    mode_fallback_reason: Fallback | None = None
    outcome: Outcome
    would_persist: bool
    scope: MentalModelRefreshScope
    window: MentalModelRefreshWindow
    facts: MentalModelFactCounts
    based_on: dict[str, list[dict[str, Any]]] = {}
    current_content: str
    candidate_content: str
    preview_content: str
    diff: str
    delta_operations: MentalModelDeltaOperations | None = None
    retraction: MentalModelRetraction | None = None
    trace: MentalModelRefreshTrace
    usage: TokenUsage = Field(default_factory=TokenUsage)
    duration_ms: int = 0
    warnings: list[str] = []


def _is_fuzzy(group: TagGroup) -> bool:
    match group:
        case TagGroupLeaf():
            return group.resolve == "fuzzy"
        case TagGroupAnd():
            return any(_is_fuzzy(each) for each in group.and_)
        case TagGroupOr():
            return any(_is_fuzzy(each) for each in group.or_)
        case _:
            return _is_fuzzy(group.not_)
