"""What the host tells besides turns: its own memory tool's writes, and what its subagents found out.

Each becomes a note under a key that its content decides, so that telling it twice keeps it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from threadline.errors import ForgottenError
from threadline.hosts.fence import strip_fences
from threadline.hosts.hermes.access import Opened
from threadline.redaction import redact
from threadline.turns import Json, Note

#: The tag of what a subagent found out.
DELEGATION = "delegation"
#: The tag of what the host's own memory tool wrote.
MEMORY_FILE = "memory-file"

#: Which of the host's files a note mirrors, in its metadata.
_TARGET = "memory_target"
_ABOUT = {"memory": "the agent's own notes", "user": "the profile of the user"}
#: Something forgotten may be written again, under the next key. Nobody does that as often as this.
_TIMES = 1000


def keep_memory_write(opened: Opened, session: str, target: str, content: str) -> Note | None:
    """Mirror an entry that the host's memory tool wrote.

    Raises:
        ThreadlineError: it was not kept.
    """
    text = strip_fences(content).strip()
    if not text:
        return None
    about = _ABOUT.get(target, target)
    for time in range(_TIMES):
        try:
            return _keep(
                opened,
                session,
                text,
                key=note_key("memory", target, text, str(time)),
                tags=(MEMORY_FILE,),
                context=about,
                metadata={_TARGET: target},
            )
        except ForgottenError:  # it was written before, and removed since
            continue
    return None


def forget_memory_write(opened: Opened, target: str, metadata: Mapping[str, Any], kept: str = "") -> int:
    """Forget the mirrored entries that the host's memory tool removed or replaced. It takes as long as a forget does.

    The host names an entry by itself (`previous_content`, newer hosts) or by a part of it that no other entry has
    (`old_text`).

    Args:
        kept: the entry in place of it, which stays.

    Returns:
        How many were forgotten; none where the entry is older than its mirror.

    Raises:
        ThreadlineError: it was not forgotten.
    """
    whole = _as_kept(metadata.get("previous_content"))
    part = _as_kept(metadata.get("old_text"))
    stays = _as_kept(kept)
    gone = [
        note
        for note in opened.memory.notes()
        if note.metadata.get(_TARGET) == target
        and note.text != stays
        and ((whole and note.text == whole) or (not whole and part and part in note.text))
    ]
    for note in gone:
        opened.memory.forget(document=f"note:{note.id}")
    return len(gone)


def keep_delegation(opened: Opened, session: str, task: str, result: str, child: str) -> Note | None:
    """Keep what a subagent was asked and found out, as a note of the session that asked it.

    Raises:
        ThreadlineError: it was not kept.
    """
    task, result = strip_fences(task).strip(), strip_fences(result).strip()
    if not result:
        return None
    text = f"A subagent was asked: {task}\n\nIt answered: {result}" if task else f"A subagent answered: {result}"
    return _keep(
        opened,
        session,
        text,
        key=note_key("delegation", child, task, "" if child else result),
        tags=(DELEGATION,),
        context="a task that the agent delegated",
        metadata={"child_session_id": child} if child else {},
    )


def note_key(kind: str, *parts: str) -> str:
    """The key of a note: the same for the same parts, whenever and however often they come."""
    return f"{kind}:{hashlib.sha256(chr(0).join(parts).encode('utf-8', 'replace')).hexdigest()}"


def _keep(
    opened: Opened,
    session: str,
    text: str,
    *,
    key: str,
    tags: tuple[str, ...],
    context: str,
    metadata: Mapping[str, Json],
) -> Note:
    config = opened.config
    given = {
        "tags": tuple(dict.fromkeys((*config.retain_tags, *tags))),
        "context": context,
        "host_key": key,
        "metadata": {**metadata, **({"source": config.retain_source} if config.retain_source else {})},
    }
    if not session:
        return opened.memory.retain(text, **given)  # type: ignore[arg-type]
    return opened.memory.session(session).note(text, **given)  # type: ignore[arg-type]


def _as_kept(text: object) -> str:
    """A text as a note of it was kept."""
    return redact(strip_fences(text).strip())[0] if isinstance(text, str) else ""
