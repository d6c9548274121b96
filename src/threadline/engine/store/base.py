"""What a store is, and the values that go in and come out of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from threadline.documents import Batch, Passage
from threadline.turns import Json


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a passage that becomes a memory.

    Attributes:
        start, end: its offsets in the passage's text, in characters.
        tokens: what it takes of a recall's budget.
        vector: its int8 vector, or None when it is found by words alone.
    """

    start: int
    end: int
    tokens: int
    vector: bytes | None = None


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
class Match:
    """A memory that the word index found."""

    memory: int
    document: int
    turn: int
    score: float


@dataclass(frozen=True, slots=True)
class StoredVector:
    """A memory's vector and where the memory belongs."""

    memory: int
    document: int
    turn: int
    vector: bytes


@dataclass(frozen=True, slots=True)
class Figures:
    """What a bank holds; `bytes` is what its files take on the disk."""

    documents: int
    passages: int
    memories: int
    vectors: int
    bytes: int


class Store(Protocol):
    """Where one bank keeps its documents and memories. Every method may be called from any thread."""

    def missing(self, batch: Batch) -> list[Passage]:
        """The batch's passages that are neither stored nor taken out; none when its key was applied."""

    def retain(self, batch: Batch, prepared: Sequence[Prepared], model: str) -> None:
        """Store a batch in one transaction; a key already applied changes nothing.

        Args:
            batch: the batch.
            prepared: those of its passages that were missing, with their pieces.
            model: the name of the embedder that made the vectors.

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

    def tagged(self, tags: Collection[str]) -> set[int]:
        """The ids of the documents that carry all of these tags."""

    def search(self, terms: Sequence[str], documents: Collection[int] | None, limit: int) -> list[Match]:
        """The memories that hold any of these phrases, best BM25 first, equal ones oldest first.

        Args:
            terms: the phrases, of letters, digits, marks and spaces alone.
            documents: only memories of these documents, or None for all.
            limit: the most memories returned.
        """

    def speakers(self) -> list[str]:
        """The names of those who speak in the bank, at most 1,000, in alphabetical order."""

    def state(self) -> tuple[int, int]:
        """The generation, which grows when memories go away, and the id of the newest memory."""

    def vectors(self, model: str, after: int) -> Iterator[StoredVector]:
        """The vectors of a model whose memories are newer than `after`, oldest first."""

    def memories(self, ids: Collection[int]) -> dict[int, Memory]:
        """Memories by id; an id that is not here any more is left out."""

    def figures(self) -> Figures:
        """Count what the store holds."""

    def close(self) -> None:
        """Let go of the file. Calling it twice is no error."""
