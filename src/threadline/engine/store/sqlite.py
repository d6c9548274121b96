"""The store on one SQLite file: all SQL of the engine is here and in `schema.sql`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import apsw

from threadline.database import Database, Durability, Schema, storage_errors
from threadline.documents import Batch, Passage
from threadline.engine.store.base import Embedding, Figures, Memory, Piece, Prepared, Row
from threadline.engine.store.curation import forget_document, forget_turns
from threadline.engine.store.shelf import Shelf
from threadline.engine.store.words import State, WordIndex
from threadline.engine.store.writing import (
    PASSAGE,
    add_memories,
    add_passage,
    add_vector,
    applied,
    column,
    count,
    describe,
    document_id,
    missing,
    passage_of,
    serve_model,
    split_rows,
    start_anew,
    take_out,
)
from threadline.turns import Json

_HERE = Path(__file__).parent

# "TLME" in ASCII.
SCHEMA = Schema(
    application_id=0x544C4D45,
    version=3,
    create=(_HERE / "schema.sql").read_text("utf-8"),
    migrations={step: (_HERE / "migrations" / f"{step}.sql").read_text("utf-8") for step in (2, 3)},
)


_EDITED = """
    SELECT replacement, name, turn, position FROM curated JOIN documents ON documents.id = document
    WHERE replacement IS NOT NULL AND source IS NULL
