"""What a store is, and the values that go in and come out of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from threadline.documents import Batch, Passage
from threadline.engine.store.words import State, WordIndex
from threadline.turns import Json

if TYPE_CHECKING:
    from threadline.engine.store.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Embedding:
    """What a model makes of a piece.

    Attributes:
        vector: int8, the unit vector times 127.
        tokens: for late interaction, a sign bit for each dimension of each telling token; empty where the model has
            no tokens.
    """

    vector: bytes
    tokens: bytes = b""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a passage that becomes a memory.

    Attributes:
        start, end: its offsets in the passage's text, in characters.
        tokens: what it takes of a recall's budget.
        embedding: what finds it by meaning, or None when it is found by words alone.
    """

    start: int
    end: int
    tokens: int
    embedding: Embedding | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A passage with the pieces made from it."""

    passage: Passage
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """One recallable unit: a piece of a passage, with the document it belongs to."""

    id: int
    document: str
    tags: tuple[str, ...]
    metadata: Mapping[str, Json]
    passage: Passage
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Entity:
    """Whom or what a document is about.

    Attributes:
        kind: such as `PERSON`, where somebody said so.
    """

    name: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a document that was handed in as one, and is replaced or appended as one.

    Attributes:
        source: the document, as its caller knows it.
        chunks: its text in chunks, each in slices that become memories; joined they are the text.
        occurred_at: when it was said.
        extra: what whoever stores it wants back.
    """

    source: str
    chunks: tuple[tuple[str, ...], ...]
    occurred_at: datetime
    stored_at: datetime
    role: str = "user"
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    context: str | None = None
    entities: tuple[Entity, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)

    def text(self) -> str:
        """What was handed in."""
        return "".join(text for chunk in self.chunks for text in chunk)

    def passages(self) -> list[Passage]:
        """The slices as passages: the turn is the number of the chunk from 1, the position that of the slice."""
        return [
            Passage(number, position, self.role, text, self.occurred_at)
            for number, chunk in enumerate(self.chunks, start=1)
            for position, text in enumerate(chunk)
        ]


class Row(NamedTuple):
    """Where a memory belongs.

    Attributes:
        said_at: when it was said, in seconds since 1970.
    """

    memory: int
    passage: int
    document: int
    turn: int
    role: str
    speaker: str | None
    said_at: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a bank holds; `bytes` is what its files take on the disk."""

    documents: int
    passages: int
    memories: int
    vectors: int
    bytes: int


class Store(Protocol):
    """Where one bank keeps its documents and memories. Every method may be called from any thread.

    Attributes:
        words: the index of the memories' words, which follows the store.
        shelf: documents and memories as callers of a server know them.
    """

    words: WordIndex
    shelf: Shelf

    def missing(self, batch: Batch) -> list[Passage]:
        """The batch's passages that are neither stored nor taken out; none when its key was applied."""

    def retain(self, batch: Batch, prepared: Sequence[Prepared], model: str) -> None:
        """Store a batch in one transaction; a key already applied changes nothing.

        Args:
            batch: the batch.
            prepared: those of its passages that were missing, with their pieces.
            model: the name of the embedder that made the vectors. The first one of a bank serves.

        Raises:
            BackendRefusedError: a passage lies before one that is already there.
        """

    def retract(self, document: str, turns: Collection[int]) -> None:
        """Take turns out and keep them from coming back."""

    def forget(self, document: str, turns: Collection[int] | None) -> None:
        """Remove turns (as `retract`) or, with None, the whole document, leaving no byte of them."""

    def clear(self) -> None:
        """Remove everything, leaving no byte of it."""

    def remove(self) -> bool:
        """Close the store and delete it, unless another process has it open; returns whether it is gone."""

    def passages(self) -> Iterator[tuple[int, Passage]]:
        """All passages with their ids, in the order they were stored."""

    def rebuild(self, prepared: Mapping[int, Sequence[Piece]], model: str) -> int:
        """Replace all memories by these pieces of each passage; returns the number of memories.

        A passage that is not among them (it came since) keeps its own.
        """

    def document_ids(self, names: Collection[str]) -> dict[str, int]:
        """The ids of documents by name; a name that is not here is left out."""

    def edited(self, names: Collection[str]) -> list[tuple[int, str, int]]:
        """What edited memories of a journal's documents say now: the item's id, the document and the turn."""

    def tags(self, needed: Collection[str] | None = None) -> dict[int, frozenset[str]]:
        """The tags of every document, or of those that carry one of some tags, by its id."""

    def state(self) -> State:
        """How far the store is."""

    def texts(self, after: int, limit: int) -> list[tuple[int, int, str]]:
        """Memories newer than `after`, oldest first: id, document, text."""

    def gone(self, generation: int) -> list[int]:
        """The memories that went away after this generation, which must not lie before `complete_since`."""

    def count(self) -> int:
        """How many memories there are."""

    def rows(self, after: int, limit: int) -> list[Row]:
        """Where the memories newer than `after` belong, oldest first."""

    def vectors(self, model: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        """The vectors of a model whose memories are newer than `after`, oldest first: memory, vector."""

    def late_vectors(self, model: str, ids: Collection[int]) -> list[tuple[int, bytes]]:
        """The vectors that a model has of these memories, oldest first: memory, vector."""

    def token_vectors(self, model: str, ids: Collection[int]) -> dict[int, bytes]:
        """The token vectors of memories that have some."""

    def unembedded(self, model: str, after: int, limit: int) -> list[tuple[int, Passage, Piece]]:
        """Memories newer than `after` without a vector of the model, oldest first, with what they were made from."""

    def embed(self, model: str, made: Mapping[int, Embedding]) -> None:
        """Store what a model made of memories; one that went away meanwhile is left out."""

    def serve(self, model: str) -> None:
        """Have the vectors of a model searched from now on, and delete those of every other."""

    def memories(self, ids: Collection[int]) -> dict[int, Memory]:
        """Memories by id; an id that is not here any more is left out."""

    def memories_of(self, document: str, turn: int | None) -> list[Memory]:
        """The memories of a document, or of one turn of it, in order."""

    def figures(self) -> Figures:
        """Count what the store holds."""

    def close(self) -> None:
        """Let go of the file. Calling it twice is no error."""
