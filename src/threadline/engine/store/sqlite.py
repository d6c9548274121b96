"""The store on one SQLite file: all SQL of the engine is here and in `schema.sql`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from threadline.database import Database, Durability, Schema, storage_errors
from threadline.documents import Batch, Passage
from threadline.engine.store.base import Figures, Match, Memory, Piece, Prepared, StoredVector
from threadline.engine.words import date_words, index_text
from threadline.errors import BackendRefusedError

# "TLME" in ASCII.
SCHEMA = Schema(
    application_id=0x544C4D45,
    version=1,
    create=Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"),
)

# BM25's weight of each column of the word index. What opened the turn and when and by whom it was said help to
# find a memory without being what it says; `place` is there to be filtered by.
_WEIGHTS = {"text": 1.0, "context": 0.5, "said": 0.5, "place": 0.0}

# How much of the message that opened a turn is indexed with each later message of it, in characters.
_CONTEXT = 400

_PASSAGE = "turn, position, role, text, occurred_at, speaker, ref"


class SqliteStore:
    """A bank's `memory.db`.

    Args:
        path: the file; made when missing.

    Raises:
        StorageError: see its subclasses in `threadline.errors`.
    """

    def __init__(self, path: Path, durability: Durability = "process") -> None:
        self.path = path
        self.database = Database(path, SCHEMA, durability)

    def missing(self, batch: Batch) -> list[Passage]:
        """The batch's passages that are neither stored nor taken out; none when its key was applied."""
        with storage_errors(self.path):
            connection = self.database.read()
            if _applied(connection, batch.key):
                return []
            return _missing(connection, _document(connection, batch.document), batch.passages)

    def retain(self, batch: Batch, prepared: Sequence[Prepared], model: str) -> None:
        """Store a batch in one transaction; a key already applied changes nothing.

        Args:
            model: the name of the embedder that made the vectors.

        Raises:
            BackendRefusedError: a passage lies before one that is already there.
        """

        def work(connection: apsw.Connection) -> None:
            if _applied(connection, batch.key):
                return
            document = _describe(connection, batch)
            missing = {
                (passage.turn, passage.position)
                for passage in _missing(connection, document, [one.passage for one in prepared])
            }
            for one in prepared:
                place = one.passage.turn, one.passage.position
                if place in missing:
                    missing.remove(place)  # a batch that says a passage twice says it once
                    passage = _add_passage(connection, batch.document, document, one.passage)
                    _add_memories(connection, passage, one.pieces, model)
                    _index(connection, [passage])
            connection.execute("INSERT INTO applied VALUES (?)", (batch.key,))

        self.database.write("engine.retain", work)

    def retract(self, document: str, turns: Collection[int]) -> None:
        """Take turns out and keep them from coming back."""
        self.database.write("engine.retract", lambda connection: _take_out(connection, document, turns))

    def forget(self, document: str, turns: Collection[int] | None) -> None:
        """Remove turns (as `retract`) or, with None, the whole document, leaving no byte of them."""
        if turns is None:
            self.database.write("engine.forget", lambda connection: _drop(connection, document))
        else:
            self.database.write("engine.forget", lambda connection: _take_out(connection, document, turns))
        self._purge()

    def clear(self) -> None:
        """Remove everything, leaving no byte of it."""

        def work(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM documents; DELETE FROM applied")
            connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
            _next_generation(connection)

        self.database.write("engine.forget", work)
        self._purge()

    def passages(self) -> Iterator[tuple[int, Passage]]:
        """All passages with their ids, in the order they were stored."""
        for row in self.database.rows(f"SELECT id, {_PASSAGE} FROM passages ORDER BY id"):
            yield row[0], _passage(row[1:])

    def rebuild(self, prepared: Mapping[int, Sequence[Piece]], model: str) -> int:
        """Replace all memories by these pieces of each passage; returns the number of memories.

        A passage that is not among them (it came since) keeps its own.
        """

        def work(connection: apsw.Connection) -> int:
            there = _column(connection, "SELECT id FROM passages ORDER BY id")
            for passage in there:
                if passage in prepared:
                    connection.execute("DELETE FROM memories WHERE passage = ?", (passage,))
                    _add_memories(connection, passage, prepared[passage], model)
            connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
            _index(connection, there)
            _next_generation(connection)
            return _count(connection, "memories")

        return self.database.write("engine.rebuild", work)

    def document_ids(self, names: Collection[str]) -> dict[str, int]:
        """The ids of documents by name; a name that is not here is left out."""
        sql = "SELECT name, id FROM documents WHERE name IN (SELECT value FROM json_each(?))"
        return dict(self.database.rows(sql, (json.dumps(list(names)),)))

    def tagged(self, tags: Collection[str]) -> set[int]:
        """The ids of the documents that carry all of these tags."""
        wanted = set(tags)
        sql = """
            SELECT document FROM tags WHERE tag IN (SELECT value FROM json_each(?))
            GROUP BY document HAVING count(*) = ?
        """
        return {row[0] for row in self.database.rows(sql, (json.dumps(list(wanted)), len(wanted)))}

    def search(self, terms: Sequence[str], documents: Collection[int] | None, limit: int) -> list[Match]:
        """The memories that hold any of these phrases, best BM25 first, equal ones oldest first.

        Args:
            documents: only memories of these documents, or None for all.
        """
        if not terms or (documents is not None and not documents):
            return []
        # The best are chosen before anything is joined to them: a common word matches most of a bank.
        sql = """
            SELECT memory, document, turn, -score FROM (
                SELECT rowid AS memory, bm25(words, ?, ?, ?, ?) AS score
                FROM words WHERE words MATCH ? ORDER BY score, rowid LIMIT ?
            ) JOIN memories ON memories.id = memory JOIN passages ON passages.id = passage
            ORDER BY score, memory
        """
        bindings = (*_WEIGHTS.values(), _expression(terms, documents), limit)
        return [Match(*row) for row in self.database.rows(sql, bindings)]

    def state(self) -> tuple[int, int]:
        """The generation, which grows when memories go away, and the id of the newest memory."""
        sql = "SELECT generation, (SELECT coalesce(max(id), 0) FROM memories) FROM state"
        generation, newest = self.database.rows(sql)[0]
        return generation, newest

    def vectors(self, model: str, after: int) -> Iterator[StoredVector]:
        """The vectors of a model whose memories are newer than `after`, oldest first."""
        sql = """
            SELECT memory, document, turn, vector FROM vectors
            JOIN memories ON memories.id = memory JOIN passages ON passages.id = passage
            WHERE memory > ? AND model = ? ORDER BY memory
        """
        for row in self.database.rows(sql, (after, model)):
            yield StoredVector(*row)

    def memories(self, ids: Collection[int]) -> dict[int, Memory]:
        """Memories by id; an id that is not here any more is left out."""
        wanted = json.dumps(list(ids))
        pieces = self.database.rows(
            "SELECT id, passage, start, end, tokens FROM memories WHERE id IN (SELECT value FROM json_each(?))",
            (wanted,),
        )
        sources = self._sources({row[1] for row in pieces})
        return {
            memory: Memory(memory, name, passage, passage.text[start:end], tokens, tags, metadata)
            for memory, source, start, end, tokens in pieces
            if source in sources
            for name, tags, metadata, passage in [sources[source]]
        }

    def figures(self) -> Figures:
        """Count what the store holds."""
        with storage_errors(self.path):
            connection = self.database.read()
            documents = _column(connection, "SELECT count(DISTINCT document) FROM passages")[0]
            counts = [_count(connection, table) for table in ("passages", "memories", "vectors")]
        files = (self.path.with_name(self.path.name + end) for end in ("", "-wal", "-shm"))
        return Figures(documents, *counts, sum(file.stat().st_size for file in files if file.exists()))

    def close(self) -> None:
        """Let go of the file. Calling it twice is no error."""
        self.database.close()

    def _sources(self, passages: Collection[int]) -> dict[int, tuple[str, tuple[str, ...], Any, Passage]]:
        sql = f"""
            SELECT passages.id, name, (SELECT json_group_array(tag ORDER BY tag) FROM tags WHERE document = documents.id),
                metadata, {_PASSAGE}
            FROM passages JOIN documents ON documents.id = document
            WHERE passages.id IN (SELECT value FROM json_each(?))
        """  # noqa: S608 - a constant
        return {
            passage: (name, tuple(json.loads(tags)), json.loads(metadata), _passage(rest))
            for passage, name, tags, metadata, *rest in self.database.rows(sql, (json.dumps(list(passages)),))
        }

    def _purge(self) -> None:
        # A segment's inner pages keep the first word of each leaf, also of one that was deleted since: only a
        # newly written index is free of them.
        self.database.compact()


def _expression(terms: Sequence[str], documents: Collection[int] | None) -> str:
    """Any of the terms, in one of the documents. Terms hold letters, digits, marks and spaces alone."""
    wanted = "{text context said} : (" + " OR ".join(f'"{term}"' for term in terms) + ")"
    if documents is None:
        return wanted
    return f"({wanted}) AND place : (" + " OR ".join(f'"{_place(document)}"' for document in documents) + ")"


def _place(document: int) -> str:
    return f"d{document}"


def _column(connection: apsw.Connection, sql: str, bindings: apsw.Bindings = ()) -> list[Any]:
    return [value for (value,) in connection.execute(sql, bindings)]


def _count(connection: apsw.Connection, table: str) -> int:
    counted: int = _column(connection, f"SELECT count(*) FROM {table}")[0]  # noqa: S608 - a constant
    return counted


def _applied(connection: apsw.Connection, key: str) -> bool:
    return bool(_column(connection, "SELECT 1 FROM applied WHERE key = ?", (key,)))


def _document(connection: apsw.Connection, name: str) -> int | None:
    found = _column(connection, "SELECT id FROM documents WHERE name = ?", (name,))
    return found[0] if found else None


def _ensure_document(connection: apsw.Connection, name: str) -> int:
    connection.execute("INSERT INTO documents (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
    document: int = _column(connection, "SELECT id FROM documents WHERE name = ?", (name,))[0]
    return document


def _describe(connection: apsw.Connection, batch: Batch) -> int:
    """Note what a batch says of its document: its tags are added, its metadata and context replace."""
    document = _ensure_document(connection, batch.document)
    connection.execute(
        "UPDATE documents SET metadata = ?, context = coalesce(?, context) WHERE id = ?",
        (json.dumps(dict(batch.metadata), ensure_ascii=False), batch.context, document),
    )
    connection.executemany(
        "INSERT INTO tags (document, tag) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(document, tag) for tag in batch.tags],
    )
    return document


def _missing(connection: apsw.Connection, document: int | None, passages: Iterable[Passage]) -> list[Passage]:
    if document is None:
        return list(passages)
    removed = set(_column(connection, "SELECT turn FROM removed WHERE document = ?", (document,)))
    there = "SELECT 1 FROM passages WHERE document = ? AND turn = ? AND position = ?"
    return [
        passage
        for passage in passages
        if passage.turn not in removed
        and not _column(connection, there, (document, passage.turn, passage.position))
    ]


def _add_passage(connection: apsw.Connection, name: str, document: int, passage: Passage) -> int:
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
            f"INSERT INTO passages (document, {_PASSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            values,
        )
    except apsw.ConstraintError as error:
        raise BackendRefusedError(
            f"Turn {passage.turn} (message {passage.position}) of {name} cannot be stored: {error}. "
            "Turns of a document are retained in their order."
        ) from error
    return connection.last_insert_rowid()


def _add_memories(connection: apsw.Connection, passage: int, pieces: Iterable[Piece], model: str) -> None:
    for piece in pieces:
        connection.execute(
            "INSERT INTO memories (passage, start, end, tokens) VALUES (?, ?, ?, ?)",
            (passage, piece.start, piece.end, piece.tokens),
        )
        if piece.vector is not None:
            connection.execute(
                "INSERT INTO vectors (memory, model, vector) VALUES (?, ?, ?)",
                (connection.last_insert_rowid(), model, piece.vector),
            )


def _index(connection: apsw.Connection, passages: Iterable[int]) -> None:
    for entry in _entries(connection, passages):
        connection.execute(
            "INSERT INTO words (rowid, text, context, said, place) VALUES (?, ?, ?, ?, ?)", entry
        )


def _unindex(connection: apsw.Connection, passages: Iterable[int]) -> None:
    for entry in _entries(connection, passages):
        connection.execute(
            "INSERT INTO words (words, rowid, text, context, said, place) VALUES ('delete', ?, ?, ?, ?, ?)",
            entry,
        )


def _entries(
    connection: apsw.Connection, passages: Iterable[int]
) -> Iterator[tuple[int, str, str, str, str]]:
    """What the word index holds of each memory of these passages: id, text, context, said, place.

    The context is the beginning of the message that opened the turn, for the messages that follow it: an answer
    is found by what was asked. It reaches no further than the turn, so that a turn taken out leaves nothing
    of itself in another's words. An entry is deleted by handing in what was inserted, so this must not change
    for a file that exists, other than by a migration that indexes it anew.
    """
    source = """
        SELECT p.document, p.occurred_at, p.speaker, p.text, substr(o.text, 1, ?)
        FROM passages p LEFT JOIN passages o ON o.document = p.document AND o.turn = p.turn AND o.position < p.position
        WHERE p.id = ? ORDER BY o.position LIMIT 1
    """
    for passage in passages:
        document, when, speaker, text, opening = next(connection.execute(source, (_CONTEXT, passage)))
        said = f"{date_words(datetime.fromisoformat(when))} {index_text(speaker or '')}"
        pieces = "SELECT id, start, end FROM memories WHERE passage = ? ORDER BY id"
        for memory, start, end in connection.execute(pieces, (passage,)):
            yield memory, index_text(text[start:end]), index_text(opening or ""), said, _place(document)


def _take_out(connection: apsw.Connection, name: str, turns: Collection[int]) -> None:
    document = _ensure_document(connection, name)
    wanted = json.dumps(list(turns))
    connection.execute(
        "INSERT INTO removed SELECT ?, value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
        (document, wanted),
    )
    there = _column(
        connection,
        "SELECT id FROM passages WHERE document = ? AND turn IN (SELECT value FROM json_each(?))",
        (document, wanted),
    )
    _delete_passages(connection, there)
    # What was said about the document may repeat what was said in it.
    connection.execute(
        """
        UPDATE documents SET metadata = '{}', context = NULL
        WHERE id = ? AND NOT EXISTS (SELECT 1 FROM passages WHERE document = documents.id)
        """,
        (document,),
    )


def _drop(connection: apsw.Connection, name: str) -> None:
    document = _document(connection, name)
    if document is not None:
        _delete_passages(
            connection, _column(connection, "SELECT id FROM passages WHERE document = ?", (document,))
        )
        connection.execute("DELETE FROM documents WHERE id = ?", (document,))


def _delete_passages(connection: apsw.Connection, passages: list[int]) -> None:
    if passages:
        _unindex(connection, passages)
        connection.executemany("DELETE FROM passages WHERE id = ?", [(passage,) for passage in passages])
        _next_generation(connection)


def _next_generation(connection: apsw.Connection) -> None:
    connection.execute("UPDATE state SET generation = generation + 1")


def _passage(row: Sequence[Any]) -> Passage:
    turn, position, role, text, occurred_at, speaker, ref = row
    return Passage(turn, position, role, text, datetime.fromisoformat(occurred_at), speaker, ref)
