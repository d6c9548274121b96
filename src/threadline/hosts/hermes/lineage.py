"""Where the sessions of the host's log come from, and which of them are no talk with the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from threadline.hosts.hermes.hostturns import HostLog
from threadline.hosts.hermes.statedb import HostSession

#: Where the host writes `source` for what runs without the user: jobs, helpers, tools.
_NOT_TALK = {"cron", "subagent", "tool", "batch", "background_review"}


@dataclass(frozen=True, slots=True)
class Lineage:
    """How a session descends.

    Attributes:
        guessed: the host did not mark it; what the session begins with has to bear it out.
    """

    kind: Literal["branch", "continuation"]
    parent: str
    guessed: bool = False

    @classmethod
    def told(cls, parent: str | None, reason: str | None, session: str) -> Lineage | None:
        """The lineage that the host says when it switches."""
        if not parent or parent == session or reason not in ("branch", "compression"):
            return None
        return cls("branch" if reason == "branch" else "continuation", parent)


def lineage_of(session: HostSession, parent: HostSession | None) -> Lineage | None:
    """What the host's marks say. `hermes_state.py` tells branches and compressions by the same.

    Args:
        parent: the session that `session.parent` names, if the log has it.
    """
    marked = session.config.get("_branched_from")
    rotated = parent is not None and parent.end_reason == "compression"
    if isinstance(marked, str) and marked and not (rotated and marked != session.parent):
        return Lineage("branch", marked)
    if session.parent is None or session.parent == session.id or "_delegate_from" in session.config:
        return None
    if rotated:
        return Lineage("continuation", session.parent)
    began_after = parent is not None and (session.started_at or 0) >= (parent.ended_at or 0)
    if parent is not None and parent.end_reason == "branched" and began_after:
        return Lineage("branch", session.parent)
    return Lineage("branch", session.parent, guessed=True)


def borne_out(lineage: Lineage | None, log: HostLog) -> Lineage | None:
    """The lineage as the session's first rows show it, where the host did not mark it."""
    if lineage is None or not lineage.guessed:
        return lineage
    if any(line.kind == "summary" and line.origin is None for line in log.inherited):
        return Lineage("continuation", lineage.parent)
    return Lineage("branch", lineage.parent) if log.inherited else None


def why_not_talk(session: HostSession, marked: Lineage | None, borne: Lineage | None) -> str | None:
    """Why what was said in a session was not said with the user; None where it was."""
    if session.source in _NOT_TALK:
        return f"it is the host's own ({session.source})"
    if "_delegate_from" in session.config or (marked is not None and borne is None):
        return "it is of an agent that another one delegated a task to"
    return None


def fork_turn(log: HostLog, parent: HostLog) -> int | None:
    """The last of the parent's own turns that a branch has, as an index into `parent.turns`; None for none of them."""
    places = {id(turn): place for place, turn in enumerate(parent.turns)}
    for line in reversed(log.inherited):
        source = line.origin.source if line.origin is not None and not line.row.undone else None
        if source is not None and source.turn is not None and id(source.turn) in places:
            return places[id(source.turn)]
    return None
