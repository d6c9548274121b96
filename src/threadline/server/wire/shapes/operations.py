"""The shapes of operations."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from threadline.server.wire.base import WireShape


class OperationProgress(WireShape):
    """How far a running operation was when it last said so."""

    stage: str = Field(description="The phase it was in, such as `storing`.")
    at: str = Field(description="When that was, in ISO 8601.")
    processed: int | None = Field(default=None, description="Units of work done so far.")
    total: int | None = Field(default=None, description="Units of work in all.")
    detail: dict[str, int] | None = Field(default=None, description="Counters of its own.")


class RefreshMentalModelOperationDetails(WireShape):
    """What a refresh of a mental model did."""

    operation_type: Literal["refresh_mental_model"] = "refresh_mental_model"
    outcome: Literal[
        "content_written",
        "content_unchanged",
        "content_preserved_no_new_facts",
        "refresh_failed_empty_candidate",
        "refresh_failed_delta_not_applied",
        "refresh_failed_structured_output",
        "refresh_failed_error",
    ]
    failure_reason: (
        Literal[
            "empty_candidate",
            "structured_doc_unreadable",
            "delta_ops_failed",
            "delta_ops_all_skipped",
            "delta_not_applied",
            "structured_output_failed",
            "retrieval_failed",
            "no_answer",
            "unexpected_error",
        ]
        | None
    ) = None


class OperationResponse(WireShape):
    """An operation in a list."""

    id: str
    task_type: str
    operation_id: str | None = None
    operation_type: str | None = None
    items_count: int
    document_id: str | None = None
    filename: str | None = None
    mental_model_id: str | None = None
    details: RefreshMentalModelOperationDetails | None = None
    created_at: str
    updated_at: str | None = None
    status: str
    error_message: str | None
    retry_count: int | None = None
    next_retry_at: str | None = None
    progress: OperationProgress | None = None


class OperationsListResponse(WireShape):
    """A page of operations."""

    bank_id: str
    total: int
    limit: int
    offset: int
    operations: list[OperationResponse]


class ChildOperationStatus(WireShape):
    """A part of an operation."""

    operation_id: str
    status: str
    sub_batch_index: int | None = None
    items_count: int | None = None
    error_message: str | None = None


class OperationStatusResponse(WireShape):
    """An operation."""

    operation_id: str
    status: Literal["pending", "processing", "completed", "failed", "cancelled", "not_found"]
    operation_type: str | None = None
    id: str | None = None
    task_type: str | None = None
    mental_model_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    completed_at: str | None = None
    error_message: str | None = None
    retry_count: int | None = None
    next_retry_at: str | None = None
    progress: OperationProgress | None = None
    result_metadata: dict[str, Any] | None = None
    details: RefreshMentalModelOperationDetails | None = None
    child_operations: list[ChildOperationStatus] | None = None
    task_payload: dict[str, Any] | None = None


class CancelOperationResponse(WireShape):
    """An operation was cancelled."""

    success: bool
    message: str
    operation_id: str


class RetryOperationResponse(WireShape):
    """An operation is tried again."""

    success: bool
    message: str
    operation_id: str


class DeleteOperationResponse(WireShape):
    """The record of an operation was removed."""

    success: bool
    message: str
    operation_id: str
