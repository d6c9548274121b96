"""Where a session forks off from another one, at once or learned later."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import apsw

from threadline.errors import LineageError, UnknownTurnError
from threadline.journal.records import SessionRecord
from threadline.journal.sql import SQL, first_row

Descent = Literal["branch", "continuation", "delegation"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The columns of a session that say where it forks off; all None for a fresh one."""

    parent: int | None = None
    fork_turn: int | None = None
    fork_said: int | None = None
    fork_note: int | None = None

    @classmethod
    def of(cls, connection: apsw.Connection, parent: int, fork_turn: int | None) -> Origin:
        """A fork made now. A continuation goes on seeing its parent; a branch of it sees the parent as it is."""
        if fork_turn is None:
            return cls(parent)
        return cls(parent, fork_turn, _value(connection, "last_said"), _value(connection, "last_note"))


def same_descent(found: SessionRecord, parent: SessionRecord, kind: str, at_turn: int | None) -> SessionRecord:
    """A session that is there already, if it descends from the parent like this.

    Raises:
        LineageError: it does not.
    """
    if found.key == parent.key:
        raise LineageError(f"Session {found.id!r} cannot descend from itself; give the new one another id.")
    if (found.parent, found.kind) != (parent.key, kind) or (at_turn is not None and found.fork_turn != at_turn):
        raise LineageError(
            f"Session {found.id!r} exists already and is not a {kind} of {parent.id!r} like this; use another id."
        )
    return found


def learn(
    connection: apsw.Connection, session: SessionRecord, parent: SessionRecord, kind: Descent, at_turn: int | None
) -> None:
    """Write down how a fresh session descends: as if that had been told when it was opened.

    Raises:
        LineageError: the parent descends from the session.
        UnknownTurnError: the parent has no such turn.
    """
    _refuse_circle(connection, session, parent)
    origin = _late_branch(connection, session, parent, at_turn) if kind == "branch" else Origin(parent.key)
    opened = _value(
        connection, "first_event", session=session.key
    )  # what the parent took back after that was inherited
    row = {"session": session.key, "kind": kind, "event": opened, **asdict(origin)}
    connection.execute(SQL["learn_descent"], row)


def _late_branch(
    connection: apsw.Connection, session: SessionRecord, parent: SessionRecord, at_turn: int | None
) -> Origin:
    first = _value(connection, "first_said", session=session.key)
    said = _value(connection, "last_said") if first is None else first - 1
    fork_turn = _value(connection, "last_turn_said", session=parent.key, last=said) if at_turn is None else at_turn
    if not 0 <= fork_turn <= parent.last_turn:
        raise UnknownTurnError(
            f"Session {parent.id!r} has no turn {fork_turn} to branch at; its last is {parent.last_turn}."
        )
    # The parent's turns, too, may have been recorded later than the session's own: they are inherited all the same.
    inherited = _value(connection, "last_said_up_to", session=parent.key, number=fork_turn)
    note = _value(connection, "last_note_by", at=session.opened_at.isoformat())
    return Origin(parent.key, fork_turn, max(said, inherited), note)


def _refuse_circle(connection: apsw.Connection, session: SessionRecord, parent: SessionRecord) -> None:
    key: int | None = parent.key
    while key is not None:
        if key == session.key:
            raise LineageError(f"Session {session.id!r} would descend from itself, as {parent.id!r} descends from it.")
        key = first_row(connection, "link", session=key)[3]


def _value(connection: apsw.Connection, query: str, **bindings: Any) -> Any:
    return first_row(connection, query, **bindings)[0]
