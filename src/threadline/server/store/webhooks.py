"""The webhooks of a bank, and what was sent to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import apsw

from threadline.database import Database
from threadline.errors import UnknownBankError
from threadline.server.store import operations
from threadline.server.store.operations import New, Operation

#: The kind of operation that sends an event to a webhook.
DELIVERY = "webhook_delivery"

_COLUMNS = "id, url, secret, event_types, enabled, http_config, created_at, updated_at"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events of a bank are sent to. Times are ISO 8601 in UTC.

    Attributes:
        secret: what signs the events; it is never shown.
        http_config: method, timeout_seconds, headers and params.
    """

    id: str
    url: str
    event_types: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)
    enabled: bool = True
    http_config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    created_at: str = ""
    updated_at: str = ""


def create(database: Database, bank: str, webhook: Webhook) -> Webhook:
    """Store a new webhook.

    Raises:
        UnknownBankError: the bank was deleted meanwhile.
    """
    now = _now()
    made = replace(webhook, created_at=now, updated_at=now)

    def work(connection: apsw.Connection) -> None:
        if connection.execute("SELECT 1 FROM banks WHERE uid = ?", (bank,)).get is None:
            raise UnknownBankError("The bank was deleted meanwhile")
        connection.execute(
            f"INSERT INTO webhooks (bank, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (bank, *_values(made)),
        )

    database.write("webhooks.create", work)
    return made


def get(database: Database, bank: str, webhook_id: str) -> Webhook | None:
    """The webhook with this id."""
    row = database.row(f"SELECT {_COLUMNS} FROM webhooks WHERE bank = ? AND id = ?", (bank, webhook_id))  # noqa: S608
    return None if row is None else _webhook(row)


def listed(database: Database, bank: str, *, limit: int = -1, offset: int = 0) -> tuple[list[Webhook], int]:
    """A page of a bank's webhooks, the oldest first, and how many there are in all."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM webhooks WHERE bank = ? ORDER BY seq LIMIT ? OFFSET ?",  # noqa: S608
        (bank, limit, offset),
    )
    total = database.row("SELECT count(*) FROM webhooks WHERE bank = ?", (bank,))
    return [_webhook(row) for row in rows], total[0] if total else 0


def of_event(database: Database, bank: str, event: str) -> list[Webhook]:
    """The webhooks that an event is sent to."""
    return [each for each in listed(database, bank)[0] if each.enabled and event in each.event_types]


def edit(database: Database, bank: str, webhook_id: str, how: Callable[[Webhook], Webhook]) -> Webhook | None:
    """Change a webhook to what `how` makes of it; None where there is none."""

    def work(connection: apsw.Connection) -> Webhook | None:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM webhooks WHERE bank = ? AND id = ?",  # noqa: S608
            (bank, webhook_id),
        ).get
        if row is None:
            return None
        after = replace(how(_webhook(row)), updated_at=_now())
        connection.execute(
            "UPDATE webhooks SET (id, url, secret, event_types, enabled, http_config, created_at, updated_at) "
            "= (?, ?, ?, ?, ?, ?, ?, ?) WHERE bank = ? AND id = ?",
            (*_values(after), bank, webhook_id),
        )
        return after

    return database.write("webhooks.edit", work)


def remove(database: Database, bank: str, webhook_id: str) -> bool:
    """Remove a webhook and all that was or is to be sent to it; False where there is none."""

    def work(connection: apsw.Connection) -> bool:
        connection.execute("DELETE FROM webhooks WHERE bank = ? AND id = ?", (bank, webhook_id))
        found = connection.changes() == 1
        connection.execute(
            f"DELETE FROM operations WHERE bank = ? AND kind = '{DELIVERY}' AND metadata ->> 'webhook_id' = ?",  # noqa: S608
            (bank, webhook_id),
        )
        return found

    return database.write("webhooks.remove", work)


def send(database: Database, bank: str, deliveries: Sequence[New]) -> int:
    """Accept deliveries, but those that were accepted before; returns how many there were to accept."""

    def work(connection: apsw.Connection) -> int:
        new = [each for each in deliveries if operations.named(connection, bank, each.id) is None]
        for each in new:
            operations.insert(connection, bank, each)
        return len(new)

    return database.write("webhooks.send", work)


def deliveries(
    database: Database, bank: str, webhook_id: str, *, limit: int, before: datetime | None = None
) -> list[Operation]:
    """What was sent to a webhook, the latest first.

    Args:
        before: only what was accepted before.
    """
    return operations.some(
        database,
        f"bank = ? AND kind = '{DELIVERY}' AND metadata ->> 'webhook_id' = ? AND created_at < ? "
        "ORDER BY created_at DESC, seq DESC LIMIT ?",
        (bank, webhook_id, "~" if before is None else before.astimezone(UTC).isoformat(timespec="microseconds"), limit),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _values(webhook: Webhook) -> tuple[Any, ...]:
    return (
        webhook.id,
        webhook.url,
        webhook.secret,
        json.dumps(list(webhook.event_types)),
        int(webhook.enabled),
        json.dumps(dict(webhook.http_config)),
        webhook.created_at,
        webhook.updated_at,
    )


def _webhook(row: tuple[Any, ...]) -> Webhook:
    webhook_id, url, secret, event_types, enabled, http_config, created_at, updated_at = row
    return Webhook(
        id=webhook_id,
        url=url,
        secret=secret,
        event_types=tuple(json.loads(event_types)),
        enabled=bool(enabled),
        http_config=json.loads(http_config),
        created_at=created_at,
        updated_at=updated_at,
    )
