"""What a session sees of the sessions it descends from.

A session sees its own turns and, of each ancestor, the turns up to the fork. A rewind is a rewind in one view:
it hides turns from the session that made it and from what descends from that session afterwards. A branch
forked before the rewind keeps them. A continuation is the same conversation under another id, so it and its
parent are one view.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from threadline.documents import Scope, Span
from threadline.errors import ForgottenError
from threadline.journal.sql import SQL, first_row

_EVER = 2**62  # a limit that no event, turn or note reaches


@dataclass(frozen=True, slots=True)
class Link:
    """One session of a lineage, as seen from the session at its end.

    Attributes:
        last_turn: the last of its own turns that is seen.
        last_note: the last note (by row) that is seen.
        limit: its rewinds before this event count, later ones do not.
    """

    session: int
    id: str
    last_turn: int
    last_note: int
    limit: int


def chain(connection: apsw.Connection, session: int) -> list[Link]:
    """The session itself, then its parent, and so on to the root."""
    links: list[Link] = []
    key = session
    last_turn = last_said = last_note = limit = _EVER
    while True:
        link = first_row(connection, "link", session=key)
        if link is None:
            raise ForgottenError("This session was forgotten, with its whole bank; open the memory again.")
        _, name, kind, parent, fork_turn, fork_said, fork_note, fork_event, _ = link
        links.append(Link(key, name, last_turn, last_note, limit))
        if kind in ("fresh", "delegation"):
            return links  # a delegate starts with an empty history: it is told its task, it did not live the talk
        last_said = last_said if fork_said is None else min(last_said, fork_said)
        last_turn = fork_turn if fork_turn is not None else _last_turn_said(connection, parent, last_said)
        last_note = min(last_note, _EVER if fork_note is None else fork_note)
        limit = limit if kind == "continuation" else min(limit, fork_event)
        key = parent


def hidden(connection: apsw.Connection, links: list[Link], at: int) -> frozenset[int]:
    """The turns of `links[at]` that a rewind took out of the view of `links[0]`, or that were forgotten.

    What is forgotten is in no journal any more, but in the backend until that was told, or if it cannot delete.
    """
    numbers: set[int] = set()
    for viewer in links[: at + 1]:
        found = connection.execute(
            SQL["hidden_turns"],
            {"viewer": viewer.session, "session": links[at].session, "limit": viewer.limit},
        )
        numbers.update(number for (number,) in found)
    return frozenset(numbers)


def session_scope(connection: apsw.Connection, session: int) -> Scope:
    """What recall may see for one session: its lineage's turns and notes."""
    links = chain(connection, session)
    documents: dict[str, Span] = {}
    for at, link in enumerate(links):
        last = None if link.last_turn == _EVER else link.last_turn
        documents[f"session:{link.id}"] = Span(last, hidden(connection, links, at))
        notes = connection.execute(SQL["note_ids"], {"session": link.session, "last": link.last_note})
        documents.update({f"note:{note}": Span() for (note,) in notes})
    return Scope(documents=documents)


def held_turns(connection: apsw.Connection, session: int) -> dict[str, frozenset[int]]:
    """What the host's model still holds of a session's view, word for word, by document.

    That is what was said since the last compression: of the session itself, and of what it branched off from, for a
    branch takes the words along. A continuation begins with a summary.
    """
    held: dict[str, frozenset[int]] = {}
    for link in chain(connection, session):
        compressed = first_row(connection, "compressed_turn_seen", session=link.session, last=link.last_turn)[0]
        found = connection.execute(SQL["turn_ids"], {"session": link.session, "last": link.last_turn})
        held[f"session:{link.id}"] = frozenset(number for _, number in found if number > (compressed or 0))
        if compressed is not None or first_row(connection, "link", session=link.session)[2] != "branch":
            break
    return held


@dataclass(frozen=True, slots=True)
class Kept:
    """A turn its own session took back, and the branch in which it was never taken back."""

    document: str
    number: int
    session: str


