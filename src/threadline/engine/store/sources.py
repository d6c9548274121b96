# ruff: noqa: S608 - the parts that SQL is put together from are constants; what a caller said is bound
"""The documents of a bank as their callers know them: their texts, their chunks, and what happened to them."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from threadline.documents import MemoryType
from threadline.engine.store.base import Entity, Item
from threadline.engine.store.filters import Condition, both, contains, tagged, within
from threadline.engine.store.pages import Page, Span, by_type, folded, rows
from threadline.engine.store.shelf import KNOWN, Shelf
from threadline.tags import TagFilter
from threadline.turns import Json

DocumentTime = Literal["created_at", "updated_at"]


@dataclass(frozen=True, slots=True)
class Document:
    """A document as its caller knows it, without its text.

    Attributes:
        hash: the SHA-256 of its text, in hexadecimal digits.
        length: of its text, in characters.
        memories: how many it has of each type.
        params: what its caller said when it was retained last.
        matched: what of it has the text that was looked for: `id`, `original_text`.
    """

    id: str
    created_at: datetime
    updated_at: datetime
    tags: tuple[str, ...]
    metadata: Mapping[str, Json]
    params: Mapping[str, Json]
    hash: str
    length: int
    memories: Mapping[MemoryType, int]
    matched: tuple[Literal["id", "original_text"], ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document: of a session one turn.

    Attributes:
        index: its place, from 0.
    """

    document: str
    index: int
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a document.

    Attributes:
        kind: `retain`, `append`, `reprocess`, `retag`, `fact_edited`, `fact_invalidated`, `fact_restored`.
    """

    kind: str
    happened_at: datetime
    details: Mapping[str, Json]


class Sources:
    """Reads the documents of one bank.

    Args:
        shelf: the bank's.
        hidden: the turns of each document that are left out.
    """

    def __init__(self, shelf: Shelf, hidden: Mapping[str, frozenset[int]] | None = None) -> None:
        self._shelf = shelf
        self._hidden = hidden or {}

    def page(
        self,
        span: Span,
        *,
        text: str | None = None,
        tags: TagFilter | None = None,
        time_field: DocumentTime | None = None,
    ) -> Page[Document]:
        """Documents, those written last first, or by the time field asked for.

        Args:
            text: what their id or their text has in it.
        """
        field = _TIMES[time_field or ("created_at" if span.timed else "updated_at")]
        conditions = [within(field, span.start, span.end), tagged(tags, _ITEMS)]
        if text:
            conditions.append(both("OR", (contains(["known.id"], text), _said(text))))
        where = both("AND", conditions)
        sql = f"FROM ({_DOCUMENTS}) AS known WHERE {where.sql}"
        total = self._rows(f"SELECT count(*) {sql}", where.bound)[0][0]
        names = self._rows(
            f"SELECT id {sql} ORDER BY {field} DESC, id LIMIT ? OFFSET ?", (*where.bound, span.limit, span.offset)
        )
        found = (self.get(name, text=text) for (name,) in names)
        return Page(tuple(document for document in found if document is not None), total)

    def get(self, document: str, *, text: str | None = None) -> Document | None:
        """A document by the id its caller knows.

        Args:
            text: what was looked for, so that the document says what of it has it.
        """
        items = self._items(document)
        stored = [(datetime.fromisoformat(first), datetime.fromisoformat(last)) for first, last, *_ in items if first]
        if not stored:
            return None
        _, _, metadata, extra, _ = next((item for item in reversed(items) if not item[4]), items[-1])
        among = (document,)
        tags = self._rows(f"SELECT DISTINCT tag FROM tags WHERE document IN ({_ITEMS_OF}) ORDER BY tag", among)
        types = self._rows(
            f"""
            SELECT role, count(*) FROM passages JOIN memories ON passage = passages.id WHERE document IN ({_ITEMS_OF})
            GROUP BY role
            """,
            among,
        )
        whole = self.text(document) or ""
        return Document(
            id=document,
            created_at=min(first for first, _ in stored),
            updated_at=max(last for _, last in stored),
            tags=tuple(tag for (tag,) in tags),
            metadata=json.loads(metadata),
            params=json.loads(extra).get("params") or {},
            hash=hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest(),
            length=len(whole),
            memories=by_type(types),
            matched=_matched(document, whole, text),
        )

    def text(self, document: str) -> str | None:
        """The text of a document, what was edited as it was said first; None where there is no such document.

        What was appended begins on a line of its own. Of a session it is one line for each message, with who said it.
        """
        parts = self._parts(document)
        if not parts and not self._items(document):
            return None
        items = itertools.groupby(parts, key=lambda part: part.item)
        return "\n".join(_joined(list(of_item)) for _, of_item in items)

    def items(self, document: str) -> list[Item]:
        """The items of a document as they were handed in, each chunk in one slice."""
        parts = itertools.groupby(self._parts(document), key=lambda part: part.item)
        return [self._item(document, number, list(of_item)) for number, of_item in parts]

    def chunks(self, document: str, span: Span) -> Page[Chunk] | None:
        """The chunks of a document, in order; None where there is no such document."""
        found = self._chunks(document)
        if not found and not self._items(document):
            return None
        return Page(tuple(found[span.offset : span.offset + span.limit]), len(found))

    def chunk(self, document: str, index: int) -> Chunk | None:
        """One chunk of a document."""
        return next((chunk for chunk in self._chunks(document) if chunk.index == index), None)

    def events(self, document: str, span: Span) -> Page[Event]:
        """What happened to a document, the latest first."""
        total = self._rows("SELECT count(*) FROM events WHERE source = ?", (document,))[0][0]
        found = self._rows(
            "SELECT kind, happened_at, details FROM events WHERE source = ? ORDER BY id DESC LIMIT ? OFFSET ?",
            (document, span.limit, span.offset),
        )
        events = (Event(kind, datetime.fromisoformat(at), json.loads(details)) for kind, at, details in found)
        return Page(tuple(events), total)

    def _rows(self, sql: str, bound: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return rows(self._shelf.database, sql, bound)

    def _item(self, document: str, number: int, parts: Sequence[_Part]) -> Item:
        row = self._rows("SELECT stored_at, metadata, context, extra FROM documents WHERE id = ?", (number,))[0]
        stored_at, metadata, context, extra = row
        first = next(iter(self._rows(_FIRST, (number,))))
        tags = self._rows("SELECT tag FROM tags WHERE document = ? ORDER BY tag", (number,))
        chunks = itertools.groupby(parts, key=lambda part: part.chunk)
        return Item(
            source=document,
            chunks=tuple((_joined(list(of_chunk)),) for _, of_chunk in chunks),
            occurred_at=datetime.fromisoformat(first[1]),
            stored_at=datetime.fromisoformat(stored_at),
            role=first[0],
            tags=tuple(tag for (tag,) in tags),
            metadata=json.loads(metadata),
            context=context,
            entities=tuple(Entity(*each) for each in self._rows(_ENTITIES, (number,))),
            extra=json.loads(extra),
        )

    def _items(self, document: str) -> list[tuple[Any, ...]]:
        """When each item was stored and changed, its metadata and extra, and whether it only says an edited memory."""
        sql = f"""
            SELECT stored_at, changed_at, metadata, extra,
                EXISTS (SELECT 1 FROM curated WHERE replacement = documents.id)
            FROM documents WHERE {KNOWN} = ? ORDER BY id
        """
        return self._rows(sql, (document,))

    def _parts(self, document: str) -> list[_Part]:
        """The passages of a document in order, whether or not they were edited since."""
        pieces = [_Part(*row) for row in self._rows(_PARTS, (document, document))]
        passages = itertools.groupby(pieces, key=lambda piece: (piece.item, piece.chunk, piece.position))
        hidden = self._hidden.get(document, frozenset())
        together = [list(of_passage) for (_, chunk, _), of_passage in passages if chunk + 1 not in hidden]
        return [replace(parts[0], text="".join(part.text for part in parts)) for parts in together]

    def _chunks(self, document: str) -> list[Chunk]:
        by_chunk = itertools.groupby(self._parts(document), key=lambda part: part.chunk)
        together = [(index, list(of_chunk)) for index, of_chunk in by_chunk]
        return [
            Chunk(document, index, _joined(parts), datetime.fromisoformat(parts[0].stored_at))
            for index, parts in together
        ]


@dataclass(frozen=True, slots=True)
class _Part:
    """A passage, or what it was before it was edited; `told`: it was said in a session."""

    item: int
    chunk: int
    position: int
    text: str
    stored_at: str
    speaker: str
    told: int


_TIMES: Mapping[DocumentTime, str] = {"created_at": "created", "updated_at": "updated"}

_DOCUMENTS = f"""
    SELECT {KNOWN} AS id, min(unixepoch(stored_at, 'subsec')) AS created,
        max(unixepoch(changed_at, 'subsec')) AS updated
    FROM documents WHERE stored_at IS NOT NULL GROUP BY {KNOWN}
