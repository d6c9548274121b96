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
from datetime import datetime
from typing import Any

import apsw

from threadline.database import Database
from threadline.engine.roles import memory_type
from threadline.engine.store.base import Entity, Item, Prepared
from threadline.engine.store.writing import (
    add_memories,
    add_passage,
    applied,
    column,
    delete_passages,
)
from threadline.turns import Json

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


class Shelf:
    """The documents and memories of one `memory.db`.

    Args:
        database: the bank's file, which the shelf does not own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uid = ""

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
            for source in replaced:
                _drop_source(connection, source)
            for item, prepared in items:
                _add_item(connection, item, prepared, model)
            connection.execute("INSERT INTO applied VALUES (?)", (key,))
            return True

        return self._database.write("engine.put", work)

    def delete(self, source: str) -> int:
        """Delete the items of a document; returns how many memories they had."""
        return self._database.write("engine.delete", lambda connection: _drop_source(connection, source))

    def retag(self, source: str, tags: Collection[str]) -> bool:
        """Give all items of a document these tags and no other; returns whether there is such a document."""

        def work(connection: apsw.Connection) -> bool:
            items = _items(connection, source)
            for item in items:
                connection.execute("DELETE FROM tags WHERE document = ?", (item,))
                _add_tags(connection, item, tags)
            return bool(items)

        return self._database.write("engine.retag", work)

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
        stored_at, extra, edited = row[12:]
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
        )


_UNITS = """
    SELECT memories.id, passages.id, documents.id,
        (SELECT count(*) FROM memories AS earlier WHERE earlier.passage = passages.id AND earlier.id < memories.id),
        substr(text, start + 1, end - start), role, occurred_at, chunks_before + passages.turn - 1, name, source,
        metadata, documents.context, stored_at, extra, curated.unit
    FROM memories JOIN passages ON passages.id = passage JOIN documents ON documents.id = passages.document
    LEFT JOIN curated ON replacement = documents.id
    WHERE memories.id IN (SELECT value FROM json_each(?))
"""

_TAGS = "SELECT document, tag FROM tags WHERE document IN (SELECT value FROM json_each(?))"

_MENTIONS = """
    SELECT mentions.document, name FROM mentions JOIN entities ON entities.id = entity
    WHERE mentions.document IN (SELECT value FROM json_each(?))
"""


def _add_item(connection: apsw.Connection, item: Item, prepared: Sequence[Prepared], model: str) -> int:
    """Store an item; returns the engine's id of it."""
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
            _chunks(connection, item.source),
            json.dumps(dict(item.extra), ensure_ascii=False),
        ),
    )
    document = connection.last_insert_rowid()
    _add_tags(connection, document, item.tags)
    _add_mentions(connection, document, item.entities)
    for one in prepared:
        add_memories(connection, add_passage(connection, item.source, document, one.passage), one.pieces, model)
    return document


def _chunks(connection: apsw.Connection, source: str) -> int:
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


def _items(connection: apsw.Connection, source: str) -> list[int]:
    return column(connection, "SELECT id FROM documents WHERE source = ?", (source,))


def _drop_source(connection: apsw.Connection, source: str) -> int:
    """Delete all items of a document with their memories; returns how many memories there were."""
    among = "SELECT passages.id FROM passages JOIN documents ON documents.id = document WHERE source = ?"
    memories: int = column(connection, f"SELECT count(*) FROM memories WHERE passage IN ({among})", (source,))[0]  # noqa: S608
    delete_passages(connection, column(connection, among, (source,)))
    connection.execute("DELETE FROM documents WHERE source = ?", (source,))
    connection.execute("DELETE FROM entities WHERE id NOT IN (SELECT entity FROM mentions)")
    return memories


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