def bank_scope(connection: apsw.Connection, bank: int) -> tuple[Scope, tuple[Kept, ...]]:
    """What recall may see of a whole bank, and which turns it must show as a branch's."""
    lost: dict[str, set[int]] = {}
    kept: list[Kept] = []
    for name, number in connection.execute(SQL["forgotten_turns"], {"bank": bank}):
        lost.setdefault(f"session:{name}", set()).add(number)
    for turn, number, session, name, event in connection.execute(SQL["rewound_in_own_view"], {"bank": bank}):
        document = f"session:{name}"
        keeper = _branch_that_keeps(connection, session, turn, number, event)
        if keeper is None:
            lost.setdefault(document, set()).add(number)
        else:
            kept.append(Kept(document, number, keeper))
    return Scope(hidden={document: frozenset(turns) for document, turns in lost.items()}), tuple(kept)


def known_at(connection: apsw.Connection, bank: int, scope: Scope, moment: str) -> Scope:
    """What of a scope was recorded by then."""
    given = {"bank": bank, "moment": moment}
    turns = connection.execute(SQL["known_turns"], given)
    last: dict[str, int | None] = {f"session:{name}": turn for name, turn in turns}
    last.update({f"note:{name}": None for (name,) in connection.execute(SQL["known_notes"], given)})
    if scope.documents is None:
        return Scope({name: Span(turn, scope.hidden.get(name, frozenset())) for name, turn in last.items()})
    spans = {name: span for name, span in scope.documents.items() if name in last}
    return Scope({name: Span(_earlier(span.last_turn, last[name]), span.hidden) for name, span in spans.items()})


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((turn for turn in (one, other) if turn is not None), default=None)


def visible_turns(connection: apsw.Connection, session: int) -> Iterator[tuple[int, int, int]]:
    """The turns of a session's view, last first: (turn row, number, session row)."""
    links = chain(connection, session)
    for at, link in enumerate(links):
        gone = hidden(connection, links, at)
        rows = connection.execute(SQL["turn_ids"], {"session": link.session, "last": link.last_turn})
        yield from [(turn, number, link.session) for turn, number in rows if number not in gone]


def view_of(connection: apsw.Connection, session: int, owner: int) -> int:
    """Whose view a rewind made in `session` changes, for a turn said in `owner`.

    That is the session itself, or, where it only continues another one that also sees the turn, that one.
    """
    key = session
    while key != owner:
        _, _, kind, parent, *_ = first_row(connection, "link", session=key)
        if kind != "continuation":
            break
        key = parent
    return key


def is_seen(connection: apsw.Connection, turn: int, number: int, owner: int) -> bool:
    """Whether any session still sees the turn."""
    event = _rewound(connection, owner, turn)
    return event is None or _branch_that_keeps(connection, owner, turn, number, event) is not None


def _branch_that_keeps(connection: apsw.Connection, owner: int, turn: int, number: int, event: int) -> str | None:
    """The first branch, forked from `owner` before `event`, that still sees the turn."""
    for branch in _branches(connection, owner, turn, number, event):
        lost = _rewound(connection, branch, turn)
        keeper = _living(connection, branch) if lost is None else None
        keeper = keeper or _branch_that_keeps(connection, branch, turn, 0, _EVER if lost is None else lost)
        if keeper is not None:
            return keeper
    return None


def _branches(connection: apsw.Connection, session: int, turn: int, number: int, event: int) -> Iterator[int]:
    """The branches of one view that were forked before an event and inherited a turn."""
    children = list(connection.execute(SQL["children"], {"session": session}))
    for child, kind, fork_turn, fork_event, fork_said in children:
        if kind == "continuation":
            yield from _branches(connection, child, turn, 0, event)
        elif kind == "branch" and fork_turn >= number and fork_said >= turn and fork_event < event:
            yield child


def _living(connection: apsw.Connection, session: int) -> str | None:
    """The id of a session, or where it was forgotten, of one that continues it: what descends from it lives on."""
    _, name, *_, forgotten = first_row(connection, "link", session=session)
    if not forgotten:
        return str(name)
    for child, kind, *_ in list(connection.execute(SQL["children"], {"session": session})):
        found = _living(connection, child) if kind == "continuation" else None
        if found is not None:
            return found
    return None


def _last_turn_said(connection: apsw.Connection, session: int, last: int) -> int:
    """The number of the last turn that a session had when the turn of row `last` was recorded."""
    return last if last == _EVER else int(first_row(connection, "last_turn_said", session=session, last=last)[0])


def _rewound(connection: apsw.Connection, viewer: int, turn: int) -> int | None:
    found = first_row(connection, "rewound_at", viewer=viewer, turn=turn)
    return None if found is None else int(found[0])
