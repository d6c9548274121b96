"""A whole bank out of a journal and into another: every entry in an order in which it can be put back.

Sessions and rewinds come in the order in which they happened, because a branch keeps what was taken back after
it forked; what was said before a branch forked comes before it, and what was said later after it. Putting an
entry back twice changes nothing.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import apsw

from threadline.database import storage_errors
from threadline.errors import ForgottenError, InputError, LineageError, UnknownSessionError
from threadline.journal import lineage, rows
from threadline.journal.forgetting import blank_name
from threadline.journal.journal import Journal
from threadline.journal.records import BankRecord
from threadline.journal.sql import SQL, first_row
from threadline.turns import Identity, Json, Note, Turn

#: What putting an entry back did.
Outcome = Literal["added", "known"]

_EVER = 2**62  # no turn or note has this row


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A session and how it descends from its parent, which comes before it.

    Attributes:
        forgotten_at: it was forgotten, and only its place in the lineage is left.
    """

    id: str
    kind: str
    parent: str | None
    fork_turn: int | None
    opened_at: str
    ended_at: str | None = None
    forgotten_at: str | None = None
    identity: Identity = field(default_factory=Identity)
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    predecessor: str | None = None


@dataclass(frozen=True, slots=True)
class TurnEntry:
    """A turn, and how many secrets were taken out of it. That it was taken back is a `RewindEntry`'s to say."""

    turn: Turn
    redactions: int = 0


@dataclass(frozen=True, slots=True)
class NoteEntry:
    """A note, the host's key of it, and how many secrets were taken out of it."""

    note: Note
    host_key: str | None = None
    redactions: int = 0


@dataclass(frozen=True, slots=True)
class RewindEntry:
    """Turns, as (session, number), that one session took back."""

    session: str
    turns: tuple[tuple[str, int], ...]
    at: str


@dataclass(frozen=True, slots=True)
class ForgottenEntry:
    """That something was forgotten: what keeps a replay from bringing it back, without a word of it.

    Attributes:
        key: the SHA-256 of its key, in hexadecimal.
        session, number: which turn it was; None for a session or note, of which only the key is left.
    """

    key: str | None
    session: str | None = None
    number: int | None = None


Entry = SessionEntry | TurnEntry | NoteEntry | RewindEntry | ForgottenEntry


def entries(journal: Journal, bank: BankRecord) -> Iterator[Entry]:
    """Everything the journal has of a bank, as it was when the first entry was asked for.

    The iterator must be used up, or closed, on the thread that began it.
    """
    connection = journal.database.read()
    with storage_errors(journal.database.path):
        connection.execute("BEGIN")
        try:
            yield from _entries(connection, bank)
        finally:
            connection.execute("COMMIT")


def host_keys(journal: Journal, bank: BankRecord, session: str) -> dict[str, int]:
    """The host keys of the turns that a session has, with the number of messages of each turn."""
    record = journal.find_session(bank, session)
    if record is None:
        return {}
    return dict(journal.database.rows(SQL["host_keys"], {"session": record.key}))


def known_turn(journal: Journal, bank: BankRecord, entry: TurnEntry) -> bool:
    """Whether the journal has this very turn already."""
    record = journal.find_session(bank, entry.turn.session)
    if record is None:
        return False
    found = journal.database.row(SQL["turn_row"], {"session": record.key, "number": entry.turn.number})
    return found is not None and found[1] == _turn_hash(entry.turn)


def restore(journal: Journal, bank: BankRecord, entry: Entry, batch_size: int = 16) -> Outcome:
    """Put an entry back. Doing it again is no error.

    Args:
        batch_size: how many turns make a batch.

    Raises:
        ForgottenError: what it tells was forgotten here.
        LineageError: a session of that id descends from another one here.
        UnknownSessionError: its session is missing.
        InputError: another turn or note has its place.
    """

    def work(connection: apsw.Connection) -> Outcome:
        match entry:
            case SessionEntry():
                return _restore_session(journal, connection, bank, entry)
            case TurnEntry():
                return _restore_turn(journal, connection, bank, entry, batch_size)
            case RewindEntry():
                return _restore_rewind(journal, connection, bank, entry)
            case ForgottenEntry():
                return _restore_mark(journal, connection, bank, entry)
            case NoteEntry():
                raise TypeError("a note is a write of its own")

    if isinstance(entry, NoteEntry):
        return _restore_note(journal, bank, entry)
    return journal.database.write("journal.restore", work)


