"""Memories, one by one and in pages."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import MAXYEAR, MINYEAR
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query

from threadline.engine.store.curation import Change, Curation
from threadline.engine.store.listing import MemoryFilter, MemoryTime
from threadline.engine.store.shelf import Unit
from threadline.errors import RequestError, UnknownItemError
from threadline.redaction import redact
from threadline.server import browsing, refreshing
from threadline.server.access import ReadRoom, WriteRoom
from threadline.server.chunks import chunk_id
from threadline.server.house import Room
from threadline.server.wire.base import WireRoute, partly
from threadline.server.wire.queries import EndDate, Limit, Offset, StartDate, iso, moment, span, tags_of
from threadline.server.wire.shapes.banks import DeleteResponse
from threadline.server.wire.shapes.filters import QueryTags, QueryTagsMatch
from threadline.server.wire.shapes.memories import (
    ListMemoryUnitsResponse,
    MemoryChange,
    MemoryUnit,
    MemoryUnitListItem,
    UpdateMemoryRequest,
)
from threadline.session.checks import check_id, clean_text

router = APIRouter(route_class=WireRoute, tags=["Memory"])

_PATH = "/v1/default/banks/{bank_id}/memories"
_ONE = _PATH + "/{memory_id}"


@router.get(
    _PATH + "/list",
    operation_id="list_memories",
    summary="List memory units",
    **partly("without a language model there are no observations, and no memory waits for a consolidation"),
)
def list_memories(
    room: ReadRoom,
    type: Annotated[str | None, Query(description="world, experience or observation.")] = None,  # noqa: A002
    q: Annotated[str | None, Query(description="What their text or context has in it, in any case.")] = None,
    consolidation_state: Annotated[str | None, Query(description="failed, pending or done.")] = None,
    state: Annotated[str | None, Query(description="valid (the default) or invalidated.")] = None,
    document_id: Annotated[str | None, Query(description="Only those of a document.")] = None,
    entity_id: Annotated[str | None, Query(description="Only those that mention an entity.")] = None,
    tags: QueryTags = None,
    tags_match: QueryTagsMatch = "any",
    time_field: Annotated[MemoryTime | None, Query(description="The time to order by, and of the window.")] = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> ListMemoryUnitsResponse:
    """List memories, those said last first."""
    if state not in (None, "valid", "invalidated"):
        raise RequestError(f"Invalid state '{state}': expected 'valid' or 'invalidated'.")
    wanted = MemoryFilter(
        type=type or None,
        document=document_id or None,
        entity=None if not entity_id else _entity(room, entity_id),
        text=q or None,
        tags=tags_of(tags, tags_match, None),
        state="invalidated" if state == "invalidated" else "valid",
        time_field=time_field,
        hidden=room.tenant.scope(room).hidden,
    )
    if _is_state(consolidation_state):
        wanted = replace(wanted, type="observation")
    page = browsing.listing(room).memories(wanted, span(limit, offset, start_date, end_date))
    return ListMemoryUnitsResponse(
        items=[_listed(room, unit) for unit in page.items], total=page.total, limit=limit, offset=offset
    )


@router.get(
    _ONE,
    operation_id="get_memory",
    summary="Get memory unit",
    response_model=None,
    **partly("without a language model there are no observations"),
)
def get_memory(room: ReadRoom, memory_id: str) -> MemoryUnit:
    """A memory with all that is known of it."""
    return _shown(room, _find(room, memory_id))


@router.patch(
    _ONE,
    operation_id="update_memory",
    summary="Curate memory unit",
    response_model=None,
    **partly("entities are taken by their names, in whatever case, and never guessed: there is nothing to resolve"),
)
def update_memory(room: WriteRoom, memory_id: str, body: UpdateMemoryRequest) -> MemoryUnit:
    """Correct a memory, or have it not recalled any more, or again. It keeps its id."""
    name = _memory_id(memory_id)
    if not room.engine.curate(name, _change(room, body)):
        raise _unknown(memory_id)
    refreshing.withdraw(room, memories={name}).renew(room)
    refreshing.after_write(room)
    return _shown(room, _find(room, name))


@router.get(
    _ONE + "/history",
    operation_id="get_observation_history",
    summary="Get observation history",
    response_model=None,
    **partly("also what a memory was before each edit by hand, where Hindsight's has only that of observations"),
)
def get_observation_history(room: ReadRoom, memory_id: str) -> list[MemoryChange]:
    """What a memory was before each change, the latest first."""
    unit = _find(room, memory_id)
    return [
        MemoryChange(
            previous_text=entry["text"],
            previous_tags=entry["tags"],
            previous_occurred_start=entry["occurred_start"],
            previous_occurred_end=entry["occurred_end"],
            previous_mentioned_at=entry["mentioned_at"],
            changed_at=entry["changed_at"],
        )
        for entry in reversed(Curation(room.shelf).history(unit.id))
    ]


@router.delete(
    _PATH,
    operation_id="clear_bank_memories",
    summary="Clear memory bank memories",
    **partly("documents and sessions go with their memories; of a type: the texts that these were made of go"),
)
def clear_bank_memories(
    room: WriteRoom,
    type: Annotated[str | None, Query(description="world, experience or observation; not given: all.")] = None,  # noqa: A002
) -> DeleteResponse:
    """Delete all memories of a bank, or those of a type. What is set for the bank stays."""
    deleted = browsing.clear(room, type or None)
    which = f" of type '{type}'" if type else ""
    message = f"Cleared {deleted} memory unit(s){which} from bank '{room.id}'"
    return DeleteResponse(success=True, message=message, deleted_count=deleted)


def _memory_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise RequestError(f"Invalid memory_id: '{text}' is not a valid UUID") from error


def _unknown(memory_id: str) -> UnknownItemError:
    return UnknownItemError(f"Memory unit '{memory_id}' not found")


def _find(room: Room, memory_id: str) -> Unit:
    unit = browsing.listing(room).memory(_memory_id(memory_id))
    if unit is None:
        raise _unknown(memory_id)
    return unit


def _entity(room: Room, entity_id: str) -> int:
    """The engine's id of an entity; 0, which no entity has, for one that is not of this bank."""
    try:
        return room.shelf.parse_entity(str(uuid.UUID(entity_id))) or 0
    except ValueError as error:
        raise RequestError(f"Invalid entity_id: '{entity_id}' is not a valid UUID") from error


