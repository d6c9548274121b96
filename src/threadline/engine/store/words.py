"""The word index of a bank: Tantivy, in a folder beside its `memory.db`, behind that by what it has not read yet.

Everything in it is derived. It follows the store by two numbers, the newest memory it holds and the generation up to
which it has dropped what went away; where it is missing, damaged or of an older analysis it is made anew. The few
memories that it has not read yet are searched beside it, and what went away is left out, so that a recall behind a
retain does not wait for a commit.
"""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from threadline.database import private_directory
from threadline.engine.models.gate import GATE
from threadline.engine.store.tail import LONGEST, Corpus, Entry, entry, rarities, rarity
from threadline.engine.store.tail import scores as tail_scores
from threadline.engine.terms import ANALYSIS, MAX_TERMS, identifiers, index_terms
from threadline.errors import StorageBusyError, StorageCorruptError, StorageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import tantivy

#: How many memories are indexed in one slice of background work: about 50 ms.
SLICE = 1_000

#: An identifier said as a whole counts as this many times one of its words.
_WHOLE = 2.0

# To so many decimals what is searched beside the index is scored as in it.
_DECIMALS = 5

# What a memory has of terms, where the index was written before they were counted.
_USUAL_TOKENS = 25

# One thread with the smallest memory the library takes.
_MEMORY = 15_000_000
_LOCK_SECONDS = 30.0
_POLL_SECONDS = 0.005
_STATE = "threadline.json"
_LOCKS = (".tantivy-writer.lock", ".tantivy-meta.lock")


class Source(Protocol):
    """Where the index reads what it indexes."""

    def state(self) -> State:
        """How far the store is."""

    def texts(self, after: int, limit: int) -> list[tuple[int, int, str]]:
        """Memories newer than `after`, oldest first: id, document, text."""

    def gone(self, generation: int) -> list[int]:
        """The memories that went away after this generation."""


@dataclass(frozen=True, slots=True)
class State:
    """How far a store is.

    Attributes:
        generation: grows whenever memories go away.
        complete_since: what went away is known since this generation.
        newest: the id of the newest memory.
        serving: the model whose vectors are searched; empty when there are none.
        vector: the place of the newest vector; another one tells that some were made.
    """

    generation: int
    complete_since: int
    newest: int
    serving: str = ""
    vector: int = 0


@dataclass(frozen=True, slots=True)
class Among:
    """Some memories: those of some documents, or by their own ids. A search takes about 5 µs for each id."""

    field: Literal["document", "memory"]
    ids: Collection[int]


