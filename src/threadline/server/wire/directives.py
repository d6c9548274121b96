"""Directives. They are kept for whoever composes answers: without a language model nothing applies them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query

from threadline.errors import UnknownItemError
from threadline.server.access import MakeRoom, ReadRoom, WriteRoom
from threadline.server.house import Room
from threadline.server.refreshing import now
from threadline.server.store import directives
from threadline.server.store.directives import Directive
from threadline.server.store.mental_models import Match
from threadline.server.wire.base import WireRoute, same
from threadline.server.wire.mental_models import checked_tags
from threadline.server.wire.shapes.directives import (
    CreateDirectiveRequest,
    DirectiveListResponse,
    DirectiveResponse,
    UpdateDirectiveRequest,
)
from threadline.server.wire.shapes.filters import tag_filter

router = APIRouter(route_class=WireRoute, prefix="/v1/default/banks/{bank_id}/directives", tags=["Directives"])


@router.get("", operation_id="list_directives", summary="List directives", **same())
def list_directives(
    room: ReadRoom,
    tags: Annotated[list[str] | None, Query(description="Only those that hold in this scope")] = None,
    tags_match: Annotated[Match, Query(description="How tagged directives match; others hold everywhere")] = "any",
    active_only: Annotated[bool, Query(description="Only return active directives")] = True,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> DirectiveListResponse:
    """The directives of a bank, the highest priority first."""
    found = directives.listed(room.database, room.uid, active_only=active_only)
    scope = tag_filter(tags or None, tags_match)
    passing = [one for one in found if scope is None or not one.tags or scope.passes(frozenset(one.tags))]
    items = [_response(room, one) for one in passing[offset : offset + limit]]
    return DirectiveListResponse(items=items, total=len(passing), limit=limit, offset=offset)


@router.post("", operation_id="create_directive", summary="Create directive", **same())
def create_directive(room: MakeRoom, body: CreateDirectiveRequest) -> DirectiveResponse:
    """Make a directive: for every answer, or for those in the scope of its tags."""
    at = now()
    directive = Directive(
        str(uuid.uuid4()), body.name, body.content, body.priority, body.is_active, checked_tags(body.tags), at, at
    )
    directives.create(room.database, room.uid, directive)
    return _response(room, directive)


@router.get("/{directive_id}", operation_id="get_directive", summary="Get directive", **same())
def get_directive(room: ReadRoom, directive_id: str) -> DirectiveResponse:
    """A directive."""
    return _response(room, _known(directives.get(room.database, room.uid, directive_id), directive_id))


@router.patch("/{directive_id}", operation_id="update_directive", summary="Update directive", **same())
def update_directive(room: WriteRoom, directive_id: str, body: UpdateDirectiveRequest) -> DirectiveResponse:
    """Change what is given of a directive."""
    tags = None if body.tags is None else checked_tags(body.tags)

    def edit(directive: Directive) -> Directive:
        return replace(
            directive,
            name=directive.name if body.name is None else body.name,
            content=directive.content if body.content is None else body.content,
            priority=directive.priority if body.priority is None else body.priority,
            is_active=directive.is_active if body.is_active is None else body.is_active,
            tags=directive.tags if tags is None else tags,
            updated_at=now(),
        )

    return _response(room, _known(directives.edit(room.database, room.uid, directive_id, edit), directive_id))


@router.delete("/{directive_id}", operation_id="delete_directive", summary="Delete directive", **same())
def delete_directive(room: WriteRoom, directive_id: str) -> dict[str, str]:
    """Delete a directive."""
    if not directives.remove(room.database, room.uid, directive_id):
        raise UnknownItemError(f"Directive '{directive_id}' not found")
    return {"status": "deleted"}


def _known(directive: Directive | None, directive_id: str) -> Directive:
    if directive is None:
        raise UnknownItemError(f"Directive '{directive_id}' not found")
    return directive


def _response(room: Room, directive: Directive) -> DirectiveResponse:
    return DirectiveResponse(
        id=directive.id,
        bank_id=room.id,
        name=directive.name,
        content=directive.content,
        priority=directive.priority,
        is_active=directive.is_active,
        tags=list(directive.tags),
        created_at=directive.created_at,
        updated_at=directive.updated_at,
    )
