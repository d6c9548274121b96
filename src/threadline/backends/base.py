"""The seam between the journal and whatever remembers.

A backend is a value with these verbs. It raises `BackendUnavailableError` where trying again may help and
`BackendRefusedError` where it never will; any other `ThreadlineError` counts as unavailable. What it can do it says in
`capabilities`, and delivery keeps to that. `threadline.testing` ships a contract to hold a backend to, and a fake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from threadline.documents import Batch, Explained, Query, Recalled, Reflection, Removal, Wanted


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do. It is declared, not probed.

    Attributes:
        appends: a batch is added to what its document holds already. A backend that can only replace a document is
            sent all of it each time: batches then start at turn 1.
        idempotent_retain: a batch that is sent again changes nothing. If not, a retry may repeat a turn, and
            `BankStatus.once` says so.
        deletes: turns, documents and banks can be taken out. If not, what was taken back or forgotten is hidden from
            every recall that goes through Threadline, and the order to remove it becomes a dead letter.
        reflects: it answers questions, and does not only find memories.
        explains: it can say why a recall returned a memory or did not.
    """

    appends: bool = True
    idempotent_retain: bool = True
    deletes: bool = True
    reflects: bool = False
    explains: bool = False


@dataclass(frozen=True, slots=True)
class BankFigures:
    """What a bank holds. A figure that the backend cannot tell is 0."""

    documents: int
    passages: int
    memories: int
    vectors: int
    bytes: int


class Backend(Protocol):
    """What remembers. All methods may be called from any thread; writes come from one thread at a time."""

    name: str
    capabilities: Capabilities

    def retain(self, batch: Batch) -> None:
        """Store the batch and make it recallable; a key already applied changes nothing."""

    def retract(self, removal: Removal) -> None:
        """Take turns out of a document, with every memory made from them. Unknown turns are no error."""

    def forget(self, removal: Removal) -> None:
        """Remove turns, or the whole document, leaving no byte of them in any file it owns. Unknown: no error."""

    def forget_bank(self, bank: str) -> None:
        """Remove a bank and everything in it. An unknown bank is no error."""

    def recall(self, bank: str, query: Query) -> list[Recalled]:
        """Find memories, best first, within the query's scope and token budget. An unknown bank is empty."""

    def reflect(self, bank: str, query: Query) -> Reflection:
        """Answer a question from what the query's scope holds; called only where `capabilities.reflects`."""

    def explain(self, bank: str, query: Query, wanted: Wanted | None = None) -> list[Explained]:
        """Why each memory was returned, and why what is wanted was not; called only where `capabilities.explains`."""

    def upkeep(self, bank: str) -> bool:
        """Do a slice of what is done in the background, of 50 ms or so; returns whether there is more to do."""

    def rebuild(self, bank: str) -> int:
        """Make every derived thing of the bank again from its documents; returns the number of memories."""

    def figures(self, bank: str) -> BankFigures:
        """Count what the bank holds."""

    def close(self) -> None:
        """Let go of files and threads. Calling it twice is no error.

        A retain that is under way ends soon, with an error or without: closing may come from another thread, when
        the time for a shutdown is up.
        """
