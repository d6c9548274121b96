"""The banks of a tenant."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import apsw

from threadline.database import Database


@dataclass(frozen=True, slots=True)
class BankRow:
    """A bank as the server knows it.

    Attributes:
        id: its name in the data directory and on the wire.
        uid: its own, never used again, also when a bank of that name is made anew.
        name: what people read.
    """

    uid: str
    id: str
    name: str | None
    created_at: datetime
    updated_at: datetime


_COLUMNS = "uid, id, name, created_at, updated_at"


def find(database: Database, bank_id: str) -> BankRow | None:
    """A bank by its id."""
    row = database.row(f"SELECT {_COLUMNS} FROM banks WHERE id = ?", (bank_id,))  # noqa: S608 - a constant
    return None if row is None else _bank(row)


def find_by_uid(database: Database, uid: str) -> BankRow | None:
    """A bank by its uid."""
    row = database.row(f"SELECT {_COLUMNS} FROM banks WHERE uid = ?", (uid,))  # noqa: S608 - a constant
    return None if row is None else _bank(row)


def every(database: Database) -> list[BankRow]:
    """All banks, the latest first."""
    rows = database.rows(f"SELECT {_COLUMNS} FROM banks ORDER BY updated_at DESC, id")  # noqa: S608 - a constant
    return [_bank(row) for row in rows]


def ensure(database: Database, bank_id: str) -> BankRow:
    """A bank, made where there is none."""
    found = find(database, bank_id)
    if found is not None:
        return found
    make(database, bank_id)
    made = find(database, bank_id)
    return ensure(database, bank_id) if made is None else made  # deleted between the two: made anew


def make(database: Database, bank_id: str) -> BankRow | None:
    """A new bank; None where there is one of that id."""
    uid = secrets.token_hex(8)

    def work(connection: apsw.Connection) -> bool:
        now = datetime.now(UTC).isoformat()
        connection.execute(
            "INSERT INTO banks (uid, id, created_at, updated_at) VALUES (?, ?, ?3, ?3) ON CONFLICT (id) DO NOTHING",
            (uid, bank_id, now),
        )
        return connection.changes() == 1

    return find_by_uid(database, uid) if database.write("server.bank", work) else None


def rename(database: Database, uid: str, name: str | None) -> None:
    """Give a bank the name that people read."""
    now = datetime.now(UTC).isoformat()
    database.write(
        "server.bank",
        lambda connection: connection.execute(
            "UPDATE banks SET name = ?, updated_at = ? WHERE uid = ?", (name, now, uid)
        ),
    )


def touch(database: Database, uid: str) -> None:
    """Note that a bank was changed."""
    now = datetime.now(UTC).isoformat()
    database.write(
        "server.bank",
        lambda connection: connection.execute("UPDATE banks SET updated_at = ? WHERE uid = ?", (now, uid)),
    )


def remove(database: Database, uid: str) -> None:
    """Delete a bank with everything that the server's tables have of it."""
    database.write("server.bank", lambda connection: connection.execute("DELETE FROM banks WHERE uid = ?", (uid,)))


def _bank(row: tuple[Any, ...]) -> BankRow:
    uid, bank_id, name, created_at, updated_at = row
    return BankRow(uid, bank_id, name, datetime.fromisoformat(created_at), datetime.fromisoformat(updated_at))
