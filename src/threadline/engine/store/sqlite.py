"""The store on one SQLite file: all SQL of the engine is here and in `schema.sql`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from threadline.database import Database, Durability, Schema, storage_errors
from threadline.documents import Batch, Passage
from threadline.engine.store.base import Figures, Match, Memory, Piece, Prepared, StoredVector
from threadline.engine.terms import date_words, index_text
from threadline.errors import BackendRefusedError
from threadline.turns import Json

# "TLME" in ASCII.
SCHEMA = Schema(
    application_id=0x544C4D45,
    version=1,
    create=Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"),
)

# BM25's weight of each column of the word index. What opened the turn, and when and by whom it was said, help
# to find a memory without being what it says; `place` is there to be filtered by.
_WEIGHTS = {"text": 1.0, "context": 0.5, "said": 0.5, "place": 0.0}

# How much of the message that opened a turn is indexed with each short message that follows, in characters.
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
        self._wal = path.with_name(f"{path.name}-wal")

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
            batch: the batch.
            prepared: those of its passages that were missing, with their pieces.
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

    def remove(self) -> bool:
        """Close the store and delete it, unless another process has it open; returns whether it is gone."""
        self.close()
        with storage_errors(self.path), contextlib.closing(apsw.Connection(str(self.path))) as connection:
            try:
                # Nobody can leave WAL while another has the file open; whoever opens it now waits, and must not
                # find it under this name any more.
                connection.execute("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE")
            except apsw.BusyError:
                return False
            self.path.unlink()
            return True

    def passages(self) -> Iterator[tuple[int, Passage]]:
        """All passages with their ids, in the order they were stored."""
        for row in self.database.rows(f"SELECT id, {_PASSAGE} FROM passages ORDER BY id"):  # noqa: S608
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
            terms: the phrases, of letters, digits, marks and spaces alone.
            documents: only memories of these documents, or None for all.
            limit: the most memories returned.
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
        bindings: apsw.Bindings = (*_WEIGHTS.values(), _expression(terms, documents), limit)
        return [Match(*row) for row in self.database.rows(sql, bindings)]

    def speakers(self) -> list[str]:
        """The names of those who speak in the bank, at most 1,000, in alphabetical order."""
        # From name to name along the index; DISTINCT would read all of it.
        sql = """
            WITH RECURSIVE names (name) AS (
                SELECT min(speaker) FROM passages WHERE speaker IS NOT NULL
                UNION ALL
                SELECT (SELECT min(speaker) FROM passages WHERE speaker > name)
                FROM names WHERE name IS NOT NULL
            )
            SELECT name FROM names WHERE name IS NOT NULL LIMIT 1000
        """
        return [name for (name,) in self.database.rows(sql)]

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
        sql = """
            SELECT id, passage, start, end, tokens FROM memories
            WHERE id IN (SELECT value FROM json_each(?))
        """
        pieces = self.database.rows(sql, (json.dumps(list(ids)),))
        passages = self._passages({passage for _, passage, *_ in pieces})
        documents = self._documents({document for document, _ in passages.values()})
        found = {}
        for memory, source, start, end, tokens in pieces:
            # Another process may delete between these reads: then there is nothing to give out.
            document, passage = passages.get(source, (0, None))
            if passage and document in documents:
                text = passage.text[start:end]
                found[memory] = Memory(memory, *documents[document], passage, text, tokens)
        return found

    def figures(self) -> Figures:
        """Count what the store holds."""
        with storage_errors(self.path):
            connection = self.database.read()
            documents = _column(connection, "SELECT count(DISTINCT document) FROM passages")[0]
            passages = _count(connection, "passages")
            memories = _count(connection, "memories")
            vectors = _count(connection, "vectors")
        files = [self.path, self._wal, self.path.with_name(f"{self.path.name}-shm")]
        return Figures(documents, passages, memories, vectors, sum(map(_size, files)))

    def close(self) -> None:
        """Let go of the file. Calling it twice is no error."""
        self.database.close()

    def _passages(self, ids: Collection[int]) -> dict[int, tuple[int, Passage]]:
        """Passages by id, each with its document's id."""
        sql = f"""
            SELECT id, document, {_PASSAGE} FROM passages WHERE id IN (SELECT value FROM json_each(?))
        """  # noqa: S608 - a constant
        rows = self.database.rows(sql, (json.dumps(list(ids)),))
        return {passage: (document, _passage(rest)) for passage, document, *rest in rows}

    def _documents(self, ids: Collection[int]) -> dict[int, tuple[str, tuple[str, ...], Mapping[str, Json]]]:
        """Name, tags and metadata of documents by id."""
        sql = """
            SELECT id, name, metadata,
                (SELECT json_group_array(tag ORDER BY tag) FROM tags WHERE document = documents.id)
            FROM documents WHERE id IN (SELECT value FROM json_each(?))
        """
        rows = self.database.rows(sql, (json.dumps(list(ids)),))
        return {
            document: (name, tuple(json.loads(tags)), json.loads(metadata)) for document, name, metadata, tags in rows
        }

    def _purge(self) -> None:
        self.database.write("engine.purge", _rewrite_index)
        self.database.compact()


