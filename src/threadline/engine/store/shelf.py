"""A bank's documents and memories as callers of a server know them: by ids that stay, in items, edited by hand.

An item is a document of the engine with a `source`, the document that its caller knows. What a journal delivered has
none: there a document is known by its own name. A memory's public id is made of the bank's uid, the passage and its
place in it, so that it outlives a rebuild; what somebody edited keeps the id it had.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import apsw

from threadline.database import Database
from threadline.documents import Passage
from threadline.engine.roles import memory_type
from threadline.engine.store.base import Entity, Item, Piece, Prepared
from threadline.engine.store.writing import (
    PASSAGE,
    add_memories,
    add_passage,
    applied,
    column,
    delete_passages,
    next_generation,
    passage_of,
)
from threadline.turns import Json

#: A document as its caller knows it.
KNOWN = "coalesce(source, name)"

_ORDINAL_BITS = 16
_PASSAGE_BITS = 44
_MEMORY, _ENTITY = 0, 1


@dataclass(frozen=True, slots=True)
class Unit:
    """A memory as its callers know it.

    Attributes:
        id: its public id, a UUID.
        memory: the engine's own id.
        document: the document it belongs to, as its caller knows it.
        item: the engine's name of the item.
        chunk: the index of its chunk within the document, from 0.
        mentioned_at: when it was said; None where its caller said that it has no time.
        stored_at: when it came here, as far as that is known.
        extra: what whoever stored it wants back.
        reason, invalidated_at: of one that somebody invalidated; it is not recalled, and `memory` is 0.
        edited_at: when somebody edited it last.
    """

    id: str
    memory: int
    text: str
    type: str
    document: str
    item: str
    chunk: int
    tags: tuple[str, ...]
    metadata: Mapping[str, Json]
    context: str | None
    mentioned_at: datetime | None
    stored_at: datetime | None
    entities: tuple[str, ...] = ()
    extra: Mapping[str, Json] | None = None
    state: Literal["valid", "invalidated"] = "valid"
    reason: str | None = None
    invalidated_at: datetime | None = None
    edited_at: datetime | None = None

    @property
    def updated_at(self) -> datetime | None:
        """When it was last written."""
        return self.invalidated_at or self.edited_at or self.stored_at

    def occurred(self, end: Literal["start", "end"]) -> datetime | None:
        """When what it tells of began or ended, where somebody said so."""
        told = (self.extra or {}).get(f"occurred_{end}")
        return datetime.fromisoformat(told) if isinstance(told, str) else None


@dataclass(frozen=True, slots=True)
class Written:
    """What was last written to a document, of one type.

    Attributes:
        passage: the engine's id of the last passage; it grows with each.
    """

    passage: int
    type: str
    tags: frozenset[str]
    at: datetime | None


class Shelf:
    """The documents and memories of one `memory.db`.

    Args:
        database: the bank's file, which the shelf does not own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uid = ""

    @property
    def database(self) -> Database:
        """The file itself, for those that read it in other ways."""
        return self._database

    @property
    def uid(self) -> str:
        """The bank's own id, in 16 hexadecimal digits."""
        self._uid = self._uid or str(self._database.rows("SELECT uid FROM state")[0][0])
        return self._uid

    def applied(self, key: str) -> bool:
        """Whether what has this idempotency key was stored."""
        return bool(self._database.rows("SELECT 1 FROM applied WHERE key = ?", (key,)))

    def put(
        self, items: Sequence[tuple[Item, Sequence[Prepared]]], key: str, replaced: Collection[str], model: str
    ) -> bool:
        """Store items behind those that their documents have, in one transaction.

        Args:
            items: each with its prepared passages.
            key: the idempotency key.
            replaced: documents whose items go before.
            model: the embedder that made the vectors.

        Returns:
            Whether they were stored; False where the key was applied before.
        """

        def work(connection: apsw.Connection) -> bool:
            if applied(connection, key):
                return False
            removed = {source: _drop_items(connection, source) for source in replaced}
            before = {item.source: chunks_of(connection, item.source) for item, _ in items}
            added: dict[str, int] = {}
            for item, prepared in items:
                add_item(connection, item, prepared, model, chunks_of(connection, item.source))
                made = sum(len(one.pieces) for one in prepared)
                added[item.source] = added.get(item.source, 0) + made
            for source, count in added.items():
                details = {"facts_added": count, "facts_removed": removed.get(source, 0)}
                note(connection, source, "append" if before[source] else "retain", details)
            connection.execute("INSERT INTO applied VALUES (?)", (key,))
            return True

        return self._database.write("engine.put", work)

    def delete(self, source: str) -> int:
        """Delete the items of a document, and what was noted of it; returns how many memories they had."""
        return self._database.write("engine.delete", lambda connection: drop_source(connection, source))

    def retag(self, source: str, tags: Collection[str] | None, params: Mapping[str, Json] | None = None) -> bool:
        """Give all items of a document these tags and no other; returns whether there is such a document.

        Args:
            tags: None: they stay as they are.
            params: what else is said of it from now on, as whoever stored it wants it back.
        """

        def work(connection: apsw.Connection) -> bool:
            items = column(connection, f"SELECT id FROM documents WHERE {KNOWN} = ?", (source,))  # noqa: S608
            for item in items if tags is not None else ():
                connection.execute("DELETE FROM tags WHERE document = ?", (item,))
                _add_tags(connection, item, tags or ())
                connection.execute(
                    "UPDATE curated SET fields = json_set(fields, '$.tags', json(?)) WHERE document = ?",
                    (json.dumps(sorted(set(tags or ())), ensure_ascii=False), item),
                )
            if params:
                connection.execute(
                    f"UPDATE documents SET extra = json_patch(extra, ?) WHERE {KNOWN} = ?",  # noqa: S608 - a constant
                    (json.dumps({"params": dict(params)}, ensure_ascii=False), source),
                )
            if items:
                note(connection, source, "retag", {})
            return bool(items)

        return self._database.write("engine.retag", work)

    def of_journal(self, document: str) -> bool:
        """Whether a journal delivered a document: a session or a note."""
        sql = "SELECT 1 FROM documents WHERE name = ? AND source IS NULL"
        return self._database.row(sql, (document,)) is not None

    def passages(self, document: str) -> dict[int, Passage]:
        """The passages of a document that nobody edited, by the engine's ids, in order."""
        sql = f"""
            SELECT passages.id, {PASSAGE} FROM passages JOIN documents ON documents.id = document
            WHERE {KNOWN} = ? AND NOT EXISTS (SELECT 1 FROM curated WHERE replacement = documents.id)
            ORDER BY documents.id, turn, position
        """  # noqa: S608 - constants
        return {row[0]: passage_of(row[1:]) for row in self._database.rows(sql, (document,))}

    def remake(self, document: str, pieces: Mapping[int, Sequence[Piece]], model: str) -> int:
        """Replace the memories of passages by these; returns how many there are.

        Args:
            pieces: those of each passage, by the engine's id; one that went away meanwhile is left out.
        """

        def work(connection: apsw.Connection) -> int:
            there = "SELECT id FROM passages WHERE id IN (SELECT value FROM json_each(?))"
            kept = column(connection, there, (json.dumps(list(pieces)),))
            removed = 0
            for passage in kept:
                removed += column(connection, "SELECT count(*) FROM memories WHERE passage = ?", (passage,))[0]
                connection.execute("DELETE FROM memories WHERE passage = ?", (passage,))
                add_memories(connection, passage, pieces[passage], model)
            next_generation(connection)
            made = sum(len(pieces[passage]) for passage in kept)
            note(connection, document, "reprocess", {"facts_added": made, "facts_removed": removed})
            return made

        return self._database.write("engine.remake", work)

    def clear(self, kind: str) -> int:
        """Delete all memories of a type, with the passages they were made from; returns how many there were."""

        def work(connection: apsw.Connection) -> int:
            roles = column(connection, "SELECT DISTINCT role FROM passages")
            of_kind = (json.dumps([role for role in roles if memory_type(role) == kind]),)
            among = "SELECT id FROM passages WHERE role IN (SELECT value FROM json_each(?))"
            counted = f"SELECT count(*) FROM memories WHERE passage IN ({among})"  # noqa: S608 - a constant
            memories: int = column(connection, counted, of_kind)[0]
            delete_passages(connection, column(connection, among, of_kind))
            fields = "json_extract(fields, '$.role') IN (SELECT value FROM json_each(?))"
            edited = f"SELECT replacement FROM curated WHERE {fields} AND replacement IS NOT NULL"  # noqa: S608
            drop_items(connection, column(connection, edited, of_kind))
            connection.execute(f"DELETE FROM curated WHERE {fields}", of_kind)  # noqa: S608 - a constant
            return memories

        return self._database.write("engine.clear", work)

    def units(self, memories: Collection[int]) -> dict[int, Unit]:
        """Memories as their callers know them, by the engine's ids; one that went away is left out."""
        wanted = (json.dumps(list(memories)),)
        rows = self._database.rows(_UNITS, wanted)
        documents = json.dumps(list({row[2] for row in rows}))
        tags = self._lists(
            "SELECT document, tag FROM tags WHERE document IN (SELECT value FROM json_each(?))", documents
        )
        names = self._lists(_MENTIONS, documents)
        return {row[0]: self._unit(row, tags.get(row[2], ()), names.get(row[2], ())) for row in rows}

    def written(self, since: int) -> list[Written]:
        """What was written to each document after a passage, the latest first."""
        return [
            Written(
                passage,
                memory_type(role),
                frozenset(json.loads(tags)),
                None if at is None else datetime.fromisoformat(at),
            )
            for passage, role, tags, at in self._database.rows(_WRITTEN, (since,))
        ]

    def memory_of(self, unit: str) -> int | None:
        """The engine's id of a memory by its public id; None where it is not here or invalidated."""
        edited = self._database.row("SELECT replacement FROM curated WHERE unit = ?", (unit,))
        if edited is not None:
            sql = "SELECT min(memories.id) FROM memories JOIN passages ON passages.id = passage WHERE document = ?"
            found = self._database.row(sql, (edited[0],))
            return None if found is None else found[0]
        place = self.parse(unit)
        if place is None:
            return None
        sql = "SELECT id FROM memories WHERE passage = ? ORDER BY id LIMIT 1 OFFSET ?"
        found = self._database.row(sql, place)
        return None if found is None else int(found[0])

    def public_id(self, passage: int, ordinal: int) -> str:
        """The public id of the memory at a place of a passage, from 0."""
        return _uuid(self.uid, _MEMORY, passage << _ORDINAL_BITS | ordinal)

    def parse(self, unit: str) -> tuple[int, int] | None:
        """Passage and place of a public id; None where it is none of this bank's."""
        number = _number(self.uid, _MEMORY, unit)
        return None if number is None else (number >> _ORDINAL_BITS, number & ((1 << _ORDINAL_BITS) - 1))

    def chunk_texts(self, memories: Collection[int]) -> dict[int, str]:
        """The chunk, or the turn, that each memory is from."""
        return dict(self._database.rows(_CHUNKS, (json.dumps(list(memories)),)))

    def entity_ids(self, names: Collection[str]) -> dict[str, str]:
        """The public ids of entities by name; one that is not here is left out."""
        sql = "SELECT name, id FROM entities WHERE name IN (SELECT value FROM json_each(?))"
        return {name: self.entity_id(number) for name, number in self._database.rows(sql, (json.dumps(list(names)),))}

    def entity_id(self, entity: int) -> str:
        """The public id of an entity."""
        return _uuid(self.uid, _ENTITY, entity)

    def parse_entity(self, text: str) -> int | None:
        """The entity of a public id; None where it is none of this bank's."""
        return _number(self.uid, _ENTITY, text)

    def _lists(self, sql: str, bound: str) -> dict[int, tuple[str, ...]]:
        lists: dict[int, list[str]] = {}
        for document, value in self._database.rows(sql, (bound,)):
            lists.setdefault(document, []).append(value)
        return {document: tuple(values) for document, values in lists.items()}

    def _unit(self, row: tuple[Any, ...], tags: Iterable[str], entities: Iterable[str]) -> Unit:
        (memory, passage, _, ordinal, text, role, occurred_at, chunk, name, source, metadata, context) = row[:12]
        stored_at, extra, edited, edited_at = row[12:]
        kept = json.loads(extra)
        return Unit(
            id=edited or self.public_id(passage, ordinal),
            memory=memory,
            text=text,
            type=memory_type(role),
            document=source or name,
            item=name,
            chunk=chunk,
            tags=tuple(sorted(tags)),
            metadata=json.loads(metadata),
            context=context,
            mentioned_at=None if kept.get("timeless") else datetime.fromisoformat(occurred_at),
            stored_at=None if stored_at is None else datetime.fromisoformat(stored_at),
            entities=tuple(sorted(entities)),
            extra=kept,
            edited_at=None if edited_at is None else datetime.fromisoformat(edited_at),
        )


