"""Tools of sessions: what is said turn by turn, what is taken back, where it branches, and what is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from threadline.documents import Recalled
from threadline.proof import Proof
from threadline.server.house import Room
from threadline.server.mcp.tools import said, tool
from threadline.server.sessions.banks import forget_in
from threadline.server.sessions.shapes import Forget
from threadline.turns import Turn

_SESSION = said("The id of the session, as its host has it.")
_SESSION_ID = Annotated[str, _SESSION]


@tool("write", subject="made room")
def add_turn(
    room: Room,
    session: _SESSION_ID,
    user: Annotated[str | None, said("What the user said.")] = None,
    assistant: Annotated[str | None, said("What you answered.")] = None,
    occurred_at: Annotated[datetime | None, said("When it was said; left out: now.")] = None,
    host_key: Annotated[str | None, said("A key of the turn: sent again, it is the turn it already is.")] = None,
    tags: Annotated[list[str] | None, said("Tags of the whole session; recall can be narrowed to them.")] = None,
    metadata: Annotated[dict[str, Any] | None, said("Kept with the turn.")] = None,
) -> dict[str, Any]:
    """Record one turn of a conversation: what the user said and what you answered.

    When this returns, the turn is kept on disk. It can be recalled a moment later. Unlike a single memory, a turn
    belongs to a session: it can be taken back, branched from and forgotten with it.
    """
    with room.tenant.memory(room) as memory:
        turn = memory.session(session, tags=tags).add_turn(
            user, assistant, occurred_at=occurred_at, host_key=host_key, metadata=metadata
        )
    return {"session": turn.session, "turn": turn.number, "occurred_at": turn.occurred_at}


@tool("read")
def recall_session(
    room: Room,
    session: _SESSION_ID,
    query: Annotated[str, said("What to look for, in plain words.")],
    max_tokens: Annotated[int, said("The most tokens that the texts may take together.", ge=1)] = 4096,
) -> dict[str, Any]:
    """Search what one session sees: its own turns and those it inherited, without what was taken back."""
    with room.tenant.memory(room) as memory:
        found = memory.find_session(session).recall(query, fresh=True, max_tokens=max_tokens)
    return {"results": [_memory(each) for each in found]}


@tool("read")
def list_sessions(room: Room) -> dict[str, Any]:
    """List the sessions of the bank, oldest first, and how they descend from each other."""
    with room.tenant.memory(room) as memory:
        return {"items": [asdict(each) for each in memory.sessions()]}


@tool("read")
def get_session(
    room: Room,
    session: _SESSION_ID,
    limit: Annotated[int, said("How many of its last turns to show.", ge=1, le=200)] = 20,
) -> dict[str, Any]:
    """Show the last turns that a session sees, and whether all of them have reached the memory."""
    with room.tenant.memory(room) as memory:
        found = memory.find_session(session)
        turns = found.history()
        return {
            "session": session,
            "status": asdict(found.status()),
            "turns": [_turn(each) for each in turns[-limit:]],
            "total": len(turns),
        }


@tool("write", destroys=True)
def rewind_session(
    room: Room,
    session: _SESSION_ID,
    turns: Annotated[int, said("How many of the last turns to take back.", ge=1)] = 1,
) -> dict[str, Any]:
    """Take back the last turns of a session, as an undo does: from now on no recall of it returns them."""
    with room.tenant.memory(room) as memory:
        taken = memory.find_session(session).rewind(turns)
    return {"session": session, "taken_back": [{"session": name, "turn": number} for name, number in taken]}


@tool("write")
def branch_session(
    room: Room,
    session: _SESSION_ID,
    new_session: Annotated[str, said("The id of the branch.")],
    at_turn: Annotated[int | None, said("The last turn it inherits; left out: all there are.", ge=0)] = None,
) -> dict[str, Any]:
    """Begin a new session that inherits what another one saw, up to a turn of it; neither sees the other's future."""
    with room.tenant.memory(room) as memory:
        branch = memory.find_session(session).branch(new_session, at_turn=at_turn)
        return {"session": branch.id, "parent": session, "inherited_turns": len(branch.history())}


@tool("write", destroys=True)
def forget(
    room: Room,
    session: Annotated[str | None, said("All of this session, or with `turn` one turn of it.")] = None,
    turn: Annotated[int | None, said("The number of the turn.", ge=1)] = None,
    document: Annotated[str | None, said("A document of the journal: `session:<id>` or `note:<id>`.")] = None,
) -> dict[str, Any]:
    """Forget a session, one turn of it or a document for good, and prove it.

    It is removed from every file, and then every file is searched for what was forgotten; the answer says what was
    searched and what was found. What was forgotten cannot be brought back.
    """
    asked = Forget(session=session, turn=turn, document=document)
    asked.check()
    proof = forget_in(room, asked)
    return _proof(proof, room.tenant.home)


@tool("read")
def status(room: Room) -> dict[str, Any]:
    """Say how the bank is: what it holds, what is still on its way, and whether anything is wrong."""
    with room.tenant.memory(room) as memory:
        return asdict(memory.status())


def _turn(turn: Turn) -> Mapping[str, Any]:
    return {
        "session": turn.session,
        "turn": turn.number,
        "occurred_at": turn.occurred_at,
        "messages": [{"role": each.role, "text": each.text} for each in turn.messages],
    }


def _memory(memory: Recalled) -> Mapping[str, Any]:
    return {
        "text": memory.text,
        "role": memory.role,
        "occurred_at": memory.occurred_at,
        "session": memory.session,
        "turn": memory.turn,
        "before": memory.before,
        "confidence": memory.confidence,
    }


def _proof(proof: Proof, home: Path) -> dict[str, Any]:
    """What was searched, without the pieces of text that a trace is: they are what was to be forgotten."""
    names = {each.path: each.path.relative_to(home) for each in proof.traces}
    return {
        "forgotten": proof.complete and not proof.traces,
        "complete": proof.complete,
        "texts": proof.texts,
        "files_searched": proof.files,
        "bytes_searched": proof.bytes,
        "traces": [{"file": str(names[each.path]), "offset": each.offset} for each in proof.traces],
    }
