"""What a memory must do to be measured. Standard library only: every peer's own environment loads this."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

#: The most memories of one recall where a system has no default of its own: Threadline's.
LIMIT = 50


class Item(NamedTuple):
    """One message, the unit that every system is given.

    Attributes:
        ref: the conversation's own id of it, unique there.
        said_at: when, in ISO 8601 with its time zone.
    """

    ref: str
    session: str
    role: str
    speaker: str | None
    text: str
    said_at: str


class Hit(NamedTuple):
    """One memory found.

    Attributes:
        ref: the message it came from; None for one that came from none.
        text: what the system would show.
        tokens: what that takes of a budget; None where the system does not count.
    """

    ref: str | None
    text: str
    tokens: int | None = None


class Query(NamedTuple):
    """A question put to a system.

    Attributes:
        limit, max_tokens: the most memories and tokens; None: the system's default.
        asked_at: when it is asked, in ISO 8601, for those that make use of it.
    """

    text: str
    limit: int | None = None
    max_tokens: int | None = None
    asked_at: str | None = None


class Answer(NamedTuple):
    """What one call found, best first, and how long the call itself took, in seconds."""

    hits: tuple[Hit, ...]
    seconds: float


class System(Protocol):
    """A memory: one bank at a time, told message by message, then asked."""

    #: What it is called in the tables.
    name: str
    #: Whether it keeps to a budget of tokens by itself. Where not, its ranking is cut: the best first, while they fit.
    budgets: bool

    def open(self, folder: Path, /) -> None:
        """Start an empty bank that keeps its files in an empty folder."""

    def add(self, turn: Sequence[Item]) -> None:
        """Take in the messages of one turn, in order."""

    def settle(self) -> None:
        """Return once all that was added can be found."""

    def ask(self, query: Query) -> Answer:
        """Find memories."""

    def close(self) -> None:
        """Let go of the bank."""


def as_said(item: Item) -> str:
    """A message as a transcript has it, for a system that has no place for the name of who speaks."""
    named = item.speaker and item.speaker.casefold() not in ("user", "assistant", "system", "tool")
    return f"{item.speaker}: {item.text}" if named else item.text