_UNITS = """
    SELECT memories.id, passages.id, documents.id,
        (SELECT count(*) FROM memories AS earlier WHERE earlier.passage = passages.id AND earlier.id < memories.id),
        substr(text, start + 1, end - start), role, occurred_at, chunks_before + passages.turn - 1, name, source,
        metadata, documents.context,
        CASE WHEN source IS NULL AND unixepoch(occurred_at, 'subsec') > unixepoch(stored_at, 'subsec')
            THEN occurred_at ELSE stored_at END,
        extra, curated.unit, curated.edited_at
    FROM memories JOIN passages ON passages.id = passage JOIN documents ON documents.id = passages.document
    LEFT JOIN curated ON replacement = documents.id
    WHERE memories.id IN (SELECT value FROM json_each(?))
"""

_CHUNKS = """
    SELECT memories.id, group_concat(near.text, iif(source IS NULL, char(10), '') ORDER BY near.position)
    FROM memories JOIN passages ON passages.id = passage JOIN documents ON documents.id = passages.document
    JOIN passages AS near ON near.document = passages.document AND near.turn = passages.turn
    WHERE memories.id IN (SELECT value FROM json_each(?)) GROUP BY memories.id
"""

_WRITTEN = """
    SELECT max(passages.id) AS passage, role,
        (SELECT json_group_array(tag) FROM tags WHERE tags.document = documents.id), changed_at
    FROM passages JOIN documents ON documents.id = passages.document
    WHERE passages.id > ? GROUP BY documents.id, role ORDER BY passage DESC
"""

