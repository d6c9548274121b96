"""Sessions of the Codex CLI: `~/.codex/sessions/<year>/<month>/<day>/rollout-<time>-<id>.jsonl`.

Read are the `response_item` records, and the same records without their wrapper, as older versions wrote them.
Left out are events, which say everything a second time, reasoning, and what the host says in the user's name
(`<environment_context>` and its like).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from threadline.importers.base import Fault, Ignored, Read, Said, turns
from threadline.importers.contents import call_text, optional, role_of, text_of
from threadline.importers.files import Value, lines, modified, stem
from threadline.importers.times import parse_time
from threadline.turns import Json, Message

# Types of records, and of response items, that are known to hold nothing that was said.
SILENT = frozenset({"event_msg", "turn_context", "compacted", "reasoning", "ghost_snapshot", "compaction"})
_HOST_SPEAKS = (
    *("<environment_context>", "<user_instructions>", "<permissions instructions>", "<turn_aborted>"),
    *("<INSTRUCTIONS>", "<skill>", "<collaboration_mode>", "<subagent_notification>", "# AGENTS.md instructions"),
)


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    began: datetime | None
    metadata: Mapping[str, Json]


def read(path: Path) -> Iterator[Read]:
    """Read the turns of a Codex session."""
    return turns(_said(path), modified(path))


def _said(path: Path) -> Iterator[Said | Fault | Ignored]:
    session: _Session | None = None
    for value in lines(path):
        if isinstance(value, Fault):
            yield value
            continue
        record = value.json
        meta = _meta(record)
        if meta is not None:
            # The first names the file; a session that was forked carries its parent's behind it.
            session = session or _session(meta, record, stem(path))
            continue
        session = session or _Session(stem(path), None, {"format": "codex"})
        wrapped = record.get("type") == "response_item"
        item = record.get("payload") if wrapped else record
        if not isinstance(item, dict):
            yield Fault(value.place, "a response_item needs its payload, an object.")
            continue
        when = parse_time(record.get("timestamp")) or session.began
        yield from _item(Value(value.place, item), session, when)


def _meta(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    payload = record.get("payload")
    if record.get("type") == "session_meta":
        return payload if isinstance(payload, dict) else {}
    return record if "type" not in record and "id" in record and "timestamp" in record else None


def _session(meta: Mapping[str, Any], record: Mapping[str, Any], unnamed: str) -> _Session:
    git = meta.get("git")
    branch = optional(git.get("branch")) if isinstance(git, dict) else None
    known = {"cwd": optional(meta.get("cwd")), "git_branch": branch}
    metadata: dict[str, Json] = {"format": "codex", **{name: text for name, text in known.items() if text}}
    began = parse_time(meta.get("timestamp")) or parse_time(record.get("timestamp"))
    return _Session(optional(meta.get("id")) or unnamed, began, metadata)


def _item(value: Value, session: _Session, when: datetime | None) -> Iterator[Said | Fault | Ignored]:
    item = value.json
    kind = optional(item.get("type"))
    if kind in SILENT or item.get("record_type") == "state":
        return
    message = _message(kind, item)
    if message is None:
        known = kind in {"message", "function_call_output", "custom_tool_call_output"}
        reason = f"a {kind} needs a role and a text." if known else f"records of type {kind!r} are not known."
        yield Fault(value.place, reason) if known else Ignored(value.place, reason)
    elif message.role != "system" and not (message.role == "user" and message.text.startswith(_HOST_SPEAKS)):
        yield Said(session.id, message, when, message.ref, session.metadata)


def _message(kind: str | None, item: Mapping[str, Any]) -> Message | None:
    match kind:
        case "message":
            role, text = role_of(item.get("role")), text_of(item.get("content"))
            return Message(role, text, ref=optional(item.get("id"))) if role and text is not None else None
        case "function_call":
            return Message("assistant", call_text(item.get("name"), item.get("arguments")))
        case "custom_tool_call":
            return Message("assistant", call_text(item.get("name"), item.get("input")))
        case "local_shell_call" | "web_search_call":
            return Message("assistant", call_text(kind.removesuffix("_call"), item.get("action")))
        case "function_call_output" | "custom_tool_call_output":
            output = _output(item.get("output"))
            return None if output is None else Message("tool", output)
        case _:
            return None


def _output(output: object) -> str | None:
    """The text a tool returned, out of the JSON that some versions wrap it in."""
    if isinstance(output, str) and output.startswith('{"output":'):
        try:
            inner = json.loads(output)
        except ValueError:
            return output  # it only looked like it
        return inner["output"] if isinstance(inner["output"], str) else output
    if isinstance(output, dict):
        return text_of(output.get("content") or output.get("output"))
    return text_of(output)
