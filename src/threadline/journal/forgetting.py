"""Forgetting: what was said is deleted here in one transaction with the order to the backend to do the same.

A crash after that transaction changes nothing: the order is a delivery like any other, and is carried out at
the next start. What stays is a mark without text, which keeps a replay from bringing the forgotten back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import apsw

from threadline.errors import InvalidIdError, UnknownTurnError
from threadline.journal import lineage, rows
from threadline.journal.journal import Journal, require_bank
from threadline.journal.records import BankRecord, SessionRecord
from threadline.journal.sql import SQL, first_row


def forget_turn(journal: Journal, bank: BankRecord, session: SessionRecord, number: int) -> list[str]:
    """Forget one turn of a session.

    Returns:
        The texts that no file may contain any more.

    Raises:
        UnknownTurnError: the session has no such turn.
    """

    def work(connection: apsw.Connection) -> list[str]:
        found = first_row(connection, "turns", session=session.key, first=number, last=number)
        if found is None:
            raise UnknownTurnError(f"Session {session.id!r} has no turn {number}; `threadline show` lists its turns.")
        _mark(journal, connection, bank, session.key, number, found[1])
        connection.execute(SQL["forget_turn"], {"session": session.key, "number": number})
        _event(journal, connection, session.key)
        _order(journal, connection, bank, f"session:{session.id}", [number])
        return _texts([found[2]])

    return journal.database.write("journal.forget", work)


def forget_session(journal: Journal, bank: BankRecord, session: SessionRecord) -> list[str]:
    """Forget everything said in a session, its notes, and what it was.

    Returns:
        The texts that no file may contain any more.
    """

    def work(connection: apsw.Connection) -> list[str]:
        only_here = _kept_by_branches(connection, bank)
        bindings = {"session": session.key, "first": 1, "last": session.last_turn + 2**31}
        texts = _texts(row[2] for row in connection.execute(SQL["turns"], bindings))
        connection.execute(SQL["forget_session_turns"], {"session": session.key})
        for note in _note_ids(connection, bank, session):
            texts += _forget_note(journal, connection, bank, note)
        document = f"session:{session.id}"
        connection.execute(SQL["drop_waiting"], {"bank": bank.key, "document": document})
        _mark(journal, connection, bank, None, None, document)
        _event(journal, connection, session.key)
        blank: dict[str, Any] = {"session": session.key, "id": blank_name(session.id), "at": journal.now()}
        connection.execute(SQL["blank_session"], blank)
        connection.execute(SQL["forget_predecessor"], {"bank": bank.key, "id": session.id})
        _order(journal, connection, bank, document, None)
        for document, number in only_here - _kept_by_branches(connection, bank):
            _order(journal, connection, bank, document, [number], "retract")
        return texts

    return journal.database.write("journal.forget", work)


def forget_document(journal: Journal, bank: BankRecord, document: str) -> list[str]:
    """Forget a document: `session:<id>` or `note:<id>`.

    Returns:
        The texts that no file may contain any more.

    Raises:
        InvalidIdError: there is no such note, or it is neither.
        UnknownSessionError: there is no such session.
    """
    kind, _, name = document.partition(":")
    if kind == "session":
        return forget_session(journal, bank, journal.get_session(bank, name))

    def work(connection: apsw.Connection) -> list[str]:
        return _forget_note(journal, connection, bank, name)

    if kind == "note":
        return journal.database.write("journal.forget", work)
    raise InvalidIdError(f"A document is 'session:<id>' or 'note:<id>', not {document!r}.")


def forget_bank(journal: Journal, bank: BankRecord) -> list[str]:
    """Forget everything in a bank.

    Returns:
        The texts that no file may contain any more.
    """

    def work(connection: apsw.Connection) -> list[str]:
        key = {"bank": bank.key}
        require_bank(connection, bank)
        texts = _texts(dumped for (dumped,) in connection.execute(SQL["bank_turn_texts"], key))
        texts += [text for (text,) in connection.execute(SQL["bank_note_texts"], key)]
        for step in ("rewinds", "deliveries", "turns", "notes", "parents", "marks", "sessions"):
            connection.execute(SQL[f"forget_bank_{step}"], key)
        _order(journal, connection, bank, "*", None)
        return texts

    return journal.database.write("journal.forget", work)


def is_done(journal: Journal, bank: BankRecord) -> bool:
    """Whether the backend carried out every order to forget; not if one waits, was refused or was given up."""
    return journal.database.row(SQL["is_forgetting"], {"bank": bank.key}) is None


def drop_bank(journal: Journal, bank: BankRecord) -> None:
    """Remove the name of a forgotten bank, once the backend has forgotten it too."""

    def work(connection: apsw.Connection) -> None:
        connection.execute(SQL["drop_bank"], {"bank": bank.key})

    journal.database.write("journal.drop", work)
    journal.database.compact()


def blank_name(session: str) -> str:
    """The id that a forgotten session has from then on: it holds its place in the lineage, and tells nothing."""
    return f"forgotten:{rows.key_hash(f'session:{session}').hex()[:32]}"


def surviving_texts(journal: Journal) -> list[str]:
    """Every text that the journal still holds, so that a proof does not take it for a trace."""
    return [text for (text,) in journal.database.rows(SQL["surviving_texts"])]


def _note_ids(connection: apsw.Connection, bank: BankRecord, session: SessionRecord) -> list[str]:
    """The ids of a session's notes."""
    found = connection.execute(SQL["notes"], {"bank": bank.key, "session": session.key})
    return [row[0] for row in found]


