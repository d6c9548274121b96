"""The two plain ways to find text, over one item a message: by its words, and by its meaning."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from benchmarks.peers.base import LIMIT, Answer, Hit, Item, Query, as_said


class Bm25:
    """Plain BM25 (Robertson and Walker, 1994) as SQLite's FTS5 has it, with Porter's stemmer."""

    name = "plain BM25"
    budgets = False

    def open(self, folder: Path) -> None:
        """Start an empty index."""
        self._connection = apsw.Connection(str(folder / "items.db"))
        self._connection.execute(
            "CREATE VIRTUAL TABLE item USING fts5(ref UNINDEXED, text, tokenize='porter'); PRAGMA synchronous = OFF"
        )

    def add(self, turn: Sequence[Item]) -> None:
        """Index the messages."""
        self._connection.executemany("INSERT INTO item VALUES (?, ?)", [(item.ref, as_said(item)) for item in turn])

    def settle(self) -> None:
        """What was added is there."""

    def ask(self, query: Query) -> Answer:
        """Any of the question's words, best first."""
        started = time.perf_counter()
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", query.text))
        sql = "SELECT ref, text FROM item WHERE item MATCH ? ORDER BY bm25(item) LIMIT ?"
        rows = list(self._connection.execute(sql, (words, query.limit or LIMIT))) if words else []
        seconds = time.perf_counter() - started
        return Answer(tuple(Hit(str(ref), str(found)) for ref, found in rows), seconds)

    def close(self) -> None:
        """Let go of the index."""
        self._connection.close()


class Vectors:
    """The cosine between the question and each message, by the embedder that Threadline uses: the first 254 tokens."""

    name = "plain vectors"
    budgets = False

    def __init__(self) -> None:
        from threadline.engine.models.minilm import MiniLM

        self._model = MiniLM()
        self._items: list[Item] = []
        self._rows: list[Any] = []

    def open(self, folder: Path) -> None:
        """Start with no vectors; they are written to a file when the bank settles."""
        self._file = folder / "vectors.npy"
        self._items, self._rows = [], []

    def add(self, turn: Sequence[Item]) -> None:
        """Embed the messages."""
        self._items.extend(turn)
        self._rows.extend(self._model.embed([as_said(item) for item in turn]))

    def settle(self) -> None:
        """Make one matrix of the vectors."""
        import numpy as np

        self._matrix = np.array(self._rows, np.float32)
        np.save(self._file, self._matrix)

    def ask(self, query: Query) -> Answer:
        """The nearest messages."""
        import numpy as np

        started = time.perf_counter()
        nearness = self._matrix @ self._model.embed_query(query.text) if self._rows else np.empty(0)
        best = [self._items[row] for row in np.argsort(-nearness, kind="stable")[: query.limit or LIMIT]]
        seconds = time.perf_counter() - started
        return Answer(tuple(Hit(item.ref, as_said(item)) for item in best), seconds)

    def close(self) -> None:
        """Forget the vectors."""
        self._items, self._rows = [], []
