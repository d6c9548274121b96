"""Turns, notes and their parts as the journal's rows hold them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from threadline.errors import StorageCorruptError
from threadline.turns import Identity, Json, Message, Note, Turn

IDENTITY = ("platform", "user", "chat", "thread", "agent")


def dump(value: object) -> str:
    """Compact JSON, the same for equal values."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def dump_messages(messages: Sequence[Message]) -> str:
    """The messages of a turn as JSON; what is unknown is left out."""
    return json.dumps([_message(m) for m in messages], ensure_ascii=False, separators=(",", ":"))


def load_messages(text: str) -> tuple[Message, ...]:
    """The inverse of `dump_messages`.

    Raises:
        StorageCorruptError: it is not what was dumped.
    """
    try:
        return tuple(
            Message(
                role=row["role"],
                text=row["text"],
                speaker=row.get("speaker"),
                occurred_at=datetime.fromisoformat(row["at"]) if "at" in row else None,
                ref=row.get("ref"),
            )
            for row in json.loads(text)
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageCorruptError(f"A turn in journal.db is damaged ({error}); restore it from a backup.") from error


def content_hash(text: str) -> bytes:
    """16 bytes that tell contents apart."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def key_hash(key: str) -> bytes:
    """What is kept of a forgotten key: enough to know it again, nothing to read."""
    return hashlib.sha256(key.encode()).digest()


def to_turn(session: str, row: Sequence[Any]) -> Turn:
    """A row of the query `turns`."""
    number, host_key, messages, metadata, occurred_at, _, taken_back = row
    return Turn(
        session=session,
        number=number,
        messages=load_messages(messages),
        occurred_at=datetime.fromisoformat(occurred_at),
        host_key=host_key,
        metadata=json.loads(metadata),
        taken_back=bool(taken_back),
    )


def to_note(row: Sequence[Any]) -> Note:
    """A row of the query `notes`."""
    note, session, text, occurred_at, context, tags, metadata = row
    return Note(
        id=note,
        session=session,
        text=text,
        occurred_at=datetime.fromisoformat(occurred_at),
        context=context,
        tags=tuple(json.loads(tags)),
        metadata=json.loads(metadata),
    )


def to_identity(values: Sequence[str | None]) -> Identity:
    """The five columns of an identity."""
    return Identity(**dict(zip(IDENTITY, values, strict=True)))


def identity_metadata(identity: Identity) -> Mapping[str, Json]:
    """What is known of the identity, as metadata of a document."""
    return {name: value for name in IDENTITY if (value := getattr(identity, name)) is not None}


def _message(message: Message) -> dict[str, str]:
    row = {"role": message.role, "text": message.text}
    if message.speaker is not None:
        row["speaker"] = message.speaker
    if message.occurred_at is not None:
        row["at"] = message.occurred_at.isoformat()
    if message.ref is not None:
        row["ref"] = message.ref
    return row
