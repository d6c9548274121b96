"""How a bank, its sessions and their delivery are: one call for everything that can go wrong unseen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from threadline.backends.base import Backend, BankFigures
from threadline.errors import ThreadlineError
from threadline.journal.journal import Journal
from threadline.journal.records import BankRecord
from threadline.journal.sql import SQL

_EMPTY = "The bank's own files are gone or empty; `threadline rebuild --from-journal` fills them again."


@dataclass(frozen=True, slots=True)
class BankStatus:
    """Everything there is to know about a bank at a glance.

    Attributes:
        backend: the name of what remembers.
        healthy: nothing is wrong: no delivery failed last time it was tried, nothing was refused, the writer works.
        once: whether the backend takes a batch once, however often it is sent; else a retry may have repeated a turn.
        turns: how many turns are recorded, `taken_back` of them taken back.
        undelivered: turns that the backend does not have yet, `buffered` of them in no batch so far.
        retrying: deliveries that failed and will be tried again.
        retries: how often a delivery had to be tried again, ever.
        dead_letters: deliveries that the backend refused for good.
        dropped: deliveries that somebody gave up.
        oldest_undelivered: when the oldest of the undelivered was recorded.
        last_delivered: when something was last delivered.
        last_error: the newest failure that has not been made good, in plain words.
        redactions: how many secrets were taken out of what was recorded.
        held: what the backend holds.
    """

    bank: str
    backend: str
    healthy: bool
    once: bool
    redact: bool
    sessions: int
    turns: int
    taken_back: int
    notes: int
    redactions: int
    undelivered: int
    buffered: int
    waiting: int
    retrying: int
    retries: int
    delivered: int
    dead_letters: int
    dropped: int
    oldest_undelivered: datetime | None
    last_delivered: datetime | None
    last_error: str | None
    held: BankFigures


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """How one session and its delivery are.

    Attributes:
        turns: how many turns were said in it, `taken_back` of them taken back since.
        delivered: how many of them the backend was sent.
        undelivered: how many it has not got yet, `buffered` of them in no batch so far.
        retrying: deliveries of it that failed and will be tried again.
        retries: how often one of its deliveries had to be tried again, ever.
        dead_letters: its deliveries that the backend refused for good.
        oldest_undelivered: when the oldest of the undelivered was recorded.
        last_delivered: when something of it was last delivered.
        last_error: the newest failure that has not been made good, in plain words.
    """

    id: str
    ended_at: datetime | None
    turns: int
    taken_back: int
    delivered: int
    undelivered: int
    buffered: int
    retrying: int
    retries: int
    dead_letters: int
    oldest_undelivered: datetime | None
    last_delivered: datetime | None
    last_error: str | None


def bank_status(journal: Journal, bank: BankRecord, trouble: str | None, backend: Backend) -> BankStatus:
    """Ask the journal and the backend.

    Args:
        trouble: what keeps the writer itself from working.
    """
    key = {"bank": bank.key}
    database = journal.database
    sessions, turns, taken_back, notes, buffered, redactions = database.rows(SQL["bank_figures"], key)[0]
    states: dict[str, Any] = {row[0]: row[1:] for row in database.rows(SQL["delivery_figures"], key)}
    waiting, retrying, *_ = states.get("waiting", (0, 0))
    delivered, _, last_delivered, _ = states.get("done", (0, 0, None, 0))
    dead, *_ = states.get("dead", (0,))
    dropped, *_ = states.get("dropped", (0,))
    error = database.row(SQL["last_error"], key)
    batched, waiting_notes = database.rows(SQL["undelivered"], key)[0]
    held, fault = _held(backend, bank.name)  # after what should be there, or else what comes meanwhile seems lost
    expected = turns - taken_back + notes - buffered - batched - waiting_notes
    empty = _EMPTY if expected > 0 and not held.documents and not dead and not dropped else None
    last_error = trouble or fault or (error[0] if error else None) or empty
    oldest = database.rows(SQL["oldest_undelivered"], key)[0][0]
    return BankStatus(
        bank=bank.name,
        backend=backend.name,
        healthy=last_error is None,
        once=backend.capabilities.idempotent_retain,
        redact=bank.redact,
        sessions=sessions,
        turns=turns,
        taken_back=taken_back,
        notes=notes,
        redactions=redactions,
        undelivered=buffered + batched,
        buffered=buffered,
        waiting=waiting,
        retrying=retrying,
        retries=sum(row[3] for row in states.values()),
        delivered=delivered,
        dead_letters=dead,
        dropped=dropped,
        oldest_undelivered=_time(oldest),
        last_delivered=_time(last_delivered),
        last_error=last_error,
        held=held,
    )


def session_statuses(journal: Journal, bank: BankRecord, session: str | None = None) -> list[SessionStatus]:
    """How each session of the bank is, oldest first; or only the one of that id."""
    return [_session(row) for row in journal.database.rows(SQL["session_figures"], {"bank": bank.key, "id": session})]


def _session(row: tuple[Any, ...]) -> SessionStatus:
    name, ended_at, turns, taken_back, buffered, waiting, delivered, retrying, retries, dead, last, oldest, error = row
    return SessionStatus(
        id=name,
        ended_at=_time(ended_at),
        turns=turns,
        taken_back=taken_back,
        delivered=delivered,
        undelivered=buffered + waiting,
        buffered=buffered,
        retrying=retrying,
        retries=retries,
        dead_letters=dead,
        oldest_undelivered=_time(oldest),
        last_delivered=_time(last),
        last_error=error,
    )


def _held(backend: Backend, bank: str) -> tuple[BankFigures, str | None]:
    """What the backend holds, or why it cannot say."""
    try:
        return backend.figures(bank), None
    except ThreadlineError as error:
        return BankFigures(0, 0, 0, 0, 0), str(error)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
