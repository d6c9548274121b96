"""LongMemEval, questions with the history that answers them (https://github.com/xiaowu0162/LongMemEval).

Every question brings sessions of its own: their ids here are `<question_id>:<session id>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from threadline.importers.base import Fault, Read, Said, turns
from threadline.importers.contents import optional, role_of
from threadline.importers.files import Value, elements, modified, stem
from threadline.importers.times import parse_time
from threadline.turns import Message


def read(path: Path) -> Iterator[Read]:
    """Read the turns of every question's history, one question in memory at a time."""
    return turns(_said(path), modified(path))


def _said(path: Path) -> Iterator[Said | Fault]:
    for number, value in enumerate(elements(path)):
        if isinstance(value, Fault):
            yield value
            continue
        question = value.json if isinstance(value.json, dict) else {}
        if not isinstance(question.get("haystack_sessions"), list):
            yield Fault(value.place, "a question needs its haystack_sessions, an array.")
            continue
        name = optional(question.get("question_id")) or f"{stem(path)}:{number}"
        yield from _history(Value(value.place, question), name)


def _history(value: Value, question: str) -> Iterator[Said | Fault]:
    ids, dates = (value.json.get(key) for key in ("haystack_session_ids", "haystack_dates"))
    for number, session in enumerate(value.json["haystack_sessions"]):
        place = f"{value.place}.haystack_sessions[{number}]"
        if not isinstance(session, list):
            yield Fault(place, "a session must be an array of messages.")
            continue
        name = f"{question}:{optional(_at(ids, number)) or number}"
        when = parse_time(_at(dates, number))
        for position, message in enumerate(session):
            role = role_of(message.get("role")) if isinstance(message, dict) else None
            if role is None or not isinstance(message.get("content"), str):
                yield Fault(f"{place}[{position}]", "a message needs a role (user or assistant) and a content.")
            else:
                yield Said(name, Message(role, message["content"]), when, None, {"format": "longmemeval"})


def _at(values: object, number: int) -> object:
    return values[number] if isinstance(values, list) and number < len(values) else None
