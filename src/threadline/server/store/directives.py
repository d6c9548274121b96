"""The directives of a bank."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import apsw

from threadline.database import Database

_COLUMNS = "id, name, content, priority, is_active, tags, created_at, updated_at"


@dataclass(frozen=True, slots=True)
class Directive:
    """A rule for whoever composes an answer. Times are ISO 8601 in UTC.

    Attributes:
        priority: the higher, the earlier it is told.
        tags: the scope it holds in; none: everywhere.
    """

    id: str
    name: str
    content: str
    priority: int
    is_active: bool
    tags: tuple[str, ...]
    created_at: str
    updated_at: str


def create(database: Database, bank: str, directive: Directive) -> None:
    """Store a new directive."""
    values = _values(directive)
    database.write(
        "directives.create",
        lambda connection: connection.execute(
            f"INSERT INTO directives (bank, {_COLUMNS}) VALUES (:bank, "  # noqa: S608
            f"{', '.join(f':{name}' for name in values)})",
            {"bank": bank, **values},
        ),
    )


def get(database: Database, bank: str, directive_id: str) -> Directive | None:
    """The directive with this id."""
    found = database.row(
        f"SELECT {_COLUMNS} FROM directives WHERE bank = ? AND id = ?",  # noqa: S608
        (bank, directive_id),
    )
    return _directive(found) if found else None


def listed(database: Database, bank: str, *, active_only: bool = False) -> list[Directive]:
    """All directives, the highest priority first and of one priority the latest."""
    found = database.rows(
        f"SELECT {_COLUMNS} FROM directives WHERE bank = ? AND (is_active OR NOT ?) "  # noqa: S608
        "ORDER BY priority DESC, created_at DESC, id DESC",
        (bank, active_only),
    )
    return [_directive(row) for row in found]


def edit(database: Database, bank: str, directive_id: str, how: Callable[[Directive], Directive]) -> Directive | None:
    """Change a directive to what `how` makes of it, called within the transaction; None where there is none."""

    def work(connection: apsw.Connection) -> Directive | None:
        found = connection.execute(
            f"SELECT {_COLUMNS} FROM directives WHERE bank = ? AND id = ?",  # noqa: S608
            (bank, directive_id),
        ).get
        if found is None:
            return None
        after = how(_directive(found))
        values = _values(after)
        connection.execute(
            f"UPDATE directives SET {', '.join(f'{name} = :{name}' for name in values)} "  # noqa: S608
            "WHERE bank = :bank AND id = :id",
            {**values, "bank": bank},
        )
        return after

    return database.write("directives.edit", work)


def remove(database: Database, bank: str, directive_id: str) -> bool:
    """Remove a directive; False where there is none."""

    def work(connection: apsw.Connection) -> bool:
        connection.execute("DELETE FROM directives WHERE bank = ? AND id = ?", (bank, directive_id))
        return connection.changes() == 1

    return database.write("directives.remove", work)


def _values(directive: Directive) -> dict[str, Any]:
    values = {one.name: getattr(directive, one.name) for one in fields(directive)}
    return values | {"tags": json.dumps(list(directive.tags)), "is_active": int(directive.is_active)}


def _directive(row: tuple[Any, ...]) -> Directive:
    identity, name, content, priority, is_active, tags, created_at, updated_at = row
    return Directive(
        identity, name, content, priority, bool(is_active), tuple(json.loads(tags)), created_at, updated_at
    )
