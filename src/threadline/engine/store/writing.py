"""What every write to a `memory.db` is made of: statements on a connection, within somebody's transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import apsw

from threadline.documents import Batch, Passage
from threadline.engine.store.base import Embedding, Piece
from threadline.errors import BackendRefusedError

#: The columns of a passage, in the order of its attributes.
PASSAGE = "turn, position, role, text, occurred_at, speaker, ref"


def column(connection: apsw.Connection, sql: str, bindings: apsw.Bindings = ()) -> list[Any]:
    """The values of a query with one column."""
    return [value for (value,) in connection.execute(sql, bindings)]


def count(connection: apsw.Connection, table: str) -> int:
    """How many rows a table has."""
    counted: int = column(connection, f"SELECT count(*) FROM {table}")[0]  # noqa: S608 - a constant
    return counted


def applied(connection: apsw.Connection, key: str) -> bool:
    """Whether a batch of that key was stored."""
    return bool(column(connection, "SELECT 1 FROM applied WHERE key = ?", (key,)))


def document_id(connection: apsw.Connection, name: str) -> int | None:
    """The id of a document, or None."""
    found = column(connection, "SELECT id FROM documents WHERE name = ?", (name,))
    return found[0] if found else None


def ensure_document(connection: apsw.Connection, name: str) -> int:
    """The id of a document, made where there is none."""
    connection.execute("INSERT INTO documents (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
    document: int = column(connection, "SELECT id FROM documents WHERE name = ?", (name,))[0]
    return document


def describe(connection: apsw.Connection, batch: Batch) -> int:
    """Note what a batch says of its document: its tags are added, its metadata and context replace."""
    document = ensure_document(connection, batch.document)
    connection.execute(
        """
        UPDATE documents SET
            metadata = ?1, context = coalesce(?2, context), stored_at = coalesce(stored_at, ?4), changed_at = ?4
        WHERE id = ?3
        """,
        (json.dumps(dict(batch.metadata), ensure_ascii=False), batch.context, document, batch.retained_at.isoformat()),
    )
    connection.executemany(
        "INSERT INTO tags (document, tag) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(document, tag) for tag in batch.tags],
    )
    return document


def missing(connection: apsw.Connection, document: int | None, passages: Iterable[Passage]) -> list[Passage]:
    """Those of some passages that are neither stored nor taken out."""
    if document is None:
        return list(passages)
    wanted = list(passages)
    turns = [passage.turn for passage in wanted]
    span = (document, min(turns, default=0), max(turns, default=0))
    removed = set(column(connection, "SELECT turn FROM removed WHERE document = ? AND turn BETWEEN ? AND ?", span))
    edited = "SELECT turn, position FROM curated WHERE document = ? AND turn BETWEEN ? AND ?"
    curated = set(connection.execute(edited, span))  # somebody said by hand what these say
    sql = "SELECT turn, position, text FROM passages WHERE document = ? AND turn BETWEEN ? AND ?"
    there = {(turn, position): text for turn, position, text in connection.execute(sql, span)}
    kept = [each for each in wanted if each.turn not in removed and (each.turn, each.position) not in curated]
    return [passage for passage in kept if not is_there(passage, there.get((passage.turn, passage.position)))]


def is_there(passage: Passage, text: str | None) -> bool:
    """Whether a passage is stored already.

    Raises:
        BackendRefusedError: with another text.
    """
    if text is not None and text != passage.text:
        raise BackendRefusedError(
            f"The bank holds another text as turn {passage.turn} (message {passage.position}) of this document. Was "
            "the journal lost or replaced? `threadline rebuild --from-journal` makes the bank what the journal says."
        )
    return text is not None


def add_passage(connection: apsw.Connection, name: str, document: int, passage: Passage) -> int:
    """Store a passage; returns its id.

    Raises:
        BackendRefusedError: it lies before one that is there.
    """
    values = (
        document,
        passage.turn,
        passage.position,
        passage.role,
        passage.text,
        passage.occurred_at.isoformat(),
        passage.speaker,
        passage.ref,
    )
    try:
        connection.execute(
            f"INSERT INTO passages (document, {PASSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            values,
        )
    except apsw.ConstraintError as error:
        raise BackendRefusedError(
            f"Turn {passage.turn} (message {passage.position}) of {name} cannot be stored: {error}. "
            "Turns of a document are retained in their order; `threadline rebuild --from-journal` delivers all of them "
            "again in theirs."
        ) from error
    return connection.last_insert_rowid()


def add_memories(connection: apsw.Connection, passage: int, pieces: Iterable[Piece], model: str) -> None:
    """Store the pieces of a passage."""
    for piece in pieces:
        connection.execute(
            "INSERT INTO memories (passage, start, end, tokens) VALUES (?, ?, ?, ?)",
            (passage, piece.start, piece.end, piece.tokens),
        )
        if piece.embedding is not None:
            add_vector(connection, connection.last_insert_rowid(), model, piece.embedding)


def add_vector(connection: apsw.Connection, memory: int, model: str, embedding: Embedding) -> None:
    """Store what a model made of a memory; one that is there stays."""
    number = model_number(connection, model, memory)
    connection.execute(
        "INSERT INTO vectors (memory, model, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (memory, number, embedding.vector),
    )
    if embedding.tokens:
        connection.execute(
            "INSERT INTO tokens (memory, model, signs) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (memory, number, embedding.tokens),
        )


def model_number(connection: apsw.Connection, model: str, memory: int) -> int:
    """The number of a model, made with its first memory."""
    known = column(connection, "SELECT id FROM models WHERE name = ?", (model,))
    if known:
        return int(known[0])
    connection.execute("INSERT INTO models (name) VALUES (?)", (model,))
    number = connection.last_insert_rowid()
    connection.execute(
        # Only where it begins with the bank: else what is there already has to be embedded first.
        "UPDATE state SET serving = ? WHERE serving = '' AND NOT EXISTS (SELECT 1 FROM memories WHERE id != ?)",
        (model, memory),
    )
    return number


def serve_model(connection: apsw.Connection, model: str) -> None:
    """Have the vectors of one model searched, and delete all others."""
    connection.execute("UPDATE state SET serving = ?", (model,))
    connection.execute("DELETE FROM models WHERE name != ?", (model,))


def take_out(connection: apsw.Connection, name: str, turns: Collection[int]) -> None:
    """Take turns out of a document and keep them from coming back."""
    document = ensure_document(connection, name)
    wanted = json.dumps(list(turns))
    connection.execute(
        "INSERT INTO removed SELECT ?, value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
        (document, wanted),
    )
    there = column(
        connection,
        "SELECT id FROM passages WHERE document = ? AND turn IN (SELECT value FROM json_each(?))",
        (document, wanted),
    )
    delete_passages(connection, there)
    # What was said about the document may repeat what was said in it.
    connection.execute(
        """
        UPDATE documents SET metadata = '{}', context = NULL
        WHERE id = ? AND NOT EXISTS (SELECT 1 FROM passages WHERE document = documents.id)
        """,
        (document,),
    )


def drop_document(connection: apsw.Connection, name: str) -> None:
    """Delete a document with all that belongs to it."""
    document = document_id(connection, name)
    if document is not None:
        delete_passages(connection, column(connection, "SELECT id FROM passages WHERE document = ?", (document,)))
        connection.execute("DELETE FROM documents WHERE id = ?", (document,))


def delete_passages(connection: apsw.Connection, passages: list[int]) -> None:
    """Delete passages with their memories."""
    if passages:
        connection.executemany("DELETE FROM passages WHERE id = ?", [(passage,) for passage in passages])
        next_generation(connection)


def next_generation(connection: apsw.Connection) -> None:
    """Have every copy of the memories look for those that went away."""
    connection.execute("UPDATE state SET generation = generation + 1")


def start_anew(connection: apsw.Connection) -> None:
    """Every copy of the memories is stale: nobody needs to know which of them went away."""
    next_generation(connection)
    connection.execute("DELETE FROM gone; UPDATE state SET complete_since = generation")


def split_rows(rows: Iterable[Sequence[Any]], at: int) -> Iterator[tuple[Any, ...]]:
    """Rows as their first columns, and the rest as one."""
    for row in rows:
        yield *row[:at], row[at:]


def passage_of(row: Sequence[Any]) -> Passage:
    """A passage from its columns."""
    turn, position, role, text, occurred_at, speaker, ref = row
    return Passage(turn, position, role, text, datetime.fromisoformat(occurred_at), speaker, ref)
