"""What is asked of a memory, as JSON. It is checked here as the library does, with the same errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from threadline.documents import Wanted
from threadline.errors import InputError, InvalidTurnError
from threadline.session.checks import check_id, check_tags, check_time
from threadline.session.desk import Desk
from threadline.session.recall import RecallOptions, make_query
from threadline.tags import TagFilter
from threadline.turns import Identity, Json, Message

_MOMENTS = ("since", "until", "as_of", "asked_at")


def asked(query: str, options: RecallOptions, **more: Any) -> dict[str, Any]:
    """A recall, with what else is said of it; what is None is not said.

    Raises:
        InputError: the query is not text, or an option cannot be used.
    """
    said: dict[str, Any] = {**options, **more, "query": make_query(query, options).text}
    for name in _MOMENTS:
        if said.get(name) is not None:
            said[name] = _moment(name, said[name])
    tags = said.get("tags")
    if tags is not None:
        said["tags"] = tags.as_group() if isinstance(tags, TagFilter) else list(tags)
    if "types" in said:
        said["types"] = list(said["types"])
    return {name: value for name, value in said.items() if value is not None}


def turn(
    messages: Sequence[Message], occurred_at: datetime | None, host_key: str, metadata: Mapping[str, Json] | None
) -> dict[str, Any]:
    """A turn; the time is this machine's, in its zone.

    Raises:
        InvalidTurnError: there is nothing in it, or it is no turn.
    """
    desk = Desk(redacts=False)
    return {
        "messages": [_message(message) for message in desk.messages(messages, float("inf"))],
        "occurred_at": check_time(occurred_at).isoformat(),
        "host_key": check_id(host_key, "host key"),
        "metadata": desk.metadata(metadata),
    }


def note(
    text: str,
    tags: Sequence[str],
    context: str | None,
    occurred_at: datetime | None,
    host_key: str,
    metadata: Mapping[str, Json] | None,
) -> dict[str, Any]:
    """A note; the time is this machine's, in its zone.

    Raises:
        InvalidTurnError: it is no text.
    """
    desk = Desk(redacts=False)
    return {
        "text": desk.text(text, "note"),
        "tags": list(check_tags(tags)),
        "context": None if context is None else desk.text(context),
        "occurred_at": check_time(occurred_at).isoformat(),
        "host_key": check_id(host_key, "host key"),
        "metadata": desk.metadata(metadata),
    }


def described(
    identity: Identity | None, tags: Sequence[str] | None, metadata: Mapping[str, Json] | None
) -> dict[str, Any]:
    """What a host says of a session when it opens it.

    Raises:
        InputError: one of it cannot be used.
    """
    if identity is not None and not isinstance(identity, Identity):
        raise InputError(f"An identity must be a threadline.Identity, not {type(identity).__name__}.")
    return {
        "identity": None if identity is None else asdict(identity),
        "tags": None if tags is None else list(check_tags(tags)),
        "metadata": None if metadata is None else Desk(redacts=False).metadata(metadata),
    }


def texts(values: Sequence[str]) -> list[str]:
    """Texts as they can be sent.

    Raises:
        InvalidTurnError: one is none.
    """
    desk = Desk(redacts=False)
    return [desk.text(value) for value in values]


def _message(message: Message) -> dict[str, Any]:
    for name in ("speaker", "ref"):
        if not isinstance(getattr(message, name), str | None):
            raise InvalidTurnError(f"A message's {name} must be text, not {getattr(message, name)!r}.")
    at = message.occurred_at
    return {
        "role": message.role,
        "text": message.text,
        "speaker": message.speaker,
        "occurred_at": None if at is None else check_time(at).isoformat(),
        "ref": message.ref,
    }


def _moment(name: str, value: object) -> str:
    if not isinstance(value, datetime):
        raise InputError(f"{name} must be a datetime, not {value!r}.")
    return (value if value.tzinfo else value.astimezone()).isoformat()


def wanted(memory: Wanted | None) -> dict[str, Any] | None:
    """A memory that is expected."""
    return None if memory is None else {"document": memory.document, "turn": memory.turn}
