"""The shapes of directives."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from threadline.server.wire.base import WireBody, WireShape
from threadline.server.wire.shapes.texts import Text

#: What a priority may be: what the store can hold.
Priority = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class CreateDirectiveRequest(WireBody):
    """A new directive."""

    name: Text = Field(description="Human-readable name for the directive")
    content: Text = Field(description="The rule, for whoever composes an answer")
    priority: Priority = Field(default=0, description="Higher priority directives come first")
    is_active: bool = Field(default=True, description="Whether this directive is active")
    tags: list[str] = Field(default=[], description="The scope it holds in; empty: everywhere")


class UpdateDirectiveRequest(WireBody):
    """What is to change of a directive; null: as it is."""

    name: Text | None = None
    content: Text | None = None
    priority: Priority | None = None
    is_active: bool | None = None
    tags: list[str] | None = None


class DirectiveResponse(WireShape):
    """A directive."""

    id: str
    bank_id: str
    name: str
    content: str
    priority: int = 0
    is_active: bool = True
    tags: list[str] = []
    created_at: str | None = None
    updated_at: str | None = None


class DirectiveListResponse(WireShape):
    """A page of directives."""

    items: list[DirectiveResponse]
    total: int = Field(description="Total number of directives matching the filter (not just this page)")
    limit: int
    offset: int
