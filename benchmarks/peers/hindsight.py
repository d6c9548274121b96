"""A Hindsight server without a language model, through its official client: one item and document a message.

It keeps chunks instead of extracted facts, fuses its rankings by rank, and has the packaged MiniLM for its embedder:
see `tests/hindsight/real.py`. Its floor under similarities is off, as MiniLM's often lie below it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hindsight_client import Hindsight
from tests.hindsight.real import RealHindsight

from benchmarks.peers.base import Answer, Hit, Item, Query, as_said
from benchmarks.peers.processes import family, megabytes, peak_megabytes

_BANK = "talk"
_BATCH = 32
_SECONDS = 300.0


class MeasuredHindsight(RealHindsight):
    """Knows its processes and where its database lies."""

    def pids(self) -> list[int]:
        """The server, PostgreSQL and what they started."""
        database = [int(path.read_text().split()[0]) for path in self._home.rglob("postmaster.pid")]
        server = [self._process.pid] if self._process else []
        return [one for pid in (*server, *database) for one in family(pid)]

    def unpacked(self) -> float:
        """PostgreSQL's own programs, which its package unpacks at the first start, in MB."""
        return round(megabytes(self._home) - self.disk(), 1)

    def disk(self) -> float:
        """What the databases take, in MB: their log (64 MB a new server) included, PostgreSQL's own programs not."""
        return sum(megabytes(path.parent) for path in self._home.rglob("PG_VERSION") if (path.parent / "base").is_dir())


class HindsightChunks:
    """A server a bank, started and ended with it.

    Attributes:
        megabytes, disk_megabytes: the most memory and disk that a bank took so far, PostgreSQL included.
    """

    name = "Hindsight, chunks"
    budgets = True

    def __init__(self, python: Path) -> None:
        self._python = python
        self.megabytes = self.disk_megabytes = 0.0

    def open(self, _folder: Path, /) -> None:
        """Start the server."""
        self._server = MeasuredHindsight(self._python)
        self._server.__enter__()
        self._client: Any = Hindsight(base_url=self._server.url, timeout=_SECONDS)
        self._waiting: list[dict[str, Any]] = []
        self._told = False

    def add(self, turn: Sequence[Item]) -> None:
        """Keep the messages for the next batch."""
        self._waiting.extend(
            {"content": as_said(item), "document_id": item.ref, "timestamp": item.said_at, "context": item.session}
            for item in turn
        )

    def settle(self) -> None:
        """Retain what waits; the call returns once it can be recalled."""
        while self._waiting:
            self._client.retain_batch(_BANK, self._waiting[:_BATCH])
            del self._waiting[:_BATCH]
            self._told = True

    def ask(self, query: Query) -> Answer:
        """Recall. The server counts tokens, not memories: a limit is taken here, and by default there is none."""
        if not self._told:
            return Answer((), 0.0)
        budget = {} if query.max_tokens is None else {"max_tokens": query.max_tokens}
        started = time.perf_counter()
        found = self._client.recall(_BANK, query.text, query_timestamp=query.asked_at, **budget)
        seconds = time.perf_counter() - started
        hits = (Hit(result.document_id, result.text) for result in found.results)
        return Answer(tuple(hits)[: query.limit], seconds)

    def close(self) -> None:
        """Measure the processes and end them."""
        self.megabytes = max(self.megabytes, peak_megabytes(self._server.pids()))
        self.disk_megabytes = max(self.disk_megabytes, self._server.disk())
        self._client.close()
        self._server.__exit__(None, None, None)
