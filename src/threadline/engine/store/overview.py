"""What a bank holds, read from its file without opening the bank: a server may have thousands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import apsw

from threadline.database import storage_errors
from threadline.engine.roles import memory_type
from threadline.errors import StorageError

_BUSY_MS = 10_000
_SOURCES = 3  # the version of memory.db that tells documents of a server's caller


@dataclass(frozen=True, slots=True)
class Overview:
    """What a bank holds.

    Attributes:
        types: how many memories it has of each type.
        document_at: when its latest document was first retained.
        written_at: when anything of it was last written.
    """

    types: Mapping[str, int] = field(default_factory=dict)
    documents: int = 0
    entities: int = 0
    document_at: datetime | None = None
    written_at: datetime | None = None

    @property
    def memories(self) -> int:
        """How many memories it has."""
        return sum(self.types.values())


def overview(path: Path) -> Overview | None:
    """Read what a bank holds.

    Args:
        path: its `memory.db`; one that is not there holds nothing.

    Returns:
        None for a file of an older version: opening its bank brings it up to date.

    Raises:
        StorageError: the file cannot be read.
    """
    if not path.exists():
        return Overview()
    try:
        return _looked(path)
    except StorageError:
        return _looked(path) if path.exists() else Overview()  # deleted meanwhile, and perhaps made anew


def _looked(path: Path) -> Overview | None:
    found: Overview | None = None
    with storage_errors(path):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(_BUSY_MS)
            connection.execute("BEGIN")  # one look at one state of the file; closing ends it
            if int(connection.pragma("user_version")) >= _SOURCES:
                found = _read(connection)
        finally:
            connection.close()
    return found


def _read(connection: apsw.Connection) -> Overview:
    types: Counter[str] = Counter()
    for role, count in connection.execute(
        "SELECT role, count(*) FROM memories JOIN passages ON passages.id = passage GROUP BY role"
    ):
        types[memory_type(role)] += count
    documents, stored_at, changed_at = next(connection.execute(_DOCUMENTS))
    (entities,) = next(connection.execute("SELECT count(*) FROM entities"))
    return Overview(dict(types), documents, entities, _time(stored_at), _time(changed_at))


_DOCUMENTS = """
    SELECT count(*), max(stored_at), max(changed_at) FROM (
        SELECT min(stored_at) AS stored_at, max(changed_at) AS changed_at
        FROM documents GROUP BY coalesce('source:' || source, 'name:' || name)
    )
"""


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
