"""What a session stands on. Made once per opened bank by `memory.py`; it holds no state of its own."""

from __future__ import annotations

from dataclasses import dataclass

from threadline.backends.base import Backend
from threadline.delivery.writer import Writer
from threadline.documents import Recalled
from threadline.journal.journal import Journal
from threadline.journal.outbox import JournalOutbox
from threadline.journal.records import BankRecord
from threadline.prefetch.prefetch import Prefetcher
from threadline.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """One bank and the parts that serve it."""

    settings: Settings
    journal: Journal
    bank: BankRecord
    backend: Backend
    outbox: JournalOutbox
    writer: Writer
    prefetcher: Prefetcher[list[Recalled]]

    def wait_for_delivery(self, seconds: float) -> bool:
        """Wait until the backend has everything of this bank that is in a batch now; False when time is up."""
        last = self.outbox.last()
        self.writer.wake()
        return self.writer.wait_until(lambda: not self.outbox.is_waiting(last), seconds)
