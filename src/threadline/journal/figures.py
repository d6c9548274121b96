"""How a bank and its delivery are: one call for everything that can go wrong unseen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from threadline.backends.base import Backend, BankFigures
from threadline.errors import ThreadlineError
from threadline.journal.journal import BankRecord, Journal
from threadline.journal.sql import SQL

_EMPTY = "The bank's own files are gone or empty; `threadline rebuild --from-journal` fills them again."


@dataclass(frozen=True, slots=True)
class BankStatus:
    """Everything there is to know about a bank at a glance.

    Attributes:
        healthy: nothing is wrong: no delivery failed last time it was tried, nothing was refused, the writer works.
        turns: how many turns are recorded, `taken_back` of them taken back.
        undelivered: turns that the backend does not have yet, `buffered` of them in no batch so far.
        retrying: deliveries that failed and will be tried again.
        dead_letters: deliveries that the backend refused for good.
        oldest_undelivered: when the oldest of the undelivered was recorded.
        last_delivered: when something was last delivered.
        last_error: the newest failure that has not been made good, in plain words.
        redactions: how many secrets were taken out of what was recorded.
        held: what the backend holds.
    """

    bank: str
    healthy: bool
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
    delivered: int
    dead_letters: int
    oldest_undelivered: datetime | None
    last_delivered: datetime | None
    last_error: str | None
    held: BankFigures


def bank_status(journal: Journal, bank: BankRecord, trouble: str | None, backend: Backend) -> BankStatus:
    """Ask the journal and the backend.

    Args:
        trouble: what keeps the writer itself from working.
    """
    key = {"bank": bank.key}
    database = journal.database
    sessions, turns, taken_back, notes, buffered, redactions = database.rows(SQL["bank_figures"], key)[0]
    states: dict[str, Any] = {row[0]: row[1:] for row in database.rows(SQL["delivery_figures"], key)}
    waiting, retrying, *_ = states.get("waiting", (0, 0, None, None))
    delivered, _, _, last_delivered = states.get("done", (0, 0, None, None))
    dead, *_ = states.get("dead", (0, 0, None, None))
    error = database.row(SQL["last_error"], key)
    batched, waiting_notes = database.rows(SQL["undelivered"], key)[0]
    held, fault = _held(backend, bank.name)  # after what should be there, or else what comes meanwhile seems lost
    expected = turns - taken_back + notes - buffered - batched - waiting_notes
    empty = _EMPTY if expected > 0 and not held.passages else None
    last_error = trouble or fault or (error[0] if error else None) or empty
    oldest = database.rows(SQL["oldest_undelivered"], key)[0][0]
    return BankStatus(
        bank=bank.name,
        healthy=last_error is None,
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
        delivered=delivered,
        dead_letters=dead,
        oldest_undelivered=_time(oldest),
        last_delivered=_time(last_delivered),
        last_error=last_error,
        held=held,
    )


def _held(backend: Backend, bank: str) -> tuple[BankFigures, str | None]:
    """What the backend holds, or why it cannot say."""
    try:
        return backend.figures(bank), None
    except ThreadlineError as error:
        return BankFigures(0, 0, 0, 0, 0), str(error)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
