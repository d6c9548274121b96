"""Documents as they are carried from one bank to another: all that makes them again, as JSON.

A document is its items as they were retained, and what was edited of them since. Vectors and ids are not carried: they
are made anew where it arrives. What a journal delivered arrives as items, one for each message.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from threadline.engine.bank import Bank
from threadline.engine.roles import memory_type
from threadline.engine.store.base import Entity, Item
from threadline.engine.store.curation import Change
from threadline.engine.store.shelf import KNOWN, Shelf
from threadline.turns import Json

_NAMES = f"""
    SELECT {KNOWN} FROM documents WHERE stored_at IS NOT NULL GROUP BY 1 ORDER BY min(id)
"""  # noqa: S608 - a constant

_ITEMS = f"""
    SELECT id, source IS NULL, metadata, context, stored_at, extra FROM documents
    WHERE {KNOWN} = ? AND NOT EXISTS (SELECT 1 FROM curated WHERE replacement = documents.id) ORDER BY id
"""  # noqa: S608 - a constant

_PASSAGES = """
    SELECT turn, position, '', text, role, speaker, occurred_at, NULL FROM passages WHERE document = ?1
    UNION ALL
    SELECT turn, position, unit, original, json_extract(fields, '$.role'), json_extract(fields, '$.speaker'),
        json_extract(fields, '$.occurred_at'),
        CASE WHEN edited_at IS NULL AND state = 'valid' THEN NULL ELSE json_object(
            'state', state, 'reason', reason, 'edited', edited_at IS NOT NULL, 'said', json(fields)) END
    FROM curated WHERE document = ?1
    ORDER BY 1, 2, 3
"""


@dataclass(slots=True)
class Copied:
    """A document on its way.

    Attributes:
        items: each as the JSON of an `Item`: what is in `Item`, and nothing else.
        edits: each with the place of the slice it is of: `item`, `chunk` and `position`, from 0.
    """

    id: str
    items: list[dict[str, Any]] = field(default_factory=list)
    edits: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The document as JSON."""
        return {"id": self.id, "items": self.items, "edits": self.edits}

    @property
    def size(self) -> int:
        """How many memories it makes, roughly."""
        return sum(len(chunk) for item in self.items for chunk in item["chunks"])


def names(shelf: Shelf) -> list[str]:
    """The documents of a bank as their callers know them, the first first."""
    return [name for (name,) in shelf.database.rows(_NAMES)]


def read(shelf: Shelf, document: str) -> Copied | None:
    """A document with all that makes it again; None where there is none."""
    items = shelf.database.rows(_ITEMS, (document,))
    if not items:
        return None
    copied = Copied(document)
    for row in items:
        _read_item(shelf, copied, row)
    return copied


def existing(shelf: Shelf, documents: Iterable[str]) -> set[str]:
    """Those of the documents that a bank has."""
    sql = f"SELECT DISTINCT {KNOWN} FROM documents WHERE {KNOWN} IN (SELECT value FROM json_each(?))"  # noqa: S608
    return {name for (name,) in shelf.database.rows(sql, (json.dumps(list(documents)),))}


def write(bank: Bank, copies: Collection[Copied], key: str, replaced: Collection[str] = ()) -> bool:
    """Make documents again, with what was edited of them. Doing it again with the same key changes nothing.

    Args:
        key: the idempotency key.
        replaced: documents that these take the place of.

    Returns:
        Whether they were stored; False where the key was applied before.
    """
    stored = bank.put([_item(copied.id, each) for copied in copies for each in copied.items], key, replaced=replaced)
    for copied in copies:
        if copied.edits:
            _edit(bank, copied)
    return stored


def _read_item(shelf: Shelf, copied: Copied, row: tuple[Any, ...]) -> None:
    number, told, metadata, context, stored_at, extra = row
    of_item = {
        "metadata": json.loads(metadata),
        "context": context,
        "tags": [
            tag for (tag,) in shelf.database.rows("SELECT tag FROM tags WHERE document = ? ORDER BY tag", (number,))
        ],
        "entities": [list(each) for each in shelf.database.rows(_ENTITIES, (number,))],
        "extra": json.loads(extra),
    }
    passages = shelf.database.rows(_PASSAGES, (number,))
    for _, of_chunk in itertools.groupby(passages, key=lambda passage: passage[:2] if told else 0):
        chunks: list[list[str]] = []
        turn = None
        first = None
        for passage in of_chunk:
            first = first or passage
            if passage[0] != turn:
                turn = passage[0]
                chunks.append([])
            if passage[7] is not None:
                place = {"item": len(copied.items), "chunk": len(chunks) - 1, "position": len(chunks[-1])}
                copied.edits.append({**place, **json.loads(passage[7])})
            chunks[-1].append(passage[3])
        if first is not None:
            at = {"role": first[4], "occurred_at": first[6], "stored_at": stored_at or first[6], "chunks": chunks}
            speaker = {"speaker": first[5]} if first[5] else {}
            copied.items.append({**of_item, **at, "metadata": {**of_item["metadata"], **speaker}})


_ENTITIES = """
    SELECT name, kind FROM mentions JOIN entities ON entities.id = entity WHERE mentions.document = ? ORDER BY name
"""


def _item(source: str, given: Mapping[str, Any]) -> Item:
    return Item(
        source=source,
        chunks=tuple(tuple(chunk) for chunk in given["chunks"]),
        occurred_at=datetime.fromisoformat(given["occurred_at"]),
        stored_at=datetime.fromisoformat(given["stored_at"]),
        role=given["role"],
        tags=tuple(given["tags"]),
        metadata=given["metadata"],
        context=given["context"],
        entities=tuple(Entity(name, kind) for name, kind in given["entities"]),
        extra=given["extra"],
    )


def _edit(bank: Bank, copied: Copied) -> None:
    """Edit what was edited. A passage that is gone was edited already, before the process died."""
    shelf = bank.shelf
    items = [number for number, *_ in shelf.database.rows(_ITEMS, (copied.id,))]
    for edit in copied.edits:
        place = (items[edit["item"]], edit["chunk"] + 1, edit["position"])
        sql = "SELECT id FROM passages WHERE document = ? AND turn = ? AND position = ?"
        for (passage,) in shelf.database.rows(sql, place):
            unit = shelf.public_id(passage, 0)
            if edit["edited"]:
                bank.curate(unit, _change(edit["said"]))
            if edit["state"] == "invalidated":
                bank.curate(unit, Change(state="invalidated", reason=edit["reason"]))


def _change(said: Mapping[str, Json]) -> Change:
    """The change after which a memory says this."""
    extra = said.get("extra")
    more: Mapping[str, Any] = extra if isinstance(extra, dict) else {}
    kind = memory_type(str(said["role"]))
    entities = said.get("entities")
    return Change(
        text=str(said["text"]),
        context=str(said.get("context") or ""),
        type=kind if kind != "observation" else None,
        mentioned_at="" if more.get("timeless") else str(said["occurred_at"]),
        occurred_start=more.get("occurred_start"),
        occurred_end=more.get("occurred_end"),
        entities=tuple(map(str, entities)) if isinstance(entities, list) else None,
    )


def iterate(shelf: Shelf, documents: Iterable[str]) -> Iterator[Copied]:
    """Documents one after the other; one that is gone meanwhile is left out."""
    for name in documents:
        copied = read(shelf, name)
        if copied is not None:
            yield copied