# Out


def _entries(connection: apsw.Connection, bank: BankRecord) -> Iterator[Entry]:
    for (mark,) in connection.execute(SQL["archived_marks"], {"bank": bank.key}):
        yield ForgottenEntry(mark.hex())
    said = _Said(connection, bank)
    for event, kind, at, session in connection.execute(SQL["archived_events"], {"bank": bank.key}):
        name, *about = first_row(connection, "archived_session", session=session)
        if kind == "rewind":
            turns = list(connection.execute(SQL["archived_rewind"], {"event": event}))
            if turns:  # else all of them were forgotten since
                yield from said.turns(max(row for _, _, row in turns))
                yield RewindEntry(name, tuple((owner, number) for owner, number, _ in turns), at)
        else:
            fork_said, fork_note = about[3:5]
            yield from said.turns(fork_said or 0)
            yield from said.notes(fork_note or 0)
            yield _session(name, about)
    yield from said.turns(_EVER)
    yield from said.notes(_EVER)
    yield from said.gaps()


class _Said:
    """What was said in a bank, in the order in which it was recorded, a part at a time."""

    def __init__(self, connection: apsw.Connection, bank: BankRecord) -> None:
        self._connection = connection
        self._bank = bank
        self._turn = self._note = 0
        self._gaps: dict[str, deque[ForgottenEntry]] = {}
        for name, number, key in connection.execute(SQL["archived_gaps"], {"bank": bank.key}):
            mark = ForgottenEntry(None if key is None else key.hex(), name, number)
            self._gaps.setdefault(name, deque()).append(mark)

    def turns(self, last: int) -> Iterator[Entry]:
        """The turns up to a row, each after the marks of those forgotten before it."""
        for name, number, host_key, messages, metadata, occurred_at, redactions in self._rows(
            "archived_turns", self._turn, last
        ):
            gaps = self._gaps.get(name)
            while gaps and (gaps[0].number or 0) < number:
                yield gaps.popleft()
            turn = Turn(
                session=name,
                number=number,
                messages=rows.load_messages(messages),
                occurred_at=datetime.fromisoformat(occurred_at),
                host_key=host_key,
                metadata=json.loads(metadata),
            )
            yield TurnEntry(turn, redactions)
        self._turn = max(self._turn, last)

    def notes(self, last: int) -> Iterator[Entry]:
        """The notes up to a row."""
        for row in self._rows("archived_notes", self._note, last):
            yield NoteEntry(rows.to_note(row[:7]), row[7], row[8])
        self._note = max(self._note, last)

    def gaps(self) -> Iterator[Entry]:
        """The marks after which no turn of their session came."""
        for gaps in self._gaps.values():
            yield from gaps

    def _rows(self, query: str, after: int, last: int) -> Iterator[Any]:
        return iter(self._connection.execute(SQL[query], {"bank": self._bank.key, "after": after, "last": last}))


def _session(name: str, about: list[Any]) -> SessionEntry:
    kind, parent, fork_turn, _, _, opened_at, ended_at, forgotten_at, *rest = about
    return SessionEntry(
        id=name,
        kind=kind,
        parent=parent,
        fork_turn=fork_turn,
        opened_at=opened_at,
        ended_at=ended_at,
        forgotten_at=forgotten_at,
        identity=rows.to_identity(rest[:5]),
        tags=tuple(json.loads(rest[5])),
        metadata=json.loads(rest[6]),
        predecessor=rest[7],
    )


# In


