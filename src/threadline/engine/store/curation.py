"""Memories edited, invalidated and made valid again by hand. A memory keeps its public id through all of it.

What a memory was made from, its passage, goes; what it says now is an item of its own, so that it is indexed, embedded
and rebuilt as any other. The row in `curated` keeps what it was, and while it is invalid all that makes it again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import apsw

from threadline.documents import Passage
from threadline.engine.roles import memory_type
from threadline.engine.store.base import Entity, Item, Prepared
from threadline.engine.store.shelf import KNOWN, Shelf, Unit, add_item, drop_items, note
from threadline.engine.store.writing import column, delete_passages, document_id, drop_document, passage_of
from threadline.errors import InputError
from threadline.turns import Json

_ROLES = {"world": "user", "experience": "assistant"}


@dataclass(frozen=True, slots=True)
class Said:
    """What a memory says, with all that makes it again.

    Attributes:
        document: the document it is of, as its caller knows it.
        occurred_at: when it was said, ISO 8601.
    """

    document: str
    chunk: int
    text: str
    role: str
    occurred_at: str
    stored_at: str
    speaker: str | None = None
    ref: str | None = None
    context: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    entities: tuple[str, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)

    def passage(self) -> Passage:
        """What its item is made of."""
        moment = datetime.fromisoformat(self.occurred_at)
        return Passage(1, 0, self.role, self.text, moment, self.speaker, self.ref)

    def item(self) -> Item:
        """The item that says it."""
        return Item(
            source=self.document,
            chunks=((self.text,),),
            occurred_at=datetime.fromisoformat(self.occurred_at),
            stored_at=datetime.fromisoformat(self.stored_at),
            role=self.role,
            tags=self.tags,
            metadata=self.metadata,
            context=self.context,
            entities=tuple(Entity(name) for name in self.entities),
            extra=self.extra,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants of a memory. None leaves a thing as it is.

    Attributes:
        text: what it says.
        context: `""` takes it away.
        type: `world` or `experience`.
        mentioned_at, occurred_start, occurred_end: ISO 8601 with a zone; `""` takes it away.
        entities: whom or what it is about.
        state: `invalidated`: it is not recalled any more; `valid`: it is again.
        reason: why it is invalid.
    """

    text: str | None = None
    context: str | None = None
    type: Literal["world", "experience"] | None = None
    mentioned_at: str | None = None
    occurred_start: str | None = None
    occurred_end: str | None = None
    entities: tuple[str, ...] | None = None
    state: Literal["valid", "invalidated"] | None = None
    reason: str | None = None

    @property
    def edits(self) -> bool:
        """Whether it changes what the memory says, and not only its state."""
        return any(value is not None for value in asdict(replace(self, state=None, reason=None)).values())

    def of(self, said: Said) -> Said:
        """What the memory says after it."""
        extra = dict(said.extra)
        occurred_at = self.mentioned_at or said.occurred_at
        if self.mentioned_at is not None:
            extra["timeless"] = not self.mentioned_at
        for name in ("occurred_start", "occurred_end"):
            if (given := getattr(self, name)) is not None:
                extra[name] = given or None
        other_type = self.type is not None and self.type != memory_type(said.role)
        return replace(
            said,
            text=said.text if self.text is None else self.text,
            context=said.context if self.context is None else self.context or None,
            role=_ROLES[self.type] if self.type is not None and other_type else said.role,
            occurred_at=occurred_at,
            entities=said.entities if self.entities is None else self.entities,
            extra=extra,
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """A memory as it is kept: what it says, and what became of it.

    Attributes:
        original: the part of the document's text that it was made from.
        item: the engine's id of the item that says it now; None where it was never edited, or is invalid.
        place: document (the engine's id), turn and position that it was made from.
    """

    unit: str
    said: Said
    original: str
    place: tuple[int, int, int]
    state: Literal["valid", "invalidated"] = "valid"
    reason: str | None = None
    item: int | None = None
    curated: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A change of one memory, ready to be written: what it takes for granted, and what it makes of that.

    Attributes:
        before: the memory and the others of its passage, which becomes an item for each of them.
        after: what they say then, with the pieces of each; None where it is not valid then.
    """

    unit: str
    change: Change
    before: tuple[Kept, ...]
    after: tuple[Prepared | None, ...]


class Curation:
    """Edits of one bank's memories.

    Args:
        shelf: the bank's.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def look(self, unit: str) -> tuple[Kept, ...]:
        """A memory as it is kept, with the others of its passage where it was never touched; empty: there is none."""
        return self._look(self._shelf.database.read(), unit)

    def write(self, step: Step, model: str) -> bool:
        """Carry out a change in one transaction.

        Returns:
            False where the memory is not what the step takes for granted any more: look again.
        """

        def work(connection: apsw.Connection) -> bool:
            if self._look(connection, step.unit) != step.before:
                return False
            now = datetime.now(UTC).isoformat()
            for kept, prepared in zip(step.before, step.after, strict=True):
                change = step.change if kept.unit == step.unit else Change()
                _settle(connection, kept, change, prepared, model, now)
            if not step.before[0].curated:
                _delete_place(connection, step.before[0].place)
            if not step.before[0].curated:
                _delete_mentions(connection, step.before[0].place[0])
            _note(connection, next(kept for kept in step.before if kept.unit == step.unit), step.change)
            return True

        return self._shelf.database.write("engine.curate", work)

    def history(self, unit: str) -> list[dict[str, Any]]:
        """What a memory was before each edit, oldest first; empty where nobody edited it."""
        row = self._shelf.database.row("SELECT history FROM curated WHERE unit = ?", (unit,))
        return [] if row is None else json.loads(row[0])

    def invalidated(self, document: str | None = None) -> list[Unit]:
        """The memories that somebody invalidated, of the bank or of a document, the latest first."""
        sql = f"""
            SELECT unit, fields, reason, invalidated_at, edited_at, name FROM curated
            JOIN documents ON documents.id = document
            WHERE state = 'invalidated' AND (?1 IS NULL OR {KNOWN} = ?1) ORDER BY invalidated_at DESC, unit
        """  # noqa: S608 - a constant
        return [_unit(row) for row in self._shelf.database.rows(sql, (document,))]

    def invalid(self, unit: str) -> Unit | None:
        """One that somebody invalidated."""
        sql = """
            SELECT unit, fields, reason, invalidated_at, edited_at, name FROM curated
            JOIN documents ON documents.id = document WHERE state = 'invalidated' AND unit = ?
        """
        row = self._shelf.database.row(sql, (unit,))
        return None if row is None else _unit(row)

    def _look(self, connection: apsw.Connection, unit: str) -> tuple[Kept, ...]:
        sql = """
            SELECT document, turn, position, original, replacement, state, fields, reason FROM curated WHERE unit = ?
        """
        for document, turn, position, original, replacement, state, fields, reason in connection.execute(sql, (unit,)):
            place = (document, turn, position)
            kept = Kept(unit, _from_json(fields), original, place, state, reason, replacement, curated=True)
            return (kept,)
        passage = self._shelf.parse(unit)
        found = () if passage is None else self._of_passage(connection, passage[0])
        return found if any(kept.unit == unit for kept in found) else ()

    def _of_passage(self, connection: apsw.Connection, number: int) -> tuple[Kept, ...]:
        row = next(iter(connection.execute(_PASSAGE, (number,))), None)
        if row is None:
            return ()
        passage, (document, known, chunk, metadata, context, stored_at, extra) = passage_of(row[:7]), row[7:]
        spans = list(connection.execute("SELECT start, end FROM memories WHERE passage = ? ORDER BY id", (number,)))
        borders = [0, *(start for start, _ in spans[1:]), len(passage.text)]
        tags = column(connection, "SELECT tag FROM tags WHERE document = ? ORDER BY tag", (document,))
        entities = column(connection, _ENTITIES, (document,))
        said = Said(
            document=known,
            chunk=chunk,
            text=passage.text,
            role=passage.role,
            occurred_at=passage.occurred_at.isoformat(),
            stored_at=stored_at or passage.occurred_at.isoformat(),
            speaker=passage.speaker,
            ref=passage.ref,
            context=context,
            tags=tuple(tags),
            metadata=json.loads(metadata),
            entities=tuple(entities),
            extra=json.loads(extra),
        )
        return tuple(
            Kept(
                self._shelf.public_id(number, ordinal),
                replace(said, text=passage.text[start:end]),
                passage.text[borders[ordinal] : borders[ordinal + 1]],
                (document, passage.turn, passage.position),
            )
            for ordinal, (start, end) in enumerate(spans)
        )


def saying_after(kept: Sequence[Kept], unit: str, change: Change) -> tuple[Said | None, ...]:
    """What the memories of a passage say once one of them was changed; None for one that is invalid then.

    Raises:
        InputError: what is invalid cannot be edited.
    """
    return tuple(_after(each, change if each.unit == unit else Change()) for each in kept)


def _after(kept: Kept, change: Change) -> Said | None:
    if change.edits and kept.state == "invalidated":
        raise InputError("Cannot edit an invalidated memory; revert it to 'valid' first.")
    return None if (change.state or kept.state) == "invalidated" else change.of(kept.said)


def forget_document(connection: apsw.Connection, name: str) -> None:
    """Delete a document of a journal with all that belongs to it, also what of it was edited."""
    _delete_replacements(
        connection, "SELECT replacement FROM curated JOIN documents ON documents.id = document WHERE name = ?", (name,)
    )
    connection.execute("DELETE FROM events WHERE source = ?", (name,))
    drop_document(connection, name)


def forget_turns(connection: apsw.Connection, name: str, turns: Collection[int]) -> None:
    """Delete what of some turns of a document of a journal was edited."""
    bound = (document_id(connection, name), json.dumps(list(turns)))
    among = "curated WHERE document = ?1 AND turn IN (SELECT value FROM json_each(?2))"
    _delete_replacements(connection, f"SELECT replacement FROM {among}", bound)  # noqa: S608 - a constant
    connection.execute(f"DELETE FROM {among}", bound)  # noqa: S608 - a constant


_PASSAGE = f"""
    SELECT turn, position, role, text, occurred_at, speaker, ref,
        documents.id, {KNOWN}, chunks_before + turn - 1, metadata, documents.context, stored_at, extra
    FROM passages JOIN documents ON documents.id = document WHERE passages.id = ?
"""  # noqa: S608 - a constant

_ENTITIES = """
    SELECT name FROM mentions JOIN entities ON entities.id = entity WHERE mentions.document = ? ORDER BY name
"""


def _settle(
    connection: apsw.Connection, kept: Kept, change: Change, prepared: Prepared | None, model: str, now: str
) -> None:
    """Write what becomes of one memory: its row in `curated`, and the item that says it, if it is valid."""
    after = change.of(kept.said)
    item = None if prepared is None else add_item(connection, after.item(), [prepared], model, after.chunk)
    if kept.item is not None:
        drop_items(connection, [kept.item])
    invalid = prepared is None
    document, turn, position = kept.place
    connection.execute(
        """
        INSERT INTO curated (unit, document, turn, position, original, replacement, state, fields)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (unit) DO UPDATE SET replacement = ?6, state = ?7, fields = ?8
        """,
        (
            kept.unit,
            document,
            turn,
            position,
            kept.original,
            item,
            "invalidated" if invalid else "valid",
            json.dumps(asdict(after), ensure_ascii=False),
        ),
    )
    if invalid:
        connection.execute(
            """
            UPDATE curated SET reason = coalesce(?2, reason), invalidated_at = coalesce(invalidated_at, ?3)
            WHERE unit = ?1
            """,
            (kept.unit, change.reason, now),
        )
    else:
        connection.execute("UPDATE curated SET reason = NULL, invalidated_at = NULL WHERE unit = ?", (kept.unit,))
    if change.edits:
        connection.execute(
            "UPDATE curated SET edited_at = ?2, history = json_insert(history, '$[#]', json(?3)) WHERE unit = ?1",
            (kept.unit, now, json.dumps(_entry(kept.said, now), ensure_ascii=False)),
        )


def _entry(said: Said, now: str) -> dict[str, Json]:
    return {
        "text": said.text,
        "tags": list(said.tags),
        "occurred_start": said.extra.get("occurred_start"),
        "occurred_end": said.extra.get("occurred_end"),
        "mentioned_at": None if said.extra.get("timeless") else said.occurred_at,
        "changed_at": now,
    }


def _note(connection: apsw.Connection, kept: Kept, change: Change) -> None:
    if change.edits:
        note(connection, kept.said.document, "fact_edited", {"fact_id": kept.unit})
    if change.state is not None and change.state != kept.state:
        kind = "fact_invalidated" if change.state == "invalidated" else "fact_restored"
        note(connection, kept.said.document, kind, {"fact_id": kept.unit})


def _delete_place(connection: apsw.Connection, place: tuple[int, int, int]) -> None:
    sql = "SELECT id FROM passages WHERE document = ? AND turn = ? AND position = ?"
    delete_passages(connection, column(connection, sql, place))


def _delete_mentions(connection: apsw.Connection, document: int) -> None:
    """What an item was about it is not any more, once nothing is left of it but what was edited."""
    empty = "NOT EXISTS (SELECT 1 FROM passages WHERE document = ?1)"
    entities = column(connection, f"SELECT entity FROM mentions WHERE document = ?1 AND {empty}", (document,))  # noqa: S608
    connection.execute(f"DELETE FROM mentions WHERE document = ?1 AND {empty}", (document,))  # noqa: S608 - a constant
    connection.execute(
        """
        DELETE FROM entities WHERE id IN (SELECT value FROM json_each(?))
        AND NOT EXISTS (SELECT 1 FROM mentions WHERE entity = entities.id)
        """,
        (json.dumps(entities),),
    )


def _delete_replacements(connection: apsw.Connection, sql: str, bindings: tuple[Any, ...]) -> None:
    found = [item for item in column(connection, sql, bindings) if item is not None]
    if found:
        drop_items(connection, found)


def _from_json(fields: str) -> Said:
    value = json.loads(fields)
    return Said(**{**value, "tags": tuple(value["tags"]), "entities": tuple(value["entities"])})


def _unit(row: Sequence[Any]) -> Unit:
    unit, fields, reason, invalidated_at, edited_at, name = row
    said = _from_json(fields)
    return Unit(
        id=unit,
        memory=0,
        text=said.text,
        type=memory_type(said.role),
        document=said.document,
        item=name,
        chunk=said.chunk,
        tags=said.tags,
        metadata=said.metadata,
        context=said.context,
        mentioned_at=None if said.extra.get("timeless") else datetime.fromisoformat(said.occurred_at),
        stored_at=datetime.fromisoformat(said.stored_at),
        entities=said.entities,
        extra=said.extra,
        state="invalidated",
        reason=reason,
        invalidated_at=datetime.fromisoformat(invalidated_at),
        edited_at=None if edited_at is None else datetime.fromisoformat(edited_at),
    )
