"""Where every memory of a bank belongs and what it means, as arrays in memory that decide about many at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threadline.engine.roles import person, side
from threadline.engine.store.base import Row, Store
from threadline.engine.vectors import stack

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
            while self._newest < state.newest:
                rows = self._store.rows(self._newest, _SLICE)
                if not rows:
                    break
                vectors = self._store.vectors(self._model, self._newest, _SLICE) if self._model else []
                self._columns.extend(rows, vectors)
                self._newest = rows[-1].memory
            return self._columns.view()


class _Columns:
    """Arrays that grow by doubling. What `view` handed out never changes, but for the links to what came later."""

    def __init__(self, dimensions: int) -> None:
        import numpy as np

        self.dimensions = dimensions
        self._length = 0
        self._count = 0
        self._passage = 0
        self._last: dict[int, int] = {}
        self._names: dict[str, int] = {}
        kinds = (np.int64, np.int64, np.int64, np.int32, np.int32, np.float64, np.int32, np.int32)
        self._each: list[npt.NDArray[Any]] = [np.zeros(_FIRST_CAPACITY, kind) for kind in kinds]
        self._vectors = np.zeros((_FIRST_CAPACITY, dimensions), np.int8)
        self._links = [np.zeros(_FIRST_CAPACITY, np.int32) for _ in range(3)]

    def extend(self, rows: Sequence[Row], vectors: Iterable[tuple[int, bytes]]) -> None:
        import numpy as np

        start, end = self._length, self._length + len(rows)
        self._reserve(end)
        added = slice(start, end)
        for column, values in zip(self._each, self._values(rows), strict=True):
            column[added] = values
        embedded = list(vectors)
        if embedded:
            places = np.searchsorted(self._each[0][added], [memory for memory, _ in embedded])
            held = np.minimum(places, len(rows) - 1)
            fits = self._each[0][added][held] == [memory for memory, _ in embedded]
            matrix = stack([vector for _, vector in embedded], self.dimensions)
            self._vectors[start + held[fits]] = matrix[fits]
        self._length = end

    def drop(self, memories: Sequence[int]) -> None:
        """Take rows out, into arrays of their own."""
        import numpy as np

        end = self._length
        kept = np.flatnonzero(~np.isin(self._each[0][:end], memories))
        if len(kept) == end:
            return
        self._each = [column[:end][kept] for column in self._each]
        self._vectors = self._vectors[:end][kept]
        self._length = len(kept)
        self._link()

    def view(self) -> Rows:
        end, count = self._length, self._count
        starts, before, after = self._links
        columns: list[Any] = [column[:end] for column in self._each]
        columns += [self._vectors[:end], starts[: count + 1], before[:count], after[:count]]
        return Rows(*columns, list(self._names))  # type: ignore[call-arg]  # mypy counts a list of any length as one

    def _values(self, rows: Sequence[Row]) -> list[Sequence[float]]:
        return [
            [row.memory for row in rows],
            [row.document for row in rows],
            [row.turn for row in rows],
            [side(row.role) for row in rows],
            [self._speaker(row.speaker) for row in rows],
            [row.said_at for row in rows],
            [row.tokens for row in rows],
            [self._message(self._length + place, row) for place, row in enumerate(rows)],
        ]

    def _speaker(self, name: str | None) -> int:
        known = person(name)
        return NONE if known is None else self._names.setdefault(known, len(self._names))

    def _message(self, place: int, row: Row) -> int:
        if row.passage != self._passage:
            self._passage = row.passage
            self._begin(place, row.document)
        self._links[0][self._count] = place + 1
        return self._count - 1

    def _begin(self, place: int, document: int) -> None:
        starts, before, after = self._links
        number = self._count
        earlier = self._last.get(document, NONE)
        starts[number], before[number], after[number] = place, earlier, NONE
        if earlier != NONE:
            after[earlier] = number
        self._last[document] = number
        self._count += 1

    def _link(self) -> None:
        """Number the messages anew and tie those of a document together."""
        import numpy as np

        _, documents, *_, messages = self._each
        first = np.flatnonzero(np.diff(messages, prepend=NONE))
        count = len(first)
        owners = documents[first]
        order = np.argsort(owners, kind="stable")
        follows = owners[order][1:] == owners[order][:-1]
        before, after = np.full((2, count + 2), NONE, np.int32)
        before[order[1:][follows]] = order[:-1][follows]
        after[order[:-1][follows]] = order[1:][follows]
        starts = np.concatenate([first, [len(messages)], [0]]).astype(np.int32)
        self._each[-1] = np.cumsum(np.isin(np.arange(len(messages)), first)).astype(np.int32) - 1
        self._links = [starts, before, after]
        self._count = count
        self._last = {int(owner): int(place) for place, owner in enumerate(owners)}

    def _reserve(self, length: int) -> None:
        import numpy as np

        capacity = len(self._vectors)
        if length > capacity:
            more = max(length, 2 * capacity) - capacity
            self._each = [np.concatenate([column, np.zeros(more, column.dtype)]) for column in self._each]
            self._vectors = np.concatenate([self._vectors, np.zeros((more, self.dimensions), np.int8)])
        links = len(self._links[0])
        needed = self._count + (length - self._length) + 1
        if needed > links:
            more = max(needed, 2 * links) - links
            self._links = [np.concatenate([column, np.zeros(more, np.int32)]) for column in self._links]
