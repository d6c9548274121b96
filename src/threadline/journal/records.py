"""Banks and sessions as the journal has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from threadline.journal import rows
from threadline.turns import Identity, Json


@dataclass(frozen=True, slots=True)
class BankRecord:
    """A bank the journal knows. `redact` is whether secrets are taken out of what is written to it."""

    key: int
    name: str
    redact: bool


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as the journal has it."""

    key: int
    id: str
    kind: str
    parent: int | None
    fork_turn: int | None
    last_turn: int
    batched_turn: int
    opened_at: datetime
    ended_at: datetime | None
    identity: Identity
    tags: tuple[str, ...]
    metadata: Mapping[str, Json]
    predecessor: str | None


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One line of the list of sessions.

    Attributes:
        kind: how it descends from its parent: fresh, branch, continuation or delegation.
        fork_turn: the last turn of the parent that it inherited; None for all of them or no parent.
        turns: how many turns were said in it, `taken_back` of them taken back since.
    """

    id: str
    kind: str
    parent: str | None
    fork_turn: int | None
    opened_at: datetime
    ended_at: datetime | None
    turns: int
    taken_back: int
    notes: int
    last_at: datetime | None


def description(
    identity: Identity | None, tags: Sequence[str] | None, metadata: Mapping[str, Json] | None
) -> dict[str, str | None]:
    """The columns that describe a session; what is not given is None."""
    row: dict[str, str | None] = {name: getattr(identity, name) if identity else None for name in rows.IDENTITY}
    row["tags"] = None if tags is None else rows.dump(list(tags))
    row["metadata"] = None if metadata is None else rows.dump(metadata)
    return row


def to_session(row: Any) -> SessionRecord:
    """A row of `session_by_key` or `find_session`."""
    key, name, kind, parent, fork_turn, last_turn, batched_turn, opened_at, ended_at, _, *rest = row
    return SessionRecord(
        key=key,
        id=name,
        kind=kind,
        parent=parent,
        fork_turn=fork_turn,
        last_turn=last_turn,
        batched_turn=batched_turn,
        opened_at=datetime.fromisoformat(opened_at),
        ended_at=datetime.fromisoformat(ended_at) if ended_at else None,
        identity=rows.to_identity(rest[:5]),
        tags=tuple(json.loads(rest[5])),
        metadata=json.loads(rest[6]),
        predecessor=rest[7],
    )


def to_summary(row: Any) -> SessionSummary:
    """A row of `sessions`."""
    name, kind, parent, fork_turn, opened_at, ended_at, turns, taken_back, notes, last_at = row[1:]
    return SessionSummary(
        id=name,
        kind=kind,
        parent=parent,
        fork_turn=fork_turn,
        opened_at=datetime.fromisoformat(opened_at),
        ended_at=datetime.fromisoformat(ended_at) if ended_at else None,
        turns=turns,
        taken_back=taken_back,
        notes=notes,
        last_at=datetime.fromisoformat(last_at) if last_at else None,
    )
