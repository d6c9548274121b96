"""The shapes of the audit log, and of the log of model calls."""

from __future__ import annotations

from typing import Any

from threadline.server.wire.base import WireShape


class AuditLogSummary(WireShape):
    """Something that was asked of a bank."""

    id: str
    action: str
    transport: str
    bank_id: str | None
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None = None
    metadata: dict[str, Any]


class AuditLogEntry(AuditLogSummary):
    """The same; bodies are never kept."""

    request: dict[str, Any] | None
    response: dict[str, Any] | None


class AuditLogListResponse(WireShape):
    """A page of the audit log."""

    bank_id: str
    total: int
    limit: int
    offset: int
    items: list[AuditLogSummary]


class AuditLogStatsBucket(WireShape):
    """The actions of a day."""

    time: str
    actions: dict[str, int]
    total: int


class AuditLogStatsResponse(WireShape):
    """The actions of each day."""

    bank_id: str
    period: str
    trunc: str
    start: str
    buckets: list[AuditLogStatsBucket]


class LLMRequestEntry(WireShape):
    """A call of a model."""

    id: str
    bank_id: str | None
    operation: str | None
    scope: str | None
    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None
    provider: str | None
    model: str | None
    status: str
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    thoughts_tokens: int | None
    total_tokens: int | None
    input: Any = None
    output: Any = None
    error: str | None
    llm_info: dict[str, Any]
    metadata: dict[str, Any]


class LLMRequestListResponse(WireShape):
    """A page of model calls."""

    bank_id: str
    total: int
    limit: int
    offset: int
    items: list[LLMRequestEntry]


class LLMRequestTokenSums(WireShape):
    """The tokens of a day."""

    input: int
    output: int
    cached: int
    thoughts: int | None = None
    total: int


class LLMRequestStatsBucket(WireShape):
    """The model calls of a day."""

    time: str
    statuses: dict[str, int]
    total: int
    tokens: LLMRequestTokenSums


class LLMRequestStatsResponse(WireShape):
    """The model calls of each day."""

    bank_id: str
    period: str
    trunc: str
    start: str
    buckets: list[LLMRequestStatsBucket]
