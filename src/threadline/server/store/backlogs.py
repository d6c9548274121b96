"""Banks with memories that have no vectors yet."""

from __future__ import annotations

from threadline.database import Database


def add(database: Database, uid: str) -> None:
    """Note that a bank has some; one that was deleted has none."""
    database.write(
        "server.backlog",
        lambda connection: connection.execute(
            "INSERT INTO backlogs SELECT uid FROM banks WHERE uid = ? ON CONFLICT DO NOTHING", (uid,)
        ),
    )


def remove(database: Database, uid: str) -> None:
    """Note that a bank has none any more."""
    database.write(
        "server.backlog", lambda connection: connection.execute("DELETE FROM backlogs WHERE bank = ?", (uid,))
    )


def every(database: Database) -> list[str]:
    """The uids of the banks that have some."""
    return [uid for (uid,) in database.rows("SELECT bank FROM backlogs")]
