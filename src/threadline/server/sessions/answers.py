"""What the session routes answer: the library's own values, field for field."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from threadline.documents import MemoryType
from threadline.journal.deliveries import DeliveryKind, DeliveryState
from threadline.turns import Role


class Answer(BaseModel):
    """A JSON object that says what a value of the library says. It is compiled when it is first used."""

    model_config = ConfigDict(defer_build=True, from_attributes=True, use_attribute_docstrings=True)


class Fault(Answer):
    """What went wrong."""

    type: str = Field(examples=["UnknownSessionError"])
    """The class of the error in the Python library; docs/errors.md lists them."""
    message: str
    """What happened, and what to do about it."""
    retry_after: float | None = None
    """In how many seconds it may work; absent where the same will not do later, or nobody knows."""


class Failed(Answer):
    """The body of every refusal."""

    error: Fault


class BankName(Answer):
    """A bank."""

    bank: str = Field(examples=["alice"])


class SessionName(Answer):
    """A session."""

    session: str = Field(examples=["chats/2026-11"])


class Message(Answer):
    """One thing said or done within a turn."""

    role: Role
    text: str
    speaker: str | None
    """The speaker's name, where the conversation has names."""
    occurred_at: datetime | None
    """When it was said, if that differs from the turn's own time."""
    ref: str | None
    """The host's id of the message; recall returns it."""


class Turn(Answer):
    """One user message and what the agent answered and did."""

    session: str
    number: int
    """Its place in the session, from 1; never used again, also when the turn is taken back."""
    messages: list[Message]
    occurred_at: datetime
    host_key: str | None
    """The host's own key of the turn: the same key again is the same turn."""
    metadata: dict[str, Any]
    taken_back: bool
    """A rewind took it back; it stays recorded so until it is forgotten."""


class Note(Answer):
    """Something retained on purpose, not part of a turn."""

    id: str
    """Also the id of its document behind `note:`."""
    session: str | None
    """The session it was noted in; null for the bank's own."""
    text: str
    occurred_at: datetime
    context: str | None
    tags: list[str]
    metadata: dict[str, Any]


class Place(Answer):
    """One turn of one session."""

    session: str
    turn: int


class CompressedTurn(Answer):
    """Up to where the host's model has only a summary."""

    turn: int
    """The last turn that was summarised away; 0 where none was."""


class SessionSummary(Answer):
    """One line of the list of sessions."""

    id: str
    kind: str = Field(examples=["branch"])
    """How it descends from its parent: fresh, branch, continuation or delegation."""
    parent: str | None
    fork_turn: int | None
    """The last turn of the parent that it inherited; null for all of them or no parent."""
    opened_at: datetime
    ended_at: datetime | None
    turns: int
    taken_back: int
    notes: int
    last_at: datetime | None


class SessionStatus(Answer):
    """How one session and its delivery are."""

    id: str
    ended_at: datetime | None
    turns: int
    taken_back: int
    delivered: int
    undelivered: int
    buffered: int
    retrying: int
    retries: int
    dead_letters: int
    oldest_undelivered: datetime | None
    last_delivered: datetime | None
    last_error: str | None
    """The newest failure that has not been made good, in plain words."""


class BankFigures(Answer):
    """What a bank holds."""

    documents: int
    passages: int
    memories: int
    vectors: int
    bytes: int


class BankStatus(Answer):
    """Everything there is to know about a bank at a glance."""

    bank: str
    backend: str
    healthy: bool
    """Nothing is wrong: no delivery failed last time it was tried, nothing was refused."""
    once: bool
    redact: bool
    sessions: int
    turns: int
    taken_back: int
    notes: int
    redactions: int
    undelivered: int
    buffered: int
    waiting: int
    retrying: int
    retries: int
    delivered: int
    dead_letters: int
    dropped: int
    oldest_undelivered: datetime | None
    last_delivered: datetime | None
    last_error: str | None
    held: BankFigures


class Reason(Answer):
    """That one channel found a memory."""

    channel: str = Field(examples=["words"])
    rank: int
    score: float


class Recalled(Answer):
    """A memory as recall returns it."""

    text: str
    role: str
    speaker: str | None
    occurred_at: datetime
    document: str = Field(examples=["session:chats/2026-11"])
    session: str | None
    turn: int | None
    position: int
    ref: str | None
    tags: list[str]
    metadata: dict[str, Any]
    score: float
    why: list[Reason]
    """The channels that found it, best rank first."""
    tokens: int
    type: MemoryType
    confidence: float | None
    """How sure it is that it bears on the question, from 0 to 1; null where nobody says."""
    count: int
    """How many memories say the same, this one included."""
    before: str | None
    """What was said just before it, where it is too short to be understood alone."""


class Explained(Answer):
    """Why a memory was returned, or was not."""

    memory: Recalled
    returned: bool
    rank: int | None
    verdict: str
    """In plain words what became of it."""
    signals: dict[str, tuple[float, float]]
    """What spoke for it, by name, with what each added to the score."""


class Reflection(Answer):
    """An answer to a question, and the memories it stands on."""

    text: str
    memories: list[Recalled]
    extractive: bool
    """It quotes what was said and composes nothing."""


class Delivery(Answer):
    """One thing that is carried from the journal to the bank."""

    id: int
    document: str
    session: str | None
    kind: DeliveryKind
    state: DeliveryState
    attempts: int
    error: str | None
    created_at: datetime
    tried_at: datetime | None
    first_turn: int | None
    last_turn: int | None


class Count(Answer):
    """How many deliveries it changed."""

    count: int


class Delivered(Answer):
    """Whether everything is delivered; if not, it goes on."""

    delivered: bool


class Rebuilt(Answer):
    """How many memories there are."""

    memories: int


class Probe(Answer):
    """What became of a write-read check."""

    ok: bool
    write_seconds: float | None
    read_seconds: float | None
    error: str | None


class Trace(Answer):
    """Bytes of a forgotten text that a file still holds."""

    path: Path
    """The file, from the data directory on."""
    offset: int
    found: str


class Proof(Answer):
    """What a search of the data directory found after a forget."""

    texts: int
    """How many texts were looked for."""
    files: int
    bytes: int
    traces: list[Trace]
    """What was found of them; empty when the forget is complete."""
    complete: bool
    """The bank has forgotten, too; if not, it is done at the next opportunity."""
