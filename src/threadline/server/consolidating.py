"""Consolidation: the operation that makes observations of memories. Without a language model it finds nothing to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from threadline.server import operations, webhooks
from threadline.server.house import Room
from threadline.server.operations import Operation, Submitted

#: The operation that consolidates a bank.
KIND = "consolidation"


def submit(room: Room, scopes: Sequence[Sequence[str]] | None = None) -> Submitted:
    """Have a bank consolidated. One that is to consolidate all of it and waits already is the one that is answered.

    Args:
        scopes: only memories that have all tags of one of these; None: all.

    Raises:
        UnknownBankError: the bank was deleted meanwhile.
        StorageError: it cannot be written.
    """
    payload = {} if scopes is None else {"observation_scopes": [list(scope) for scope in scopes]}
    return operations.submit(room, KIND, payload, single="all" if scopes is None else None)


def _consolidate(room: Room, operation: Operation) -> Mapping[str, Any]:
    done = {"observations_created": 0, "observations_updated": 0, "observations_deleted": 0}  # a model would write them
    webhooks.emit(room, "consolidation.completed", [done], operation_id=operation.id, key=operation.id)
    return {}


operations.KINDS[KIND] = _consolidate