"""

#: The items of a document, within a query over `_DOCUMENTS`, and of one that is bound.
_ITEMS = "SELECT item.id FROM documents AS item WHERE coalesce(item.source, item.name) = known.id"
_ITEMS_OF = f"SELECT documents.id FROM documents WHERE {KNOWN} = ?"

_STORED = """
    CASE WHEN source IS NULL AND unixepoch(occurred_at, 'subsec') > unixepoch(stored_at, 'subsec')
        THEN occurred_at ELSE stored_at END
"""

_PARTS = f"""
    SELECT item, chunk, position, text, stored, speaker, told FROM (
        SELECT documents.id AS item, chunks_before + turn - 1 AS chunk, position, '' AS unit, text,
            {_STORED} AS stored, coalesce(speaker, role) AS speaker, source IS NULL AS told
        FROM passages JOIN documents ON documents.id = document
        WHERE {KNOWN} = ? AND NOT EXISTS (SELECT 1 FROM curated WHERE replacement = documents.id)
        UNION ALL
        SELECT documents.id, chunks_before + curated.turn - 1, position, unit, original,
            json_extract(fields, '$.stored_at'),
            coalesce(json_extract(fields, '$.speaker'), json_extract(fields, '$.role')), source IS NULL
        FROM curated JOIN documents ON documents.id = document WHERE {KNOWN} = ?
    ) ORDER BY item, chunk, position, unit
