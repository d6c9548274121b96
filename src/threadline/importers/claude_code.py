"""Sessions of Claude Code: `~/.claude/projects/<project>/<session>.jsonl`, one record a line.

A user's message begins a turn; results of tools, which the host records as user messages too, belong to the
turn that called them. Left out are thinking, records of sub-agents (`isSidechain`), what the host says in the
user's name (`isMeta`, summaries after a compression, output of its own commands) and everything that is no
conversation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from threadline.importers.base import Fault, Ignored, Read, Said, turns
from threadline.importers.contents import call_text, optional, text_of
from threadline.importers.files import Value, lines, modified, stem
from threadline.importers.times import parse_time
from threadline.turns import Json, Message, Role

_SPOKEN = {"user", "assistant"}
# Types of records that are known to hold nothing that was said.
SILENT = frozenset(
    {
        *("summary", "system", "file-history-snapshot", "queue-operation", "custom-title", "ai-title", "progress"),
        *("attachment", "last-prompt", "agent-name", "agent-color", "agent-setting", "tag", "mode", "pr-link"),
        *("permission-mode", "saved_hook_context", "marble-origami-commit", "content-replacement"),
    }
)
_TITLES = {"summary": "summary", "custom-title": "customTitle", "ai-title": "aiTitle"}
_HOST_SPEAKS = (
    *("<command-name>", "<command-message>", "<local-command-", "<bash-stdout>", "<bash-stderr>"),
    *("<task-notification>", "<system-reminder>", "[Request interrupted by user"),
)


def read(path: Path) -> Iterator[Read]:
    """Read the turns of a Claude Code session."""
    return turns(_said(path), modified(path))


def _said(path: Path) -> Iterator[Said | Fault | Ignored]:
    title: str | None = None
    for value in lines(path):
        if isinstance(value, Fault):
            yield value
            continue
        kind = optional(value.json.get("type"))
        if kind in _TITLES:
            title = optional(value.json.get(_TITLES[kind])) or title
        if kind in _SPOKEN:
            yield from _record(value, stem(path), title)
        elif kind not in SILENT:
            yield Ignored(value.place, f"records of type {kind!r} are not known.")


def _record(value: Value, unnamed: str, title: str | None) -> Iterator[Said | Fault]:
    record = value.json
    if record.get("isMeta") or record.get("isSidechain") or record.get("isCompactSummary"):
        return
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    messages = _messages(record["type"], content) if isinstance(content, str | list) else None
    if messages is None:
        yield Fault(value.place, f"a record of type {record['type']} needs a message with its content.")
        return
    id_ = optional(record.get("uuid"))
    session = optional(record.get("sessionId")) or unnamed
    when = parse_time(record.get("timestamp"))
    metadata = _metadata(record, title)
    for role, text in messages:
        yield Said(session, Message(role, text, ref=id_), when, id_, metadata)


def _metadata(record: Mapping[str, Any], title: str | None) -> dict[str, Json]:
    known = {"title": title, "cwd": optional(record.get("cwd")), "git_branch": optional(record.get("gitBranch"))}
    return {"format": "claude_code", **{name: text for name, text in known.items() if text}}


def _messages(kind: str, content: str | list[Any]) -> list[tuple[Role, str]] | None:
    """The messages of one record, or None where its content is not what it should be."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    found: list[tuple[Role, str]] = []
    for part in content:
        if not isinstance(part, dict):
            return None
        role, text = _part(kind, part)
        if text is None:
            return None
        if text and not (kind == "user" and role == "user" and text.startswith(_HOST_SPEAKS)):
            found.append((role, text))
    return _joined(found)


def _part(kind: str, part: Mapping[str, Any]) -> tuple[Role, str | None]:
    own: Role = "user" if kind == "user" else "assistant"
    match part.get("type"):
        case "tool_use":
            return own, call_text(part.get("name"), part.get("input"))
        case "tool_result":
            return "tool", text_of(part.get("content"))
        case _:
            return own, text_of([part])


def _joined(found: list[tuple[Role, str]]) -> list[tuple[Role, str]]:
    """Join neighbours of one role, but not the results of two tools."""
    whole: list[tuple[Role, str]] = []
    for role, text in found:
        if whole and whole[-1][0] == role != "tool":
            whole[-1] = (role, f"{whole[-1][1]}\n{text}")
        else:
            whole.append((role, text))
    return whole
