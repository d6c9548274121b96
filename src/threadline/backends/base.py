"""The seam between the journal and whatever remembers.

A backend is a value with these verbs. It raises `BackendUnavailableError` where trying again may help and
`BackendRefusedError` where it never will; any other `ThreadlineError` counts as unavailable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from threadline.documents import Batch, Query, Recalled


@dataclass(frozen=True, slots=True)
class BankFigures:
    """What a bank holds."""

    documents: int
    passages: int
    memories: int
    vectors: int
    bytes: int


class Backend(Protocol):
    """What remembers. All methods may be called from any thread; writes come from one thread at a time."""

    name: str

    def retain(self, batch: Batch) -> None:
        """Store the batch and make it recallable; a key already applied changes nothing."""

    def retract(self, bank: str, document: str, turns: Sequence[int]) -> None:
        """Take turns out of a document, with every memory made from them. Unknown turns are no error."""

    def forget(self, bank: str, document: str, turns: Sequence[int] | None) -> None:
        """Remove turns, or with None the whole document, leaving no byte of them in any file it owns."""

    def forget_bank(self, bank: str) -> None:
        """Remove a bank and everything in it. An unknown bank is no error."""

    def recall(self, bank: str, query: Query) -> list[Recalled]:
        """Find memories, best first, within the query's scope and token budget. An unknown bank is empty."""

    def rebuild(self, bank: str) -> int:
        """Make every derived thing of the bank again from its documents; returns the number of memories."""

    def figures(self, bank: str) -> BankFigures:
        """Count what the bank holds."""

    def close(self) -> None:
        """Let go of files and threads. Calling it twice is no error.

        A retain that is under way ends soon, with an error or without: closing may come from another thread, when
        the time for a shutdown is up.
        """
