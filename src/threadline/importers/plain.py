"""The plain conversation format: one JSON object a file, with its sessions and their turns.

    {"id": "c1", "sessions": [{"id": "s1", "date": "2024-03-15",
        "turns": [{"id": "t1", "speaker": "Ann", "role": "user", "text": "Hello", "time": null}]}]}

The session's id here is `<id>:<session id>`, a message's `ref` is the id of its `turn` there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from threadline.importers.base import Fault, Read, Said, turns
from threadline.importers.contents import optional, role_of
from threadline.importers.files import Value, elements, modified, scalars, stem
from threadline.importers.times import parse_time
from threadline.turns import Message


def read(path: Path) -> Iterator[Read]:
    """Read the turns of a plain conversation."""
    return turns(_said(path), modified(path))


def _said(path: Path) -> Iterator[Said | Fault]:
    conversation = optional(scalars(path, "id").get("id")) or stem(path)
    for number, value in enumerate(elements(path, "sessions")):
        if isinstance(value, Fault):
            yield value
            continue
        session = value.json if isinstance(value.json, dict) else {}
        found = session.get("turns")
        if not isinstance(found, list):
            yield Fault(value.place, "a session needs its turns, an array.")
            continue
        name = f"{conversation}:{optional(session.get('id')) or number}"
        for place, turn in enumerate(found):
            yield _turn(Value(f"{value.place}.turns[{place}]", turn), name, session.get("date"))


def _turn(value: Value, session: str, date: object) -> Said | Fault:
    turn = value.json
    role = role_of(turn.get("role")) if isinstance(turn, dict) else None
    if role is None or not isinstance(turn.get("text"), str):
        return Fault(value.place, "a turn needs a role (user or assistant) and a text.")
    ref = optional(turn.get("id"))
    message = Message(role, turn["text"], speaker=optional(turn.get("speaker")), ref=ref)
    when = parse_time(turn.get("time")) or parse_time(date)
    return Said(session, message, when, ref, {"format": "plain"})
