"""The aliases of a tenant's banks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import apsw

from threadline.database import Database
from threadline.errors import UnknownBankError


@dataclass(frozen=True, slots=True)
class Alias:
    """A further id of a bank.

    Attributes:
        shown: it is shown in place of the bank's own id. One of a bank's aliases at most is.
    """

    alias: str
    shown: bool


def resolve(database: Database, alias: str) -> str | None:
    """The uid of the bank that has this alias."""
    row = database.row("SELECT bank FROM aliases WHERE alias = ?", (alias,))
    return None if row is None else str(row[0])


def listed(database: Database, bank: str) -> list[Alias]:
    """A bank's aliases, the shown one first, then the oldest first."""
    rows = database.rows(
        "SELECT alias, shown FROM aliases WHERE bank = ? ORDER BY shown DESC, created_at, alias", (bank,)
    )
    return [Alias(alias, bool(shown)) for alias, shown in rows]


def every(database: Database) -> dict[str, list[Alias]]:
    """The aliases of all banks by the bank's uid, in the order of the alphabet."""
    found: dict[str, list[Alias]] = {}
    for bank, alias, shown in database.rows("SELECT bank, alias, shown FROM aliases ORDER BY alias"):
        found.setdefault(bank, []).append(Alias(alias, bool(shown)))
    return found


def create(database: Database, bank: str, alias: str, *, shown: bool = False) -> bool:
    """Let a bank answer to an alias; False where a bank or another alias has that name.

    Raises:
        UnknownBankError: the bank was deleted.
    """

    def work(connection: apsw.Connection) -> bool:
        if connection.execute("SELECT 1 FROM banks WHERE uid = ?", (bank,)).get is None:
            raise UnknownBankError("The bank was deleted meanwhile")
        connection.execute(
            "INSERT INTO aliases (alias, bank, created_at) SELECT :alias, :bank, :now "
            "WHERE NOT EXISTS (SELECT 1 FROM banks WHERE id = :alias) ON CONFLICT (alias) DO NOTHING",
            {"alias": alias, "bank": bank, "now": datetime.now(UTC).isoformat()},
        )
        if connection.changes() == 0:
            return False
        if shown:
            _show(connection, bank, alias)
        return True

    return database.write("aliases.create", work)


def show(database: Database, bank: str, alias: str, shown: bool) -> bool:
    """Show an alias in place of the bank's id, or no more; False where the bank has no such alias."""

    def work(connection: apsw.Connection) -> bool:
        owned = connection.execute("SELECT 1 FROM aliases WHERE alias = ? AND bank = ?", (alias, bank)).get
        if owned is None:
            return False
        if shown:
            _show(connection, bank, alias)
        else:
            connection.execute("UPDATE aliases SET shown = 0 WHERE alias = ?", (alias,))
        return True

    return database.write("aliases.show", work)


def remove(database: Database, bank: str, alias: str) -> bool:
    """Take an alias from a bank; False where it has no such alias."""

    def work(connection: apsw.Connection) -> bool:
        connection.execute("DELETE FROM aliases WHERE alias = ? AND bank = ?", (alias, bank))
        return connection.changes() == 1

    return database.write("aliases.remove", work)


def _show(connection: apsw.Connection, bank: str, alias: str) -> None:
    connection.execute("UPDATE aliases SET shown = 0 WHERE bank = ?", (bank,))  # first: one of them at most is shown
    connection.execute("UPDATE aliases SET shown = 1 WHERE alias = ?", (alias,))
