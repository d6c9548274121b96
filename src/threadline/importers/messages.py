"""Messages in the form of the OpenAI chat API, as many tools export them.

Read are, in JSON or with one value a line:
- messages, `{"role": "user", "content": "..."}`: the file is one conversation, named after the file;
- conversations, `{"messages": [...]}`, with or without `id` (or `session_id`, `conversation_id`), `title` and
  `created_at`: each is a session of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from threadline.importers.base import Fault, Read, Said, turns
from threadline.importers.contents import call_text, joined, optional, role_of, text_of
from threadline.importers.files import Value, elements, layout, lines, modified, scalars, stem
from threadline.importers.times import parse_time
from threadline.turns import Json, Message

_IDS = ("id", "session_id", "conversation_id", "thread_id")
_TIMES = ("created_at", "timestamp", "create_time", "date", "time")
_TITLE = "title"


@dataclass(frozen=True, slots=True)
class _Conversation:
    session: str
    occurred_at: datetime | None
    metadata: Mapping[str, Json]


def read(path: Path) -> Iterator[Read]:
    """Read the turns of a file of messages or of conversations."""
    return turns(_said(path), modified(path))


def _said(path: Path) -> Iterator[Said | Fault]:
    match layout(path):
        case "array":
            values, outer = elements(path), {}
        case "object":
            values, outer = elements(path, "messages"), scalars(path, *_IDS, *_TIMES, _TITLE)
        case "lines":
            values, outer = lines(path), {}
    whole = _conversation(outer, stem(path))
    for number, value in enumerate(values):
        if isinstance(value, Fault):
            yield value
        elif isinstance(value.json, dict) and "messages" in value.json:
            yield from _messages(value, f"{stem(path)}:{number}")
        else:
            yield _message(value, whole)


def _conversation(outer: Mapping[str, Any], unnamed: str) -> _Conversation:
    session = next((found for name in _IDS if (found := optional(outer.get(name)))), unnamed)
    title = optional(outer.get(_TITLE))
    metadata: dict[str, Json] = {"format": "messages"}
    if title:
        metadata["title"] = title
    return _Conversation(session, _time(outer), metadata)


def _time(outer: Mapping[str, Any]) -> datetime | None:
    return next((found for name in _TIMES if (found := parse_time(outer.get(name)))), None)


def _messages(value: Value, unnamed: str) -> Iterator[Said | Fault]:
    conversation = _conversation(value.json, unnamed)
    messages = value.json["messages"]
    if not isinstance(messages, list):
        yield Fault(f"{value.place}.messages", "not an array of messages.")
        return
    for number, message in enumerate(messages):
        yield _message(Value(f"{value.place}.messages[{number}]", message), conversation)


def _message(value: Value, conversation: _Conversation) -> Said | Fault:
    message = value.json
    if not isinstance(message, dict):
        return Fault(value.place, "not a message: an object with role and content was expected.")
    role = role_of(message.get("role"))
    if role is None:
        return Fault(value.place, f"a message needs a role such as user or assistant, not {message.get('role')!r}.")
    text = text_of(message.get("content"))
    if text is None:
        return Fault(value.place, "the content of a message must be a text or a list of parts.")
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        return Fault(value.place, "tool_calls must be an array of objects.")
    id_ = optional(message.get("id"))
    said = Message(role, joined(text, *map(_call, calls)), speaker=optional(message.get("name")), ref=id_)
    own = (optional(message.get(name)) for name in _IDS[1:])
    session = next((found for found in own if found), conversation.session)
    return Said(session, said, _time(message) or conversation.occurred_at, id_, conversation.metadata)


def _call(call: Mapping[str, Any]) -> str:
    function = call.get("function")
    what: Mapping[str, Any] = function if isinstance(function, dict) else call
    return call_text(what.get("name") or "a tool", what.get("arguments"))
