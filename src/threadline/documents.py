"""What crosses the seam between a journal and a backend: passages in, recalled memories out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from threadline.turns import Json


@dataclass(frozen=True, slots=True)
class Passage:
    """One message of a document, as a backend stores it.

    Attributes:
        turn: the number of the turn it belongs to, from 1; turns of a document only ever grow.
        position: its place within the turn, from 0.
        ref: the host's id of the message, carried through to recall.
    """

    turn: int
    position: int
    role: str
    text: str
    occurred_at: datetime
    speaker: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive turns of one document, retained as one.

    Attributes:
        key: the idempotency key: a backend applies one key once, however often it is sent.
        document: `session:<id>` or `note:<id>`.
        first, last: the turns it covers, also those of them that were taken back and are not among the passages. A
            batch of one document always starts at the same turn, however often it is sent.
        session: the session it was said in; None for a note of the bank's own.
        parent: the session which that one came from, as its host said.
        retained_at: when it was closed: the same in every attempt.
    """

    bank: str
    document: str
    key: str
    passages: tuple[Passage, ...]
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    context: str | None = None
    first: int = 1
    last: int = 1
    session: str | None = None
    parent: str | None = None
    retained_at: datetime = datetime.min


@dataclass(frozen=True, slots=True)
class Run:
    """What a batch that was sent before is to be from now on: `batch` is None when nothing of it is left."""

    first: int
    last: int
    batch: Batch | None


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be taken out of one document.

    Attributes:
        turns: the turns that go, with every memory made from them; None for the whole document.
        runs: every batch sent before that held one of them, as it is without them: for a backend that cannot take
            a turn out of the middle and has to write the batch anew.
    """

    bank: str
    document: str
    turns: tuple[int, ...] | None = None
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """The part of one document that a recall may see.

    Attributes:
        last_turn: the last turn seen, or None for all of them.
        hidden: turns left out although they lie within.
    """

    last_turn: int | None = None
    hidden: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """Which memories a recall may see.

    Attributes:
        documents: the documents seen and how far, or None for the whole bank.
        hidden: for the whole bank, the turns of each document that are left out.
    """

    documents: Mapping[str, Span] | None = None
    hidden: Mapping[str, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """A question put to a bank.

    Attributes:
        max_tokens: the most tokens that the texts returned may take together.
        limit: the most memories returned.
        tags: only memories whose document carries all of these.
    """

    text: str
    scope: Scope = Scope()
    max_tokens: int = 4096
    limit: int = 50
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reflection:
    """An answer to a query, and the memories it stands on.

    Attributes:
        text: the answer.
        memories: what it was made from, as far as the backend says.
    """

    text: str
    memories: tuple[Recalled, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """That one channel found a memory.

    Attributes:
        channel: `words` or `meaning`.
        rank: the memory's place in that channel's list, from 1.
        score: the channel's own score; higher is better. BM25 for words, cosine for meaning.
    """

    channel: str
    rank: int
    score: float

    def __str__(self) -> str:
        return f"{self.channel} #{self.rank} ({self.score:.2f})"


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory as recall returns it.

    Attributes:
        text: what was said, a whole message or a part of a long one.
        session: the session it was said in; None for a note of the bank's own.
        turn: the number of its turn within the session; None for a note.
        score: the fused score; comparable within one recall only.
        why: the channels that found it, best rank first.
        tokens: what it takes of the budget.
    """

    text: str
    role: str
    speaker: str | None
    occurred_at: datetime
    document: str
    session: str | None
    turn: int | None
    position: int
    ref: str | None
    tags: tuple[str, ...]
    metadata: Mapping[str, Json]
    score: float
    why: tuple[Reason, ...]
    tokens: int