def _restore_session(journal: Journal, connection: apsw.Connection, bank: BankRecord, entry: SessionEntry) -> Outcome:
    parent = None if entry.parent is None else _find(connection, bank, entry.parent)
    if entry.parent is not None and parent is None:
        raise LineageError(f"Session {entry.id!r} descends from {entry.parent!r}, which is not here.")
    found = first_row(connection, "find_session", bank=bank.key, id=entry.id)
    if found is not None:
        if (found[2], found[3], found[4]) != (entry.kind, parent, entry.fork_turn):
            raise LineageError(f"Session {entry.id!r} is here already, and descends from another one.")
        return "known"
    if _is_marked(connection, bank, f"session:{entry.id}"):
        raise ForgottenError(f"Session {entry.id!r} was forgotten here and does not come back.")
    branch = entry.kind == "branch"
    (key,) = first_row(
        connection,
        "restore_session",
        bank=bank.key,
        id=entry.id,
        kind=entry.kind,
        parent=parent,
        fork_turn=entry.fork_turn,
        fork_said=first_row(connection, "last_said")[0] if branch else None,
        fork_note=first_row(connection, "last_note")[0] if branch else None,
        tags=rows.dump(list(entry.tags)),
        metadata=rows.dump(entry.metadata),
        opened_at=entry.opened_at,
        ended_at=entry.ended_at,
        forgotten_at=entry.forgotten_at,
        owner=journal.owner.id,
        predecessor=entry.predecessor,
        **{name: getattr(entry.identity, name) for name in rows.IDENTITY},
    )
    kind = "open" if entry.kind == "fresh" else entry.kind
    (event,) = first_row(connection, "restore_event", session=key, kind=kind, at=entry.opened_at)
    if parent is not None:
        connection.execute(SQL["set_fork_event"], {"session": key, "event": event})
    return "added"


def _restore_turn(
    journal: Journal, connection: apsw.Connection, bank: BankRecord, entry: TurnEntry, batch_size: int
) -> Outcome:
    turn = entry.turn
    session = _living(connection, bank, turn.session)
    found = first_row(connection, "turn_row", session=session.key, number=turn.number)
    if found is not None:
        if found[1] != _turn_hash(turn):
            raise InputError(f"Turn {turn.number} of session {turn.session!r} is another one here.")
        return "known"
    _refuse_forgotten_turn(connection, session, turn)
    owner: dict[str, Any] = {"session": session.key, "number": turn.number, "owner": journal.owner.id}
    connection.execute(SQL["raise_last_turn"], owner)
    dumped = rows.dump_messages(turn.messages)
    connection.execute(
        SQL["add_turn"],
        {
            "session": session.key,
            "number": turn.number,
            "host_key": turn.host_key,
            "messages": dumped,
            "metadata": rows.dump(turn.metadata),
            "content_hash": rows.content_hash(dumped),
            "redactions": entry.redactions,
            "occurred_at": turn.occurred_at.isoformat(),
            "at": journal.now(),
        },
    )
    if turn.number - session.batched_turn >= batch_size:
        journal.close_batch(connection, session.key)
    return "added"


def _refuse_forgotten_turn(connection: apsw.Connection, session: _Living, turn: Turn) -> None:
    place = f"turn {turn.number} of session {turn.session!r}"
    if turn.host_key is not None:
        if first_row(connection, "key_forgotten", session=session.key, key_hash=rows.key_hash(turn.host_key)):
            raise ForgottenError(f"The {place} was forgotten here and does not come back.")
        if first_row(connection, "turn_by_key", session=session.key, host_key=turn.host_key):
            raise InputError(f"The {place} has another number here.")
    if turn.number <= session.last_turn:
        if first_row(connection, "number_forgotten", session=session.key, number=turn.number):
            raise ForgottenError(f"The {place} was forgotten here and does not come back.")
        raise InputError(f"The {place} comes after turn {session.last_turn}, which is here already.")


