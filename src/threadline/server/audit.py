"""The audit log: who asked a bank for what and when, where the bank's `audit_log_enabled` says so.

It holds no text of a request or an answer: what a bank is asked to forget must not live on in a log of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi import Request

from threadline.errors import ClosedError, StorageError
from threadline.server.store import audit as store
from threadline.server.store.audit import Entry, Transport
from threadline.server.threads import work

if TYPE_CHECKING:
    from threadline.server.house import Room

#: The routes whose requests are noted, and the names of the actions where they are other than those of the routes.
ACTIONS: Mapping[str, str] = {
    **{
        name: name
        for name in (
            "cancel_operation",
            "clear_memory_observations",
            "clear_mental_model",
            "clear_observations",
            "clone_bank",
            "create_bank_alias",
            "create_directive",
            "create_mental_model",
            "create_webhook",
            "delete_bank_alias",
            "delete_directive",
            "delete_document",
            "delete_mental_model",
            "delete_operation",
            "delete_webhook",
            "dry_run_refresh_mental_model",
            "file_retain",
            "import_bank_template",
            "import_bank_transfer",
            "import_documents",
            "recover_consolidation",
            "reflect",
            "refresh_mental_model",
            "reprocess_document",
            "reset_bank_config",
            "retry_operation",
            "set_bank_alias_primary",
            "update_bank",
            "update_bank_config",
            "update_directive",
            "update_document",
            "update_memory",
            "update_mental_model",
            "update_webhook",
        )
    },
    "clear_bank_memories": "clear_memories",
    "create_or_update_bank": "create_bank",
    "recall_memories": "recall",
    "retain_memories": "retain",
    "trigger_consolidation": "consolidation",
}

_LOG = logging.getLogger("threadline.server")


def is_on(room: Room) -> bool:
    """Whether what is asked of a bank is noted."""
    try:
        return store.enabled(room.tenant.database, room.uid)
    except (StorageError, ClosedError) as error:
        _LOG.error("Whether the audit log is on cannot be read: %s", error)
        return False


def record(
    room: Room, action: str, transport: Transport, started_at: datetime, metadata: Mapping[str, Any] | None = None
) -> None:
    """Note something that was asked of a bank and has ended, where that is noted.

    What cannot be noted does not make undone what was done: it is only logged.
    """
    entry = Entry(action, transport, started_at, datetime.now(UTC), metadata or {})
    try:
        if is_on(room):
            store.record(room.tenant.database, room.uid, entry)
    except (StorageError, ClosedError) as error:
        _LOG.error("The audit log misses an action: %s", error)


class Noting:
    """Notes a request of a route, if it is one that is noted, once it has ended.

    Args:
        operation_id: the route's.
    """

    def __init__(self, request: Request, operation_id: str | None) -> None:
        self._request = request
        self._action = ACTIONS.get(operation_id or "")
        self._started_at = datetime.now(UTC)

    async def end(self, status: int) -> None:
        """Note it, with the status that it was answered with."""
        state = self._request.scope.get("state", {})
        room, caller = state.get("room"), state.get("caller")
        if self._action is None or room is None or not is_on(room):
            return
        known = {"status": status, "request_id": state.get("request_id"), "key": caller and caller.key}
        metadata = {name: value for name, value in known.items() if value is not None}
        await work(record, room, self._action, "http", self._started_at, metadata)


@contextmanager
def recorded(room: Room, action: str, transport: Transport, **metadata: Any) -> Iterator[None]:
    """Note what is done within, also where it fails."""
    started_at = datetime.now(UTC)
    try:
        yield
    finally:
        record(room, action, transport, started_at, metadata)
