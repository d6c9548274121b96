"""The operations of a tenant: what was accepted to be carried out later, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import apsw

from threadline.database import Database
from threadline.errors import UnknownBankError

State = Literal["pending", "processing", "completed", "failed", "cancelled"]

#: The states in which nothing more happens by itself.
ENDED: tuple[State, ...] = ("completed", "failed", "cancelled")

_COLUMNS = (
    "seq, bank, id, kind, parent, queue, state, payload, digest, metadata, error, attempts, due_at, created_at, "
    "updated_at, completed_at"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation. Times are ISO 8601 in UTC.

    Attributes:
        seq: its own number in the file.
        bank: the uid of its bank.
        parent: the number of the one that it is a part of.
        queue: what it waits in; None: a parent, which is as its children are.
        payload: what it is carried out with; None for a parent, and once it is completed.
        digest: of what its caller sent.
        metadata: what is shown of it and of its result.
        attempts: how many failed.
        due_at: it is not begun before.
    """

    seq: int
    bank: str
    id: str
    kind: str
    parent: int | None
    queue: str | None
    state: State
    payload: Mapping[str, Any] | None
    digest: str
    metadata: Mapping[str, Any]
    error: str | None
    attempts: int
    due_at: str
    created_at: str
    updated_at: str
    completed_at: str | None

    @property
    def is_parent(self) -> bool:
        """Whether it only stands for its children."""
        return self.queue is None

    @property
    def retries(self) -> int:
        """How often it was tried again after it had failed."""
        return max(0, self.attempts - 1) if self.state == "failed" else self.attempts

    @property
    def next_retry_at(self) -> str | None:
        """When it is tried again, or was for the last time."""
        return self.due_at if self.attempts or self.due_at > self.created_at else None


@dataclass(frozen=True, slots=True)
class New:
    """An operation that is to be accepted.

    Attributes:
        queue: what it waits in; None: a parent.
        single: at most one of the kind waits with this in a bank.
        rest: how long it waits before it may begin, in seconds.
    """

    id: str
    kind: str
    queue: str | None
    payload: Mapping[str, Any] | None
    digest: str = ""
    single: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    rest: float = 0.0


@dataclass(frozen=True, slots=True)
class Head:
    """What is next in a queue, and when it may begin."""

    seq: int
    bank: str
    queue: str
    kind: str
    due_at: str


def insert(
    connection: apsw.Connection, bank: str, new: New, *, parent: int | None = None, at: datetime | None = None
) -> int:
    """Accept an operation, within a transaction; returns its number.

    Args:
        at: when it was accepted; None: now.

    Raises:
        UnknownBankError: the bank was deleted.
    """
    if connection.execute("SELECT 1 FROM banks WHERE uid = ?", (bank,)).get is None:
        raise UnknownBankError("The bank was deleted meanwhile")
    now = at or datetime.now(UTC)
    connection.execute(
        """
        INSERT INTO operations (bank, id, kind, parent, queue, turn, state, payload, digest, single, metadata, due_at,
                                created_at, updated_at)
        VALUES (:bank, :id, :kind, :parent, :queue, (SELECT coalesce(max(turn), 0) + 1 FROM operations), 'pending',
                :payload, :digest, :single, :metadata, :due, :now, :now)
        """,
        {
            "bank": bank,
            "id": new.id,
            "kind": new.kind,
            "parent": parent,
            "queue": new.queue,
            "payload": None if new.payload is None else json.dumps(new.payload, ensure_ascii=False),
            "digest": new.digest,
            "single": new.single,
            "metadata": json.dumps(new.metadata, ensure_ascii=False),
            "due": _iso(now + timedelta(seconds=new.rest)),
            "now": _iso(now),
        },
    )
    return connection.last_insert_rowid()


def waiting(connection: apsw.Connection, bank: str, kind: str, single: str) -> Operation | None:
    """The one of the kind that waits with this, within a transaction."""
    sql = "bank = ? AND kind = ? AND single = ? AND state = 'pending'"
    return _first(connection, sql, (bank, kind, single))


def named(connection: apsw.Connection, bank: str, operation_id: str) -> Operation | None:
    """The operation with this id, within a transaction."""
    return _first(connection, "bank = ? AND id = ?", (bank, operation_id))


def get(database: Database, bank: str, operation_id: str) -> Operation | None:
    """The operation with this id."""
    return next(iter(some(database, "bank = ? AND id = ?", (bank, operation_id))), None)


def some(database: Database, where: str, bindings: Sequence[Any]) -> list[Operation]:
    """The operations for which a condition of the store's own modules holds."""
    rows = database.rows(f"SELECT {_COLUMNS} FROM operations WHERE {where}", tuple(bindings))  # noqa: S608
    return [_operation(row) for row in rows]


def children(database: Database, operation: Operation) -> list[Operation]:
    """The parts of an operation, in order."""
    return some(database, "parent = ? ORDER BY seq", (operation.seq,))


