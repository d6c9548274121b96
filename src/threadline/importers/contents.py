"""The texts inside messages: plain strings, lists of parts, calls of tools and their results."""

from __future__ import annotations

import json
from typing import Any

from threadline.turns import Role

_ROLES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "gpt": "assistant",
    "tool": "tool",
    "function": "tool",
    "system": "system",
    "developer": "system",
}
_TEXTS = {"text", "input_text", "output_text", "refusal"}
_SILENT = {"thinking", "redacted_thinking", "reasoning", "tool_use", "tool_result", "tool_reference"}
_PICTURES = {"image", "image_url", "input_image"}


def role_of(value: object) -> Role | None:
    """The role a transcript names, in our words; None where it names none that is known."""
    return _ROLES.get(value.lower()) if isinstance(value, str) else None


def text_of(content: object) -> str | None:
    """Join the text of a message's content, which is a string or a list of parts.

    Pictures and other things that are not text leave their type: `[image]`. Thinking leaves nothing.

    Returns:
        The text, or None where the content is nothing that has one.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [_part(part) for part in content]
    if None in texts:
        return None
    return "\n".join(text for text in texts if text)


def _part(part: object) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return None
    kind = part.get("type", "text")
    if kind in _TEXTS:
        text = part.get("refusal" if kind == "refusal" else "text")
        return text if isinstance(text, str) else None
    if kind in _SILENT:
        return ""
    return "[image]" if kind in _PICTURES else f"[{kind}]"


def call_text(name: object, arguments: object) -> str:
    """Say that a tool was called, and with what: `[calls shell {"command": "ls"}]`."""
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False) if arguments is not None else ""
    return f"[calls {name} {arguments}]" if arguments else f"[calls {name}]"


def joined(*texts: str) -> str:
    """Join the texts that are not empty, each on lines of its own."""
    return "\n".join(text for text in texts if text)


def optional(value: Any) -> str | None:
    """The value as an id or a name: None where it is empty or neither text nor number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None
