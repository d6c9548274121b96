"""What a retain takes and answers."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from threadline.engine.store.base import Entity
from threadline.errors import RequestError
from threadline.server.retaining import Retaining
from threadline.server.wire.base import WireBody, WireShape


class Base64AttachmentSource(WireShape):
    """The bytes of an attachment."""

    type: Literal["base64"] = "base64"
    media_type: str
    data: str


class TextContentBlock(WireShape):
    """A run of text."""

    type: Literal["text"]
    text: str


class ImageContentBlock(WireShape):
    """An image."""

    type: Literal["image"]
    source: Base64AttachmentSource


class FileContentBlock(WireShape):
    """A file."""

    type: Literal["file"]
    source: Base64AttachmentSource
    filename: str | None = None


ContentBlock = Annotated[TextContentBlock | ImageContentBlock | FileContentBlock, Field(discriminator="type")]
Content = str | list[ContentBlock]


class EntityInput(WireShape):
    """Whom or what an item is about."""

    text: str
    type: str | None = None


class MemoryItem(WireShape):
    """One item of a retain."""

    content: Content = Field(description="What is retained: text, or blocks of text.")
    timestamp: datetime | str | None = Field(
        default=None, description="When it was said: ISO 8601; null: now; 'unset': it has no time."
    )
    context: str | None = None
    metadata: dict[str, str] | None = None
    document_id: str | None = Field(default=None, description="The document it is of; made for it where not given.")
    entities: list[EntityInput] | None = Field(default=None, description="Whom or what it is about.")
    resolve_entities: bool = True
    tags: list[str] | None = None
    observation_scopes: Literal["per_tag", "combined", "all_combinations", "shared"] | list[list[str]] | None = None
    strategy: str | None = None
    update_mode: Literal["replace", "append"] | None = Field(
        default=None, description="'replace' (the default) or 'append' to what the document has."
    )

    @field_validator("content")
    @classmethod
    def _not_empty(cls, value: Content) -> Content:
        if not (value.strip() if isinstance(value, str) else value):
            raise ValueError("content cannot be empty")
        return value

    @field_validator("tags", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """Bridges that carry tools' arguments send lists as JSON text, or one tag alone."""
        if not isinstance(value, str):
            return value
        try:
            parsed = json.loads(value)
        except ValueError:
            return [value]
        return parsed if isinstance(parsed, list) else [value]

    @field_validator("timestamp", mode="before")
    @classmethod
    def _moment(cls, value: Any) -> Any:
        if value is None or value == "":
            return None
        if isinstance(value, str) and value.lower() == "unset":
            return "unset"
        if not isinstance(value, str | datetime):
            raise ValueError(f"timestamp must be a string or datetime, got {type(value).__name__}")  # noqa: TRY004
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(
                f"Invalid timestamp/event_date format: '{value}'. Expected ISO format like '2024-01-15T10:30:00' or "
                "'2024-01-15T10:30:00Z', or the special value 'unset' to store without a timestamp."
            ) from error

    def retaining(self, document_tags: list[str] | None) -> Retaining:
        """The item as the server retains it.

        Raises:
            RequestError: it holds an image or a file, which only a language model reads.
        """
        moment = self.timestamp if isinstance(self.timestamp, datetime) else None
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return Retaining(
            text=self._text(),
            document=self.document_id,
            occurred_at=moment,
            timeless=self.timestamp == "unset",
            context=self.context or None,
            metadata=self.metadata or {},
            tags=(*(self.tags or ()), *(document_tags or ())),
            entities=tuple(
                Entity(each.text, each.type or "CONCEPT") for each in self.entities or () if each.text.strip()
            ),
            mode=self.update_mode or "replace",
            params=self._params(),
        )

    def _entities(self) -> tuple[Entity, ...]:
        named = [each for each in self.entities or () if each.text.strip()]
        return tuple(Entity(each.text, each.type or "CONCEPT") for each in named)

    def _text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        texts = [block.text for block in self.content if isinstance(block, TextContentBlock)]
        if len(texts) < len(self.content):
            raise RequestError(
                "An image or a file in content needs a language model that sees, and this server has none: send text, "
                "or set THREADLINE_LLM.",
                status=422,
            )
        if not "".join(texts).strip():
            raise RequestError("content cannot be empty", status=422)
        return "\n".join(texts)

    def _params(self) -> dict[str, Any]:
        """What is said of the item, as `retain_params` shows it."""
        params: dict[str, Any] = {}
        if self.timestamp == "unset":
            params["event_date"] = None
        elif isinstance(self.timestamp, datetime):
            params["event_date"] = self.timestamp.isoformat()
        given = {"context": self.context, "metadata": self.metadata, "strategy": self.strategy}
        params.update({name: value for name, value in given.items() if value})
        if self.observation_scopes is not None:
            params["observation_scopes"] = self.observation_scopes
        return params


class RetainRequest(WireBody):
    """Items to retain, together or not at all."""

    items: list[MemoryItem]
    async_: bool = Field(default=False, alias="async", description="Answer once it is accepted, not once it is stored.")
    document_tags: list[str] | None = Field(default=None, json_schema_extra={"deprecated": True})
    operation_id: str | None = Field(
        default=None, description="The id of an async retain: sent again, it is the same one. A UUID."
    )

    @field_validator("operation_id")
    @classmethod
    def _uuid(cls, value: str | None) -> str | None:
        try:
            return None if value is None else str(uuid.UUID(value))
        except ValueError as error:
            raise ValueError("operation_id must be a valid UUID") from error


class TokenUsage(WireShape):
    """What a language model used."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    thoughts_tokens: int = 0


class RetainResponse(WireShape):
    """What a retain answers."""

    success: bool
    bank_id: str
    items_count: int
    async_: bool = Field(alias="async")
    operation_id: str | None = None
    operation_ids: list[str] | None = None
    usage: TokenUsage | None = None