@dataclass(frozen=True, slots=True)
class Found:
    """Memories that hold words of a query, best first.

    Attributes:
        memories: their ids, shape (n,).
        scores: BM25 (Robertson and Zaragoza, 2009), as a share of what the query's terms weigh together.
        whole: whether nothing else holds any of the words.
    """

    memories: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    whole: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A term and who holds it.

    Attributes:
        memories: their ids, shape (n,).
        rarity: what the term weighs, as it does in a search.
    """

    memories: npt.NDArray[np.int64]
    rarity: float


class WordIndex:
    """The index of one bank. Any thread may use it, and several processes may.

    Args:
        folder: where it is, made when missing.
        source: the store it follows.
    """

    def __init__(self, folder: Path, source: Source) -> None:
        self._folder = folder
        self._source = source
        self._lock = threading.RLock()
        self._index: tantivy.Index | None = None
        self._newest = 0
        self._generation = 0
        self._tokens = 0
        self._tail: tuple[Entry, ...] = ()
        self._gone: frozenset[int] = frozenset()
        self._followed: tuple[int, int] | None = None  # generation and newest memory that tail and gone are true of

    def search(self, terms: Sequence[str], wholes: Sequence[str], among: Among | None, limit: int) -> Found:
        """The memories with any of the terms, best first, as the store has them now.

        Args:
            terms: stems, as `threadline.engine.terms` gives them.
            wholes: identifiers that are to be found as they stand.
            among: only some memories; None for all.
            limit: the most that are returned.

        Raises:
            StorageError: the index cannot be written or read.
        """
        try:
            return self._search(terms, wholes, among, limit)
        except StorageCorruptError:
            self._discard()
            return self._search(terms, wholes, among, limit)

    def holders(self, terms: Sequence[str], most: int) -> list[Held]:
        """The memories that hold each of the terms; a term that more than `most` hold, or none, is left out.

        Raises:
            StorageError: the index cannot be written or read.
        """
        try:
            return self._holders(terms, most)
        except StorageCorruptError:
            self._discard()
            return self._holders(terms, most)

    def behind(self) -> int:
        """About how many memories are not indexed yet."""
        with self._lock, self._errors():
            self._opened()
            return max(0, self._source.state().newest - self._newest)

    def catch_up(self, slices: int | None = None) -> bool:
        """Index what is new and drop what went away; what cannot be read is made anew. A few may wait.

        Args:
            slices: at most so many times `SLICE` memories; None: all.

        Returns:
            Whether it is up to date.

        Raises:
            StorageError: the index cannot be written.
        """
        try:
            return self._catch_up(slices)
        except StorageCorruptError:
            self._discard()
            return self._catch_up(slices)

    def remake(self) -> None:
        """Make all of it anew, leaving no byte of what went away.

        Raises:
            StorageError: the index cannot be written.
        """
        with self._lock:
            try:
                self._remake()
            except StorageCorruptError:
                self._discard()
                self._remake()

    def remove(self) -> None:
        """Delete it from the disk."""
        with self._lock:
            self._index = None
            shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of its files. The next use opens them again."""
        with self._lock:
            self._index = None

    def _search(self, terms: Sequence[str], wholes: Sequence[str], among: Among | None, limit: int) -> Found:
        import numpy as np

        wholes = wholes[:MAX_TERMS]
        with self._lock, self._errors():
            self._follow()
            tail, gone, corpus = self._tail, self._gone, self._corpus()
            searcher = self._opened().searcher()
        with self._errors():
            asked, weight = self._query(searcher, terms, wholes, among)
            hits = searcher.search(asked, limit + len(gone), count=False).hits if weight else []
            ids = searcher.fast_field_values("memory", [address for _, address in hits])
        whole = len(hits) < limit + len(gone)
        found = [(int(memory or 0), score / weight) for memory, (score, _) in zip(ids, hits, strict=True)]
        found = [each for each in found if each[0] not in gone]
        if tail:
            beside = tail_scores(tail, corpus, terms, wholes, _WHOLE)
            found += [(each.memory, score) for each, score in beside if _is_among(each, among)]
            found.sort(key=lambda each: -each[1])
        whole = whole and len(found) <= limit
        ids_found = np.array([memory for memory, _ in found[:limit]], np.int64)
        rounded = np.round([score for _, score in found[:limit]], _DECIMALS)  # the index adds in another precision
        return Found(ids_found, rounded.astype(np.float32), whole)

    def _holders(self, terms: Sequence[str], most: int) -> list[Held]:
        import numpy as np
        import tantivy

        held: list[Held] = []
        with self._lock, self._errors():
            self._follow()
            tail, gone, corpus = self._tail, self._gone, self._corpus()
            index = self._opened()
            searcher = index.searcher()
        weights = rarities(tail, corpus, terms)
        with self._errors():
            for term in terms:
                waiting = [each.memory for each in tail if term in each.terms]
                count = searcher.doc_freq("terms", term)
                if not 0 < count + len(waiting) <= most:
                    continue
                ids: list[int] = []
                if count:
                    query = tantivy.Query.term_query(index.schema, "terms", term, "basic")
                    hits = searcher.search(query, most, count=False).hits
                    there = searcher.fast_field_values("memory", [address for _, address in hits])
                    ids = [int(memory or 0) for memory in there]
                ids = [memory for memory in ids if memory not in gone] + waiting
                held.append(Held(np.array(ids, np.int64), weights[term]))
        return held

    def _corpus(self) -> Corpus:
        searcher = self._opened().searcher()
        return Corpus(
            searcher.num_docs,
            self._tokens or _USUAL_TOKENS * searcher.num_docs,
            functools.partial(searcher.doc_freq, "terms"),
            functools.partial(searcher.doc_freq, "wholes"),
        )

    def _follow(self) -> None:
        """Bring tail and gone to what the store has now; where they are too long, write the index."""
        state = self._source.state()
        self._opened()
        followed = (state.generation, state.newest)
        if self._followed == followed:
            return
        if self._generation < state.complete_since or not self._reach(state):
            self._write(state, None)
            self._reach(self._source.state())  # what came meanwhile
        self._followed = followed

    def _reach(self, state: State) -> bool:
        """Read what the index lacks; False where it is too much to search beside it."""
        behind = self._generation < state.generation
        gone = frozenset(self._source.gone(self._generation)) if behind else frozenset()
        kept = tuple(each for each in self._tail if each.memory > self._newest)
        last = kept[-1].memory if kept else self._newest
        came = self._source.texts(last, LONGEST + 1) if state.newest > last else []
        tail = tuple(each for each in (*kept, *(entry(*row) for row in came)) if each.memory not in gone)
        if len(tail) > LONGEST or len(gone) > LONGEST or len(came) > LONGEST:
            return False
        self._tail, self._gone = tail, gone
        return True

    def _is_current(self, state: State) -> bool:
        return self._generation == state.generation and self._newest >= state.newest

    def _catch_up(self, slices: int | None) -> bool:
        with self._lock:
            state = self._source.state()
            with self._errors():
                self._opened()
            if self._is_current(state) or (slices is not None and self._is_near(state)):
                return True
            return self._write(state, slices)

    def _is_near(self, state: State) -> bool:
        """Whether what it lacks may wait until there is more."""
        if self._generation < state.complete_since or len(self._source.gone(self._generation)) > LONGEST:
            return False
        return len(self._source.texts(self._newest, LONGEST + 1)) <= LONGEST

    def _remake(self) -> None:
        self._write(self._source.state(), None, anew=True)
        with self._writer() as writer:  # what readers held until now is free to go
            writer.garbage_collect_files()

    def _discard(self) -> None:
        """Throw away what cannot be read."""
        with self._lock:
            shutil.rmtree(self._folder, ignore_errors=True)
            self.close()

    def _write(self, state: State, slices: int | None, *, anew: bool = False) -> bool:
        with self._writer() as writer:
            self._look()  # another process may have written since
            if anew or self._generation < state.complete_since:
                writer.delete_all_documents()
                self._newest = self._tokens = 0
            else:
                self._drop(writer, self._source.gone(self._generation))
            done = self._add(writer, slices)
            writer.commit()
            self._remember(state.generation)
            writer.wait_merging_threads()
        self._look()
        return done and self._is_current(self._source.state())

    def _add(self, writer: tantivy.IndexWriter, slices: int | None) -> bool:
        import tantivy

        while slices is None or slices > 0:
            rows = self._source.texts(self._newest, SLICE)
            for memory, document, text in rows:
                terms = index_terms(text)
                indexed = tantivy.Document()
                indexed.add_unsigned("memory", memory)
                indexed.add_unsigned("document", document)
                indexed.add_text("terms", " ".join(terms))
                indexed.add_text("wholes", " ".join(identifiers(text)))
                writer.add_document(indexed)
                self._tokens += len(terms)
                self._newest = memory
            if not rows:
                return True
            slices = None if slices is None else slices - 1
        return False

    def _drop(self, writer: tantivy.IndexWriter, memories: Sequence[int]) -> None:
        import tantivy

        schema = self._opened().schema
        for start in range(0, len(memories), SLICE):
            some = list(memories[start : start + SLICE])
            # By a query: a term made of an int of Python's is a signed one, and finds nothing in this field.
            writer.delete_documents_by_query(tantivy.Query.term_set_query(schema, "memory", some))

    def _query(
        self, searcher: tantivy.Searcher, terms: Sequence[str], wholes: Sequence[str], among: Among | None
    ) -> tuple[tantivy.Query, float]:
        """What to ask, and what its terms weigh together."""
        import tantivy

        ask, schema = tantivy.Query, self._opened().schema
        weight = sum(rarity(searcher.num_docs, searcher.doc_freq("terms", term)) for term in terms)
        either = [(tantivy.Occur.Should, ask.term_query(schema, "terms", term, "freq")) for term in terms]
        for whole in wholes:
            query = ask.term_query(schema, "wholes", whole, "basic")
            either.append((tantivy.Occur.Should, ask.boost_query(query, _WHOLE)))
        asked = ask.boolean_query(either)
        if among is not None:
            within = ask.const_score_query(ask.term_set_query(schema, among.field, list(among.ids)), 0.0)
            asked = ask.boolean_query([(tantivy.Occur.Must, asked), (tantivy.Occur.Must, within)])
        return asked, weight

    def _opened(self) -> tantivy.Index:
        with self._lock:
            if self._index is None:
                try:
                    return self._open()
                except ValueError:  # nothing in it is worth mending
                    shutil.rmtree(self._folder, ignore_errors=True)
                    return self._open()
            return self._index

    def _open(self) -> tantivy.Index:
        private_directory(self._folder)
        for lock in _LOCKS:  # else they are made readable by others, who cannot enter the folder; but still
            (self._folder / lock).touch(0o600)
        self._index = _open(self._folder)
        _keep_private(self._folder)
        self._look()
        return self._index

    def _look(self) -> None:
        """See what the index holds, also what another process wrote."""
        import tantivy

        index = self._opened()
        index.reload()
        searcher = index.searcher()
        newest = searcher.search(tantivy.Query.all_query(), 1, count=False, order_by_field="memory").hits
        self._newest = int(searcher.fast_field_values("memory", [newest[0][1]])[0] or 0) if newest else 0
        self._generation, self._tokens = _remembered(self._folder / _STATE)
        if not newest:  # there is nothing in it that might have gone away
            self._generation = self._source.state().generation
        self._followed, self._tail, self._gone = None, (), frozenset()

    def _remember(self, generation: int) -> None:
        """After the commit: to drop once more what is dropped already does no harm."""
        written = self._folder / f"{_STATE}.new"
        written.write_text(
            json.dumps({"analysis": ANALYSIS, "generation": generation, "tokens": self._tokens}), "utf-8"
        )
        written.replace(self._folder / _STATE)
        _keep_private(self._folder)

    @contextlib.contextmanager
    def _writer(self) -> Iterator[tantivy.IndexWriter]:
        """The one writer of the index among all processes."""
        deadline = time.monotonic() + _LOCK_SECONDS
        with GATE.inside(), self._errors():
            index = self._opened()
            while True:
                try:
                    writer = index.writer(_MEMORY, 1)
                    break
                except ValueError as error:
                    if "LockBusy" not in str(error):
                        raise
                    if time.monotonic() > deadline:
                        raise StorageBusyError(
                            f"Another process is writing the word index {self._folder}; try again."
                        ) from error
                threading.Event().wait(_POLL_SECONDS)
            yield writer

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Tantivy's errors as ours; after one the index is opened afresh."""
        try:
            yield
        except OSError as error:
            self.close()
            raise StorageError(f"The word index {self._folder} cannot be used: {error}.") from error
        except BaseException as error:
            # Where bytes of a file are others than were written, Rust may panic, which is no `Exception`.
            if not isinstance(error, ValueError) and type(error).__name__ != "PanicException":
                raise
            self.close()
            raise StorageCorruptError(
                f"The word index {self._folder} cannot be used ({error}). It holds nothing of its own: delete the "
                "folder, and it is made again."
            ) from error


def _open(folder: Path) -> tantivy.Index:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("memory", indexed=True, fast=True)
    builder.add_unsigned_field("document", indexed=True)
    builder.add_text_field("terms", tokenizer_name="spaces", index_option="freq")
    builder.add_text_field("wholes", tokenizer_name="spaces", index_option="basic")
    index = tantivy.Index(builder.build(), str(folder))
    spaces = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    index.register_tokenizer("spaces", spaces)
    index.config_reader("manual")
    return index


def _keep_private(folder: Path) -> None:
    """Nobody else can enter the folder; what is in it is nobody else's either."""
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process may merge it away meanwhile
            file.chmod(0o600)


def _remembered(path: Path) -> tuple[int, int]:
    """The generation that the index is at, -1 where it has to be made anew, and how many terms it counted."""
    try:
        state = json.loads(path.read_text("utf-8"))
        if state["analysis"] == ANALYSIS:
            return int(state["generation"]), int(state.get("tokens", 0))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return -1, 0


def _is_among(each: Entry, among: Among | None) -> bool:
    if among is None:
        return True
    return (each.document if among.field == "document" else each.memory) in among.ids
