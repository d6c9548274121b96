"""What a server knows of a tenant beside its banks' own files: `server.db`, one table or more for each noun."""

from __future__ import annotations

from pathlib import Path

from threadline.database import Database, Durability, Schema

_HERE = Path(__file__).parent


def schema() -> Schema:
    """The tables of all nouns, in the order of their names; `banks` comes first."""
    files = sorted(_HERE.glob("*.sql"), key=lambda path: (path.stem != "banks", path.stem))
    # "TLSV" in ASCII.
    return Schema(application_id=0x544C5356, version=1, create="\n".join(path.read_text("utf-8") for path in files))


def open_store(path: Path, durability: Durability = "process") -> Database:
    """Open a tenant's `server.db`, made when missing.

    Raises:
        StorageError: it cannot be used.
    """
    return Database(path, schema(), durability)