def _expression(terms: Sequence[str], documents: Collection[int] | None) -> str:
    """Any of the terms, in one of the documents. Terms hold letters, digits, marks and spaces alone."""
    wanted = "{text context said} : (" + " OR ".join(f'"{term}"' for term in terms) + ")"
    if documents is None:
        return wanted
    places = " OR ".join(f'"{_place(document)}"' for document in documents)
    return f"({wanted}) AND place : ({places})"


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


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
    return [
        passage for passage in passages if passage.turn not in removed and not _is_there(connection, document, passage)
    ]


def _is_there(connection: apsw.Connection, document: int, passage: Passage) -> bool:
    sql = "SELECT text FROM passages WHERE document = ? AND turn = ? AND position = ?"
    found = _column(connection, sql, (document, passage.turn, passage.position))
    if found and found[0] != passage.text:
        raise BackendRefusedError(
            f"The bank holds another text as turn {passage.turn} (message {passage.position}) of this document. Was "
            "the journal lost or replaced? `threadline rebuild --from-journal` makes the bank what the journal says."
        )
    return bool(found)


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
            "Turns of a document are retained in their order; `threadline rebuild --from-journal` delivers all of them "
            "again in theirs."
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
        connection.execute("INSERT INTO words (rowid, text, context, said, place) VALUES (?, ?, ?, ?, ?)", entry)


def _unindex(connection: apsw.Connection, passages: Iterable[int]) -> None:
    for entry in _entries(connection, passages):
        connection.execute(
            "INSERT INTO words (words, rowid, text, context, said, place) VALUES ('delete', ?, ?, ?, ?, ?)",
            entry,
        )


def _entries(connection: apsw.Connection, passages: Iterable[int]) -> Iterator[tuple[int, str, str, str, str]]:
    """What the word index holds of each memory of these passages: id, text, context, said, place.

    The context is the beginning of the message that opened the turn: a short answer is found by what was
    asked. (A long one speaks for itself; with context, each of its pieces was found at once.) It reaches no
    further than the turn, so that a turn taken out leaves nothing of itself in another's words. An entry is
    deleted by handing in what was inserted, so this must not change for a file that exists, other than by a
    migration that indexes it anew.
    """
    source = """
        SELECT p.document, p.occurred_at, p.speaker, p.text, substr(o.text, 1, ?)
        FROM passages p LEFT JOIN passages o
            ON o.document = p.document AND o.turn = p.turn AND o.position < p.position
        WHERE p.id = ? ORDER BY o.position LIMIT 1
    """
    for passage in passages:
        document, when, speaker, text, opening = next(connection.execute(source, (_CONTEXT, passage)))
        said = f"{date_words(datetime.fromisoformat(when))} {index_text(speaker or '')}"
        pieces = "SELECT id, start, end FROM memories WHERE passage = ? ORDER BY id"
        rows = list(connection.execute(pieces, (passage,)))
        context = index_text(opening) if opening and len(rows) == 1 else ""
        for memory, start, end in rows:
            yield memory, index_text(text[start:end]), context, said, _place(document)


def _rewrite_index(connection: apsw.Connection) -> None:
    """Write the word index anew.

    A deleted word is gone from the index's leaves at once, but its beginning may stay in the inner pages as the
    border between two leaves. Merging all segments writes new borders; a merge needs two, so one is added.
    """
    connection.execute("INSERT INTO words (rowid, text) VALUES (0, '0')")
    connection.execute("INSERT INTO words (words) VALUES ('optimize')")
    connection.execute("INSERT INTO words (words, rowid, text) VALUES ('delete', 0, '0')")


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
        _delete_passages(connection, _column(connection, "SELECT id FROM passages WHERE document = ?", (document,)))
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
