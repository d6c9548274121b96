"""The shapes of previews: of prompts, and of what a retain would store."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, field_validator

from threadline.server.wire.base import WireBody, WireShape
from threadline.server.wire.shapes.config import EntityLabels
from threadline.server.wire.shapes.retain import Content, MemoryItem, TokenUsage

Kind = Literal["text", "boolean", "choice", "complex"]


class PromptPreviewRequest(WireBody):
    """Whose prompts to show."""

    operation: Literal["retain", "consolidation", "reflect"] = "retain"
    strategy: str | None = Field(default=None, description="Of a retain: under which strategy")


class PromptBlockModel(WireShape):
    """A part of a message, and the setting it comes from."""

    text: str
    source: Literal["config", "builtin"]
    field: str = ""
    section: str = ""
    heading: str = ""
    active: bool = True
    value: str | None = None
    kind: Kind
    choices: list[str] | None = None
    editable: bool = False


class PromptMessageModel(WireShape):
    """A message of a prompt."""

    role: Literal["system", "user"]
    blocks: list[PromptBlockModel] = []


class RunSettingModel(WireShape):
    """A setting that bears on the operation and stands in no prompt."""

    field: str
    value: str | None = None
    kind: Kind
    editable: bool = False


class PromptPreviewResponse(WireShape):
    """The prompts of an operation, or why there are none."""

    messages: list[PromptMessageModel] = []
    strategy: str | None = None
    strategies: list[str] = []
    run_settings: list[RunSettingModel] = []
    response_schema: dict[str, Any] | None = None
    skipped_reason: str | None = Field(default=None, description="Why no prompt is sent")


class DryRunExtractRequest(WireBody):
    """A text, to see what a retain would make of it; what is null is as the bank has it."""

    content: Content
    context: str = ""
    timestamp: datetime | None = None
    agent_name: str | None = Field(default=None, json_schema_extra={"deprecated": True})
    strategy: str | None = None
    retain_mission: str | None = None
    retain_extraction_mode: str | None = None
    retain_custom_instructions: str | None = None
    retain_extract_causal_links: bool | None = None
    retain_chunk_size: int | None = None
    entity_labels: EntityLabels | None = None
    entities_allow_free_form: bool | None = None
    llm_output_language: str | None = None

    @field_validator("content")
    @classmethod
    def _not_empty(cls, value: Content) -> Content:
        if not (value.strip() if isinstance(value, str) else value):
            raise ValueError("content cannot be empty")
        return value

    def item(self) -> MemoryItem:
        """The text as an item of a retain."""
        return MemoryItem(content=self.content, context=self.context or None, timestamp=self.timestamp)


class ExtractedFactAttachment(WireShape):
    """An attachment that a memory is of."""

    block_index: int
    type: Literal["image", "file"] = Field(title="AttachmentType")
    media_type: str


class ExtractedFact(WireShape):
    """A memory that would be made."""

    text: str
    fact_type: str
    occurred_start: str | None = None
    occurred_end: str | None = None
    entities: list[str] = []
    chunk_index: int | None = None
    attachments: list[ExtractedFactAttachment] = []


class ExtractionChunk(WireShape):
    """A chunk that the text would be cut into."""

    text: str
    fact_count: int


class DryRunExtractionResult(WireShape):
    """What a retain would make of a text."""

    facts: list[ExtractedFact] = []
    chunks: list[ExtractionChunk] = []
    usage: TokenUsage = Field(default_factory=TokenUsage)
