"""The host's messages, as dicts or rows, in our words: what was said and done, without what the host put around it.

Left out are recalled memory in its fence (it would be remembered again), the instructions of a skill around what the
user asked of it, summaries and task lists that a compression leaves behind, and what the host says in the user's name
to make its model go on. What the host reports of its own accord (a process has ended) is kept as the system's words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from threadline.hosts.fence import strip_fences
from threadline.importers.contents import call_text, joined, text_of
from threadline.redaction import redact
from threadline.session.checks import clean_text
from threadline.turns import Message, Role

#: What a message in the user's name is: said by the user; an event that the host reports; the host pushing its model
#: on within a turn; what a compression left in place of turns; what a review of the talk was told, in older versions.
Kind = Literal["said", "event", "nudge", "summary", "review"]

#: How the host's log marks content that is a list of parts.
JSON_MARK = "\0json:"

_PICTURES = {"image", "image_url", "input_image"}
_CAPTIONS = ("caption", "alt", "alt_text", "description", "title")
_ALIASES = {"input_audio": "audio", "audio_url": "audio", "video_url": "video", "input_file": "file"}

# What agent/skill_commands.py and agent/skill_bundles.py put around what the user asked of a skill.
_SKILL = "[IMPORTANT: The user has invoked the "
_SKILL_LOADED = "The full skill content is loaded below.]"
_SKILL_ASKED = "The user has provided the following instruction alongside the skill invocation: "
_SKILL_NOTE = "\n\n[Runtime note:"
_BUNDLE = " skill bundle,"
_BUNDLE_ASKED = "\nUser instruction: "
_BUNDLE_LOADED = "\n\n[Loaded as part of the "
_SKILL_NAME = re.compile(r'"([^"\n]{1,200})"')

# What agent/context_compressor.py and agent/conversation_compression.py leave in place of turns.
_SUMMARIES = ("[CONTEXT COMPACTION", "[CONTEXT SUMMARY]:")
_SUMMARY_END = re.compile(r"--- END OF CONTEXT SUMMARY[^\n]*---")
_PRIOR = "[PRIOR CONTEXT — for reference only; not a new message]"
_PRIOR_END = "[END OF PRIOR CONTEXT — COMPACTION SUMMARY BELOW]"
_TASKS = "[Your active task list was preserved across context compression]"
_MARKER = "Continue from the compressed conversation context above. This marker exists"

# What agent/conversation_loop.py and its helpers say in the user's name within a turn.
_NUDGES = (
    "[System: Your previous response was truncated",
    "[System: The previous response was cut off",
    "[System: Your previous tool call",
    "[System: Your previous response contained only internal reasoning",
    "[System: Continue now.",
    "[System: You edited code in this turn",
    "[System: You are a Hermes kanban worker.",
    "You just executed tool calls but returned an empty response.",
    "You've reached the maximum number of tool-calling iterations allowed.",
    "[System: The active model for this chat has changed",
    "[System: The user has changed the assistant's personality.",
    "[System: The user has cleared the personality overlay.",
    "[IMPORTANT: MCP servers have been reloaded.",
)
_EVENTS = ("[IMPORTANT: Background process ", "[ASYNC DELEGATION ", "[System: ")
_IMPORTANT = "[IMPORTANT: "
# What the command line types in the user's name when a signal breaks a turn off (cli.py).
_SIGNAL = re.compile(r"received signal \d+")
# A note that the gateway puts before what the user said.
_NOTE_BEFORE = re.compile(r"\[System note: .*?\]\s*(?:\n\n|$)", re.DOTALL)
_REVIEWS = (
    "Review the conversation above and update the skill library",
    "Review the conversation above and consider saving to memory",
)
# What the host puts in a picture's place: in its log, in what it hands over, and when it drops the picture.
_PLACEHOLDER = re.compile(r"\[(?:\d+ |Attached )?(?:images?|screenshots?|audio|video|file)\b[^\]]*\]")
_SPEAKER = re.compile(r"\[([^|\]\n]{1,200})\|[^\]\n]{1,200}\]\n")


def decoded(content: object) -> object:
    """The content of a row as the host had it: text, or a list of parts."""
    if isinstance(content, bytes):
        content = content.decode("utf-8", "replace")
    if not isinstance(content, str) or not content.startswith(JSON_MARK):
        return content
    try:
        return json.loads(content[len(JSON_MARK) :])
    except ValueError:
        return content[len(JSON_MARK) :]  # cut off or damaged: what is there is better than nothing


def plain(content: object) -> str:
    """The text of a message's content; pictures leave their caption."""
    content = decoded(content)
    if isinstance(content, Mapping):
        content = [content]
    if isinstance(content, list):
        content = [_captioned(part) for part in content]
    text = text_of(content)
    if text is None:
        text = json.dumps(content, ensure_ascii=False, default=str)
    return clean_text(text)


