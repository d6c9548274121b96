"""Work that is accepted now and carried out later: written when it is accepted, carried out whatever happens.

`KINDS` says how each kind is carried out. A kind's function is called again where the process died in the middle of it,
so that doing it twice must be as doing it once: the operation's id is the key for that. Within a queue of a bank one
operation is carried out after the other, in the order in which they were accepted; queues do not wait for each other.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import apsw

from threadline.errors import ConflictError, RequestError, UnknownItemError
from threadline.server import retaining
from threadline.server.retaining import Retaining
from threadline.server.store import operations as store
from threadline.server.store.operations import ENDED, New, Operation

if TYPE_CHECKING:
    from threadline.server.house import Room

__all__ = ["ENDED", "KINDS", "Operation", "Submitted"]

#: What carries out the operations of each kind. It returns what joins the metadata of the operation.
Carry = Callable[["Room", Operation], Mapping[str, Any]]

_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Submitted:
    """An operation that was accepted, and whether it is one that had been accepted before."""

    operation: Operation
    repeated: bool

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.operation.id


def submit(
    room: Room,
    kind: str,
    payload: Mapping[str, Any],
    *,
    operation_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    queue: str | None = None,
    single: str | None = None,
    rest: float = 0.0,
) -> Submitted:
    """Accept an operation. It is written when this returns.

    Args:
        kind: one of `KINDS`, or `batch_retain`: the parent of one `retain`, whose payload has `items` as
            `Retaining.as_json` gives them, with nothing in them that would differ if they were sent again.
        operation_id: its caller's own id, a UUID: sent again with the same payload it is the same operation.
        metadata: what is shown of it.
        queue: what it waits in; the kind, where none is given.
        single: where one of the kind waits with this already, that is the operation.
        rest: how long it waits before it may begin, in seconds.

    Raises:
        ConflictError: the id is that of another operation of the bank.
        RequestError: the id is no UUID.
        UnknownBankError: the bank was deleted meanwhile.
        StorageError: it cannot be written; nothing was accepted.
    """
    if kind != BATCH and kind not in KINDS:
        raise KeyError(kind)
    given = None if operation_id is None else parse_id(operation_id)
    digest = _digest(kind, payload)
    shown = dict(metadata or {})

    def work(connection: apsw.Connection) -> Submitted:
        known = given and store.named(connection, room.uid, given)
        if known:
            return Submitted(_same(known, kind, digest), repeated=True)
        waits = single and store.waiting(connection, room.uid, kind, single)
        if waits:
            return Submitted(waits, repeated=True)
        name = given or str(uuid.uuid4())
        if kind == BATCH:
            _insert_batch(connection, room.uid, name, payload, digest, shown)
        else:
            new = New(name, kind, queue or kind, payload, digest, single, shown, rest)
            store.insert(connection, room.uid, new)
        made = store.named(connection, room.uid, name)
        assert made is not None  # noqa: S101 - it was inserted within this transaction
        return Submitted(made, repeated=False)

    submitted = room.tenant.database.write("operations.submit", work)
    room.tenant.house.wake(room.tenant)
    return submitted


def parse_id(operation_id: str) -> str:
    """The id of an operation as it is written here.

    Raises:
        RequestError: it is no UUID.
    """
    try:
        return str(uuid.UUID(operation_id))
    except ValueError as error:
        raise RequestError(f"Invalid operation_id format: {operation_id}") from error


def operation_key(operation_id: str) -> str:
    """The idempotency key of what an operation stores."""
    return f"operation:{operation_id}"


def cancel(room: Room, operation_id: str) -> None:
    """Cancel an operation. One that is carried out just now may still end what it is at.

    Raises:
        UnknownItemError: there is none.
        ConflictError: it has ended.
    """
    name = parse_id(operation_id)

    def work(connection: apsw.Connection) -> None:
        operation = _known(connection, room, name)
        if operation.state in ENDED:
            raise ConflictError(
                f"Operation {name} cannot be cancelled: status is '{operation.state}', "
                "only 'pending' and 'processing' operations can be cancelled"
            )
        store.cancel(connection, operation)

    room.tenant.database.write("operations.cancel", work)
    room.tenant.house.wake(room.tenant)


def retry(room: Room, operation_id: str) -> None:
    """Carry out an operation that failed or was cancelled after all, or one that rests at once.

    Raises:
        UnknownItemError: there is none.
        ConflictError: it waits already, is carried out, or is completed.
    """
    name = parse_id(operation_id)

    def work(connection: apsw.Connection) -> None:
        operation = _known(connection, room, name)
        if store.requeue(connection, operation):
            return
        if operation.is_parent:
            raise ConflictError(
                f"Operation {name} is a {operation.kind} parent with no incomplete sub-batches to retry (its children "
                "have all completed, or it has none). Resubmit the source documents to re-ingest them, then delete "
                f"this record via DELETE /operations/{name}/delete."
            )
        raise ConflictError(
            f"Operation {name} cannot be retried: status is '{operation.state}', "
            "expected 'failed', 'cancelled' or deferred"
        )

    room.tenant.database.write("operations.retry", work)
    room.tenant.house.wake(room.tenant)


def delete(room: Room, operation_id: str) -> None:
    """Remove the record of an operation that has ended.

    Raises:
        UnknownItemError: there is none.
        ConflictError: it has not ended.
    """
    name = parse_id(operation_id)

    def work(connection: apsw.Connection) -> None:
        operation = _known(connection, room, name)
        if operation.state not in ENDED:
            raise ConflictError(
                f"Operation {name} cannot be deleted: status is '{operation.state}', "
                "expected 'failed', 'cancelled' or 'completed'"
            )
        store.delete(connection, operation)

    room.tenant.database.write("operations.delete", work)


def forget_document(room: Room, document: str | None) -> None:
    """Remove what failed or was cancelled and still holds something of a document; None: of any."""
    store.delete_of_document(room.tenant.database, room.uid, document)


#: The kind of a parent of retains.
BATCH = "batch_retain"


def _retain(room: Room, operation: Operation) -> Mapping[str, Any]:
    payload = operation.payload or {}
    items = [Retaining.from_json(item) for item in payload["items"]]
    retained = retaining.retain(room, items, key=operation_key(operation.id))
    return {
        "unit_ids_count": retained.units,
        "extraction_errors_count": 0,
        "progress": {
            "stage": "storing",
            "at": datetime.now(UTC).isoformat(),
            "processed": len(items),
            "total": len(items),
            "detail": {"facts_committed": retained.units},
        },
    }


def _refresh_mental_model(room: Room, operation: Operation) -> Mapping[str, Any]:
    from threadline.server import refreshing  # it submits such operations itself

    return refreshing.refresh(room, (operation.payload or {})["mental_model_id"])


def _transfer(room: Room, operation: Operation) -> Mapping[str, Any]:
    from threadline.server import transferring  # it submits operations itself

    return transferring.carry(room, operation)


def _convert(room: Room, operation: Operation) -> Mapping[str, Any]:
    from threadline.server import converting

    return converting.carry(room, operation)


KINDS: dict[str, Carry] = {
    "retain": _retain,
    "refresh_mental_model": _refresh_mental_model,
    "export_documents": _transfer,
    "import_documents": _transfer,
    "export_bank": _transfer,
    "import_bank": _transfer,
    "clone_bank": _transfer,
    "file_convert_retain": _convert,
}


def _insert_batch(
    connection: apsw.Connection, bank: str, name: str, payload: Mapping[str, Any], digest: str, shown: Mapping[str, Any]
) -> None:
    """A batch is one child, however large: its items are stored in one transaction."""
    items = payload["items"]
    documents = {item.get("document") for item in items} - {None}
    common = {"items_count": len(items), **({"document_id": documents.pop()} if len(documents) == 1 else {}), **shown}
    tokens = sum(-(-len(item["text"]) // _CHARS_PER_TOKEN) for item in items)
    of_parent = {"is_parent": True, "total_tokens": tokens, "num_sub_batches": 1, **common}
    of_child = {"parent_operation_id": name, "sub_batch_index": 1, "total_sub_batches": 1, **common}
    now = datetime.now(UTC)
    parent = store.insert(connection, bank, New(name, BATCH, None, None, digest, metadata=of_parent), at=now)
    child = New(str(uuid.uuid4()), "retain", "retain", payload, digest, metadata=of_child)
    store.insert(connection, bank, child, parent=parent, at=now)


def _known(connection: apsw.Connection, room: Room, name: str) -> Operation:
    operation = store.named(connection, room.uid, name)
    if operation is None:
        raise UnknownItemError(f"Operation {name} not found for bank {room.id}")
    return operation


def _same(known: Operation, kind: str, digest: str) -> Operation:
    """The operation that has the id already, if it is what was sent again."""
    if known.kind != kind:
        raise ConflictError(f"operation_id {known.id} is already in use")
    if known.digest != digest:
        raise ConflictError(
            f"operation_id {known.id} is already in use: it was sent with other content before, and what is sent now "
            "was not stored; send it with an id of its own"
        )
    return known


def _digest(kind: str, payload: Mapping[str, Any]) -> str:
    text = json.dumps([kind, payload], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
