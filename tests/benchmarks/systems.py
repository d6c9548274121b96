"""Systems and conversations small enough to work the figures out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.evaluation import Conversation, Outcome, Question
from benchmarks.peers.base import LIMIT, Answer, Hit, Item, Query

SAID_AT = "2024-03-15T10:00:00+00:00"


def item(ref: str, session: str = "c:s1", text: str = "some words", speaker: str | None = None) -> Item:
    return Item(ref, session, "user", speaker, text, SAID_AT)


def question(*gold: str, due: int = 1, category: str = "any", text: str = "what?") -> Question:
    return Question(text, category, frozenset(gold), due, SAID_AT)


def conversation(
    sessions: Sequence[Sequence[Item]], questions: Sequence[Question], *, by_session: bool = False
) -> Conversation:
    """A turn a message."""
    told = tuple(tuple((one,) for one in session) for session in sessions)
    return Conversation("source", "c", told, tuple(questions), by_session)


def outcome(
    *units: str,
    gold: Sequence[str] = (),
    conversation: str = "c",
    within: dict[int, float] | None = None,
    seconds: float = 0.0,
    memories: int = 0,
    tokens: int = 0,
) -> Outcome:
    return Outcome("source", conversation, question(*gold), units, within or {}, seconds, memories, tokens)


class Newest:
    """Finds what was said last, whatever the question. Notes how it was used."""

    name = "newest"
    budgets = False
    megabytes = disk_megabytes = 0.0

    def __init__(self) -> None:
        self.told: list[Item] = []
        self.asked: list[tuple[Query, int]] = []
        self.calls: list[str] = []

    def open(self, folder: Path, /) -> None:
        assert list(folder.iterdir()) == []
        self.calls.append("open")

    def add(self, turn: Sequence[Item]) -> None:
        self.told.extend(turn)
        self.calls.append("add")

    def settle(self) -> None:
        self.calls.append("settle")

    def ask(self, query: Query) -> Answer:
        self.asked.append((query, len(self.told)))
        self.calls.append("ask")
        best = [Hit(one.ref, one.text, 10) for one in reversed(self.told)]
        return Answer(tuple(best[: query.limit or LIMIT]), 0.002)

    def close(self) -> None:
        self.calls.append("close")


class Thrifty(Newest):
    """Keeps to a budget by itself, in its own way: it never returns more than one memory."""

    budgets = True

    def ask(self, query: Query) -> Answer:
        hits, seconds = super().ask(query)
        return Answer(hits[:1] if query.max_tokens and query.max_tokens < 10_000 else hits, seconds)
