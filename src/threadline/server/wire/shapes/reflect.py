"""What a reflect takes and answers."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from threadline.server.wire.base import WireBody, WireShape
from threadline.server.wire.shapes.filters import TagGroup, TagsMatch
from threadline.server.wire.shapes.recall import ChunkAttachment
from threadline.server.wire.shapes.retain import TokenUsage
from threadline.server.wire.shapes.schemas import ResponseSchema
from threadline.server.wire.shapes.texts import Text

FactType = Literal["world", "experience", "observation"]


class FactsIncludeOptions(WireShape):
    """That what the answer is based on is told."""


class ToolCallsIncludeOptions(WireShape):
    """That the calls of tools are told."""

    output: bool = True


class ReflectIncludeOptions(WireShape):
    """What is told beside the answer."""

    facts: FactsIncludeOptions | None = None
    tool_calls: ToolCallsIncludeOptions | None = None


class ReflectRequest(WireBody):
    """A question to be answered."""

    query: Text
    budget: Literal["low", "mid", "high"] = "low"
    context: Text | None = Field(default=None, description="Deprecated: appended to the query", deprecated=True)
    max_tokens: int = Field(default=4096, description="Maximum tokens for the response")
    include: ReflectIncludeOptions = Field(default_factory=ReflectIncludeOptions)
    response_schema: ResponseSchema | None = Field(default=None, description="Needs a language model")
    tags: list[str] | None = None
    tags_match: TagsMatch = "any"
    tag_groups: list[TagGroup] | None = None
    apply_all_directives: bool = False
    fact_types: list[FactType] | None = Field(default=None, description="Null: all types")
    exclude_mental_models: bool = False
    exclude_mental_model_ids: list[str] | None = None
    reflect_search_observations_max_tokens: int | None = Field(default=None, ge=1)
    reflect_search_observations_include_entities: bool | None = None

    @field_validator("fact_types")
    @classmethod
    def _some_types(cls, value: list[FactType] | None) -> list[FactType] | None:
        if value is not None and not value:
            raise ValueError("fact_types must not be empty. Use null to include all fact types.")
        return value

    @model_validator(mode="after")
    def _has_query(self) -> Self:
        if not self.question().strip():
            raise ValueError("'query' must not be empty or whitespace-only.")
        return self

    @model_validator(mode="after")
    def _one_filter(self) -> Self:
        if self.tags is not None and self.tag_groups is not None:
            raise ValueError("'tags' and 'tag_groups' are mutually exclusive. Use 'tag_groups' for compound filtering.")
        return self

    def question(self) -> str:
        """What is asked: the query, with the context that some still send beside it."""
        context = self.__dict__["context"]
        return f"{self.query}\n\nAdditional context: {context}" if context and context.strip() else self.query


class ReflectFact(WireShape):
    """A memory that the answer is based on."""

    id: str | None = None
    text: str
    type: str | None = None
    context: str | None = None
    occurred_start: str | None = None
    occurred_end: str | None = None
    mentioned_at: str | None = None
    document_id: str | None = None
    chunk_id: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, str] | None = None
    attachments: list[ChunkAttachment] | None = None


class ReflectMentalModel(WireShape):
    """A mental model that the answer is based on."""

    id: str
    text: str
    context: str | None = None


class ReflectDirective(WireShape):
    """A directive that was applied."""

    id: str
    name: str
    content: str


class ReflectBasedOn(WireShape):
    """What the answer is based on."""

    memories: list[ReflectFact] = []
    mental_models: list[ReflectMentalModel] = []
    directives: list[ReflectDirective] = []


class ReflectToolCall(WireShape):
    """A call of a tool."""

    tool: str
    input: dict[str, Any]
    output: dict[str, Any] | None = None
    duration_ms: int
    iteration: int = 0


class ReflectLLMCall(WireShape):
    """A call of a language model."""

    scope: str
    duration_ms: int


class ReflectTrace(WireShape):
    """The calls that led to the answer; without a language model there are none."""

    tool_calls: list[ReflectToolCall] = []
    llm_calls: list[ReflectLLMCall] = []


class ReflectResponse(WireShape):
    """The answer."""

    text: str
    based_on: ReflectBasedOn | None = None
    structured_output: dict[str, Any] | None = None
    structured_output_error: str | None = None
    usage: TokenUsage | None = None
    trace: ReflectTrace | None = None
