"""Banks and stores filled in a line, for tests of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from threadline.documents import Batch, Passage
from threadline.engine.bank import Bank
from threadline.engine.models.base import Embedder
from threadline.engine.recall.select import Hit
from threadline.engine.retain.prepare import prepare
from threadline.engine.store.sqlite import SqliteStore

BEGAN = datetime(2024, 5, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """One message, and the tags of its document."""

    document: str
    turn: int
    text: str
    position: int = 0
    role: str = "user"
    speaker: str | None = None
    at: datetime = BEGAN
    tags: tuple[str, ...] = ()

    def passage(self) -> Passage:
        return Passage(self.turn, self.position, self.role, self.text, self.at, self.speaker)


def batches(messages: Iterable[Said]) -> list[Batch]:
    """Messages as batches: what follows one another in a document is one."""
    made = []
    for (document, tags), run in groupby(messages, key=lambda one: (one.document, one.tags)):
        passages = tuple(one.passage() for one in run)
        key = f"{document} {passages[0].turn} {passages[0].position}"
        made.append(Batch("b", document, key, passages, tags))
    return made


def tell(bank: Bank, messages: Iterable[Said]) -> None:
    """Have a bank retain messages."""
    for batch in batches(messages):
        bank.retain(batch)


def say(bank: Bank, *texts: str, document: str = "session:s", first: int = 1, speaker: str | None = None) -> None:
    """Have a bank retain texts as the turns of a document, one a minute."""
    tell(
        bank,
        [
            Said(document, turn, text, speaker=speaker, at=BEGAN + timedelta(minutes=turn))
            for turn, text in enumerate(texts, first)
        ],
    )


def fill(store: SqliteStore, messages: Iterable[Said], embedder: Embedder | None = None) -> None:
    """Put messages into a store."""
    for batch in batches(messages):
        store.retain(batch, prepare(store.missing(batch), embedder), embedder.name if embedder else "")


def texts(hits: Sequence[Hit]) -> list[str]:
    """What a recall found."""
    return [hit.memory.text for hit in hits]
