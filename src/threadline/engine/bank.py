"""One memory of documents: the stages of retain and recall, wired to a store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from threadline.database import Durability
from threadline.documents import Batch, Query, Reason
from threadline.engine.models.base import Embedder
from threadline.engine.recall.budget import within_budget
from threadline.engine.recall.fuse import Fusion, sum_of_z_scores
from threadline.engine.recall.meaning import Meaning
from threadline.engine.recall.ranking import Ranking
from threadline.engine.recall.scope import visible
from threadline.engine.recall.words import search_words
from threadline.engine.retain.prepare import prepare
from threadline.engine.store.base import Figures, Memory, Store
from threadline.engine.store.sqlite import SqliteStore
from threadline.engine.terms import query_terms, shortened, without_names

#: How many memories each channel hands to the fusion.
DEPTH = 200

_FETCH = 32
_REBUILD = 64


@dataclass(frozen=True, slots=True)
class Hit:
    """A memory that a recall returns, its fused score, and which channels found it, best rank first."""

    memory: Memory
    score: float
    why: tuple[Reason, ...]

    @property
    def tokens(self) -> int:
        """What it takes of the budget."""
        return self.memory.tokens


class Bank:
    """One isolated memory in one folder.

    Args:
        folder: where its `memory.db` is, made when missing.
        embedder: what finds by meaning; None to find by words alone. Vectors of another embedder are not
            used; `rebuild` makes new ones.
        fusion: how the channels' rankings become one.

    Raises:
        StorageError: see its subclasses in `threadline.errors`.
    """

    def __init__(
        self,
        folder: Path,
        embedder: Embedder | None = None,
        fusion: Fusion = sum_of_z_scores,
        durability: Durability = "process",
    ) -> None:
        self._store: Store = SqliteStore(folder / "memory.db", durability)
        self._embedder = embedder
        self._model = embedder.name if embedder else ""
        self._meaning = Meaning(self._store, embedder) if embedder else None
        self._fusion = fusion

    def retain(self, batch: Batch) -> None:
        """Store a batch and make memories of it, at most 512 of one message embedded.

        A key already applied, a passage already there and a turn taken out change nothing. A document's tags
        are those of all its batches together; its metadata is the latest batch's.

        Raises:
            BackendRefusedError: a passage lies before one that is already there.
            EmbedderError: the model cannot be loaded or run.
        """
        self._store.retain(batch, prepare(self._store.missing(batch), self._embedder), self._model)

    def retract(self, document: str, turns: Collection[int]) -> None:
        """Take turns out of a document, with their memories; no later batch brings them back."""
        self._store.retract(document, turns)

    def forget(self, document: str, turns: Collection[int] | None = None) -> None:
        """Remove turns, or with None the whole document, and every byte of them from the bank's files.

        Raises:
            StorageBusyError: another process is reading; nothing of them is recalled any more, but some bytes
                are still in the file: try again.
        """
        self._store.forget(document, turns)

    def remove(self) -> bool:
        """Remove everything, leaving no byte of it, and close.

        Returns:
            Whether its file is deleted too. It stays, empty, while another process has it open.

        Raises:
            StorageBusyError: as `forget`.
        """
        self._store.clear()
        return self._store.remove()

    def recall(self, query: Query) -> list[Hit]:
        """Find memories, best first, within the query's scope, token budget and limit.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """
        text = shortened(query.text.encode("utf-8", "replace").decode("utf-8"))
        terms = query_terms(text)
        if not terms or query.limit <= 0:
            return []
        seen = visible(self._store, query)
        depth = max(DEPTH, 2 * query.limit)
        rankings = [search_words(self._store, terms, seen, depth)]
        if self._meaning:
            matter = without_names(text, self._store.speakers())
            rankings.append(self._meaning.search(matter, seen, depth))
        hits = self._hits(self._fusion(rankings), rankings)
        return list(within_budget(hits, query.max_tokens, query.limit))

    def rebuild(self) -> int:
        """Make all memories again from the passages; returns how many there are.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """
        passages = list(self._store.passages())
        pieces = {}
        for start in range(0, len(passages), _REBUILD):
            some = passages[start : start + _REBUILD]
            made = prepare([passage for _, passage in some], self._embedder)
            pieces.update({number: one.pieces for (number, _), one in zip(some, made, strict=True)})
        return self._store.rebuild(pieces, self._model)

    def figures(self) -> Figures:
        """Count what the bank holds."""
        return self._store.figures()

    def close(self) -> None:
        """Let go of the file. Calling it twice is no error."""
        self._store.close()

    def _hits(self, fused: Sequence[tuple[int, float]], rankings: Sequence[Ranking]) -> Iterator[Hit]:
        places = [
            (ranking.channel, {memory: (rank, score) for rank, (memory, score) in enumerate(ranking.found, 1)})
            for ranking in rankings
        ]
        for start in range(0, len(fused), _FETCH):
            some = fused[start : start + _FETCH]
            memories = self._store.memories([memory for memory, _ in some])
            for memory, score in some:
                if memory in memories:
                    why = [Reason(channel, *found[memory]) for channel, found in places if memory in found]
                    why.sort(key=lambda reason: reason.rank)
                    yield Hit(memories[memory], score, tuple(why))
