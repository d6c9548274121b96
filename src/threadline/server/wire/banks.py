"""The banks of a tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from threadline.errors import RequestError, UnknownBankError
from threadline.server import configs, configuring, overviews
from threadline.server.access import ReadRoom, ReadTenant, TheCaller, WriteRoom, room_to_admin
from threadline.server.house import Room
from threadline.server.overviews import Listed
from threadline.server.store import aliases, banks, operations
from threadline.server.store import configs as store
from threadline.server.wire.base import WireRoute, absent, partly, same
from threadline.server.wire.config import room_to_configure
from threadline.server.wire.shapes.banks import (
    AddBackgroundRequest,
    BackgroundResponse,
    BankListItem,
    BankListResponse,
    BankLlmHealthResponse,
    BankProfileResponse,
    BankStatsResponse,
    CreateBankRequest,
    DeleteResponse,
    DispositionTraits,
    LlmOperationHealth,
    UpdateDispositionRequest,
)

router = APIRouter(route_class=WireRoute, tags=["Banks"])

_PATH = "/v1/default/banks/{bank_id}"
_REMOVED = "Hindsight removed it, too"
_PROFILE = (
    "The bank profile endpoints have been removed. Disposition traits and the reflect mission are bank configuration: "
    "read them from GET /v1/default/banks/{bank_id}/config as `disposition_skepticism`, `disposition_literalism`, "
    "`disposition_empathy` and `reflect_mission`, and write them with PATCH /v1/default/banks/{bank_id}/config. "
    "The `name` field this endpoint also returned was a display-only label; read it from GET /v1/default/banks."
)
_BACKGROUND = (
    "The bank background endpoint has been removed. The background was folded into the reflect mission: write it with "
    "PATCH /v1/default/banks/{bank_id}/config as `reflect_mission`. That call replaces the value rather than merging "
    "into it, so read the current mission from GET /v1/default/banks/{bank_id}/config first if you relied on this "
    "endpoint's append behaviour."
)


@router.get("/v1/default/banks", operation_id="list_banks", **same())
def list_banks(
    tenant: ReadTenant,
    caller: TheCaller,
    q: Annotated[str | None, Query(description="A part of an id, a name or an alias, in any case")] = None,
    limit: Annotated[int, Query(ge=0, description="The most banks")] = 100,
    offset: Annotated[int, Query(ge=0, description="How many to pass over")] = 0,
) -> BankListResponse:
    """List banks, the last written first."""
    named = aliases.every(tenant.database)
    found = overviews.search([room for room in tenant.rooms() if caller.sees(room.id)], named, q)
    overrides = store.every(tenant.database)
    page = overviews.listed(found, named, limit, offset)
    return BankListResponse(
        banks=[_item(each, overrides.get(each.room.uid, {})) for each in page],
        total=len(found),
        limit=limit,
        offset=offset,
    )


@router.put(
    _PATH,
    operation_id="create_or_update_bank",
    **partly("an id may begin with an underscore, and may have 256 characters"),
)
def create_or_update_bank(request: Request, bank_id: str, body: CreateBankRequest) -> BankProfileResponse:
    """Make a bank, or change one: its name, its missions, how its answers are to sound."""
    updates = configuring.validate(body.updates())
    return _change(room_to_configure(request, bank_id, updates), body, updates)


@router.patch(_PATH, operation_id="update_bank", **same())
def update_bank(room: WriteRoom, body: CreateBankRequest) -> BankProfileResponse:
    """Change a bank: what is not given stays."""
    return _change(room, body, configuring.validate(body.updates()))


@router.delete(_PATH, operation_id="delete_bank", **same())
def delete_bank(request: Request, bank_id: str) -> DeleteResponse:
    """Delete a bank and everything in it, leaving no byte of it. A bank that is not there is no error."""
    try:
        room = room_to_admin(request, bank_id)
    except UnknownBankError:
        return _deleted(bank_id, 0)
    held = overviews.glance(room)
    room.tenant.remove(room.id)
    return _deleted(room.id, held.memories + held.entities + held.documents)


@router.get(
    _PATH + "/stats",
    operation_id="get_agent_stats",
    **partly("links between memories are not stored, and not counted; nothing waits for a consolidation"),
)
def get_agent_stats(
    room: ReadRoom,
    refresh: Annotated[bool, Query(description="They are always counted anew")] = False,  # noqa: ARG001
) -> BankStatsResponse:
    """Count what a bank holds, and its operations."""
    held = overviews.holds(room)
    states = operations.counts(room.database, room.uid)
    return BankStatsResponse(
        bank_id=room.id,
        total_nodes=held.memories,
        total_links=0,
        total_documents=held.documents,
        nodes_by_fact_type=dict(held.types),
        links_by_link_type={},
        links_by_fact_type={},
        links_breakdown={},
        pending_operations=states.get("pending", 0),
        failed_operations=states.get("failed", 0),
        operations_by_status=states,
        last_memory_write_at=_time(held.written_at),
    )


@router.get(
    _PATH + "/profile", operation_id="get_bank_profile", deprecated=True,
    response_model=BankProfileResponse, **absent(_REMOVED),
)  # fmt: skip
def get_bank_profile(bank_id: str) -> None:  # noqa: ARG001 - the path has it
    """Removed: it is in the bank's configuration."""
    raise RequestError(_PROFILE, 410)