def listed(
    database: Database,
    bank: str,
    *,
    state: str | None = None,
    kind: str | None = None,
    parents: bool = True,
    limit: int = -1,
    offset: int = 0,
) -> tuple[list[Operation], int]:
    """A page of a bank's operations without their payloads, the latest first, and how many there are in all."""
    where = "bank = :bank AND (:state IS NULL OR state = :state) AND (:kind IS NULL OR kind = :kind)"
    if not parents:
        where += " AND queue IS NOT NULL"
    bindings: dict[str, Any] = {"bank": bank, "state": state, "kind": kind}
    light = _COLUMNS.replace("payload", "NULL")
    rows = database.rows(
        f"SELECT {light} FROM operations WHERE {where} ORDER BY created_at DESC, seq LIMIT :limit OFFSET :offset",  # noqa: S608
        {**bindings, "limit": limit, "offset": offset},
    )
    total = database.row(f"SELECT count(*) FROM operations WHERE {where}", bindings)  # noqa: S608
    return [_operation(row) for row in rows], total[0] if total else 0


def counts(database: Database, bank: str) -> dict[str, int]:
    """How many operations of a bank are in each state."""
    rows = database.rows("SELECT state, count(*) FROM operations WHERE bank = ? GROUP BY state", (bank,))
    return {str(state): int(count) for state, count in rows}


def depths(database: Database) -> list[tuple[str, str, int]]:
    """How many operations of each kind wait, are carried out or failed, in all banks together."""
    sql = """SELECT kind, state, count(*) FROM operations
              WHERE state IN ('pending', 'processing', 'failed') AND queue IS NOT NULL GROUP BY kind, state"""
    return [(kind, state, number) for kind, state, number in database.rows(sql)]


def heads(database: Database) -> list[Head]:
    """What is next in each queue where nothing is carried out just now, whether or not it may begin already."""
    return [Head(*row) for row in database.rows(_HEADS)]


def take(database: Database, seq: int) -> Operation | None:
    """Begin an operation; None where it does not wait any more."""

    def work(connection: apsw.Connection) -> Operation | None:
        connection.execute(
            "UPDATE operations SET state = 'processing', single = NULL, updated_at = ? "
            "WHERE seq = ? AND state = 'pending'",
            (_now(), seq),
        )
        return _first(connection, "seq = ?", (seq,)) if connection.changes() else None

    return database.write("operations.take", work)


def complete(database: Database, operation: Operation, result: Mapping[str, Any]) -> None:
    """Record that an operation was carried out; its payload goes. Nothing where it was cancelled or deleted meanwhile.

    Args:
        result: joins its metadata, and, but for the progress, that of its parent.
    """

    def work(connection: apsw.Connection) -> None:
        connection.execute(
            """
            UPDATE operations SET state = 'completed', payload = NULL, error = NULL, updated_at = ?1, completed_at = ?1,
                metadata = json_patch(metadata, ?2)
            WHERE seq = ?3 AND state = 'processing'
            """,
            (_now(), json.dumps(result, ensure_ascii=False), operation.seq),
        )
        if connection.changes() and operation.parent is not None:
            shared = {name: value for name, value in result.items() if name != "progress"}
            connection.execute(
                "UPDATE operations SET metadata = json_patch(metadata, ?) WHERE seq = ?",
                (json.dumps(shared, ensure_ascii=False), operation.parent),
            )

    database.write("operations.complete", work)


def fail(database: Database, operation: Operation, error: str, result: Mapping[str, Any] | None = None) -> None:
    """Record that an operation failed for good."""
    database.write(
        "operations.fail",
        lambda connection: connection.execute(
            """
            UPDATE operations SET state = 'failed', error = ?1, attempts = attempts + 1, updated_at = ?2,
                completed_at = ?2, metadata = json_patch(metadata, ?3)
            WHERE seq = ?4 AND state = 'processing'
            """,
            (error, _now(), json.dumps(result or {}, ensure_ascii=False), operation.seq),
        ),
    )


def rest(
    database: Database,
    operation: Operation,
    error: str,
    seconds: float,
    *,
    aside: bool = False,
    result: Mapping[str, Any] | None = None,
) -> None:
    """Record that an attempt failed, and when the next may begin.

    Args:
        aside: those behind it in its queue do not wait for it.
        result: joins its metadata.
    """
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    queue = f"{operation.queue}#{operation.id}" if aside and operation.attempts == 0 else operation.queue
    database.write(
        "operations.rest",
        lambda connection: connection.execute(
            """
            UPDATE operations SET state = 'pending', error = ?, attempts = attempts + 1, updated_at = ?, due_at = ?,
                queue = ?, metadata = json_patch(metadata, ?)
            WHERE seq = ? AND state = 'processing'
            """,
            (error, _now(), _iso(due), queue, json.dumps(result or {}), operation.seq),
        ),
    )


def put_back(database: Database, operation: Operation) -> None:
    """Let an operation wait again, as if it had not been begun."""
    database.write(
        "operations.put_back",
        lambda connection: connection.execute(
            "UPDATE operations SET state = 'pending', updated_at = ? WHERE seq = ? AND state = 'processing'",
            (_now(), operation.seq),
        ),
    )


