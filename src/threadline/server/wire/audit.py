"""The audit log, and the log of model calls, of which there are none."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from threadline.errors import UnknownItemError
from threadline.server.access import AdminRoom
from threadline.server.store import audit as store
from threadline.server.store.audit import Entry
from threadline.server.wire.base import WireRoute, partly, same
from threadline.server.wire.queries import EndDate, Offset, StartDate, moment
from threadline.server.wire.shapes.audit import (
    AuditLogEntry,
    AuditLogListResponse,
    AuditLogStatsBucket,
    AuditLogStatsResponse,
    AuditLogSummary,
    LLMRequestListResponse,
    LLMRequestStatsResponse,
)

router = APIRouter(route_class=WireRoute)

_AUDIT = "/v1/default/banks/{bank_id}/audit-logs"
_MODELS = "/v1/default/banks/{bank_id}/llm-requests"
_DAYS = {"1d": 1, "30d": 30}
_NO_MODEL = "there is no language model, so that there is no call of one; texts that are embedded are not logged"

Limit = Annotated[int, Query(ge=1, le=500, description="The most that are returned.")]
Period = Annotated[str, Query(description="1d, 7d or 30d.")]
CallType = Literal["llm", "embedding", "rerank", "decision"]


@router.get(_AUDIT, operation_id="list_audit_logs", tags=["Audit"], **same())
def list_audit_logs(
    room: AdminRoom,
    action: Annotated[str | None, Query(description="Only this action.")] = None,
    transport: Annotated[str | None, Query(description="Only what came by http, mcp or system.")] = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> AuditLogListResponse:
    """List what was asked of a bank, the latest first."""
    found, total = store.listed(
        room.database,
        room.uid,
        action=action,
        transport=transport,
        start=moment(start_date, "start_date"),
        end=moment(end_date, "end_date"),
        limit=limit,
        offset=offset,
    )
    items = [AuditLogSummary(**_summary(entry, room.id)) for entry in found]
    return AuditLogListResponse(bank_id=room.id, total=total, limit=limit, offset=offset, items=items)


@router.get(_AUDIT + "/stats", operation_id="audit_log_stats", tags=["Audit"], **same())
def audit_log_stats(
    room: AdminRoom,
    action: Annotated[str | None, Query(description="Only this action.")] = None,
    period: Period = "7d",
) -> AuditLogStatsResponse:
    """Count what was asked of a bank by day."""
    start = _start(period)
    buckets = [
        AuditLogStatsBucket(time=f"{day}T00:00:00+00:00", actions=actions, total=sum(actions.values()))
        for day, actions in store.daily(room.database, room.uid, start, action).items()
    ]
    return AuditLogStatsResponse(
        bank_id=room.id, period=period, trunc="day", start=start.isoformat(timespec="microseconds"), buckets=buckets
    )


@router.get(
    _AUDIT + "/{log_id}",
    operation_id="get_audit_log",
    tags=["Audit"],
    **partly("bodies are never kept: what a bank is asked to forget must not live on in a log of it"),
)
def get_audit_log(room: AdminRoom, log_id: str) -> AuditLogEntry:
    """Say what was asked of a bank, and what came of it."""
    entry = store.get(room.database, room.uid, _canonical(log_id))
    if entry is None:
        raise UnknownItemError(f"Audit log entry '{log_id}' not found")
    return AuditLogEntry(**_summary(entry, room.id), request=None, response=None)


@router.get(_MODELS, operation_id="list_llm_requests", tags=["LLM Traces"], **partly(_NO_MODEL))
def list_llm_requests(
    room: AdminRoom,
    status: Annotated[str | None, Query(description="success or error.")] = None,
    operation: Annotated[str | None, Query(description="Such as retain.")] = None,
    scope: Annotated[str | None, Query(description="Only calls of this scope.")] = None,
    call_type: Annotated[CallType | None, Query(description="Only calls of this kind.")] = None,
    provider: Annotated[str | None, Query(description="Only calls of this provider.")] = None,
    trace_id: Annotated[str | None, Query(description="Only those of one run.")] = None,
    document_id: Annotated[str | None, Query(description="Only those for a document.")] = None,
    memory_id: Annotated[str | None, Query(description="Only those for a memory.")] = None,
    group: Annotated[bool, Query(description="Pages of runs instead of calls.")] = False,
    start_date: StartDate = None,
    end_date: EndDate = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> LLMRequestListResponse:
    """List the calls of a language model: none, for there is none."""
    del status, operation, scope, call_type, provider, trace_id, document_id, memory_id, group
    moment(start_date, "start_date")
    moment(end_date, "end_date")
    return LLMRequestListResponse(bank_id=room.id, total=0, limit=limit, offset=offset, items=[])


@router.get(_MODELS + "/stats", operation_id="llm_request_stats", tags=["LLM Traces"], **partly(_NO_MODEL))
def llm_request_stats(
    room: AdminRoom,
    operation: Annotated[str | None, Query(description="Such as retain.")] = None,
    call_type: Annotated[CallType | None, Query(description="Only calls of this kind.")] = None,
    period: Period = "7d",
) -> LLMRequestStatsResponse:
    """Count the calls of a language model by day: none, for there is none."""
    del operation, call_type
    start = _start(period).isoformat(timespec="microseconds")
    return LLMRequestStatsResponse(bank_id=room.id, period=period, trunc="day", start=start, buckets=[])


def _start(period: str) -> datetime:
    return datetime.now(UTC) - timedelta(days=_DAYS.get(period, 7))


def _canonical(log_id: str) -> str:
    try:
        return str(uuid.UUID(log_id))
    except ValueError:
        return ""  # no entry has this id


def _summary(entry: Entry, bank_id: str) -> dict[str, Any]:
    return {
        "id": entry.id,
        "action": entry.action,
        "transport": entry.transport,
        "bank_id": bank_id,
        "started_at": entry.started_at.isoformat(timespec="microseconds"),
        "ended_at": entry.ended_at.isoformat(timespec="microseconds"),
        "duration_ms": round((entry.ended_at - entry.started_at).total_seconds() * 1000),
        "metadata": dict(entry.metadata),
    }
