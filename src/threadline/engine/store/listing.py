# ruff: noqa: S608 - the parts that SQL is put together from are constants; what a caller said is bound
"""What a bank holds, page by page: memories, tags, entities, and how many of each there are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from threadline.documents import MemoryType
from threadline.engine.roles import AGENT_ROLES, memory_type
from threadline.engine.store.curation import Curation
from threadline.engine.store.filters import Condition, both, contains, tagged, within
from threadline.engine.store.pages import Page, Span, by_type, folded, rows
from threadline.engine.store.shelf import KNOWN, Shelf, Unit
from threadline.tags import TagFilter

MemoryTime = Literal["created_at", "updated_at", "mentioned_at", "occurred_start", "occurred_end"]
Trunc = Literal["minute", "hour", "day"]


@dataclass(frozen=True, slots=True)
class MemoryFilter:
    """Which memories are wanted.

    Attributes:
        document: the document, as its caller knows it.
        chunk: the index of the chunk within it, from 0.
        entity: the engine's id of one that they mention.
        text: what their text or context has in it.
        time_field: what they are ordered by, the latest first, and what the window is about.
        hidden: the turns of each document that are left out.
    """

    type: str | None = None
    document: str | None = None
    chunk: int | None = None
    entity: int | None = None
    text: str | None = None
    tags: TagFilter | None = None
    state: Literal["valid", "invalidated"] = "valid"
    time_field: MemoryTime | None = None
    hidden: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Whom or what memories are about.

    Attributes:
        id: the public id.
        count: how many memories mention it.
    """

    id: str
    name: str
    count: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Together:
    """Two entities that memories mention together.

    Attributes:
        first, second: their public ids.
        count: how many memories do.
    """

    first: str
    second: str
    count: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a bank holds.

    Attributes:
        written_at: when something was last written to it.
    """

    documents: int
    memories: Mapping[MemoryType, int]
    written_at: datetime | None


class Listing:
    """Reads one bank page by page.

    Args:
        shelf: the bank's.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def memories(self, wanted: MemoryFilter, span: Span) -> Page[Unit]:
        """Memories, those said last first, or by the time field asked for."""
        if wanted.state == "invalidated":
            return self._invalidated(wanted, span)
        where = _memories(wanted, span)
        at = _field(wanted, span)
        order = "timeless, said DESC" if at is None else f"{_TIMES[at]} DESC"
        sql = f"SELECT memory FROM ({_MEMORY_ROWS}) WHERE {where.sql} "
        total = self._rows(sql.replace("SELECT memory", "SELECT count(*)", 1), where.bound)[0][0]
        rows = self._rows(
            f"{sql} ORDER BY {order}, memory DESC LIMIT ? OFFSET ?", (*where.bound, span.limit, span.offset)
        )
        units = self._shelf.units([memory for (memory,) in rows])
        return Page(tuple(units[memory] for (memory,) in rows if memory in units), total)

    def memory(self, unit: str) -> Unit | None:
        """One memory by its public id, also one that is invalid."""
        number = self._shelf.memory_of(unit)
        found = None if number is None else self._shelf.units([number]).get(number)
        return found or Curation(self._shelf).invalid(unit)

    def counts(self) -> Counts:
        """How much the bank holds."""
        rows = self._rows("SELECT role, count(*) FROM memories JOIN passages ON passages.id = passage GROUP BY role")
        documents = self._rows(f"SELECT count(DISTINCT {KNOWN}) FROM documents WHERE stored_at IS NOT NULL")[0][0]
        written = self._rows(
            """
            SELECT at FROM (
                SELECT changed_at AS at FROM documents UNION ALL SELECT edited_at FROM curated
                UNION ALL SELECT invalidated_at FROM curated
            ) WHERE at IS NOT NULL ORDER BY unixepoch(at, 'subsec') DESC LIMIT 1
            """
        )
        return Counts(documents, by_type(rows), datetime.fromisoformat(written[0][0]) if written else None)

    def timeseries(
        self, time_field: Literal["created_at", "mentioned_at", "occurred_start"], trunc: Trunc, since: datetime
    ) -> dict[datetime, dict[MemoryType, int]]:
        """How many memories of each type lie in each minute, hour or day (of UTC) since a moment.

        One without the time asked for lies where it was stored.
        """
        at = "created" if time_field == "created_at" else f"coalesce({_TIMES[time_field]}, created)"
        form = {
            "minute": "%Y-%m-%dT%H:%M:00+00:00",
            "hour": "%Y-%m-%dT%H:00:00+00:00",
            "day": "%Y-%m-%dT00:00:00+00:00",
        }
        sql = f"""
            SELECT strftime(?, {at}, 'unixepoch'), role, count(*) FROM ({_MEMORY_ROWS})
            WHERE {at} >= unixepoch(?, 'subsec') GROUP BY 1, 2
        """
        buckets: dict[datetime, dict[MemoryType, int]] = {}
        for moment, role, count in self._rows(sql, (form[trunc], since.isoformat())):
            types = buckets.setdefault(datetime.fromisoformat(moment), {})
            types[memory_type(role)] = types.get(memory_type(role), 0) + count
        return buckets

    def tags(self, pattern: str | None, span: Span) -> Page[tuple[str, int]]:
        """Tags with the number of memories that carry each, the most used first.

        Args:
            pattern: `*` stands for anything, in whatever case.
        """
        where = Condition() if not pattern else Condition("folded(tag) GLOB ?", (_glob(pattern),))
        sql = f"""
            SELECT tag, count(*) AS count
            FROM tags JOIN passages USING (document) JOIN memories ON passage = passages.id
            WHERE {where.sql} GROUP BY tag
        """
        total = self._rows(f"SELECT count(*) FROM ({sql})", where.bound)[0][0]
        rows = self._rows(f"{sql} ORDER BY count DESC, tag LIMIT ? OFFSET ?", (*where.bound, span.limit, span.offset))
        return Page(tuple((tag, count) for tag, count in rows), total)

    def entities(self, span: Span, tags: TagFilter | None = None) -> Page[Mentioned]:
        """Entities, those that most memories mention first; only memories with some tags count."""
        where = tagged(tags, "mentions.document")
        sql = _ENTITY_ROWS.format(where=where.sql)
        total = self._rows(f"SELECT count(*) FROM ({sql})", where.bound)[0][0]
        rows = self._rows(
            f"{sql} ORDER BY count DESC, last DESC, entities.id LIMIT ? OFFSET ?",
            (*where.bound, span.limit, span.offset),
        )
        return Page(tuple(self._mentioned(row) for row in rows), total)

    def entity(self, entity: str, tags: TagFilter | None = None) -> Mentioned | None:
        """An entity by its public id; None where no memory (with such tags) mentions it."""
        return self.named([entity], tags).get(entity)

    def named(self, entities: Sequence[str], tags: TagFilter | None = None) -> dict[str, Mentioned]:
        """Entities by their public ids; one that no memory (with such tags) mentions is left out."""
        numbers = [number for number in map(self._shelf.parse_entity, entities) if number is not None]
        among = Condition("entities.id IN (SELECT value FROM json_each(?))", (json.dumps(numbers),))
        where = tagged(tags, "mentions.document") & among
        found = [self._mentioned(row) for row in self._rows(_ENTITY_ROWS.format(where=where.sql), where.bound)]
        return {each.id: each for each in found}

    def together(self, limit: int, least: int = 1, tags: TagFilter | None = None) -> list[Together]:
        """Pairs of entities that at least so many memories mention together, the most frequent first."""
        where = tagged(tags, "one.document")
        sql = f"""
            SELECT one.entity, other.entity, count(*) AS count,
                strftime('%Y-%m-%dT%H:%M:%f+00:00', max(unixepoch(occurred_at, 'subsec')), 'unixepoch') AS last
            FROM mentions AS one JOIN mentions AS other ON other.document = one.document AND other.entity > one.entity
            JOIN passages ON passages.document = one.document JOIN memories ON passage = passages.id
            WHERE {where.sql} GROUP BY 1, 2 HAVING count >= ? ORDER BY count DESC, last DESC, 1, 2 LIMIT ?
        """
        return [
            Together(self._shelf.entity_id(one), self._shelf.entity_id(other), count, datetime.fromisoformat(last))
            for one, other, count, last in self._rows(sql, (*where.bound, least, limit))
        ]

    def _rows(self, sql: str, bound: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return rows(self._shelf.database, sql, bound)

    def _invalidated(self, wanted: MemoryFilter, span: Span) -> Page[Unit]:
        """Of these there are few: what somebody took out by hand."""
        found = [unit for unit in Curation(self._shelf).invalidated(wanted.document) if _passes(unit, wanted, span)]
        at = _field(wanted, span)
        if at is not None:
            found.sort(key=lambda unit: _moments(unit)[at] or _NEVER, reverse=True)
        return Page(tuple(found[span.offset : span.offset + span.limit]), len(found))

    def _mentioned(self, row: tuple[Any, ...]) -> Mentioned:
        number, name, count, first, last = row
        first_seen, last_seen = (datetime.fromtimestamp(seconds, UTC) for seconds in (first, last))
        return Mentioned(self._shelf.entity_id(number), name, count, first_seen, last_seen)


_NEVER = datetime.min.replace(tzinfo=UTC)

_ROLES = ", ".join(f"'{role}'" for role in sorted(AGENT_ROLES))

#: Of a memory: when it was said, and when it came here (of a conversation that is followed live both are the same).
_MEMORY_ROWS = f"""
    SELECT memories.id AS memory, role, {KNOWN} AS known, chunks_before + passages.turn - 1 AS chunk,
        documents.id AS item, documents.context AS context, substr(text, start + 1, end - start) AS words,
        coalesce(json_extract(extra, '$.timeless'), 0) AS timeless, unixepoch(occurred_at, 'subsec') AS said,
        CASE WHEN source IS NULL THEN max(unixepoch(stored_at, 'subsec'), unixepoch(occurred_at, 'subsec'))
            ELSE unixepoch(stored_at, 'subsec') END AS created,
        unixepoch(edited_at, 'subsec') AS edited,
        unixepoch(json_extract(extra, '$.occurred_start'), 'subsec') AS begun,
        unixepoch(json_extract(extra, '$.occurred_end'), 'subsec') AS ended
    FROM memories JOIN passages ON passages.id = passage JOIN documents ON documents.id = passages.document
    LEFT JOIN curated ON replacement = documents.id
"""

_TIMES: Mapping[MemoryTime, str] = {
    "created_at": "created",
    "updated_at": "coalesce(edited, created)",
    "mentioned_at": "CASE WHEN timeless THEN NULL ELSE said END",
    "occurred_start": "begun",
    "occurred_end": "ended",
}

_ENTITY_ROWS = """
    SELECT entities.id, entities.name, count(*) AS count,
        min(unixepoch(occurred_at, 'subsec')), max(unixepoch(occurred_at, 'subsec')) AS last
    FROM mentions JOIN entities ON entities.id = entity JOIN passages ON passages.document = mentions.document
    JOIN memories ON passage = passages.id
    WHERE {where} GROUP BY entities.id
"""


def _field(wanted: MemoryFilter, span: Span) -> MemoryTime | None:
    """The time that a list is ordered by; None: the usual one."""
    return wanted.time_field or ("created_at" if span.timed else None)


def _memories(wanted: MemoryFilter, span: Span) -> Condition:
    conditions = [tagged(wanted.tags, "item")]
    if wanted.type is not None:
        conditions.append(_type(wanted.type))
    if wanted.document is not None:
        conditions.append(Condition("known = ?", (wanted.document,)))
    if wanted.chunk is not None:
        conditions.append(Condition("chunk = ?", (wanted.chunk,)))
    if wanted.entity is not None:
        mentioned = "EXISTS (SELECT 1 FROM mentions WHERE mentions.document = item AND entity = ?)"
        conditions.append(Condition(mentioned, (wanted.entity,)))
    if wanted.text:
        conditions.append(contains(["words", "context"], wanted.text))
    at = _field(wanted, span)
    if at is not None:
        conditions.append(within(f"({_TIMES[at]})", span.start, span.end))
    if wanted.hidden:
        places = [[name, turn - 1] for name, turns in wanted.hidden.items() for turn in turns]
        hidden = "(known, chunk) NOT IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
        conditions.append(Condition(hidden, (json.dumps(places),)))
    return both("AND", conditions)


def _type(name: str) -> Condition:
    match name:
        case "experience":
            return Condition(f"lower(role) IN ({_ROLES})")
        case "world":
            return Condition(f"lower(role) NOT IN ({_ROLES})")
        case _:
            return Condition("0")


def _passes(unit: Unit, wanted: MemoryFilter, span: Span) -> bool:
    """Whether one that is invalid is wanted, as `_memories` says it in SQL; it mentions nothing any more."""
    at = _field(wanted, span)
    told = f"{folded(unit.text)}\n{folded(unit.context or '')}"
    return (
        wanted.entity is None
        and wanted.type in (None, unit.type)
        and wanted.chunk in (None, unit.chunk)
        and (wanted.tags is None or wanted.tags.passes(frozenset(unit.tags)))
        and (folded(wanted.text) or "") in told
        and (at is None or _lies_within(_moments(unit)[at], span))
    )


def _lies_within(moment: datetime | None, span: Span) -> bool:
    if moment is None:
        return False
    return (span.start is None or moment >= span.start) and (span.end is None or moment < span.end)


def _moments(unit: Unit) -> dict[MemoryTime, datetime | None]:
    return {
        "created_at": unit.stored_at,
        "updated_at": unit.updated_at,
        "mentioned_at": unit.mentioned_at,
        "occurred_start": unit.occurred("start"),
        "occurred_end": unit.occurred("end"),
    }


def _glob(pattern: str) -> str:
    """A pattern in which only `*` means something, as one of SQLite's GLOB."""
    return "".join(f"[{letter}]" if letter in "?[" else letter for letter in folded(pattern) or "")