def _is_state(state: str | None) -> bool:
    """Whether memories in a state of consolidation are wanted; there are none, for nothing is consolidated."""
    if state is not None and state.lower() not in ("failed", "pending", "done"):
        raise RequestError(f"Invalid consolidation_state '{state}': expected 'failed', 'pending', or 'done'.")
    return state is not None


def _change(room: Room, body: UpdateMemoryRequest) -> Change:
    if body.text is not None and not body.text.strip():
        raise RequestError("text must not be empty.")
    names = body.entities
    return Change(
        text=_text(room, body.text, "text"),
        context=_text(room, body.context, "context"),
        type=cast(Any, body.fact_type),
        mentioned_at=_edited_date(body.mentioned_at, "mentioned_at"),
        occurred_start=_edited_date(body.occurred_start, "occurred_start"),
        occurred_end=_edited_date(body.occurred_end, "occurred_end"),
        entities=None if names is None else _names(names),
        state=cast(Any, body.state),
        reason=_text(room, body.reason, "reason"),
    )


def _text(room: Room, text: str | None, what: str) -> str | None:
    if text is None:
        return None
    clean = clean_text(text, what)
    return redact(clean)[0] if room.tenant.house.settings.redact is not False else clean


def _names(names: list[str]) -> tuple[str, ...]:
    by_folded = {name.strip().casefold(): check_id(name.strip(), "entity") for name in names if name.strip()}
    return tuple(by_folded.values())


def _edited_date(value: str | None, name: str) -> str | None:
    found = moment(value or None, name)
    if found is None:
        return value
    if found.year in (MINYEAR, MAXYEAR):
        raise RequestError(f"Date year {found.year} is a placeholder, not a date; send '' to clear it.")
    return found.isoformat()


def _date(unit: Unit) -> str:
    return iso(unit.occurred("start") or unit.mentioned_at) or ""


def _listed(room: Room, unit: Unit) -> MemoryUnitListItem:
    return MemoryUnitListItem(
        id=unit.id,
        text=unit.text,
        context=unit.context or "",
        date=_date(unit),
        fact_type=unit.type,
        document_id=unit.document,
        mentioned_at=iso(unit.mentioned_at),
        occurred_start=iso(unit.occurred("start")),
        occurred_end=iso(unit.occurred("end")),
        entities=", ".join(unit.entities),
        chunk_id=chunk_id(room.id, unit.document, unit.chunk),
        tags=list(unit.tags),
        metadata=dict(unit.metadata),
        state=unit.state,
        invalidation_reason=unit.reason,
        invalidated_at=iso(unit.invalidated_at),
        edited_at=iso(unit.edited_at),
        updated_at=iso(unit.updated_at),
    )


def _shown(room: Room, unit: Unit) -> MemoryUnit:
    params = (unit.extra or {}).get("params")
    return MemoryUnit(
        id=unit.id,
        text=unit.text,
        context=unit.context or "",
        date=_date(unit),
        type=unit.type,
        mentioned_at=iso(unit.mentioned_at),
        occurred_start=iso(unit.occurred("start")),
        occurred_end=iso(unit.occurred("end")),
        entities=list(unit.entities),
        document_id=unit.document,
        chunk_id=chunk_id(room.id, unit.document, unit.chunk),
        tags=list(unit.tags),
        metadata=dict(unit.metadata),
        observation_scopes=cast(Any, params.get("observation_scopes")) if isinstance(params, dict) else None,
        state=unit.state,
        invalidation_reason=unit.reason,
        invalidated_at=iso(unit.invalidated_at),
        edited_at=iso(unit.edited_at),
        consolidated_at=None,
        consolidation_failed_at=None,
    )
