"""What a memory holds in the end: the documents of a server, or what Threadline keeps itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hindsight.fake import FakeHindsight

from threadline import Memory, SessionSummary

#: The plug-in's default: nothing is embedded anew by looking.
_EMBEDDER = "minilm"


@dataclass(frozen=True, slots=True)
class Document:
    """Something that is held, and how it is tagged."""

    text: str
    tags: frozenset[str]


class Holding(ABC):
    """What is held of everything that was said."""

    @abstractmethod
    def documents(self) -> list[Document]:
        """All of it."""

    @abstractmethod
    def find(self, markers: Sequence[str]) -> set[str]:
        """Which of these words a recall finds, where that is not the same as being held."""


class ServerHolding(Holding):
    """The documents of a fake server: what is in one is found."""

    def __init__(self, fake: FakeHindsight, bank: str) -> None:
        self._fake, self._bank = fake, bank

    def documents(self) -> list[Document]:
        """Those of the bank."""
        bank = self._fake.banks.get(self._bank)
        held = [] if bank is None else list(bank.documents.values())
        return [Document(document.text, frozenset(document.tags)) for document in held]

    def find(self, markers: Sequence[str]) -> set[str]:
        """Those in a document."""
        text = "\n".join(document.text for document in self.documents())
        return {marker for marker in markers if marker in text}


class JournalHolding(Holding):
    """Turns and notes in Threadline's journal, and what its embedded backend finds of them."""

    def __init__(self, home: Path, bank: str) -> None:
        self._home, self._bank = home, bank

    def documents(self) -> list[Document]:
        """A document for each turn that was not taken back, and for each note."""
        with self._open() as memory:
            turns = [
                Document(" ".join(message.text for message in turn.messages), _tags(one))
                for one in memory.sessions()
                for turn in memory.find_session(one.id).turns()
                if not turn.taken_back
            ]
            return turns + [Document(note.text, frozenset()) for note in memory.notes()]

    def find(self, markers: Sequence[str]) -> set[str]:
        """Those that a recall for them brings."""
        with self._open() as memory:
            memory.flush()
            return {
                marker for marker in markers if any(marker in one.text for one in memory.recall(f"Remember {marker}"))
            }

    def _open(self) -> Memory:
        return Memory.open(self._home, bank=self._bank, embedder=_EMBEDDER)


def _tags(session: SessionSummary) -> frozenset[str]:
    """Those with which it would be delivered to a server."""
    parent = {f"parent:{session.parent}"} if session.parent else set()
    return frozenset({f"session:{session.id}", *parent})
