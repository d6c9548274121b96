"""Who says a thing in a conversation, and what kind of memory that makes of it."""

from __future__ import annotations

from threadline.documents import MemoryType

#: A person of the other side, the agent, or anything else (a tool, the system).
USER, AGENT, OTHER = 0, 1, 2

_SIDES = {"user": USER, "human": USER, "assistant": AGENT, "agent": AGENT, "ai": AGENT}

#: The roles that an agent speaks in.
AGENT_ROLES = frozenset(role for role, side in _SIDES.items() if side == AGENT)


def side(role: str) -> int:
    """`USER`, `AGENT` or `OTHER`."""
    return _SIDES.get(role.lower(), OTHER)


def person(speaker: str | None) -> str | None:
    """The name of a person who speaks; None for none, and for what is no name but a role."""
    return None if speaker is None or speaker.lower() in _SIDES else speaker


def memory_type(role: str) -> MemoryType:
    """What the agent said or did is its experience; everything else is of the world."""
    return "experience" if side(role) == AGENT else "world"
