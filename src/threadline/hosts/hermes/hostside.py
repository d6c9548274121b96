"""What the host's own modules say, where we run in it, and what it hands over, in whatever shape that is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from threadline.hosts.hermes.messages import plain, user_message
from threadline.hosts.hermes.places import find_hermes_home


def host_home() -> Path:
    """The host's home before it says so: as the host itself has it, where we run in it."""
    try:
        from hermes_constants import get_hermes_home
    except ImportError:
        return find_hermes_home()
    return Path(get_hermes_home())


def shows_recalls() -> bool:
    """Whether the host asks `recall_status` and shows it: then we do not say it ourselves."""
    return hasattr(sys.modules.get("agent.memory_provider"), "RecallStatus")


def callback(given: Mapping[str, Any], name: str) -> Callable[[str], object] | None:
    """A function that the host gave to be called."""
    found = given.get(name)
    return found if callable(found) else None


def name_of(value: object) -> str:
    """An id or a name, without blanks around it; empty where it is none."""
    return value.strip() if isinstance(value, str) else ""


def as_text(value: object) -> str:
    """Text as it is; a list of typed parts as its texts."""
    return value if isinstance(value, str) else "" if value is None else plain(value)


def last_said(messages: object) -> str:
    """What the user said last, in the host's list of messages; empty where there is no such thing."""
    for message in reversed(messages) if isinstance(messages, list) else ():
        if isinstance(message, Mapping) and message.get("role") == "user":
            found = user_message(plain(message.get("content")))
            if found is not None and found.role == "user":
                return found.text
    return ""
