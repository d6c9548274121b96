"""What was said: messages, turns, notes and who hosted them. Immutable values, with no behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Role = Literal["user", "assistant", "tool", "system"]
Json = str | int | float | bool | None | list["Json"] | Mapping[str, "Json"]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said or done within a turn.

    Attributes:
        role: who spoke, in the host's terms.
        text: what was said. Lone surrogates and NUL, which no storage keeps faithfully, become U+FFFD.
        speaker: the speaker's name, where the conversation has names.
        occurred_at: when it was said, if that differs from the turn's own time.
        ref: the host's id of this message, carried through to what recall returns.
    """

    role: Role
    text: str
    speaker: str | None = None
    occurred_at: datetime | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One user message and what the agent answered and did, numbered from 1 within its session.

    Attributes:
        number: its place in the session; never used again, also when the turn is taken back.
        occurred_at: when it was said, with its time zone.
        host_key: the host's own key of the turn: the same key again is the same turn.
        taken_back: a rewind took it back; it stays recorded so until it is forgotten.
    """

    session: str
    number: int
    messages: tuple[Message, ...]
    occurred_at: datetime
    host_key: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    taken_back: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something retained on purpose, not part of a turn.

    Attributes:
        id: unique within the bank; also the id of the note's document behind `note:`.
        session: the session it was noted in, or None for the bank's own.
    """

    id: str
    session: str | None
    text: str
    occurred_at: datetime
    context: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """Where a session comes from, as its host knows it. Every field may be unknown."""

    platform: str | None = None
    user: str | None = None
    chat: str | None = None
    thread: str | None = None
    agent: str | None = None
