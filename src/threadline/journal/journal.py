"""The journal: the durable, ordered record of turns, notes and lineage. What is undelivered is asked of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from threadline.database import Database, Durability
from threadline.documents import Scope
from threadline.errors import (
    ForgottenError,
    InvalidBankError,
    UnknownSessionError,
    UnknownTurnError,
)
from threadline.journal import lineage, rows
from threadline.journal.descent import Descent, Origin, learn, same_descent
from threadline.journal.owner import Owner
from threadline.journal.records import BankRecord, SessionRecord, SessionSummary, description, to_session, to_summary
from threadline.journal.sql import SCHEMA, SQL, first_row
from threadline.turns import Identity, Json, Message, Note, Turn


def system_clock() -> datetime:
    """Now, with its zone. Only ever written down, never compared: it may go backwards."""
    return datetime.now(UTC)


class Journal:
    """The journal of one data directory. Any thread may call any method; so may several processes at once.

    Args:
        home: the data directory; `journal.db` is made in it when missing.
        durability: see `Database`.
        clock: what the time is.

    Raises:
        StorageError: see its subclasses in `threadline.errors`.
    """

    def __init__(
        self, home: Path, durability: Durability = "process", clock: Callable[[], datetime] = system_clock
    ) -> None:
        # The WAL is moved into the file by the writer's thread: an fsync has no place on the road of a turn.
        self.database = Database(home / "journal.db", SCHEMA, durability, checkpoints=False)
        self.owner = Owner(home / "run")
        self._clock = clock

    def now(self) -> str:
        """The time as it is written down."""
        return self._clock().isoformat()

    # Banks

    def bank(self, name: str, redact: bool | None = None) -> BankRecord:
        """The bank of that name, made when new.

        Args:
            redact: whether secrets are taken out of what is written; None keeps what the bank has (new: yes).

        Raises:
            InvalidBankError: another bank has this name in another case.
        """
        folded = unicodedata.normalize("NFC", name).casefold()

        def work(connection: apsw.Connection) -> BankRecord:
            found = first_row(connection, "find_bank", folded=folded)
            if found is None:
                found = first_row(connection, "add_bank", name=name, folded=folded, redact=int(redact is not False))
            elif redact is not None and redact != bool(found[2]):
                connection.execute(SQL["set_redact"], {"bank": found[0], "redact": int(redact)})
                found = (found[0], found[1], redact)
            return BankRecord(found[0], found[1], bool(found[2]))

        seen = self.database.row(SQL["find_bank"], {"folded": folded})
        if seen is not None and (redact is None or redact == bool(seen[2])):
            record = BankRecord(seen[0], seen[1], bool(seen[2]))
        else:
            record = self.database.write("journal.bank", work)
        if record.name != name:
            raise InvalidBankError(
                f"There is a bank {record.name!r} already, which differs from {name!r} only in case; "
                "use that name, or choose another."
            )
        return record

    def banks(self) -> list[str]:
        """The names of all banks."""
        return [name for (name,) in self.database.rows(SQL["banks"])]

    # Sessions

    def open_session(
        self,
        bank: BankRecord,
        session: str,
        identity: Identity | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Json] | None = None,
        predecessor: str | None = None,
    ) -> SessionRecord:
        """The session of that id, made when new, resumed when it had ended. What is given describes it anew.

        Args:
            predecessor: for a new one, the session its host came from; nothing of that is inherited.

        Raises:
            ForgottenError: it was forgotten.
        """
        record = self.find_session(bank, session)
        described = identity is not None or tags is not None or metadata is not None
        if record is not None and record.ended_at is None and not described:
            return record

        def work(connection: apsw.Connection) -> SessionRecord:
            found = first_row(connection, "find_session", bank=bank.key, id=session)
            if found is None:
                require_bank(connection, bank)
                self._refuse_forgotten(connection, bank, session)
                key = self._add_session(connection, bank, session, "fresh", predecessor, identity, tags, metadata)
                self._event(connection, key, "open")
            else:
                key = found[0]
                row = description(identity, tags, metadata)
                connection.execute(SQL["describe_session"], {"session": key, **row})
                if found[8] is not None:
                    connection.execute(SQL["reopen_session"], {"session": key})
                    self._event(connection, key, "resume")
            return to_session(first_row(connection, "session_by_key", session=key))

        return self.database.write("journal.session", work)

    def find_session(self, bank: BankRecord, session: str) -> SessionRecord | None:
        """The session of that id, or None."""
        found = self.database.row(SQL["find_session"], {"bank": bank.key, "id": session})
        return None if found is None else to_session(found)

    def get_session(self, bank: BankRecord, session: str) -> SessionRecord:
        """The session of that id.

        Raises:
            UnknownSessionError: there is none.
            ForgottenError: it was forgotten.
        """
        record = self.find_session(bank, session)
        if record is None:
            self._refuse_forgotten(self.database.read(), bank, session)
            raise UnknownSessionError(
                f"There is no session {session!r} in bank {bank.name!r}; `threadline sessions` lists them."
            )
        return record

    def sessions(self, bank: BankRecord) -> list[SessionSummary]:
        """All sessions of the bank, oldest first."""
        return [to_summary(row) for row in self.database.rows(SQL["sessions"], {"bank": bank.key})]

    def fork(
        self, bank: BankRecord, parent: SessionRecord, session: str, kind: Descent, at_turn: int | None = None
    ) -> SessionRecord:
        """A new session that descends from `parent`. The parent's open batch is closed. Doing it again is no error.

        Args:
            at_turn: for a branch, the last of the parent's own turns that it inherits; None for the latest.

        Raises:
            ForgottenError: the parent, or the session, was forgotten.
            LineageError: the session exists already and does not descend from `parent` like this.
            UnknownTurnError: the parent has no such turn.
        """

        def work(connection: apsw.Connection) -> SessionRecord:
            found = first_row(connection, "find_session", bank=bank.key, id=session)
            if found is not None:
                return same_descent(to_session(found), parent, kind, at_turn)
            self._refuse_forgotten(connection, bank, session)
            last_turn = self._living(connection, parent).last_turn
            if at_turn is not None and not 0 <= at_turn <= last_turn:
                raise UnknownTurnError(
                    f"Session {parent.id!r} has no turn {at_turn} to branch at; its last is {last_turn}."
                )
            self.close_batch(connection, parent.key)
            fork_turn = (last_turn if at_turn is None else at_turn) if kind == "branch" else None
            origin = Origin.of(connection, parent.key, fork_turn)
            key = self._add_session(connection, bank, session, kind, origin, parent.identity, None, None)
            event = self._event(connection, key, kind)
            connection.execute(SQL["set_fork_event"], {"session": key, "event": event})
            return to_session(first_row(connection, "session_by_key", session=key))

        return self.database.write(f"journal.{kind}", work)

    def descend(
        self, session: SessionRecord, parent: SessionRecord, kind: Descent, at_turn: int | None = None
    ) -> SessionRecord:
        """Learn late how a session descends that was recorded as a fresh one. Doing it again is no error.

        Args:
            at_turn: for a branch, the last of the parent's own turns that it inherits; None: the last that was recorded
                before the session's own first one.

        Raises:
            ForgottenError: the session or the parent was forgotten.
            LineageError: it descends from another one, or otherwise; or would from itself.
            UnknownTurnError: the parent has no such turn.
        """

        def work(connection: apsw.Connection) -> SessionRecord:
            current, origin = self._living(connection, session), self._living(connection, parent)
            if current.kind != "fresh":
                return same_descent(current, origin, kind, at_turn)
            learn(connection, current, origin, kind, at_turn)
            self._event(connection, session.key, kind)
            return to_session(first_row(connection, "session_by_key", session=session.key))

        return self.database.write("journal.descend", work)

    def leave(self, session: SessionRecord, end: bool = False) -> None:
        """The host goes to another session, or ends this one: its open batch is closed, prefetches are void."""

        def work(connection: apsw.Connection) -> None:
            if first_row(connection, "session_by_key", session=session.key) is None:
                return  # forgotten, with its whole bank
            self.close_batch(connection, session.key)
            self._event(connection, session.key, "end" if end else "leave")
            if end:
                connection.execute(SQL["end_session"], {"session": session.key, "at": self.now()})

        self.database.write("journal.end" if end else "journal.leave", work)

    def compress(self, session: SessionRecord, kept: int = 0) -> None:
        """The host summarised what was said, but for the last turns `kept`, and goes on: its open batch is closed."""

        def work(connection: apsw.Connection) -> None:
            current = self._living(connection, session)
            self.close_batch(connection, session.key)
            self._event(connection, session.key, "leave")
            turn = max(0, current.last_turn - kept)
            connection.execute(SQL["add_compression"], {"session": session.key, "turn": turn, "at": self.now()})

        self.database.write("journal.compress", work)

    def compressed_turn(self, session: SessionRecord) -> int:
        """The last turn that the host summarised away in place; 0 where it never did."""
        return int(self.database.rows(SQL["compressed_turn"], {"session": session.key})[0][0] or 0)

    def epoch(self, session: SessionRecord) -> tuple[int, ...]:
        """Changes whenever what was recalled for the session may be stale.

        That is at every switch of the session itself, and at any rewind or forget: those may reach across
        sessions, and are rare.
        """
        return self.database.rows(SQL["epoch"], {"session": session.key})[0]

    # Turns and notes

    def append_turn(
        self,
        session: SessionRecord,
        messages: Sequence[Message],
        *,
        occurred_at: datetime,
        host_key: str | None = None,
        metadata: Mapping[str, Json] | None = None,
        redactions: int = 0,
        batch_size: int = 1,
    ) -> Turn:
        """Record a turn. When this returns, the turn is kept.

        Args:
            host_key: the host's key of the turn; a key the session has already is the turn it has.
            batch_size: how many turns make a batch; with this one the batch may be full, and is closed.

        Raises:
            ForgottenError: the session, or a turn of this key, was forgotten.
        """
        dumped = rows.dump_messages(messages)
        row: dict[str, Any] = {
            "session": session.key,
            "host_key": host_key,
            "messages": dumped,
            "metadata": rows.dump(metadata) if metadata else "{}",
            "content_hash": rows.content_hash(dumped),
            "redactions": redactions,
            "occurred_at": occurred_at.isoformat(),
            "at": self.now(),
        }

        def work(connection: apsw.Connection) -> Turn:
            if host_key is not None:
                known = first_row(connection, "turn_by_key", session=session.key, host_key=host_key)
                if known is not None:
                    return rows.to_turn(session.id, known)
                if first_row(connection, "key_forgotten", session=session.key, key_hash=rows.key_hash(host_key)):
                    raise ForgottenError(f"Turn {host_key!r} of session {session.id!r} was forgotten.")
            numbers = first_row(connection, "next_turn", session=session.key, owner=self.owner.id)
            if numbers is None:
                raise ForgottenError(f"Session {session.id!r} was forgotten; begin another.")
            number, batched = numbers
            connection.execute(SQL["add_turn"], {**row, "number": number})
            if number - batched >= batch_size:
                self.close_batch(connection, session.key)
            return Turn(session.id, number, tuple(messages), occurred_at, host_key, metadata or {})

        return self.database.write("journal.turn", work)

    def append_note(
        self,
        bank: BankRecord,
        session: SessionRecord | None,
        note: Note,
        *,
        host_key: str | None = None,
        redactions: int = 0,
    ) -> Note:
        """Record a note; it is delivered as a document of its own. A host key the bank has already is that note.

        Raises:
            ForgottenError: its session, or a note of this key, was forgotten.
        """

        def work(connection: apsw.Connection) -> Note:
            if host_key is not None:
                known = first_row(connection, "note_by_key", bank=bank.key, host_key=host_key)
                if known is not None:
                    return rows.to_note(known)
                if first_row(connection, "note_forgotten", bank=bank.key, key_hash=rows.key_hash(host_key)):
                    raise ForgottenError(f"Note {host_key!r} was forgotten.")
            require_bank(connection, bank)
            if session is not None:
                self._living(connection, session)
            row = {
                "bank": bank.key,
                "session": session.key if session else None,
                "id": note.id,
                "host_key": host_key,
                "text": note.text,
                "context": note.context,
                "tags": rows.dump(list(note.tags)),
                "metadata": rows.dump(note.metadata),
                "content_hash": rows.content_hash(note.text),
                "redactions": redactions,
                "occurred_at": note.occurred_at.isoformat(),
                "at": self.now(),
            }
            (key,) = first_row(connection, "add_note", **row)
            connection.execute(
                SQL["deliver_note"],
                {
                    "bank": bank.key,
                    "document": f"note:{note.id}",
                    "session": row["session"],
                    "note": key,
                    "at": row["at"],
                },
            )
            return note

        return self.database.write("journal.note", work)

    def turns(self, session: SessionRecord, first: int = 1, last: int = 2**62) -> list[Turn]:
        """The turns said in the session itself, taken back or not, in order."""
        found = self.database.rows(SQL["turns"], {"session": session.key, "first": first, "last": last})
        return [rows.to_turn(session.id, row) for row in found]

    def find_turn(self, session: SessionRecord, host_key: str) -> Turn | None:
        """The turn of that key, taken back or not, or None."""
        found = self.database.row(SQL["turn_by_key"], {"session": session.key, "host_key": host_key})
        return None if found is None else rows.to_turn(session.id, found)

    def notes(self, bank: BankRecord, session: SessionRecord | None = None) -> list[Note]:
        """The notes of a session, or of the whole bank."""
        key = session.key if session else None
        return [rows.to_note(row) for row in self.database.rows(SQL["notes"], {"bank": bank.key, "session": key})]

    def history(self, session: SessionRecord) -> list[Turn]:
        """What the session sees: its lineage's turns and its own, without what was taken back, oldest first.

        A turn that its own session took back, but this one keeps, was never taken back here and does not say so.
        """
        connection = self.database.read()
        numbers: dict[int, list[int]] = {}
        for _, number, owner in lineage.visible_turns(connection, session.key):
            numbers.setdefault(owner, []).append(number)
        turns: list[Turn] = []
        for owner in reversed(numbers):
            wanted = set(numbers[owner])
            found = self.database.row(SQL["session_by_key"], {"session": owner})
            turns += [replace(t, taken_back=False) for t in self.turns(to_session(found)) if t.number in wanted]
        return turns

    def rewind(
        self, bank: BankRecord, session: SessionRecord, turns: int | Callable[[Iterator[Turn]], int]
    ) -> list[tuple[str, int]]:
        """Take back the last turns that the session sees, also those it inherited (for itself alone).

        Args:
            turns: how many, or what says so when it is shown the turns, last first, as they are just then.

        Returns:
            (session id, turn number) of what was taken back, last first.

        Raises:
            UnknownTurnError: the session does not see that many turns; none is taken back.
        """

        def work(connection: apsw.Connection) -> list[tuple[str, int]]:
            count = turns if isinstance(turns, int) else turns(self._seen(connection, session))
            seen = lineage.visible_turns(connection, session.key)
            last = [turn for turn, _ in zip(seen, range(count), strict=False)]
            if len(last) < count:
                raise UnknownTurnError(f"Session {session.id!r} has only {len(last)} turns to take back, not {count}.")
            if not last:
                return []
            return self._take_back(connection, bank, session, last)

        return self.database.write("journal.rewind", work)

    def take_back(self, bank: BankRecord, session: SessionRecord, numbers: Sequence[int]) -> list[tuple[str, int]]:
        """Take back turns of the session itself, wherever they stand. What was taken back already stays so.

        Returns:
            (session id, turn number) of what was taken back now, last first.

        Raises:
            UnknownTurnError: it never had such a turn; none is taken back.
        """
        wanted = frozenset(numbers)

        def work(connection: apsw.Connection) -> list[tuple[str, int]]:
            last_turn = self._living(connection, session).last_turn
            unknown = sorted(number for number in wanted if not 1 <= number <= last_turn)
            if unknown:
                raise UnknownTurnError(f"Session {session.id!r} has no turn {unknown[0]}; its last is {last_turn}.")
            seen = lineage.visible_turns(connection, session.key)
            found = [turn for turn in seen if turn[2] == session.key and turn[1] in wanted]
            return self._take_back(connection, bank, session, found) if found else []

        return self.database.write("journal.rewind", work)

    # What recall may see

    def session_scope(self, session: SessionRecord) -> Scope:
        """What a recall for the session may see."""
        return lineage.session_scope(self.database.read(), session.key)

    def bank_scope(self, bank: BankRecord) -> tuple[Scope, tuple[lineage.Kept, ...]]:
        """What a recall over the whole bank may see, and the turns it must show as a branch's."""
        return lineage.bank_scope(self.database.read(), bank.key)

    def held_turns(self, session: SessionRecord) -> dict[str, frozenset[int]]:
        """What the host's model still holds of the session's view, word for word: turns by document."""
        return lineage.held_turns(self.database.read(), session.key)

    def known_at(self, bank: BankRecord, scope: Scope, moment: datetime) -> Scope:
        """What of a scope was recorded by a moment."""
        return lineage.known_at(self.database.read(), bank.key, scope, moment.astimezone(UTC).isoformat())

    def still_there(self, bank: BankRecord) -> Callable[[str], bool]:
        """Tells of a document whether recall may return it: not one forgotten that the backend still has."""
        key = {"bank": bank.key}
        gone = {document for (document,) in self.database.rows(SQL["forgotten_documents"], key)}
        if "*" not in gone:
            return lambda document: document not in gone
        known = {document for (document,) in self.database.rows(SQL["documents"], key)}
        return lambda document: document in known and document not in gone

    # Batches

    def close_batch(self, connection: apsw.Connection, session: int) -> None:
        """Put the turns that are in no batch yet into one. The one way a batch comes to be."""
        connection.execute(SQL["close_batch"], {"session": session, "at": self.now()})

    def close_batches(self, bank: BankRecord | None = None, session: SessionRecord | None = None) -> None:
        """Close the open batches: of a session, of a bank, or else all that this process began."""

        def work(connection: apsw.Connection) -> None:
            if session is not None:
                keys = [session.key]
            elif bank is not None:
                keys = _column(connection, "open_bank_sessions", bank=bank.key)
            else:
                keys = _column(connection, "open_session_keys", owner=self.owner.id)
            for key in keys:
                self.close_batch(connection, key)

        self.database.write("journal.close", work)

    def retract(self, connection: apsw.Connection, bank: BankRecord, session: int, number: int) -> None:
        """Have the backend take a turn out, unless it was surely never sent."""
        if first_row(connection, "may_have_been_sent", session=session, number=number) is None:
            return
        connection.execute(
            SQL["deliver_removal"],
            {
                "bank": bank.key,
                "document": f"session:{first_row(connection, 'link', session=session)[1]}",
                "kind": "retract",
                "session": session,
                "turns": f"[{number}]",
                "at": self.now(),
            },
        )

    def close(self) -> None:
        """Let go of the file and of this process's leases. Calling it twice is no error."""
        self.database.close()
        self.owner.release()

    # Parts of the above

    def _add_session(
        self,
        connection: apsw.Connection,
        bank: BankRecord,
        session: str,
        kind: str,
        origin: Origin | str | None,
        identity: Identity | None,
        tags: Sequence[str] | None,
        metadata: Mapping[str, Json] | None,
    ) -> int:
        row = description(identity or Identity(), tags or (), metadata or {})
        forked = isinstance(origin, Origin)
        parent = asdict(origin if isinstance(origin, Origin) else Origin())
        return int(
            first_row(
                connection,
                "add_session",
                bank=bank.key,
                id=session,
                kind=kind,
                at=self.now(),
                owner=self.owner.id,
                predecessor=None if forked else origin,
                **parent,
                **row,
            )[0]
        )

    def _take_back(
        self,
        connection: apsw.Connection,
        bank: BankRecord,
        session: SessionRecord,
        turns: Sequence[tuple[int, int, int]],
    ) -> list[tuple[str, int]]:
        event = self._event(connection, session.key, "rewind")
        for turn, number, owner in turns:
            viewer = lineage.view_of(connection, session.key, owner)
            connection.execute(SQL["rewind_turn"], {"viewer": viewer, "turn": turn, "event": event})
            if not lineage.is_seen(connection, turn, number, owner):
                self.retract(connection, bank, owner, number)
        names = {owner: first_row(connection, "link", session=owner)[1] for _, _, owner in turns}
        return [(names[owner], number) for _, number, owner in turns]

    @staticmethod
    def _seen(connection: apsw.Connection, session: SessionRecord) -> Iterator[Turn]:
        """The turns a session sees, last first."""
        for _, number, owner in lineage.visible_turns(connection, session.key):
            found = first_row(connection, "turns", session=owner, first=number, last=number)
            yield rows.to_turn(first_row(connection, "link", session=owner)[1], found)

    def _event(self, connection: apsw.Connection, session: int, kind: str) -> int:
        return int(first_row(connection, "add_event", session=session, kind=kind, at=self.now())[0])

    @staticmethod
    def _living(connection: apsw.Connection, session: SessionRecord) -> SessionRecord:
        """The session as it is now, which may be later than its record says."""
        current = first_row(connection, "session_by_key", session=session.key)
        if current is None or current[9] is not None:
            raise ForgottenError(f"Session {session.id!r} was forgotten; begin another.")
        return to_session(current)

    @staticmethod
    def _refuse_forgotten(connection: apsw.Connection, bank: BankRecord, session: str) -> None:
        if first_row(connection, "session_forgotten", bank=bank.key, key_hash=rows.key_hash(f"session:{session}")):
            raise ForgottenError(f"Session {session!r} was forgotten and does not come back; use another id.")


def require_bank(connection: apsw.Connection, bank: BankRecord) -> None:
    """Refuse to write to a bank that somebody else has forgotten since it was opened.

    Raises:
        ForgottenError: it was.
    """
    if first_row(connection, "bank_lives", bank=bank.key) is None:
        raise ForgottenError(f"Bank {bank.name!r} was forgotten; open the memory again to begin it anew.")


def _column(connection: apsw.Connection, query: str, **bindings: Any) -> list[Any]:
    return [row[0] for row in connection.execute(SQL[query], bindings)]
