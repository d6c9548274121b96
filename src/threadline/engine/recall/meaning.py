"""The meaning channel: memories whose vectors are nearest to the query's, by an exact scan."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from threadline.engine.models.base import Embedder
from threadline.engine.recall.ranking import Ranking
from threadline.engine.recall.scope import Visible
from threadline.engine.store.base import Store, StoredVector
from threadline.engine.vectors import cosines, quantise, stack

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    _Arrays = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int8]]

_FIRST_CAPACITY = 1_024


class Meaning:
    """The vectors of a bank, copied into memory at the first recall and kept up to date with the store.

    Another process may add and remove memories at any time: each search asks the store what is new. A copy
    that is a moment old costs nothing but a place in the ranking, because the store gives out no memory
    that it does not have.
    """

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store = store
        self._embedder = embedder
        self._lock = threading.Lock()
        self._generation = -1
        self._newest = 0
        self._rows: _Rows | None = None

    def search(self, query: str, visible: Visible, depth: int) -> Ranking:
        """The visible memories nearest to a query, at most `depth`.

        Raises:
            EmbedderError: the model cannot be loaded or run.
        """
        import numpy as np

        vector = quantise(self._embedder.embed_query(query))
        memories, documents, turns, matrix = self._current()
        seen = np.flatnonzero(visible.mask(documents, turns))
        scores = cosines(vector, matrix)[seen]
        best = _best(scores, depth)
        return Ranking("meaning", tuple(zip(memories[seen[best]].tolist(), scores[best].tolist(), strict=True)))

    def _current(self) -> _Arrays:
        with self._lock:
            generation, newest = self._store.state()
            if self._rows is None or generation != self._generation:
                self._rows, self._newest = _Rows(self._embedder.dimensions), 0
            if newest > self._newest:
                self._rows.extend(list(self._store.vectors(self._embedder.name, self._newest)))
            self._generation, self._newest = generation, newest
            return self._rows.view()


def _best(scores: npt.NDArray[np.float64], depth: int) -> npt.NDArray[np.int64]:
    """The places of the highest scores, best first, equal ones in their order."""
    import numpy as np

    places = np.arange(len(scores))
    if len(scores) > depth:
        places = np.flatnonzero(scores >= np.partition(scores, -depth)[-depth])
    return places[np.argsort(-scores[places], kind="stable")][:depth]


class _Rows:
    """Arrays that grow by doubling; what was handed out by `view` never changes."""

    def __init__(self, dimensions: int) -> None:
        import numpy as np

        self._length = 0
        self._memories, self._documents, self._turns = np.zeros((3, _FIRST_CAPACITY), np.int64)
        self._matrix = np.zeros((_FIRST_CAPACITY, dimensions), np.int8)

    def extend(self, stored: list[StoredVector]) -> None:
        end = self._length + len(stored)
        self._reserve(end)
        added = slice(self._length, end)
        self._memories[added] = [one.memory for one in stored]
        self._documents[added] = [one.document for one in stored]
        self._turns[added] = [one.turn for one in stored]
        self._matrix[added] = stack([one.vector for one in stored], self._matrix.shape[1])
        self._length = end

    def view(self) -> _Arrays:
        end = self._length
        return self._memories[:end], self._documents[:end], self._turns[:end], self._matrix[:end]

    def _reserve(self, length: int) -> None:
        import numpy as np

        capacity = len(self._memories)
        if length <= capacity:
            return
        more = max(length, 2 * capacity) - capacity
        self._memories, self._documents, self._turns = (
            np.concatenate([column, np.zeros(more, np.int64)])
            for column in (self._memories, self._documents, self._turns)
        )
        self._matrix = np.concatenate([self._matrix, np.zeros((more, self._matrix.shape[1]), np.int8)])
