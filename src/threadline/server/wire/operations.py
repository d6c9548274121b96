"""Operations: what was accepted to be carried out later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query

from threadline.server import operations
from threadline.server.access import ReadRoom, WriteRoom
from threadline.server.operations import Operation
from threadline.server.store import operations as store
from threadline.server.wire.base import WireRoute, partly, same
from threadline.server.wire.shapes.operations import (
    CancelOperationResponse,
    ChildOperationStatus,
    DeleteOperationResponse,
    OperationProgress,
    OperationResponse,
    OperationsListResponse,
    OperationStatusResponse,
    RefreshMentalModelOperationDetails,
    RetryOperationResponse,
)

router = APIRouter(route_class=WireRoute, tags=["Operations"])

_PATH = "/v1/default/banks/{bank_id}/operations"
_ONE = _PATH + "/{operation_id}"


@router.get(_PATH, operation_id="list_operations", **same())
def list_operations(
    room: ReadRoom,
    status: Annotated[
        str | None, Query(description="Only those that are pending, processing, completed, failed or cancelled.")
    ] = None,
    type: Annotated[str | None, Query(description="Only those of a type, such as `retain`.")] = None,  # noqa: A002
    limit: Annotated[int, Query(ge=1, le=100, description="The most that are returned.")] = 20,
    offset: Annotated[int, Query(ge=0, le=2**53, description="How many are passed over.")] = 0,
    exclude_parents: Annotated[bool, Query(description="Without those that only stand for their parts.")] = False,
) -> OperationsListResponse:
    """List the operations of a bank, the latest first."""
    found, total = store.listed(
        room.database, room.uid, state=status, kind=type, parents=not exclude_parents, limit=limit, offset=offset
    )
    return OperationsListResponse(
        bank_id=room.id, total=total, limit=limit, offset=offset, operations=[_listed(each) for each in found]
    )


@router.get(
    _ONE,
    operation_id="get_operation_status",
    **partly(
        "the payload of a completed operation is gone, for it holds what the bank may be asked to forget; of a bank "
        "that is not there it says so"
    ),
)
def get_operation_status(
    room: ReadRoom,
    operation_id: str,
    include_payload: Annotated[bool, Query(description="With what it is carried out with.")] = False,
) -> OperationStatusResponse:
    """Say how far an operation is. What is `completed` can be recalled."""
    found = store.get(room.database, room.uid, operations.parse_id(operation_id))
    if found is None:
        return OperationStatusResponse(operation_id=operation_id, id=operation_id, status="not_found")
    return OperationStatusResponse(
        operation_id=found.id,
        status=found.state,
        operation_type=found.kind,
        id=found.id,
        task_type=found.kind,
        mental_model_id=found.metadata.get("mental_model_id"),
        created_at=found.created_at,
        updated_at=found.updated_at,
        completed_at=found.completed_at,
        error_message=found.error,
        retry_count=found.retries,
        next_retry_at=found.next_retry_at,
        progress=_progress(found),
        result_metadata=dict(found.metadata),
        details=_details(found),
        child_operations=[_child(each) for each in store.children(room.database, found)] if found.is_parent else None,
        task_payload=_payload(found, room.id) if include_payload else None,
    )


@router.delete(_ONE, operation_id="cancel_operation", **same())
def cancel_operation(room: WriteRoom, operation_id: str) -> CancelOperationResponse:
    """Cancel an operation that waits. One that is carried out just now may still end what it is at."""
    operations.cancel(room, operation_id)
    return CancelOperationResponse(
        success=True, message=f"Operation {operation_id} cancelled", operation_id=operation_id
    )


@router.post(_ONE + "/retry", operation_id="retry_operation", **same())
def retry_operation(room: WriteRoom, operation_id: str) -> RetryOperationResponse:
    """Carry out an operation that failed or was cancelled after all, or one that was put off at once."""
    operations.retry(room, operation_id)
    return RetryOperationResponse(
        success=True, message=f"Operation {operation_id} queued for retry", operation_id=operation_id
    )


@router.delete(_ONE + "/delete", operation_id="delete_operation", **same())
def delete_operation(room: WriteRoom, operation_id: str) -> DeleteOperationResponse:
    """Remove the record of an operation that has ended."""
    operations.delete(room, operation_id)
    return DeleteOperationResponse(success=True, message=f"Operation {operation_id} deleted", operation_id=operation_id)


def _listed(operation: Operation) -> OperationResponse:
    shown = operation.metadata
    return OperationResponse(
        id=operation.id,
        task_type=operation.kind,
        operation_id=operation.id,
        operation_type=operation.kind,
        items_count=shown.get("items_count", 0),
        document_id=shown.get("document_id"),
        filename=shown.get("original_filename"),
        mental_model_id=shown.get("mental_model_id"),
        details=_details(operation),
        created_at=operation.created_at,
        updated_at=operation.updated_at,
        status=operation.state,
        error_message=operation.error,
        retry_count=operation.retries,
        next_retry_at=operation.next_retry_at,
        progress=_progress(operation),
    )


def _child(operation: Operation) -> ChildOperationStatus:
    return ChildOperationStatus(
        operation_id=operation.id,
        status=operation.state,
        sub_batch_index=operation.metadata.get("sub_batch_index"),
        items_count=operation.metadata.get("items_count"),
        error_message=operation.error,
    )


def _progress(operation: Operation) -> OperationProgress | None:
    progress: Mapping[str, Any] | None = operation.metadata.get("progress")
    return None if progress is None else OperationProgress(**progress)


def _details(operation: Operation) -> RefreshMentalModelOperationDetails | None:
    outcome = operation.metadata.get("outcome")
    if operation.kind != "refresh_mental_model" or outcome is None:
        return None
    return RefreshMentalModelOperationDetails(outcome=outcome, failure_reason=operation.metadata.get("failure_reason"))


def _payload(operation: Operation, bank: str) -> dict[str, Any] | None:
    if operation.payload is None:
        return None
    return {"type": operation.kind, "operation_id": operation.id, "bank_id": bank, **operation.payload}
