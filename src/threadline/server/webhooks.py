"""Webhooks: what happens in a bank, sent to whoever wants to know. Accepted with the event, sent as an operation."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from threadline.engine.store.listing import Listing, MemoryFilter
from threadline.engine.store.pages import Span
from threadline.errors import DestinationError, StorageError
from threadline.server import posting
from threadline.server.addresses import Allowed, destination
from threadline.server.operations import Carry, Operation, operation_key
from threadline.server.store import webhooks as store
from threadline.server.store.operations import New
from threadline.server.store.webhooks import DELIVERY, Webhook
from threadline.server.workers import Again

if TYPE_CHECKING:
    from threadline.server.house import Room
    from threadline.server.retaining import Retaining

#: What can happen. Consolidation and the defense of memory need what this server does not have yet.
Event = Literal["retain.completed", "consolidation.completed", "memory_defense.triggered"]

#: How long a delivery waits after each failure, in seconds: it fails for good with the one after.
DELAYS = (5, 300, 1_800, 7_200, 18_000)

#: No receiver has more time than this, in seconds, whatever its webhook says.
_LONGEST_SECONDS = 60.0

#: The first half of the name of an event that may be told twice and is one.
_NAMESPACE = uuid.UUID("b0a5ad3e-5f0f-5d8e-9c0b-7d1c0e7a3f52")


_LOG = logging.getLogger("threadline.server")


def emit(
    room: Room,
    event: Event,
    data: Sequence[Mapping[str, Any]],
    *,
    operation_id: str,
    status: str = "completed",
    key: str | None = None,
) -> None:
    """Have an event sent to every webhook of the bank that wants it. It is written when this returns.

    Args:
        data: what each of several such events says.
        operation_id: what it came of.
        key: told again with this key, nothing is sent again. None: each call is another event.

    Raises:
        StorageError: it cannot be written.
    """
    wanted = store.of_event(room.tenant.database, room.uid, event)
    if not wanted:
        return
    said = {"event": event, "bank_id": room.id, "operation_id": operation_id, "status": status}
    new = [
        _delivery(webhook, event, _event_id(event, key, number), said, each)
        for number, each in enumerate(data)
        for webhook in wanted
    ]
    if store.send(room.tenant.database, room.uid, new):
        room.tenant.house.wake(room.tenant)


def emit_retained(room: Room, items: Iterable[Retaining], key: str | None) -> None:
    """Tell that items were stored: an event for each.

    Args:
        key: the idempotency key of the retain; of an operation, `operation_key` of its id. None: it has none, and what
            cannot be told is only logged, for the items are stored.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        if store.of_event(room.tenant.database, room.uid, "retain.completed"):
            data = [_retained(room, item) for item in items]
            operation_id = uuid.uuid4().hex if key is None else key.removeprefix(operation_key(""))
            emit(room, "retain.completed", data, operation_id=operation_id, key=key)
    except StorageError as error:
        if key is not None:
            raise
        _LOG.error("No webhook is told of a retain: %s", error)


def deliverer(allowed: Allowed) -> Carry:
    """What carries out deliveries.

    Args:
        allowed: where it may send to although that is not public.
    """

    def deliver(room: Room, operation: Operation) -> Mapping[str, Any]:
        webhook = store.get(room.tenant.database, room.uid, operation.metadata["webhook_id"])
        if webhook is None or not webhook.enabled:
            raise Again("The webhook was disabled or deleted before this was sent.", None)
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        said: dict[str, Any] = {"url": webhook.url, "last_attempt_at": now}
        try:
            status = _post(webhook, operation, allowed)
        except (DestinationError, ValueError) as error:
            raise Again(str(error), None, {**said, "last_status_code": None}) from error
        except (OSError, http.client.HTTPException) as error:
            message = f"{webhook.url} cannot be reached: {str(error) or type(error).__name__}"
            raise Again(message, _delay(operation), {**said, "last_status_code": None}, aside=True) from error
        said["last_status_code"] = status
        if not 200 <= status < 300:
            raise Again(f"{webhook.url} answered {status}", _delay(operation), said, aside=True)
        return said

    return deliver


def signatures(secret: str, body: bytes, now: int) -> dict[str, str]:
    """The headers by which a receiver knows who sent an event: of the body, and of the body with the time."""
    of_body = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    timed = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Hindsight-Signature": of_body,
        "X-Hub-Signature-256": of_body,
        "X-Hindsight-Signature-V2": f"t={now},v1={timed}",
    }


def _delivery(webhook: Webhook, event: Event, event_id: str, said: Mapping[str, Any], data: Mapping[str, Any]) -> New:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    known = {name: value for name, value in data.items() if value is not None}
    body = json.dumps(
        {"event_id": event_id, **said, "timestamp": now, "data": known}, ensure_ascii=False, separators=(",", ":")
    )
    return New(
        id=str(uuid.uuid5(_NAMESPACE, f"{event_id} {webhook.id}")),
        kind=DELIVERY,
        queue=f"webhook:{webhook.id}",
        payload={"body": body},
        metadata={"webhook_id": webhook.id, "event_id": event_id, "event_type": event, "url": webhook.url},
    )


def _event_id(event: Event, key: str | None, number: int) -> str:
    return str(uuid.uuid4() if key is None else uuid.uuid5(_NAMESPACE, f"{event} {number} {key}"))


def _retained(room: Room, item: Retaining) -> dict[str, Any]:
    count = None
    if item.document is not None:
        count = Listing(room.shelf).memories(MemoryFilter(document=item.document), Span(limit=0)).total
    return {"document_id": item.document, "tags": list(item.tags) or None, "memory_unit_count": count}


def _post(webhook: Webhook, operation: Operation, allowed: Allowed) -> int:
    body = str((operation.payload or {})["body"]).encode("utf-8", "surrogatepass")
    how = webhook.http_config
    # What the webhook names comes first: it can forge neither the event nor the signature.
    headers = {
        **_named(how.get("headers", {})),
        "X-Hindsight-Event": operation.metadata["event_type"],
        "X-Hindsight-Event-Id": operation.metadata["event_id"],
        "X-Hindsight-Delivery-Id": operation.id,
        **(signatures(webhook.secret, body, int(time.time())) if webhook.secret else {}),
    }
    return posting.send(
        destination(webhook.url, allowed),
        "GET" if str(how.get("method", "POST")).upper() == "GET" else "POST",
        body=body,
        headers=headers,
        params=how.get("params", {}),
        seconds=min(_LONGEST_SECONDS, max(1.0, float(how.get("timeout_seconds", 30)))),
    )


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    """A webhook's own headers, but for those that say who sent it."""
    own = {name: value for name, value in headers.items() if not name.lower().startswith(("x-hindsight-", "x-hub-"))}
    typed = {} if "content-type" in (name.lower() for name in own) else {"Content-Type": "application/json"}
    return {**typed, **own}


def _delay(operation: Operation) -> float | None:
    """How long it rests now; None: it was the last attempt."""
    return DELAYS[operation.attempts] if operation.attempts < len(DELAYS) else None
