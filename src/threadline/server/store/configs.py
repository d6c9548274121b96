"""What is set for each bank over the defaults of its configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import apsw

from threadline.database import Database


def overrides(database: Database, bank: str) -> dict[str, Any]:
    """What is set for a bank."""
    row = database.row("SELECT overrides FROM configs WHERE bank = ?", (bank,))
    return {} if row is None else dict(json.loads(row[0]))


def every(database: Database) -> dict[str, dict[str, Any]]:
    """What is set for all banks by the bank's uid; one where nothing is set is left out."""
    return {bank: json.loads(text) for bank, text in database.rows("SELECT bank, overrides FROM configs")}


def edit(database: Database, bank: str, how: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> dict[str, Any] | None:
    """Change what is set to what `how` makes of it, called within the transaction; None where there is no such bank."""

    def work(connection: apsw.Connection) -> dict[str, Any] | None:
        now = datetime.now(UTC).isoformat()
        connection.execute("UPDATE banks SET updated_at = ? WHERE uid = ?", (now, bank))
        if connection.changes() == 0:
            return None
        found = connection.execute("SELECT overrides FROM configs WHERE bank = ?", (bank,)).get
        after = dict(how({} if found is None else json.loads(found)))
        connection.execute(
            "INSERT INTO configs (bank, overrides) VALUES (?, ?) "
            "ON CONFLICT (bank) DO UPDATE SET overrides = excluded.overrides",
            (bank, json.dumps(after)),
        )
        return after

    return database.write("configs.edit", work)
