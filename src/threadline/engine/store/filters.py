# ruff: noqa: S608 - the parts that SQL is put together from are constants; what a caller said is bound
"""Conditions in SQL: on tags, on text in any case of its letters, on moments of time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from threadline.engine.store.pages import folded
from threadline.tags import AllOf, AnyOf, NotOf, TagFilter, Tags


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, with what is bound to the places in it."""

    sql: str = "1"
    bound: tuple[object, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return both("AND", (self, other))


def both(word: str, conditions: Sequence[Condition]) -> Condition:
    """Conditions joined by `AND` or `OR`, as a flat tree: SQLite takes no deep one."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    left, right = both(word, conditions[:middle]), both(word, conditions[middle:])
    return Condition(f"({left.sql} {word} {right.sql})", left.bound + right.bound)


def tagged(wanted: TagFilter | None, owners: str) -> Condition:
    """The condition that tags pass a wanted.

    Args:
        wanted: None: any do.
        owners: SQL for the ids of the documents whose tags, together, are looked at.
    """
    match wanted:
        case None:
            return Condition()
        case Tags():
            return _tags(wanted, f"tags WHERE document IN ({owners})")
        case AllOf():
            return both("AND", [tagged(each, owners) for each in wanted.filters] or [Condition()])
        case AnyOf():
            return both("OR", [tagged(each, owners) for each in wanted.filters] or [Condition("0")])
        case NotOf():
            inner = tagged(wanted.condition, owners)
            return Condition(f"NOT ({inner.sql})", inner.bound)
        case _:
            raise TypeError(f"{type(wanted).__name__} has no SQL.")


def _tags(wanted: Tags, rows: str) -> Condition:
    names = json.dumps(sorted(wanted.names), ensure_ascii=False)
    listed = "(SELECT value FROM json_each(?))"
    among = f"{rows} AND tag IN {listed}"
    all_of_them = Condition(f"(SELECT count(DISTINCT tag) FROM {among}) = ?", (names, len(wanted.names)))
    if wanted.match == "exact":
        return all_of_them & Condition(f"NOT EXISTS (SELECT 1 FROM {rows} AND tag NOT IN {listed})", (names,))
    if not wanted.names:
        return Condition()
    any_of_them = Condition(f"EXISTS (SELECT 1 FROM {among})", (names,))
    held = all_of_them if wanted.match.startswith("all") else any_of_them
    if wanted.match.endswith("_strict"):
        return held
    return both("OR", (held, Condition(f"NOT EXISTS (SELECT 1 FROM {rows})")))


def within(moment: str, start: datetime | None, end: datetime | None) -> Condition:
    """The condition that a moment, as SQL for seconds since 1970, is there, and lies within a window.

    Args:
        start: from here on.
        end: before this.
    """
    conditions = [Condition(f"{moment} IS NOT NULL")]
    if start is not None:
        conditions.append(Condition(f"{moment} >= unixepoch(?, 'subsec')", (start.isoformat(),)))
    if end is not None:
        conditions.append(Condition(f"{moment} < unixepoch(?, 'subsec')", (end.isoformat(),)))
    return both("AND", conditions)


def contains(columns: Sequence[str], text: str) -> Condition:
    """The condition that one of some columns has a text in it, in whatever case; needs the function `folded`."""
    return both("OR", [Condition(f"instr(folded({column}), ?) > 0", (folded(text),)) for column in columns])
