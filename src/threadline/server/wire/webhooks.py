"""Webhooks: where a bank's events are sent to."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from threadline.errors import RequestError, UnknownItemError
from threadline.server.access import AdminRoom, BankId, caller_of, room_to_make
from threadline.server.addresses import destination
from threadline.server.house import Room
from threadline.server.store import webhooks as store
from threadline.server.store.operations import Operation
from threadline.server.store.webhooks import Webhook
from threadline.server.wire.base import WireRoute, same
from threadline.server.wire.shapes.banks import DeleteResponse
from threadline.server.wire.shapes.webhooks import (
    CreateWebhookRequest,
    UpdateWebhookRequest,
    WebhookDeliveryListResponse,
    WebhookDeliveryResponse,
    WebhookHttpConfig,
    WebhookListResponse,
    WebhookResponse,
)

router = APIRouter(route_class=WireRoute, tags=["Webhooks"])

_PATH = "/v1/default/banks/{bank_id}/webhooks"
_ONE = _PATH + "/{webhook_id}"


def _room_to_make(request: Request, bank_id: BankId) -> Room:
    """A bank, for an administrator, made where there is none."""
    caller_of(request).demand("admin")
    return room_to_make(request, bank_id)


@router.post(_PATH, operation_id="create_webhook", status_code=201, **same())
def create_webhook(room: Annotated[Room, Depends(_room_to_make)], request: CreateWebhookRequest) -> WebhookResponse:
    """Have events of a bank sent to a URL."""
    destination(request.url, room.tenant.house.allowed)
    made = Webhook(
        id=str(uuid.uuid4()),
        url=request.url,
        secret=request.secret,
        event_types=tuple(request.event_types),
        enabled=request.enabled,
        http_config=request.http_config.model_dump(),
    )
    return _shown(store.create(room.database, room.uid, made), room)


@router.get(_PATH, operation_id="list_webhooks", **same())
def list_webhooks(
    room: AdminRoom,
    limit: Annotated[int, Query(ge=0, le=1000, description="The most that are returned.")] = 100,
    offset: Annotated[int, Query(ge=0, le=2**53, description="How many are passed over.")] = 0,
) -> WebhookListResponse:
    """List the webhooks of a bank, the oldest first."""
    found, total = store.listed(room.database, room.uid, limit=limit, offset=offset)
    return WebhookListResponse(items=[_shown(each, room) for each in found], total=total, limit=limit, offset=offset)


@router.patch(_ONE, operation_id="update_webhook", **same())
def update_webhook(room: AdminRoom, webhook_id: str, request: UpdateWebhookRequest) -> WebhookResponse:
    """Change what is named of a webhook. What waits to be sent is sent as it is from now on."""
    name = _parse(webhook_id)
    changes = _changes(request, room)
    changed = store.edit(room.database, room.uid, name, lambda webhook: replace(webhook, **changes))
    if changed is None:
        raise UnknownItemError("Webhook not found")
    return _shown(changed, room)


@router.delete(_ONE, operation_id="delete_webhook", **same())
def delete_webhook(room: AdminRoom, webhook_id: str) -> DeleteResponse:
    """Remove a webhook, and what waits to be sent to it."""
    if not store.remove(room.database, room.uid, _parse(webhook_id)):
        raise UnknownItemError("Webhook not found")
    return DeleteResponse(success=True)


@router.get(_ONE + "/deliveries", operation_id="list_webhook_deliveries", **same())
def list_webhook_deliveries(
    room: AdminRoom,
    webhook_id: str,
    limit: Annotated[int, Query(le=200, description="The most that are returned.")] = 50,
    cursor: Annotated[str | None, Query(description="The `next_cursor` of the page before.")] = None,
) -> WebhookDeliveryListResponse:
    """List what was sent to a webhook, the latest first."""
    name = _parse(webhook_id)
    if store.get(room.database, room.uid, name) is None:
        raise UnknownItemError("Webhook not found")
    before = None if cursor is None else _moment(cursor)
    most = max(0, limit)
    found = store.deliveries(room.database, room.uid, name, limit=most + 1, before=before)
    page = found[:most]
    return WebhookDeliveryListResponse(
        items=[_delivery(each) for each in page],
        next_cursor=_text(page[-1].created_at) if page and len(found) > most else None,
    )


def _parse(webhook_id: str) -> str:
    try:
        return str(uuid.UUID(webhook_id))
    except ValueError as error:
        raise RequestError("Invalid webhook ID", status=422) from error


def _changes(request: UpdateWebhookRequest, room: Room) -> dict[str, Any]:
    changes: dict[str, Any] = {name: getattr(request, name) for name in request.model_fields_set}
    if not changes:
        raise RequestError("No fields provided to update", status=422)
    for name, value in changes.items():
        if value is None and name != "secret":
            raise RequestError(f"{name} cannot be null; leave it out to keep what it is", status=422)
    if request.url is not None:
        destination(request.url, room.tenant.house.allowed)
    if request.event_types is not None:
        changes["event_types"] = tuple(request.event_types)
    if request.http_config is not None:
        changes["http_config"] = request.http_config.model_dump()
    return changes


def _shown(webhook: Webhook, room: Room) -> WebhookResponse:
    return WebhookResponse(
        id=webhook.id,
        bank_id=room.id,
        url=webhook.url,
        event_types=list(webhook.event_types),
        enabled=webhook.enabled,
        http_config=WebhookHttpConfig(**webhook.http_config),
        created_at=_text(webhook.created_at),
        updated_at=_text(webhook.updated_at),
    )


def _delivery(operation: Operation) -> WebhookDeliveryResponse:
    shown = operation.metadata
    retry_at = operation.next_retry_at
    return WebhookDeliveryResponse(
        id=operation.id,
        event_id=shown["event_id"],
        webhook_id=shown["webhook_id"],
        url=shown["url"],
        event_type=shown["event_type"],
        status=operation.state,
        attempts=operation.retries + 1,
        next_retry_at=None if retry_at is None else _text(retry_at),
        last_error=operation.error,
        last_response_status=shown.get("last_status_code"),
        last_attempt_at=shown.get("last_attempt_at"),
        created_at=_text(operation.created_at),
        updated_at=_text(operation.updated_at),
    )


def _text(moment: str) -> str:
    """A time as these routes write it: as PostgreSQL does."""
    return moment.replace("T", " ").replace("+00:00", "+00")


def _moment(cursor: str) -> datetime:
    try:
        found = datetime.fromisoformat(cursor)
    except ValueError as error:
        raise RequestError(f"Invalid cursor: {cursor}", status=422) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