def resume(database: Database, kind: str) -> int:
    """Let what of a kind was carried out when the process died wait again; returns how many there were."""

    def work(connection: apsw.Connection) -> int:
        connection.execute(
            "UPDATE operations SET state = 'pending', updated_at = ? WHERE state = 'processing' AND kind = ?",
            (_now(), kind),
        )
        return connection.changes()

    if database.row("SELECT 1 FROM operations WHERE state = 'processing' LIMIT 1") is None:
        return 0
    return database.write("operations.resume", work)


def cancel(connection: apsw.Connection, operation: Operation) -> None:
    """Cancel an operation and its parts that have not ended, within a transaction."""
    connection.execute(
        """
        UPDATE operations SET state = 'cancelled', error = NULL, updated_at = ?1
        WHERE (seq = ?2 OR parent = ?2) AND queue IS NOT NULL AND state IN ('pending', 'processing')
        """,
        (_now(), operation.seq),
    )


def requeue(connection: apsw.Connection, operation: Operation) -> bool:
    """Let an operation or its parts be carried out after all, or at once; False where there is nothing to carry out."""
    now = _now()
    found = connection.execute(
        """
        SELECT seq FROM operations WHERE (seq = ?1 OR parent = ?1) AND queue IS NOT NULL
            AND (state IN ('failed', 'cancelled') OR state = 'pending' AND due_at > ?2)
        """,
        (operation.seq, now),
    ).fetchall()
    for (seq,) in found:
        connection.execute(
            """
            UPDATE operations SET state = 'pending', error = NULL, attempts = 0, single = NULL, due_at = ?1,
                updated_at = ?1, completed_at = NULL, turn = (SELECT max(turn) + 1 FROM operations)
            WHERE seq = ?2
            """,
            (now, seq),
        )
    return bool(found)


def delete(connection: apsw.Connection, operation: Operation) -> None:
    """Remove the record of an operation and of its parts, within a transaction."""
    connection.execute("DELETE FROM operations WHERE seq = ?", (operation.seq,))


def delete_of_document(database: Database, bank: str, document: str | None) -> None:
    """Remove what failed or was cancelled and still holds something of a document; None: of any."""
    among = "SELECT 1 FROM json_each(payload, '$.items') WHERE ?2 IS NULL OR value ->> 'document' = ?2"
    database.write(
        "operations.delete",
        lambda connection: connection.execute(
            f"""
            DELETE FROM operations WHERE seq IN (
                SELECT coalesce(parent, seq) FROM operations
                WHERE bank = ?1 AND state IN ('failed', 'cancelled') AND EXISTS ({among})
            )
            """,  # noqa: S608
            (bank, document),
        ),
    )


def prune(database: Database, before: datetime, most: int = 1_000) -> bool:
    """Remove the records of what ended before a moment, with their parts; returns whether there may be more.

    Args:
        most: so many at a time, that nobody waits long for it.
    """
    old = (
        "SELECT seq FROM operations WHERE updated_at < ?1 AND state IN ('completed', 'failed', 'cancelled') "
        "AND parent IS NULL LIMIT ?2"
    )
    bindings = (_iso(before), most)

    def work(connection: apsw.Connection) -> bool:
        connection.execute(f"DELETE FROM operations WHERE seq IN ({old})", bindings)  # noqa: S608
        return connection.changes() == most

    return database.row(old, bindings) is not None and database.write("operations.prune", work)


_HEADS = """
    WITH RECURSIVE head (seq) AS (
        SELECT (
            SELECT seq FROM operations WHERE state IN ('pending', 'processing') AND queue IS NOT NULL
            ORDER BY bank, queue, turn LIMIT 1
        )
        UNION ALL
        SELECT coalesce(
            (
                SELECT seq FROM operations
                WHERE state IN ('pending', 'processing') AND bank = this.bank AND queue > this.queue
                ORDER BY queue, turn LIMIT 1
            ),
            (
                SELECT seq FROM operations
                WHERE state IN ('pending', 'processing') AND queue IS NOT NULL AND bank > this.bank
                ORDER BY bank, queue, turn LIMIT 1
            )
        )
        FROM head CROSS JOIN operations AS this ON this.seq = head.seq
    )
    SELECT seq, bank, queue, kind, due_at FROM head CROSS JOIN operations USING (seq) WHERE state = 'pending'
"""


def _now() -> str:
    return _iso(datetime.now(UTC))


def _iso(moment: datetime) -> str:
    """Of one length, so that texts compare as times do."""
    return moment.isoformat(timespec="microseconds")


def _first(connection: apsw.Connection, where: str, bindings: Sequence[Any]) -> Operation | None:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM operations WHERE {where}", tuple(bindings))  # noqa: S608
    row = next(iter(rows), None)
    return None if row is None else _operation(row)


def _operation(row: tuple[Any, ...]) -> Operation:
    names = [name.strip() for name in _COLUMNS.split(",")]
    values = dict(zip(names, row, strict=True))
    values["payload"] = None if values["payload"] is None else json.loads(values["payload"])
    values["metadata"] = json.loads(values["metadata"])
    return Operation(**values)