def kind_of(text: str) -> Kind:
    """What a message in the user's name is, by how it begins."""
    text = text.lstrip()
    if is_summary(text) or text.startswith((_TASKS, _MARKER)):
        return "summary"
    if text.startswith(_REVIEWS):
        return "review"
    if text.startswith(_NUDGES):
        return "nudge"
    if text.startswith(_SKILL):
        return "said"
    if _SIGNAL.fullmatch(text.rstrip()):
        return "event"
    if text.startswith(_EVENTS) or (text.startswith("[System note: ") and not _NOTE_BEFORE.sub("", text, count=1)):
        return "event"
    # A skill that is loaded for the session, or asked for, has the same beginning; what the user said stands behind it.
    return "event" if text.startswith(_IMPORTANT) and text.rstrip().endswith("]") else "said"


def is_summary(text: str) -> bool:
    """Whether it is, or has in it, the summary of a compression; whoever is said to have spoken it."""
    text = text.lstrip()
    return text.startswith(_SUMMARIES) or (text.startswith(_PRIOR) and _PRIOR_END in text)


def within_summary(text: str) -> str:
    """What somebody said that a compression put into one message with its summary or task list; mostly nothing."""
    text = text.strip()
    if text.startswith(_PRIOR):
        text = text[len(_PRIOR) :].partition(_PRIOR_END)[0]
    elif text.startswith(_SUMMARIES):
        # Consecutive messages of one role are merged later: what stands behind the end of the summary was said.
        parts = _SUMMARY_END.split(text)
        text = parts[-1] if len(parts) > 1 else ""
    elif text.startswith(_MARKER):
        return ""
    return text.partition(_TASKS)[0].strip()


def said(text: str) -> str:
    """What the user said: without fences, a skill's instructions, and what a compression added."""
    text = strip_fences(text).strip()
    if text.startswith("[System note: "):
        text = _NOTE_BEFORE.sub("", text, count=1) or text
    if text.startswith(_SKILL):
        return _asked_of_skill(text)
    if is_summary(text) or text.startswith(_MARKER) or f"\n{_TASKS}" in f"\n{text}":
        return within_summary(text)
    return text


def canonical(text: str) -> str:
    """The text as it is compared: as the journal would hold it, white space and placeholders of pictures aside."""
    text, _ = redact(clean_text(text))
    return " ".join(_PLACEHOLDER.sub(" ", text).split())


def speaker_of(text: str) -> tuple[str | None, str]:
    """Who said something that the agent only overheard, as far as the host wrote it down, and what."""
    found = _SPEAKER.match(text)
    return (found[1].strip() or None, text[found.end() :]) if found else (None, text)


def calls_of(tool_calls: object) -> list[Mapping[str, Any]]:
    """The calls of tools in a message, however they were written down."""
    if isinstance(tool_calls, str):
        try:
            tool_calls = json.loads(tool_calls)
        except ValueError:
            return []
    return [call for call in tool_calls if isinstance(call, Mapping)] if isinstance(tool_calls, list) else []