def _forget_note(journal: Journal, connection: apsw.Connection, bank: BankRecord, note: str) -> list[str]:
    found = first_row(connection, "find_note", bank=bank.key, id=note)
    if found is None:
        raise InvalidIdError(f"There is no note {note!r} in bank {bank.name!r}.")
    key, host_key, text, context, _, session = found
    _mark(journal, connection, bank, None, None, host_key)
    _mark(journal, connection, bank, None, None, f"note:{note}")
    connection.execute(SQL["drop_waiting"], {"bank": bank.key, "document": f"note:{note}"})
    connection.execute(SQL["forget_note"], {"note": key})
    if session is not None:
        _event(journal, connection, session)
    _order(journal, connection, bank, f"note:{note}", None)
    return [text, context or ""]


def _kept_by_branches(connection: apsw.Connection, bank: BankRecord) -> set[tuple[str, int]]:
    _, kept = lineage.bank_scope(connection, bank.key)
    return {(turn.document, turn.number) for turn in kept}


def _mark(
    journal: Journal,
    connection: apsw.Connection,
    bank: BankRecord,
    session: int | None,
    number: int | None,
    key: str | None,
) -> None:
    connection.execute(
        SQL["add_forgotten"],
        {
            "bank": bank.key,
            "session": session,
            "number": number,
            "key_hash": None if key is None else rows.key_hash(key),
            "at": journal.now(),
        },
    )


def _event(journal: Journal, connection: apsw.Connection, session: int) -> None:
    connection.execute(SQL["add_event"], {"session": session, "kind": "forget", "at": journal.now()})


def _order(
    journal: Journal,
    connection: apsw.Connection,
    bank: BankRecord,
    document: str,
    turns: list[int] | None,
    kind: str = "forget",
) -> None:
    connection.execute(
        SQL["deliver_removal"],
        {
            "bank": bank.key,
            "document": document,
            "kind": kind,
            "session": None,
            "turns": None if turns is None else json.dumps(turns),
            "at": journal.now(),
        },
    )


def _texts(dumped: Iterable[str]) -> list[str]:
    """The texts in the messages of some turns."""
    return [message.text for messages in dumped for message in rows.load_messages(messages)]
