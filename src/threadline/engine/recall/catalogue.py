"""Where every memory of a bank belongs and what it means, as arrays in memory that decide about many at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threadline.engine.roles import person, side
from threadline.engine.store.base import Row, Store
from threadline.engine.vectors import lengths, stack

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.int32]
    Longs = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]
    Vectors = npt.NDArray[np.int8]

#: That there is none: no speaker, no message before or after.
NONE = -1

_SLICE = 8_192
_FIRST_CAPACITY = 1_024


@dataclass(frozen=True, slots=True)
class Rows:
    """A bank's memories at one moment; each array but the last has one entry a memory, oldest first.

    Attributes:
        memories: their ids, which only grow.
        documents, turns: where they belong.
        roles: `USER`, `AGENT` or `OTHER` of `threadline.engine.roles`.
        speakers: places in `names`, or `NONE`: only people, not roles.
        said_at: seconds since 1970.
        lengths: tokens.
        messages: which message a memory is a piece of, counted from 0 in the order they came.
        vectors: int8, shape (memories, dimensions); a memory without one has zeros.
        norms: the length of each vector; 1 for one of zeros.
        starts: the first row of each message, and the number of rows behind the last.
        before, after: the message next to each message in its document, or `NONE`.
        names: of those who speak.
    """

    memories: Longs
    documents: Longs
    turns: Longs
    roles: Ints
    speakers: Ints
    said_at: Floats
    lengths: Ints
    messages: Ints
    vectors: Vectors
    norms: npt.NDArray[np.float32]
    starts: Ints
    before: Ints
    after: Ints
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.memories)

    def find(self, memories: Longs) -> tuple[Longs, npt.NDArray[np.bool_]]:
        """The rows of those memories that are here, in their order, and which of them are."""
        import numpy as np

        if not len(self):
            return np.zeros(0, np.int64), np.zeros(len(memories), np.bool_)
        rows = np.minimum(np.searchsorted(self.memories, memories), len(self) - 1)
        known = self.memories[rows] == memories
        return rows[known], known


class Catalogue:
    """The rows of a bank, read at the first recall and kept up to date with the store.

    Another process may add and remove memories at any time: each recall asks the store what is new. Rows that
    were handed out never change, so no reader waits for another.

    Args:
        store: the bank's.
        model: whose vectors are read; empty for none.
        dimensions: the length of a vector.
    """

    def __init__(self, store: Store, model: str, dimensions: int) -> None:
        self._store = store
        self._model = model
        self._lock = threading.Lock()
        self._generation = -1
        self._newest = 0
        self._vector = 0
        self._columns = _Columns(dimensions)

    def rows(self) -> Rows:
        """All memories, as the store has them now."""
        with self._lock:
            state = self._store.state()
            if self._generation < state.complete_since:
                self._columns, self._newest = _Columns(self._columns.dimensions), 0
            elif self._generation < state.generation:
                self._columns.drop(self._store.gone(self._generation))
            self._generation = state.generation
            if not self._newest:  # to grow by doubling takes for a moment half as much again
                self._columns.reserve(self._store.count())
            while self._newest < state.newest:
                rows = self._store.rows(self._newest, _SLICE)
                if not rows:
                    break
                vectors = self._store.vectors(self._model, self._newest, _SLICE) if self._model else []
                self._columns.extend(rows, vectors)
                self._newest = rows[-1].memory
            if state.vector != self._vector:  # some may be of memories that were read without
                blank = self._columns.blank() if self._model else []
                for start in range(0, len(blank), _SLICE):
                    self._columns.fill(self._store.late_vectors(self._model, blank[start : start + _SLICE]))
                self._vector = state.vector
            return self._columns.view()


class _Columns:
    """Arrays that grow by doubling. What `view` handed out never changes, but for the links to what came later."""

    def __init__(self, dimensions: int) -> None:
        import numpy as np

        self.dimensions = dimensions
        self._length = 0
        self._count = 0  # of messages
        self._passage = 0  # the last one
        self._last: dict[int, int] = {}  # document -> its last message
        self._names: dict[str, int] = {}
        kinds = (np.int64, np.int64, np.int64, np.int32, np.int32, np.float64, np.int32, np.int32)
        self._each: list[npt.NDArray[Any]] = [np.zeros(_FIRST_CAPACITY, kind) for kind in kinds]
        self._vectors = np.zeros((_FIRST_CAPACITY, dimensions), np.int8)
        self._norms = np.ones(_FIRST_CAPACITY, np.float32)
        self._links = [np.zeros(_FIRST_CAPACITY, np.int32) for _ in range(3)]

    def extend(self, rows: Sequence[Row], vectors: Sequence[tuple[int, bytes]]) -> None:
        import numpy as np

        start, end = self._length, self._length + len(rows)
        self.reserve(end, 2)
        added = slice(start, end)
        ids, passages, documents, turns, roles, speakers, said_at, tokens = zip(*rows, strict=True)
        sides = [side(role) for role in roles]
        people = [self._speaker(name) for name in speakers]
        messages = self._tie(start, np.array(passages), np.array(documents))
        values = (ids, documents, turns, sides, people, said_at, tokens, messages)
        for column, each in zip(self._each, values, strict=True):
            column[added] = each
        if vectors:
            owners, blobs = zip(*vectors, strict=True)
            held = np.minimum(np.searchsorted(ids, owners), len(rows) - 1)
            fits = np.array(ids)[held] == np.array(owners)
            matrix = stack(blobs, self.dimensions)[fits]
            self._vectors[start + held[fits]] = matrix
            self._norms[start + held[fits]] = lengths(matrix)
        self._length = end

    def blank(self) -> list[int]:
        """Memories without a vector, oldest first."""
        import numpy as np

        rows = np.flatnonzero(self._norms[: self._length] == 1)  # that of a vector is some 127
        return [int(memory) for memory in self._each[0][rows]]

    def fill(self, vectors: Sequence[tuple[int, bytes]]) -> None:
        """Give memories the vectors that they had not. A reader of the moment sees too small a likeness, at worst."""
        import numpy as np

        if not vectors:
            return
        owners, blobs = zip(*vectors, strict=True)
        rows = np.searchsorted(self._each[0][: self._length], owners)
        matrix = stack(blobs, self.dimensions)
        self._norms[rows] = lengths(matrix)
        self._vectors[rows] = matrix

    def drop(self, memories: Sequence[int]) -> None:
        """Take rows out, into arrays of their own."""
        import numpy as np

        end = self._length
        kept = np.flatnonzero(~np.isin(self._each[0][:end], memories))
        if len(kept) == end:
            return
        self._each = [column[:end][kept] for column in self._each]
        self._vectors, self._norms = self._vectors[:end][kept], self._norms[:end][kept]
        self._length = len(kept)
        self._links = [np.zeros(len(kept) + 1, np.int32) for _ in range(3)]
        self._count, self._last = 0, {}
        if len(kept):  # a message's number is as good as its passage's to tie those of a document together
            numbers = self._each[-1].astype(np.int64) + 1
            passage, self._passage = self._passage, 0
            self._each[-1] = self._tie(0, numbers, self._each[1])
            self._passage = passage

    def view(self) -> Rows:
        end, count = self._length, self._count
        starts, before, after = self._links
        columns: list[Any] = [column[:end] for column in self._each]
        columns += [self._vectors[:end], self._norms[:end], starts[: count + 1], before[:count], after[:count]]
        return Rows(*columns, list(self._names))  # type: ignore[call-arg]  # mypy counts a list of any length as one

    def _speaker(self, name: str | None) -> int:
        known = person(name)
        return NONE if known is None else self._names.setdefault(known, len(self._names))

    def _tie(self, start: int, passages: Longs, documents: Longs) -> Ints:
        """Number the messages of new rows and tie each to those before and after it in its document."""
        import numpy as np

        begins = np.diff(passages, prepend=self._passage) != 0
        first = np.flatnonzero(begins)
        count, numbers = self._count, self._count + np.arange(len(first))
        starts, before, after = self._links
        starts[numbers] = start + first
        starts[count + len(first)] = start + len(passages)
        owners = documents[first]
        order = np.argsort(owners, kind="stable")
        follows = np.flatnonzero(np.diff(owners[order]) == 0)
        before[numbers], after[numbers] = NONE, NONE
        before[numbers[order[follows + 1]]] = numbers[order[follows]]
        after[numbers[order[follows]]] = numbers[order[follows + 1]]
        leads = np.delete(order, follows + 1)
        for place in leads.tolist():
            earlier = self._last.get(int(owners[place]))
            if earlier is not None:
                before[numbers[place]], after[earlier] = earlier, numbers[place]
        for place in np.delete(order, follows).tolist():
            self._last[int(owners[place])] = int(numbers[place])
        self._count = count + len(first)
        self._passage = int(passages[-1])
        return np.asarray(count - 1 + np.cumsum(begins), np.int32)

    def reserve(self, length: int, growth: int = 1) -> None:
        """Make room for so many rows; where there is none, for `growth` times as many as there was."""
        import numpy as np

        capacity = len(self._vectors)
        if length > capacity:
            more = max(length, growth * capacity) - capacity
            self._each = [np.concatenate([column, np.zeros(more, column.dtype)]) for column in self._each]
            self._vectors = np.concatenate([self._vectors, np.zeros((more, self.dimensions), np.int8)])
            self._norms = np.concatenate([self._norms, np.ones(more, np.float32)])
        links = len(self._links[0])
        needed = self._count + (length - self._length) + 1
        if needed > links:
            more = max(needed, growth * links) - links
            self._links = [np.concatenate([column, np.zeros(more, np.int32)]) for column in self._links]
