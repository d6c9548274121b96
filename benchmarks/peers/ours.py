"""Threadline through its public API, in its default configuration."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from benchmarks.peers.base import Answer, Hit, Item, Query
from threadline import Memory, Message
from threadline.cli.transcripts import BATCH
from threadline.turns import Role

_SETTLE_SECONDS = 1_800.0


class Threadline:
    """A bank filled as `threadline import` fills it: turn by turn, delivered in batches of as many."""

    name = "Threadline"
    budgets = True

    def open(self, folder: Path) -> None:
        """Open an empty bank."""
        self._memory = Memory.open(folder, retain_every_n_turns=BATCH)
        self._knows_time = "asked_at" in inspect.signature(self._memory.recall).parameters

    def add(self, turn: Sequence[Item]) -> None:
        """Record the turn."""
        began = datetime.fromisoformat(turn[0].said_at)
        self._memory.session(turn[0].session).add_turn(
            messages=[
                Message(
                    cast(Role, item.role),
                    item.text,
                    speaker=item.speaker,
                    occurred_at=None if item.said_at == turn[0].said_at else datetime.fromisoformat(item.said_at),
                    ref=item.ref,
                )
                for item in turn
            ],
            occurred_at=began,
        )

    def settle(self) -> None:
        """Wait for the delivery.

        Raises:
            RuntimeError: it does not end.
        """
        if not self._memory.flush(_SETTLE_SECONDS):
            raise RuntimeError(f"not delivered: {self._memory.status().last_error}")

    def ask(self, query: Query) -> Answer:
        """Recall from the whole bank."""
        options: dict[str, Any] = {"limit": query.limit, "max_tokens": query.max_tokens}
        if self._knows_time and query.asked_at is not None:
            options["asked_at"] = datetime.fromisoformat(query.asked_at)
        given = {name: value for name, value in options.items() if value is not None}
        started = time.perf_counter()
        recalled = self._memory.recall(query.text, **given)
        seconds = time.perf_counter() - started
        return Answer(tuple(Hit(one.ref, one.text, one.tokens) for one in recalled), seconds)

    def close(self) -> None:
        """Close the bank."""
        self._memory.close()
