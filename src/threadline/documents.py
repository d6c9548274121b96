"""What crosses the seam between a journal and a backend: passages in, recalled memories out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from threadline.tags import TagFilter
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

    def without(self, turns: Mapping[str, frozenset[int]]) -> Scope:
        """The same without some turns of some documents."""
        if self.documents is None:
            more = {name: self.hidden.get(name, frozenset()) | gone for name, gone in turns.items()}
            return Scope(hidden={**self.hidden, **more})
        spans = {
            name: Span(span.last_turn, span.hidden | turns[name]) if name in turns else span
            for name, span in self.documents.items()
        }
        return Scope(spans)


#: What kind of thing a memory is: what somebody said of the world, what the agent itself said or did, or what was made
#: of several memories (which only a backend with a language model has).
MemoryType = Literal["world", "experience", "observation"]

#: How much time a recall may take for its quality.
Budget = Literal["low", "mid", "high"]


@dataclass(frozen=True, slots=True)
class Query:
    """A question put to a bank.

    Attributes:
        max_tokens: the most tokens that the texts returned may take together.
        limit: the most memories returned.
        tags: only memories of documents that pass.
        types: only memories of these types; none: of any.
        since, until: only memories said at this moment or later, or before that one.
        asked_at: the moment it is asked, from which "yesterday" is seen; None: now.
        during: the time that the question is about, from one moment to before another: memories of it rank higher.
        budget: how much time it may take; None: as the backend is set, `mid` at first.
        min_confidence: only memories of which the backend is as sure; None: what it holds to be worth returning.
    """

    text: str
    scope: Scope = Scope()
    max_tokens: int = 4096
    limit: int = 50
    tags: TagFilter | None = None
    types: tuple[MemoryType, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    asked_at: datetime | None = None
    during: tuple[datetime, datetime] | None = None
    budget: Budget | None = None
    min_confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Reflection:
    """An answer to a query, and the memories it stands on.

    Attributes:
        text: the answer.
        memories: what it was made from, as far as the backend says; of an extractive answer those it quotes, the
            one cited as [1] first.
        extractive: it quotes what was said and composes nothing; no language model was asked.
    """

    text: str
    memories: tuple[Recalled, ...] = ()
    extractive: bool = False

    def standing_on(self, memories: Sequence[Recalled]) -> Reflection:
        """The same answer with its memories told anew, also in the list of `sources` that it may end in."""
        body = self.text.removesuffix(sources(self.memories))
        text = self.text if body == self.text else body + sources(memories)
        return replace(self, text=text, memories=tuple(memories))


@dataclass(frozen=True, slots=True)
class Reason:
    """That one channel found a memory.

    Attributes:
        channel: `words`, `meaning`, `tokens` (late interaction) or `time`.
        rank: the memory's place in that channel's list, from 1.
        score: the channel's own score; higher is better.
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
        tokens: what it takes of the budget, with `before`.
        type: what kind of thing it is.
        confidence: how sure it is that it bears on the question, from 0 to 1; None where the backend does not say.
        count: how many memories say the same, this one included; the others are left out.
        before: what was said just before it, where it is too short to be understood alone.
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
    type: MemoryType = "world"
    confidence: float | None = None
    count: int = 1
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A memory that somebody expects of a recall.

    Attributes:
        document: `session:<id>` or `note:<id>`.
        turn: which of its turns; None: any.
    """

    document: str
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a memory was returned, or was not.

    Attributes:
        rank: its place among all that were weighed, from 1; None where it was not even weighed.
        verdict: in plain words what became of it.
        signals: what spoke for it, by name, with what each added to the score; empty where it was not weighed.
    """

    memory: Recalled
    returned: bool
    rank: int | None
    verdict: str
    signals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def sources(memories: Sequence[Recalled]) -> str:
    """Who said each memory, where and when, one line each, numbered as an answer cites them.

    `[1] Ann, s1, turn 4, 2026-01-02 03:04`: the speaker or else the role; the session where there is one; the turn but
    of a note; the time in the zone it was said in.
    """
    return "\n".join(f"[{number}] {_source(memory)}" for number, memory in enumerate(memories, start=1))


def _source(memory: Recalled) -> str:
    turn = None if memory.turn is None else f"turn {memory.turn}"
    when = memory.occurred_at.replace(tzinfo=None).isoformat(" ", "minutes")
    told = (memory.speaker or memory.role, memory.session, turn, when)
    return ", ".join(" ".join(part.split()) for part in told if part)
