"""What a reader of transcripts yields, and how messages become turns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from threadline.turns import Json, Message


@dataclass(frozen=True, slots=True)
class Imported:
    """One turn read from a transcript.

    Attributes:
        session: the conversation's id: the format's own, or one made from the file's name.
        messages: a user message and everything said and done until the next one; at least one.
        occurred_at: when its first message was said, with its time zone.
        host_key: the same for the same turn of the same transcript each time it is read, also when the file
            has grown since. Two turns with equal texts have two keys.
        metadata: what the transcript says of the conversation: `format`, and where known `title`, `cwd`,
            `git_branch`.
    """

    session: str
    messages: tuple[Message, ...]
    occurred_at: datetime
    host_key: str
    metadata: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a transcript that cannot be read. What comes after it is read all the same, if it can be.

    Attributes:
        place: `<file>:<line>`, or `<file>:$[3].messages[7]` in a JSON file.
        reason: what is wrong, for the user.
    """

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record of a type that the reader has never heard of. It is no fault: hosts add types."""

    place: str
    reason: str


Read = Imported | Fault | Ignored
Reader = Callable[[Path], Iterator[Read]]


@dataclass(frozen=True, slots=True)
class Said:
    """One message, before it has its turn.

    Attributes:
        occurred_at: when, or None where the transcript does not say.
        id: the transcript's own id of the message, unique within its session.
    """

    session: str
    message: Message
    occurred_at: datetime | None = None
    id: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)


def turns(stream: Iterable[Said | Fault | Ignored], unknown_time: datetime) -> Iterator[Read]:
    """Join messages into turns.

    A turn begins at every user message and at every change of session; messages before a session's first
    user message are a turn of their own, except system messages, which belong to the turn they introduce.
    A message without a text is left out; the turn begins with it all the same.

    Args:
        unknown_time: the time of messages for which none is known, until one is.
    """
    turn: list[Said] = []
    session: str | None = None
    position = place = 0
    known = unknown_time
    for item in stream:
        if not isinstance(item, Said):
            yield item
            continue
        if item.session != session or (item.message.role == "user" and not _introduces(turn)):
            if turn:
                yield _turn(turn, place)
            position = place = position if item.session == session else 0
            turn, session = [], item.session
        known = item.occurred_at or known
        if item.message.text.strip():
            turn.append(replace(item, occurred_at=known))
        position += 1
    if turn:
        yield _turn(turn, place)


def _introduces(turn: list[Said]) -> bool:
    return all(said.message.role == "system" for said in turn)


def _turn(turn: list[Said], position: int) -> Imported:
    first = turn[0]
    began = first.occurred_at
    if began is None:
        raise AssertionError("turns() gives every message a time")
    return Imported(
        session=first.session,
        messages=tuple(
            said.message if said.occurred_at == began else replace(said.message, occurred_at=said.occurred_at)
            for said in turn
        ),
        occurred_at=began,
        host_key=_key(first, position),
        metadata=turn[-1].metadata,
    )


def _key(first: Said, position: int) -> str:
    """Make the key of a turn from its first message alone, so that a turn that grew later keeps it."""
    own = ("id", first.id) if first.id else ("at", str(position), first.message.text)
    whole = "\0".join((first.session, *own)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()[:32]
