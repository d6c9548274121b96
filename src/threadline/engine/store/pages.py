"""A part of a list, and the reading that all lists have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from threadline.database import Database, storage_errors
from threadline.documents import MemoryType
from threadline.engine.roles import memory_type

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and how long all of it is."""

    items: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of a list is wanted, and the window of time that it is about.

    Attributes:
        start: only from this moment on.
        end: only before this moment.
    """

    limit: int = 100
    offset: int = 0
    start: datetime | None = None
    end: datetime | None = None

    @property
    def timed(self) -> bool:
        """Whether it has a window of time."""
        return self.start is not None or self.end is not None


def folded(text: str | None) -> str | None:
    """A text without the difference of upper and lower case."""
    return None if text is None else text.casefold()


def rows(database: Database, sql: str, bound: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query, which may use the SQL function `folded`."""
    with storage_errors(database.path):
        connection = database.read()
        connection.create_scalar_function("folded", _folded, 1, deterministic=True)
        return list(connection.execute(sql, tuple(bound)))


def _folded(*texts: Any) -> Any:
    return folded(texts[0])


def by_type(counted: Iterable[tuple[str, int]]) -> dict[MemoryType, int]:
    """Numbers of memories by role, as those by type."""
    types: dict[MemoryType, int] = {}
    for role, count in counted:
        types[memory_type(role)] = types.get(memory_type(role), 0) + count
    return types