_MENTIONS = """
    SELECT mentions.document, name FROM mentions JOIN entities ON entities.id = entity
    WHERE mentions.document IN (SELECT value FROM json_each(?))
"""


def add_item(
    connection: apsw.Connection, item: Item, prepared: Sequence[Prepared], model: str, chunks_before: int
) -> int:
    """Store an item; returns the engine's id of it.

    Args:
        chunks_before: how many chunks its document has before it.
    """
    name = f"item:{secrets.token_hex(16)}"
    connection.execute(
        """
        INSERT INTO documents (name, metadata, context, stored_at, changed_at, source, chunks_before, extra)
        VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)
        """,
        (
            name,
            json.dumps(dict(item.metadata), ensure_ascii=False),
            item.context,
            item.stored_at.isoformat(),
            item.source,
            chunks_before,
            json.dumps(dict(item.extra), ensure_ascii=False),
        ),
    )
    document = connection.last_insert_rowid()
    _add_tags(connection, document, item.tags)
    _add_mentions(connection, document, item.entities)
    for one in prepared:
        add_memories(connection, add_passage(connection, item.source, document, one.passage), one.pieces, model)
    return document


def chunks_of(connection: apsw.Connection, source: str) -> int:
    """How many chunks a document has."""
    sql = "SELECT coalesce(max(chunks_before + last_turn), 0) FROM documents WHERE source = ?"
    return int(column(connection, sql, (source,))[0])


