"""The audit log of a bank."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import apsw

from threadline.database import Database

Transport = Literal["http", "mcp", "system"]

_COLUMNS = "id, action, transport, started_at, ended_at, metadata"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was asked of a bank.

    Attributes:
        transport: `system` where the server did it by itself.
        metadata: the request's id and what came of it; never what was said.
    """

    action: str
    transport: Transport
    started_at: datetime
    ended_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""


def enabled(database: Database, bank: str) -> bool:
    """Whether what is asked of a bank is noted."""
    row = database.row("SELECT overrides ->> 'audit_log_enabled' FROM configs WHERE bank = ?", (bank,))
    return bool(row and row[0])


def record(database: Database, bank: str, entry: Entry) -> None:
    """Note something that was asked of a bank; nothing where the bank was deleted meanwhile."""

    def work(connection: apsw.Connection) -> None:
        connection.execute(
            f"INSERT INTO audit_log (bank, {_COLUMNS}) SELECT uid, ?, ?, ?, ?, ?, ? FROM banks WHERE uid = ?",  # noqa: S608
            (
                str(uuid.uuid4()),
                entry.action,
                entry.transport,
                _iso(entry.started_at),
                _iso(entry.ended_at),
                json.dumps(dict(entry.metadata), ensure_ascii=False),
                bank,
            ),
        )

    database.write("audit.record", work)


def get(database: Database, bank: str, entry_id: str) -> Entry | None:
    """The entry with this id."""
    row = database.row(f"SELECT {_COLUMNS} FROM audit_log WHERE bank = ? AND id = ?", (bank, entry_id))  # noqa: S608
    return None if row is None else _entry(row)


def listed(
    database: Database,
    bank: str,
    *,
    action: str | None = None,
    transport: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = -1,
    offset: int = 0,
) -> tuple[list[Entry], int]:
    """A page of the log, the latest first, and how many entries there are in all.

    Args:
        start: only from this moment on.
        end: only before this moment.
    """
    where = (
        "bank = :bank AND started_at >= :start AND started_at < :end "
        "AND (:action IS NULL OR action = :action) AND (:transport IS NULL OR transport = :transport)"
    )
    bindings: dict[str, Any] = {
        "bank": bank,
        "action": action or None,
        "transport": transport or None,
        "start": "" if start is None else _iso(start),
        "end": "~" if end is None else _iso(end),
    }
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM audit_log WHERE {where} "  # noqa: S608
        "ORDER BY started_at DESC, seq DESC LIMIT :limit OFFSET :offset",
        {**bindings, "limit": limit, "offset": offset},
    )
    total = database.row(f"SELECT count(*) FROM audit_log WHERE {where}", bindings)  # noqa: S608
    return [_entry(row) for row in rows], total[0] if total else 0


def daily(database: Database, bank: str, start: datetime, action: str | None = None) -> dict[str, dict[str, int]]:
    """How often each action was asked for, by day."""
    rows = database.rows(
        """
        SELECT substr(started_at, 1, 10) AS day, action, count(*) FROM audit_log
        WHERE bank = ?1 AND started_at >= ?2 AND (?3 IS NULL OR action = ?3) GROUP BY day, action ORDER BY day, action
        """,
        (bank, _iso(start), action or None),
    )
    days: dict[str, dict[str, int]] = {}
    for day, name, count in rows:
        days.setdefault(day, {})[name] = count
    return days


def prune(database: Database, before: datetime, most: int = 1_000) -> bool:
    """Remove what is older than a moment; returns whether there may be more.

    Args:
        most: so many at a time, that nobody waits long for it.
    """
    old = "SELECT seq FROM audit_log WHERE started_at < ?1 LIMIT ?2"
    bindings = (_iso(before), most)

    def work(connection: apsw.Connection) -> bool:
        connection.execute(f"DELETE FROM audit_log WHERE seq IN ({old})", bindings)  # noqa: S608
        return connection.changes() == most

    return database.row(old, bindings) is not None and database.write("audit.prune", work)


def _iso(moment: datetime) -> str:
    """Of one length and one zone, so that texts compare as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _entry(row: tuple[Any, ...]) -> Entry:
    entry_id, action, transport, started_at, ended_at, metadata = row
    return Entry(
        id=entry_id,
        action=action,
        transport=transport,
        started_at=datetime.fromisoformat(started_at),
        ended_at=datetime.fromisoformat(ended_at),
        metadata=json.loads(metadata),
    )
