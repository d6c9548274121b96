"""Which files are kept for whom, and for how long."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Literal

from threadline.database import Database

_COLUMNS = "key, bank, kind, name, size, expires_at"


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file that is kept.

    Attributes:
        key: what it is fetched by.
        bank: the uid of its bank.
        kind: `export`: made to be fetched; `upload`: sent to be worked on.
        name: what people call it.
        expires_at: ISO 8601 in UTC.
    """

    key: str
    bank: str
    kind: Literal["export", "upload"]
    name: str
    size: int
    expires_at: str


def add(database: Database, file: FileRow) -> None:
    """Note a file; one of that key is another one now."""
    sql = f"INSERT OR REPLACE INTO files ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant
    database.write("files.add", lambda connection: connection.execute(sql, astuple(file)))


def find(database: Database, key: str, now: datetime) -> FileRow | None:
    """A file that has not expired."""
    sql = f"SELECT {_COLUMNS} FROM files WHERE key = ? AND expires_at > ?"  # noqa: S608 - a constant
    row = database.row(sql, (key, now.isoformat()))
    return None if row is None else FileRow(*row)


def keys(database: Database, now: datetime) -> set[str]:
    """The keys of all files that have not expired."""
    return {key for (key,) in database.rows("SELECT key FROM files WHERE expires_at > ?", (now.isoformat(),))}


def remove(database: Database, key: str) -> None:
    """A file is not kept any more."""
    database.write("files.remove", lambda connection: connection.execute("DELETE FROM files WHERE key = ?", (key,)))


def remove_of(database: Database, bank: str) -> None:
    """No file of a bank is kept any more."""
    database.write("files.remove", lambda connection: connection.execute("DELETE FROM files WHERE bank = ?", (bank,)))


def expire(database: Database, now: datetime) -> None:
    """Files that have expired are not kept any more."""
    database.write(
        "files.expire",
        lambda connection: connection.execute("DELETE FROM files WHERE expires_at <= ?", (now.isoformat(),)),
    )