def _restore_note(journal: Journal, bank: BankRecord, entry: NoteEntry) -> Outcome:
    note = entry.note
    connection = journal.database.read()
    found = first_row(connection, "note_hash", bank=bank.key, id=note.id)
    if found is not None:
        if found[0] != rows.content_hash(note.text):
            raise InputError(f"Note {note.id!r} is another one here.")
        return "known"
    if _is_marked(connection, bank, f"note:{note.id}"):
        raise ForgottenError(f"Note {note.id!r} was forgotten here and does not come back.")
    session = None
    if note.session is not None:
        _living(connection, bank, note.session)
        session = journal.get_session(bank, note.session)
    kept = journal.append_note(bank, session, note, host_key=entry.host_key, redactions=entry.redactions)
    return "added" if kept.id == note.id else "known"


def _restore_rewind(journal: Journal, connection: apsw.Connection, bank: BankRecord, entry: RewindEntry) -> Outcome:
    session = _find(connection, bank, entry.session)
    if session is None:
        raise UnknownSessionError(f"Session {entry.session!r}, which took turns back, is not here.")
    event: int | None = None
    for name, number in entry.turns:
        owner = _find(connection, bank, name)
        turn = None if owner is None else first_row(connection, "turn_row", session=owner, number=number)
        if owner is None or turn is None:
            continue  # it was forgotten here
        viewer = lineage.view_of(connection, session, owner)
        if first_row(connection, "rewound_at", viewer=viewer, turn=turn[0]):
            continue
        if event is None:
            (event,) = first_row(connection, "restore_event", session=session, kind="rewind", at=entry.at)
        connection.execute(SQL["rewind_turn"], {"viewer": viewer, "turn": turn[0], "event": event})
        if not lineage.is_seen(connection, turn[0], number, owner):
            journal.retract(connection, bank, owner, number)
    return "known" if event is None else "added"


def _restore_mark(journal: Journal, connection: apsw.Connection, bank: BankRecord, entry: ForgottenEntry) -> Outcome:
    key = None if entry.key is None else bytes.fromhex(entry.key)
    mark = {"bank": bank.key, "session": None, "number": entry.number, "key_hash": key, "at": journal.now()}
    if entry.session is None:
        if first_row(connection, "note_forgotten", bank=bank.key, key_hash=key):
            return "known"
    else:
        session = _living(connection, bank, entry.session)
        if session.last_turn >= (entry.number or 0):
            return "known"  # forgotten here as well, or else still here: a merge forgets nothing
        bindings = {"session": session.key, "number": entry.number, "owner": journal.owner.id}
        connection.execute(SQL["raise_last_turn"], bindings)
        mark["session"] = session.key
    connection.execute(SQL["add_forgotten"], mark)
    return "added"


@dataclass(frozen=True, slots=True)
class _Living:
    """The session an entry belongs to."""

    key: int
    last_turn: int
    batched_turn: int


def _living(connection: apsw.Connection, bank: BankRecord, session: str) -> _Living:
    found = first_row(connection, "find_session", bank=bank.key, id=session)
    if found is not None and found[9] is None:
        return _Living(found[0], found[5], found[6])
    if found is not None or _is_marked(connection, bank, f"session:{session}"):
        raise ForgottenError(f"Session {session!r} was forgotten here and does not come back.")
    raise UnknownSessionError(f"Session {session!r} is not here.")


def _find(connection: apsw.Connection, bank: BankRecord, session: str) -> int | None:
    """The row of a session, also of one that was forgotten here since."""
    for name in (session, blank_name(session)):
        found = first_row(connection, "find_session", bank=bank.key, id=name)
        if found is not None:
            return int(found[0])
    return None


def _is_marked(connection: apsw.Connection, bank: BankRecord, key: str) -> bool:
    return first_row(connection, "session_forgotten", bank=bank.key, key_hash=rows.key_hash(key)) is not None


def _turn_hash(turn: Turn) -> bytes:
    return rows.content_hash(rows.dump_messages(turn.messages))