"""


#: Who said an item, and when, also where all of it was edited since.
_FIRST = """
    SELECT role, occurred_at FROM passages WHERE document = ?1
    UNION ALL
    SELECT json_extract(fields, '$.role'), json_extract(fields, '$.occurred_at') FROM curated WHERE document = ?1
    LIMIT 1
"""

#: What an item is about, also where all of it was edited since.
_ENTITIES = """
    SELECT name, kind FROM mentions JOIN entities ON entities.id = entity WHERE document = ?1
    UNION SELECT value, kind FROM curated, json_each(fields, '$.entities') LEFT JOIN entities ON name = value
    WHERE document = ?1
"""


def _joined(parts: Sequence[_Part]) -> str:
    if parts[0].told:
        return "\n".join(f"{part.speaker}: {part.text}" for part in parts)
    return "".join(part.text for part in parts)


def _said(text: str) -> Condition:
    """The condition that one of a document's passages has a text in it, also one that was edited since."""
    inside = contains(["text"], text)
    before = contains(["original"], text)
    replaced = "EXISTS (SELECT 1 FROM curated WHERE replacement = passages.document)"
    return Condition(
        f"""(
            EXISTS (SELECT 1 FROM passages WHERE document IN ({_ITEMS}) AND {inside.sql} AND NOT {replaced})
            OR EXISTS (SELECT 1 FROM curated WHERE document IN ({_ITEMS}) AND {before.sql})
        )""",
        inside.bound + before.bound,
    )


def _matched(name: str, whole: str, text: str | None) -> tuple[Literal["id", "original_text"], ...]:
    if not text:
        return ()
    looked_for = folded(text) or ""
    found: list[Literal["id", "original_text"]] = []
    if looked_for in (folded(name) or ""):
        found.append("id")
    if looked_for in (folded(whole) or ""):
        found.append("original_text")
    return tuple(found)