"""


class SqliteStore:
    """A bank's `memory.db`, and the word index beside it.

    Args:
        path: the file; made when missing.

    Raises:
        StorageError: see its subclasses in `threadline.errors`.
    """

    def __init__(self, path: Path, durability: Durability = "process") -> None:
        self.path = path
        self.database = Database(path, SCHEMA, durability)
        self.words = WordIndex(path.with_name("words"), self)
        self.shelf = Shelf(self.database)
        self._wal = path.with_name(f"{path.name}-wal")

    def missing(self, batch: Batch) -> list[Passage]:
        """The batch's passages that are neither stored nor taken out; none when its key was applied."""
        with storage_errors(self.path):
            connection = self.database.read()
            if applied(connection, batch.key):
                return []
            return missing(connection, document_id(connection, batch.document), batch.passages)

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
            if applied(connection, batch.key):
                return
            document = describe(connection, batch)
            new = {
                (passage.turn, passage.position)
                for passage in missing(connection, document, [one.passage for one in prepared])
            }
            for one in prepared:
                place = one.passage.turn, one.passage.position
                if place in new:
                    new.remove(place)  # a batch that says a passage twice says it once
                    passage = add_passage(connection, batch.document, document, one.passage)
                    add_memories(connection, passage, one.pieces, model)
            connection.execute("INSERT INTO applied VALUES (?)", (batch.key,))

        self.database.write("engine.retain", work)

    def retract(self, document: str, turns: Collection[int]) -> None:
        """Take turns out and keep them from coming back."""
        self.database.write("engine.retract", lambda connection: _take_out(connection, document, turns))

    def forget(self, document: str, turns: Collection[int] | None) -> None:
        """Remove turns (as `retract`) or, with None, the whole document, leaving no byte of them."""
        if turns is None:
            self.database.write("engine.forget", lambda connection: forget_document(connection, document))
        else:
            self.database.write("engine.forget", lambda connection: _take_out(connection, document, turns))
        self._purge()

    def clear(self) -> None:
        """Remove everything, leaving no byte of it."""

        def work(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM documents; DELETE FROM applied; DELETE FROM entities; DELETE FROM events")
            start_anew(connection)

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
        self.words.remove()
        return True

    def passages(self) -> Iterator[tuple[int, Passage]]:
        """All passages with their ids, in the order they were stored."""
        for row in self.database.rows(f"SELECT id, {PASSAGE} FROM passages ORDER BY id"):  # noqa: S608
            yield row[0], passage_of(row[1:])

    def rebuild(self, prepared: Mapping[int, Sequence[Piece]], model: str) -> int:
        """Replace all memories by these pieces of each passage; returns the number of memories.

        A passage that is not among them (it came since) keeps its own.
        """

        def work(connection: apsw.Connection) -> int:
            there = column(connection, "SELECT id FROM passages ORDER BY id")
            for passage in there:
                if passage in prepared:
                    connection.execute("DELETE FROM memories WHERE passage = ?", (passage,))
                    add_memories(connection, passage, prepared[passage], model)
            start_anew(connection)
            serve_model(connection, model)
            return count(connection, "memories")

        memories = self.database.write("engine.rebuild", work)
        self.words.remake()
        return memories

    def document_ids(self, names: Collection[str]) -> dict[str, int]:
        """The ids of documents by name; a name that is not here is left out."""
        sql = "SELECT name, id FROM documents WHERE name IN (SELECT value FROM json_each(?))"
        return dict(self.database.rows(sql, (json.dumps(list(names)),)))

    def edited(self, names: Collection[str]) -> list[tuple[int, str, int]]:
        """What edited memories of a journal's documents say now: the item's id, the document and the turn."""
        sql = f"{_EDITED} AND name IN (SELECT value FROM json_each(?))"  # noqa: S608 - a constant
        return [row[:3] for row in self.database.rows(sql, (json.dumps(list(names)),))]

    def tags(self, needed: Collection[str] | None = None) -> dict[int, frozenset[str]]:
        """The tags of every document, or of those that carry one of some tags, by its id."""
        tagged = "SELECT document FROM tags WHERE tag IN (SELECT value FROM json_each(?))"
        among = "SELECT id FROM documents" if needed is None else tagged
        bindings = () if needed is None else (json.dumps(list(needed)),)
        tags: dict[int, set[str]] = {document: set() for (document,) in self.database.rows(among, bindings)}
        sql = f"SELECT document, tag FROM tags WHERE document IN ({among})"  # noqa: S608 - one of two constants
        for document, tag in self.database.rows(sql, bindings):
            tags.setdefault(document, set()).add(tag)
        return {document: frozenset(each) for document, each in tags.items()}

    def state(self) -> State:
        """How far the store is."""
        sql = """
            SELECT generation, complete_since, (SELECT coalesce(max(id), 0) FROM memories), serving,
                (SELECT coalesce(max(rowid), 0) FROM vectors)
            FROM state
        """
        return State(*self.database.rows(sql)[0])

    def texts(self, after: int, limit: int) -> list[tuple[int, int, str]]:
        """Memories newer than `after`, oldest first: id, document, text."""
        sql = "SELECT id, passage, start, end FROM memories WHERE id > ? ORDER BY id LIMIT ?"
        pieces = self.database.rows(sql, (after, limit))
        passages = self._passages({passage for _, passage, *_ in pieces})
        # Another process may delete between these reads: what is not there any more is not indexed.
        there = [(memory, *passages[at], start, end) for memory, at, start, end in pieces if at in passages]
        return [(memory, document, passage.text[start:end]) for memory, document, passage, start, end in there]

    def gone(self, generation: int) -> list[int]:
        """The memories that went away after this generation, which must not lie before `complete_since`."""
        rows = self.database.rows("SELECT memory FROM gone WHERE generation > ? ORDER BY memory", (generation,))
        return [memory for (memory,) in rows]

    def count(self) -> int:
        """How many memories there are."""
        with storage_errors(self.path):
            return count(self.database.read(), "memories")

    def rows(self, after: int, limit: int) -> list[Row]:
        """Where the memories newer than `after` belong, oldest first."""
        sql = """
            SELECT memories.id, passage, document, turn, role, speaker,
                unixepoch(occurred_at, 'subsec'), tokens
            FROM memories JOIN passages ON passages.id = passage WHERE memories.id > ? ORDER BY memories.id LIMIT ?
        """
        return list(map(Row._make, self.database.rows(sql, (after, limit))))

    def vectors(self, model: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        """The vectors of a model whose memories are newer than `after`, oldest first: memory, vector."""
        sql = """
            SELECT memory, vector FROM vectors
            WHERE model = (SELECT id FROM models WHERE name = ?) AND memory > ? ORDER BY memory LIMIT ?
        """
        return [(memory, vector) for memory, vector in self.database.rows(sql, (model, after, limit))]

    def late_vectors(self, model: str, ids: Collection[int]) -> list[tuple[int, bytes]]:
        """The vectors that a model has of these memories, oldest first: memory, vector."""
        sql = """
            SELECT memory, vector FROM vectors
            WHERE model = (SELECT id FROM models WHERE name = ?) AND memory IN (SELECT value FROM json_each(?))
            ORDER BY memory
        """
        return [(memory, vector) for memory, vector in self.database.rows(sql, (model, json.dumps(list(ids))))]

    def token_vectors(self, model: str, ids: Collection[int]) -> dict[int, bytes]:
        """The token vectors of memories that have some."""
        sql = """
            SELECT memory, signs FROM tokens WHERE model = (SELECT id FROM models WHERE name = ?)
            AND memory IN (SELECT value FROM json_each(?))
        """
        return dict(self.database.rows(sql, (model, json.dumps(list(ids)))))

    def unembedded(self, model: str, after: int, limit: int) -> list[tuple[int, Passage, Piece]]:
        """Memories newer than `after` without a vector of the model, oldest first, with what they were made from."""
        sql = f"""
            SELECT memories.id, start, end, tokens, {PASSAGE}
            FROM memories JOIN passages ON passages.id = passage
            WHERE memories.id > ? AND NOT EXISTS (
                SELECT 1 FROM vectors
                WHERE model = (SELECT id FROM models WHERE name = ?) AND memory = memories.id
            ) ORDER BY memories.id LIMIT ?
        """  # noqa: S608 - a constant
        rows = self.database.rows(sql, (after, model, limit))
        return [(memory, passage_of(rest), Piece(*piece)) for memory, *piece, rest in split_rows(rows, 4)]

    def embed(self, model: str, made: Mapping[int, Embedding]) -> None:
        """Store what a model made of memories; one that went away meanwhile is left out."""

        def work(connection: apsw.Connection) -> None:
            for memory, embedding in made.items():
                if column(connection, "SELECT 1 FROM memories WHERE id = ?", (memory,)):
                    add_vector(connection, memory, model, embedding)

        self.database.write("engine.embed", work)

    def serve(self, model: str) -> None:
        """Have the vectors of a model searched from now on, and delete those of every other."""
        self.database.write("engine.serve", lambda connection: serve_model(connection, model))

    def memories(self, ids: Collection[int]) -> dict[int, Memory]:
        """Memories by id; an id that is not here any more is left out."""
        sql = f"""
            SELECT memories.id, start, end, tokens, document, {PASSAGE}
            FROM memories JOIN passages ON passages.id = passage
            WHERE memories.id IN (SELECT value FROM json_each(?))
        """  # noqa: S608 - a constant
        rows = self.database.rows(sql, (json.dumps(list(ids)),))
        documents = self._documents({row[4] for row in rows})
        wanted = (json.dumps(list(documents)),)
        among = f"{_EDITED} AND replacement IN (SELECT value FROM json_each(?))"  # noqa: S608 - a constant
        edited = self.database.rows(among, wanted)
        places = {item: place for item, *place in edited}
        found = {}
        for memory, start, end, tokens, document, *rest in rows:
            if document in documents:  # another process may delete between the two reads
                passage = passage_of(rest)
                text = passage.text[start:end]
                name, tags, metadata = documents[document]
                if document in places:  # it is still what was said there
                    name, turn, position = places[document]
                    passage = replace(passage, turn=turn, position=position)
                found[memory] = Memory(memory, name, tags, metadata, passage, text, tokens)
        return found

    def memories_of(self, document: str, turn: int | None) -> list[Memory]:
        """The memories of a document, or of one turn of it, in order."""
        sql = """
            SELECT memories.id FROM memories JOIN passages ON passages.id = passage
            WHERE document = (SELECT id FROM documents WHERE name = ?1) AND (?2 IS NULL OR turn = ?2)
        """
        found = self.memories([memory for (memory,) in self.database.rows(sql, (document, turn))])
        return [found[memory] for memory in sorted(found)]

    def figures(self) -> Figures:
        """Count what the store holds."""
        with storage_errors(self.path):
            connection = self.database.read()
            documents = column(connection, "SELECT count(DISTINCT document) FROM passages")[0]
            passages = count(connection, "passages")
            memories = count(connection, "memories")
            vectors = count(connection, "vectors")
        files = [path for path in self.path.parent.rglob("*") if path.is_file()]
        return Figures(documents, passages, memories, vectors, sum(map(_size, files)))

    def close(self) -> None:
        """Let go of the files. Calling it twice is no error."""
        self.words.close()
        self.database.close()

    def _passages(self, ids: Collection[int]) -> dict[int, tuple[int, Passage]]:
        """Passages by id, each with its document's id."""
        sql = f"""
            SELECT id, document, {PASSAGE} FROM passages WHERE id IN (SELECT value FROM json_each(?))
        """  # noqa: S608 - a constant
        rows = self.database.rows(sql, (json.dumps(list(ids)),))
        return {passage: (document, passage_of(rest)) for passage, document, *rest in rows}

    def _documents(self, ids: Collection[int]) -> dict[int, tuple[str, tuple[str, ...], Mapping[str, Json]]]:
        """Name, tags and metadata of documents by id."""
        wanted = (json.dumps(list(ids)),)
        tagged = "SELECT document, tag FROM tags WHERE document IN (SELECT value FROM json_each(?)) ORDER BY tag"
        tags: dict[int, list[str]] = {}
        for document, tag in self.database.rows(tagged, wanted):
            tags.setdefault(document, []).append(tag)
        sql = "SELECT id, name, metadata FROM documents WHERE id IN (SELECT value FROM json_each(?))"
        return {
            document: (name, tuple(tags.get(document, ())), {} if metadata == "{}" else json.loads(metadata))
            for document, name, metadata in self.database.rows(sql, wanted)
        }

    def _purge(self) -> None:
        self.words.remake()
        self.database.compact()


def _take_out(connection: apsw.Connection, name: str, turns: Collection[int]) -> None:
    forget_turns(connection, name, turns)
    take_out(connection, name, turns)


def _size(file: Path) -> int:
    """0 for one that is gone, as those are that the word index writes and merges meanwhile."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