def _add_tags(connection: apsw.Connection, document: int, tags: Iterable[str]) -> None:
    sql = "INSERT INTO tags (document, tag) VALUES (?, ?) ON CONFLICT DO NOTHING"
    connection.executemany(sql, [(document, tag) for tag in tags])


def _add_mentions(connection: apsw.Connection, document: int, entities: Iterable[Entity]) -> None:
    for entity in entities:
        connection.execute(
            """
            INSERT INTO entities (name, kind) VALUES (?, ?)
            ON CONFLICT DO UPDATE SET kind = coalesce(kind, excluded.kind)
            """,
            (entity.name, entity.kind),
        )
        connection.execute(
            "INSERT INTO mentions SELECT ?, id FROM entities WHERE name = ? ON CONFLICT DO NOTHING",
            (document, entity.name),
        )


def drop_source(connection: apsw.Connection, source: str) -> int:
    """Delete a document that is made of items, and what was noted of it; returns how many memories it had."""
    connection.execute("DELETE FROM events WHERE source = ?", (source,))
    return _drop_items(connection, source)


def _drop_items(connection: apsw.Connection, source: str) -> int:
    items = column(connection, "SELECT id FROM documents WHERE source = ?", (source,))
    return drop_items(connection, items) if items else 0


def drop_items(connection: apsw.Connection, items: Sequence[int]) -> int:
    """Delete items with their memories, and the entities that nothing else mentions; returns how many memories."""
    bound = (json.dumps(list(items)),)
    among = "SELECT value FROM json_each(?)"
    entities = column(connection, f"SELECT DISTINCT entity FROM mentions WHERE document IN ({among})", bound)  # noqa: S608
    passages = column(connection, f"SELECT id FROM passages WHERE document IN ({among})", bound)  # noqa: S608
    counted = f"SELECT count(*) FROM memories WHERE passage IN ({among})"  # noqa: S608 - a constant
    memories: int = column(connection, counted, (json.dumps(passages),))[0]
    delete_passages(connection, passages)
    connection.execute(f"DELETE FROM documents WHERE id IN ({among})", bound)  # noqa: S608 - a constant
    connection.execute(
        f"""
        DELETE FROM entities WHERE id IN ({among}) AND NOT EXISTS (SELECT 1 FROM mentions WHERE entity = entities.id)
        """,  # noqa: S608 - a constant
        (json.dumps(entities),),
    )
    return memories


def note(connection: apsw.Connection, source: str, kind: str, details: Mapping[str, Json]) -> None:
    """Note what happened to a document."""
    connection.execute(
        "INSERT INTO events (source, kind, happened_at, details) VALUES (?, ?, ?, ?)",
        (source, kind, datetime.now(UTC).isoformat(), json.dumps(dict(details))),
    )


def _uuid(uid: str, kind: int, number: int) -> str:
    """A UUID of version 8 (RFC 9562): 48 bits of the bank's uid, 12 more, and a number that can be read back."""
    salt = int(uid, 16)
    value = (salt >> 16) << 80 | 0x8 << 76 | (salt >> 4 & 0xFFF) << 64
    return str(uuid.UUID(int=value | 0b10 << 62 | kind << (_PASSAGE_BITS + _ORDINAL_BITS) | number))


def _number(uid: str, kind: int, text: str) -> int | None:
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    number = value.int & ((1 << (_PASSAGE_BITS + _ORDINAL_BITS)) - 1)
    return number if str(value) == _uuid(uid, kind, number) else None
