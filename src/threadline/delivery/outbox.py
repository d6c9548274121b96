"""What the writer asks of a journal: the next thing to carry, and a place to say how it went."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

from threadline.documents import Batch, Removal

Kind = Literal["retain", "retract", "forget"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery, claimed: nobody else carries anything of its document until it is recorded.

    Attributes:
        id: its place in the order of all deliveries.
        document: what it belongs to; `*` for the whole bank.
        attempts: how often it was tried before.
        batch: what to retain; None when every turn of it was taken back before it was sent.
        removal: what to retract or forget.
    """

    id: int
    kind: Kind
    bank: str
    document: str
    attempts: int
    batch: Batch | None = None
    removal: Removal | None = None


class Outbox(Protocol):
    """The undelivered part of a journal."""

    def claim(self, resting: Collection[int]) -> Parcel | None:
        """Lease the oldest delivery that may go now: first of its document, carried by nobody, not resting."""

    def delivered(self, parcel: Parcel) -> None:
        """Record that the backend has it, and let go of the lease."""

    def delayed(self, parcel: Parcel, error: str) -> None:
        """Record a failure that may pass, and let go of the lease."""

    def refused(self, parcel: Parcel, error: str) -> None:
        """Record a refusal for good: it becomes a dead letter, and the document goes on without it."""

    def adopt(self) -> bool:
        """Take over what dead processes left: their leases, their open batches. Returns whether there was any."""

    def purge(self) -> None:
        """Leave no byte of what was forgotten in the journal's own files."""
