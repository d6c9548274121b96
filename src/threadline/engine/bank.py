"""One memory of documents: the stages of retain and recall, wired to a store."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from threadline.database import Durability
from threadline.documents import Batch, Query
from threadline.engine.models.base import Embedder, Encoder
from threadline.engine.recall.catalogue import Catalogue, Rows
from threadline.engine.recall.events import EVENT, frames_of
from threadline.engine.recall.fuse import DEFAULT, Fusions
from threadline.engine.recall.question import Question, read_question
from threadline.engine.recall.rank import Effort, Ranked, Reranker, effort_of, rank, rerank
from threadline.engine.recall.scope import Visible, visible
from threadline.engine.recall.select import Hit, select
from threadline.engine.recall.timeframe import Timeframe
from threadline.engine.retain.prepare import prepare, prepare_whole
from threadline.engine.retain.reembed import Reembedding
from threadline.engine.store.base import Figures, Item, Memory, Store
from threadline.engine.store.curation import Change, Curation, Step, saying_after
from threadline.engine.store.shelf import Shelf
from threadline.engine.store.sqlite import SqliteStore

_REBUILD = 64

# Once so many memories are not in the word index, a retain brings it up to date; it is idle upkeep otherwise.
_BEHIND = 5_000

#: Opens the embedder whose vectors have a name; None where it is not to be had any more.
Reopen = Callable[[str], Embedder | None]


class Bank:
    """One isolated memory in one folder.

    Args:
        folder: where its `memory.db` is, made when missing.
        embedder: what finds by meaning; None to find by words alone.
        fusions: how the signals of a memory become one score.
        reranker: what looks at the best once more where the budget is `high`.
        reopen: opens the embedder of older vectors, which serve until `upkeep` has made new ones.

    Raises:
        StorageError: see its subclasses in `threadline.errors`.
    """

    def __init__(
        self,
        folder: Path,
        embedder: Embedder | None = None,
        fusions: Fusions = DEFAULT,
        durability: Durability = "process",
        *,
        reranker: Reranker | None = None,
        reopen: Reopen = lambda _: None,
    ) -> None:
        self._store: Store = SqliteStore(folder / "memory.db", durability)
        self._embedder = embedder
        self._fusions = fusions
        self._reranker = reranker
        self._reembedding = Reembedding(self._store, embedder, reopen)
        self._lock = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._served = ("", "")

    def retain(self, batch: Batch) -> None:
        """Store a batch and make memories of it. Of one message 512 are embedded at once, the rest by `upkeep`.

        A key already applied, a passage already there and a turn taken out change nothing. A document's tags
        are those of all its batches together; its metadata is the latest batch's.

        Raises:
            BackendRefusedError: a passage lies before one that is already there.
            EmbedderError: the model cannot be loaded or run.
        """
        embedder = self._reembedding.serving()
        model = embedder.name if embedder else ""
        self._store.retain(batch, prepare(self._store.missing(batch), embedder), model)
        if self._store.words.behind() > _BEHIND:
            self._store.words.catch_up()

    @property
    def shelf(self) -> Shelf:
        """Documents and memories as callers of a server know them."""
        return self._store.shelf

    def put(self, items: Sequence[Item], key: str, *, replaced: Collection[str] = (), embed: bool = True) -> bool:
        """Store items of documents in one transaction, and make memories of them.

        Args:
            key: the idempotency key; one that was applied changes nothing.
            replaced: documents whose items these take the place of.
            embed: False: leave the vectors to `upkeep`; until then they are found by words.

        Returns:
            Whether they were stored; False where the key was applied before.

        Raises:
            EmbedderError: the model cannot be loaded or run.
            StorageError: the bank cannot be written.
        """
        if self.shelf.applied(key):
            return False
        embedder = self._reembedding.serving()
        prepared = iter(prepare([each for item in items for each in item.passages()], embedder if embed else None))
        ready = [(item, [next(prepared) for _ in item.passages()]) for item in items]
        stored = self.shelf.put(ready, key, replaced, embedder.name if embedder else "")
        if self._store.words.behind() > _BEHIND:
            self._store.words.catch_up()
        return stored

    @property
    def embedder(self) -> Embedder | None:
        """What makes the vectors that are searched; None: what is here is found by words alone."""
        return self._reembedding.serving()

    def curate(self, unit: str, change: Change) -> bool:
        """Edit a memory, or have it not recalled any more, or again; it keeps its public id.

        Args:
            unit: the public id.

        Returns:
            Whether there is such a memory.

        Raises:
            InputError: what is invalid cannot be edited.
            EmbedderError: the model cannot be loaded or run.
            StorageError: the bank cannot be written.
        """
        curation = Curation(self.shelf)
        while kept := curation.look(unit):  # again, where another was faster
            embedder = self._reembedding.serving()
            saying = saying_after(kept, unit, change)
            made = iter(prepare_whole([said.passage() for said in saying if said is not None], embedder))
            after = tuple(None if said is None else next(made) for said in saying)
            if curation.write(Step(unit, change, kept, after), embedder.name if embedder else ""):
                return True
        return False

    def remake(self, document: str) -> int:
        """Make the memories of a document again from its passages; returns how many there are.

        Raises:
            EmbedderError: the model cannot be loaded or run.
            StorageError: the bank cannot be written.
        """
        embedder = self._reembedding.serving()
        passages = self.shelf.passages(document)
        made = prepare(list(passages.values()), embedder)
        pieces = {number: one.pieces for number, one in zip(passages, made, strict=True)}
        return self.shelf.remake(document, pieces, embedder.name if embedder else "")

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
            Whether its files are deleted too. They stay, empty, while another process has them open.

        Raises:
            StorageBusyError: as `forget`.
        """
        self._store.clear()
        return self._store.remove()

    def recall(self, query: Query) -> list[Hit]:
        """Find memories, best first, within the query's scope, filters, token budget and limit.

        Raises:
            EmbedderError: the model cannot be loaded or run.
            StorageError: the bank cannot be read.
        """
        if query.limit <= 0:
            return []
        ranked, seen = self.rank(query)
        return select(ranked, query, seen.rows, self._store.memories)

    def rank(self, query: Query, effort: Effort | None = None) -> tuple[Ranked, Visible]:
        """Weigh the memories against a query; also what it may see.

        Args:
            effort: None: what the query's budget buys.

        Raises:
            EmbedderError: the model cannot be loaded or run.
            StorageError: the bank cannot be read.
        """
        rows, embedder = self._rows()
        asked_at = query.asked_at or datetime.now(UTC)
        seen = visible(self._store, query, rows)
        model = embedder.name if embedder else ""

        def weigh(question: Question, effort: Effort, frames: Sequence[Timeframe] = ()) -> Ranked:
            tokens = functools.partial(self._store.token_vectors, model)
            return rank(question, rows, seen, self._store.words, tokens, self._fusions, effort, frames)

        effort = effort or effort_of(query)
        question = read_question(query.text, asked_at, rows, embedder)
        anchor, relation = question.time.anchor, question.time.relation
        frames: Sequence[Timeframe] = () if query.during is None else (Timeframe(*query.during, ""),)
        if anchor and relation and effort.second_look:  # when was "the move" of "before the move"?
            frames = *frames, *frames_of(relation, weigh(read_question(anchor, asked_at, rows, embedder), EVENT))
        ranked = weigh(question, effort, frames)
        if self._reranker is not None and query.budget == "high":
            ranked = rerank(ranked, query.text, self._reranker, self._store.memories)
        return ranked, seen

    def memories(self, ids: Collection[int]) -> dict[int, Memory]:
        """Memories by id; an id that is not here any more is left out."""
        return self._store.memories(ids)

    def memories_of(self, document: str, turn: int | None = None) -> list[Memory]:
        """The memories of a document, or of one turn of it, in order."""
        return self._store.memories_of(document, turn)

    def upkeep(self) -> bool:
        """Do a slice of what is done in the background, of 50 ms or so: index new words, embed anew.

        Returns:
            Whether there is more to do.

        Raises:
            EmbedderError: the model cannot be loaded or run.
            StorageError: the bank cannot be written.
        """
        if not self._store.words.catch_up(slices=1):
            return True
        return self._reembedding.go_on()

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
        return self._store.rebuild(pieces, self._embedder.name if self._embedder else "")

    def figures(self) -> Figures:
        """Count what the bank holds."""
        return self._store.figures()

    def close(self) -> None:
        """Let go of the files. Calling it twice is no error."""
        self._reembedding.close()
        self._store.close()

    def _rows(self) -> tuple[Rows, Embedder | None]:
        """The memories, and the embedder whose vectors they have."""
        embedder = self._reembedding.serving()
        model = embedder.name if embedder else ""
        served = model, self._store.state().serving  # once all of a model's vectors are there, they are read again
        with self._lock:
            if self._catalogue is None or self._served != served:
                _load(embedder)  # what that takes for a moment is given back before the vectors are read
                self._catalogue = Catalogue(self._store, model, embedder.dimensions if embedder else 0)
                self._served = served
            catalogue = self._catalogue
        return catalogue.rows(), embedder


def _load(embedder: object) -> None:
    """Have a model in memory; one that is elsewhere is not troubled."""
    if isinstance(embedder, Encoder):
        embedder.encode_query("")
