"""LoCoMo, conversations of two people over months (https://github.com/snap-research/locomo), as published.

`speaker_a` is the user and `speaker_b` the assistant, both keep their names, and `dia_id` is the message's
`ref`. Of a picture that somebody shares, the caption is kept: `[shares a photo of a dog]`. The session's id is
`<sample_id>:session_<n>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from threadline.importers.base import Fault, Read, Said, turns
from threadline.importers.contents import joined, optional
from threadline.importers.files import Value, elements, modified, stem
from threadline.importers.times import parse_time
from threadline.turns import Message, Role

_SESSION = re.compile(r"session_(\d+)$")


def read(path: Path) -> Iterator[Read]:
    """Read the turns of every conversation of the file."""
    return turns(_said(path), modified(path))


def _said(path: Path) -> Iterator[Said | Fault]:
    for number, value in enumerate(elements(path)):
        if isinstance(value, Fault):
            yield value
            continue
        sample = value.json if isinstance(value.json, dict) else {}
        conversation = sample.get("conversation")
        if not isinstance(conversation, dict):
            yield Fault(value.place, "a sample needs its conversation, an object.")
            continue
        name = optional(sample.get("sample_id")) or f"{stem(path)}:{number}"
        yield from _conversation(Value(f"{value.place}.conversation", conversation), name)


def _conversation(value: Value, name: str) -> Iterator[Said | Fault]:
    numbers = sorted(int(match[1]) for key in value.json if (match := _SESSION.match(key)))
    for number in numbers:
        session = f"session_{number}"
        found = value.json[session]
        if not isinstance(found, list):
            yield Fault(f"{value.place}.{session}", "a session must be an array.")
            continue
        when = parse_time(value.json.get(f"{session}_date_time"))
        for place, turn in enumerate(found):
            where = f"{value.place}.{session}[{place}]"
            message = _message(turn, value.json) if isinstance(turn, dict) else None
            if message is None:
                yield Fault(where, "a turn needs a text, and a speaker who is one of the two.")
            else:
                yield Said(f"{name}:{session}", message, when, message.ref, {"format": "locomo"})


def _message(turn: Mapping[str, Any], conversation: Mapping[str, Any]) -> Message | None:
    speaker, text = optional(turn.get("speaker")), turn.get("text", "")
    if not isinstance(text, str) or speaker is None:
        return None
    speakers = (conversation.get("speaker_a"), conversation.get("speaker_b"))
    if speaker not in speakers:
        return None
    caption = optional(turn.get("blip_caption"))
    picture = f"[shares {caption}]" if caption else "[shares a picture]" if turn.get("img_url") else ""
    role: Role = "user" if speaker == speakers[0] else "assistant"
    return Message(role, joined(text, picture), speaker=speaker, ref=optional(turn.get("dia_id")))