@router.put(
    _PATH + "/profile", operation_id="update_bank_disposition", deprecated=True,
    response_model=BankProfileResponse, **absent(_REMOVED),
)  # fmt: skip
def update_bank_disposition(bank_id: str, body: UpdateDispositionRequest) -> None:  # noqa: ARG001 - checked, no more
    """Removed: it is in the bank's configuration."""
    raise RequestError(_PROFILE, 410)


@router.post(
    _PATH + "/background", operation_id="add_bank_background", deprecated=True,
    response_model=BackgroundResponse, **absent(_REMOVED),
)  # fmt: skip
def add_bank_background(bank_id: str, body: AddBackgroundRequest) -> None:  # noqa: ARG001 - checked, no more
    """Removed: it is in the bank's configuration."""
    raise RequestError(_BACKGROUND, 410)


@router.post(
    _PATH + "/health/llm",
    operation_id="test_bank_llm",
    **partly("no language model is set: each operation is `not_configured`; Hindsight has the route off by default"),
)
def test_bank_llm(room: ReadRoom) -> BankLlmHealthResponse:
    """Say whether the language models of a bank can be reached."""
    return BankLlmHealthResponse(
        bank_id=room.id,
        operations=[
            LlmOperationHealth(operation="retain", ok=False, status="not_configured"),
            LlmOperationHealth(operation="consolidation", ok=False, status="not_configured"),
            LlmOperationHealth(operation="reflect", ok=False, status="not_configured"),
        ],
    )


def _change(room: Room, body: CreateBankRequest, updates: dict[str, Any]) -> BankProfileResponse:
    overrides = configuring.update(room, updates) if updates else configuring.overrides(room)
    if body.name is not None:
        banks.rename(room.database, room.uid, body.name)
    bank = banks.find_by_uid(room.database, room.uid)
    if bank is None:
        raise UnknownBankError(f"Bank '{room.id}' not found")  # deleted in between
    mission = overrides.get("reflect_mission") or ""
    return BankProfileResponse(
        bank_id=bank.id,
        name=bank.id if bank.name is None else bank.name,
        disposition=_disposition(overrides),
        mission=mission,
        background=mission,
    )


def _disposition(overrides: dict[str, Any]) -> DispositionTraits:
    config = configs.over_defaults(overrides)
    traits = {name: config[f"disposition_{name}"] or 3 for name in ("skepticism", "literalism", "empathy")}
    return DispositionTraits(**traits)


def _item(listed: Listed, overrides: dict[str, Any]) -> BankListItem:
    bank, holds = listed.room.bank, listed.holds
    return BankListItem(
        bank_id=bank.id,
        name=bank.id if bank.name is None else bank.name,
        disposition=_disposition(overrides),
        mission=overrides.get("reflect_mission") or "",
        created_at=bank.created_at.isoformat(),
        updated_at=bank.updated_at.isoformat(),
        fact_count=holds.memories,
        last_document_at=_time(holds.document_at),
        last_write_at=_time(holds.written_at),
        display_alias=listed.shown,
        matched_aliases=list(listed.matched),
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _deleted(bank_id: str, count: int) -> DeleteResponse:
    message = f"Bank '{bank_id}' and all associated data deleted successfully"
    return DeleteResponse(success=True, message=message, deleted_count=count)