def call_ids(tool_calls: object) -> frozenset[str]:
    """The ids of a message's calls of tools."""
    calls = calls_of(tool_calls)
    return frozenset(str(call[name]) for call in calls for name in ("id", "call_id") if call.get(name))


def agent_text(content: object, tool_calls: object) -> str:
    """What the agent said, and the tools that it called."""
    calls = []
    for call in calls_of(tool_calls):
        function = call.get("function")
        told = function if isinstance(function, Mapping) else call
        calls.append(call_text(told.get("name"), told.get("arguments")))
    return joined(strip_fences(plain(content)).strip(), *calls)


def to_message(message: Mapping[str, Any]) -> Message | None:
    """One message of the host's list, or None where nothing in it was said."""
    role, content = message.get("role"), message.get("content")
    if role == "user":
        return user_message(plain(content))
    spoken: Role
    if role == "assistant":
        spoken, text = "assistant", agent_text(content, message.get("tool_calls"))
    elif role in ("tool", "function"):
        spoken, text = "tool", plain(content).strip()
    else:
        return None
    return Message(spoken, text) if text and not is_summary(text) else None


def user_message(text: str, ref: str | None = None) -> Message | None:
    """What the user said, or the host reported in the user's name; None where it is neither."""
    kind = kind_of(strip_fences(text))
    if kind in ("nudge", "review"):
        return None
    spoken = said(text)
    return Message("system" if kind == "event" else "user", spoken, ref=ref) if spoken else None


def last_turn(messages: Iterable[object], user: str) -> list[Message]:
    """The messages of a turn out of the host's whole list: from the last one in which the user said `user`.

    Returns:
        Nothing where the user said no such thing.
    """
    listed = [message for message in messages if isinstance(message, Mapping)]
    wanted = canonical(said(user))
    for start in range(len(listed) - 1, -1, -1):
        if listed[start].get("role") != "user":
            continue
        found = user_message(plain(listed[start].get("content")))
        if found is not None and canonical(found.text) == wanted:
            return [found, *_until_next(listed[start + 1 :])]
    return []


def _until_next(listed: Sequence[Mapping[str, Any]]) -> list[Message]:
    found = []
    for message in listed:
        one = to_message(message)
        if message.get("role") == "user" and one is not None:
            break
        if one is not None and message.get("role") != "user":
            found.append(one)
    return found


def _captioned(part: object) -> object:
    """A part that is no text, as a text: `[image: a cat on a roof]` where the host knows what it shows."""
    if not isinstance(part, Mapping) or isinstance(part.get("text"), str):
        return part
    kind = str(part.get("type", ""))
    shown = "image" if kind in _PICTURES else _ALIASES.get(kind)
    if shown is None:
        return part
    inner = part.get(kind)
    known = [part, *([inner] if isinstance(inner, Mapping) else [])]
    captions = [of[name] for of in known for name in (*_CAPTIONS, "transcript") if isinstance(of.get(name), str)]
    caption = " ".join(captions[0].split()) if captions else ""
    return {"type": "text", "text": f"[{shown}: {caption}]" if caption else f"[{shown}]"}


def _asked_of_skill(text: str) -> str:
    """What the user asked of a skill; of one that was asked nothing, its name as the user typed it."""
    if _BUNDLE in text:
        asked = text.partition(_BUNDLE_ASKED)[2].partition(_BUNDLE_LOADED)[0]
    elif _SKILL_LOADED in text:
        # The body of the skill may quote the phrase: the user's own words come last.
        asked = text.rpartition(_SKILL_ASKED)[2].partition(_SKILL_NOTE)[0] if _SKILL_ASKED in text else ""
    else:
        asked = ""
    name = _SKILL_NAME.search(text)
    return asked.strip() or (f"/{name[1].lstrip('/')}" if name else "")
