"""The deliveries as people see them: which there are, what is in them, and those that are tried again or given up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import apsw

from threadline.errors import InputError, UnknownDeliveryError
from threadline.journal import rows
from threadline.journal.journal import Journal
from threadline.journal.records import BankRecord, to_session
from threadline.journal.sql import SQL, first_row
from threadline.turns import Note, Turn

DeliveryKind = Literal["turns", "note", "retract", "forget"]
DeliveryState = Literal["waiting", "done", "dead", "dropped"]

#: Those that somebody may want to do something about.
PENDING: tuple[DeliveryState, ...] = ("waiting", "dead")
#: Those that order something to be taken out.
REMOVALS: tuple[DeliveryKind, ...] = ("retract", "forget")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing that is carried, or was to be carried, from the journal to the backend.

    Attributes:
        id: its place in the order of all deliveries.
        document: what it belongs to: `session:<id>`, `note:<id>`, or `*` for the whole bank.
        session: the session it belongs to; None for the bank, and for a note of the bank's own.
        kind: `turns`: a batch; `note`; `retract`: turns that were taken back; `forget`: turns or a whole document.
        state: `waiting`: to be carried, or tried again; `done`; `dead`: refused for good; `dropped`: given up.
        attempts: how often it was tried.
        error: why the last attempt failed, in plain words.
        created_at: when it came to be.
        tried_at: when it was last tried; None for never.
        first_turn, last_turn: the turns it carries or takes out; None for a note, a whole document or a bank.
    """

    id: int
    document: str
    session: str | None
    kind: DeliveryKind
    state: DeliveryState
    attempts: int
    error: str | None
    created_at: datetime
    tried_at: datetime | None
    first_turn: int | None
    last_turn: int | None


def deliveries(journal: Journal, bank: BankRecord, states: Sequence[DeliveryState] = PENDING) -> list[Delivery]:
    """The deliveries of a bank that are in one of these states, oldest first.

    Raises:
        InputError: there is no such state.
    """
    known = get_args(DeliveryState)
    if isinstance(states, str) or not set(states) <= set(known):
        raise InputError(f"states must be some of {', '.join(known)}, not {states!r}.")
    return [_delivery(row) for row in journal.database.rows(SQL["deliveries"], _select(bank, states))]


def find(journal: Journal, bank: BankRecord, ids: Sequence[int]) -> list[Delivery]:
    """The deliveries of these ids, whatever their state, oldest first.

    Raises:
        UnknownDeliveryError: there is none of that id.
    """
    chosen = _ids(ids)
    bindings = _select(bank, get_args(DeliveryState), chosen)
    found = [_delivery(row) for row in journal.database.rows(SQL["deliveries"], bindings)]
    for number in chosen:
        if number not in {each.id for each in found}:
            raise _unknown(bank, number)
    return found


def retry(journal: Journal, bank: BankRecord, ids: Sequence[int] | None = None) -> int:
    """Have deliveries tried again that were refused for good or given up.

    Args:
        ids: which; one that waits already stays as it is. None: every dead letter that can be tried again.

    Returns:
        How many wait again.

    Raises:
        UnknownDeliveryError: there is none of that id; nothing was changed.
        InputError: one was delivered, or must not be carried any more; nothing was changed.
    """

    def work(connection: apsw.Connection) -> int:
        if ids is None:
            dead = connection.execute(SQL["deliveries"], _select(bank, ("dead",)))
            chosen = [row[0] for row in list(dead) if not _is_too_late(connection, bank, row[0])]
        else:
            chosen = [number for number in _ids(ids) if _may_be_retried(connection, bank, number)]
        return _set(connection, chosen, "waiting")

    return journal.database.write("deliveries.retry", work)


def drop(journal: Journal, bank: BankRecord, ids: Sequence[int]) -> int:
    """Give deliveries up: they are not carried any more, and shown as dropped. `retry` takes it back.

    What is dropped stays in the journal, and is delivered with everything else when the bank is rebuilt from it. To
    drop the order to take something out leaves that in the backend, where recall hides it.

    Returns:
        How many were given up; one that was already is no error.

    Raises:
        UnknownDeliveryError: there is none of that id; nothing was changed.
        InputError: one was delivered, or is being carried just now; nothing was changed.
    """
    if not ids:
        raise InputError("Name the deliveries to be dropped; `threadline outbox` shows their numbers.")

    def work(connection: apsw.Connection) -> int:
        return _set(connection, [n for n in _ids(ids) if _may_be_dropped(connection, journal, bank, n)], "dropped")

    return journal.database.write("deliveries.drop", work)


def contents(journal: Journal, bank: BankRecord, delivery: Delivery) -> tuple[Turn | Note, ...]:
    """What a delivery carries, as the journal has it: turns, with those taken back marked, or a note.

    An order to remove something carries nothing, nor does a batch whose turns were forgotten since.

    Raises:
        UnknownDeliveryError: there is no such delivery any more.
    """
    found = journal.database.row(SQL["delivery"], {"bank": bank.key, "delivery": delivery.id})
    if found is None:
        raise _unknown(bank, delivery.id)
    _, _, kind, session, note, first, last = found
    if kind == "turns":
        record = to_session(journal.database.row(SQL["session_by_key"], {"session": session}))
        return tuple(journal.turns(record, first, last))
    if kind == "note" and note is not None:
        return tuple(rows.to_note(row) for row in journal.database.rows(SQL["note"], {"note": note}))
    return ()


def _delivery(row: tuple[Any, ...]) -> Delivery:
    number, document, kind, state, attempts, error, created_at, tried_at, first, last, turns, session = row
    if turns is not None:
        numbers = json.loads(turns)
        first, last = min(numbers), max(numbers)
    of, _, name = document.partition(":")
    return Delivery(
        id=number,
        document=document,
        session=name if of == "session" else session,
        kind=kind,
        state=state,
        attempts=attempts,
        error=error,
        created_at=datetime.fromisoformat(created_at),
        tried_at=None if tried_at is None else datetime.fromisoformat(tried_at),
        first_turn=first,
        last_turn=last,
    )


def _select(
    bank: BankRecord, states: Sequence[DeliveryState], ids: Sequence[int] | None = None
) -> dict[str, int | str | None]:
    return {"bank": bank.key, "states": json.dumps(states), "ids": None if ids is None else json.dumps(ids)}


def _ids(ids: Iterable[object]) -> list[int]:
    chosen: dict[int, None] = {}
    for number in ids:
        if isinstance(number, bool) or not isinstance(number, int) or number not in range(2**63):
            raise InputError(f"A delivery is named by its number, as `threadline outbox` shows it, not {number!r}.")
        chosen[number] = None
    return list(chosen)


def _may_be_retried(connection: apsw.Connection, bank: BankRecord, number: int) -> bool:
    state = _row(connection, bank, number)[0]
    if state == "done":
        raise InputError(
            f"Delivery {number} was delivered; there is nothing to try again. `threadline rebuild --from-journal` "
            "delivers everything anew, should the backend have lost it."
        )
    if state != "waiting" and _is_too_late(connection, bank, number):
        raise InputError(
            f"Delivery {number} would empty the bank in the backend, and things were delivered to it since. "
            "`threadline rebuild --from-journal` empties it and then delivers everything anew; or drop this one."
        )
    return bool(state != "waiting")


def _is_too_late(connection: apsw.Connection, bank: BankRecord, number: int) -> bool:
    """Whether it would remove what was delivered after it: it would empty the bank."""
    _, document, kind, *_ = _row(connection, bank, number)
    since = first_row(connection, "is_anything_done_since", bank=bank.key, delivery=number)
    return kind == "forget" and document == "*" and since is not None


def _may_be_dropped(connection: apsw.Connection, journal: Journal, bank: BankRecord, number: int) -> bool:
    state, _, kind, *_ = _row(connection, bank, number)
    if state == "done":
        removes = "" if kind in REMOVALS else " `threadline forget` removes what it brought."
        raise InputError(f"Delivery {number} was delivered; it cannot be dropped any more.{removes}")
    carrier = first_row(connection, "carrier", delivery=number)
    if carrier is not None and journal.owner.lives(carrier[0]):
        raise InputError(
            f"Delivery {number} is being carried to the backend just now; try again in a moment, or end the process "
            f"that does it ({carrier[0].partition('-')[0]})."
        )
    return bool(state != "dropped")


def _row(connection: apsw.Connection, bank: BankRecord, number: int) -> Any:
    found = first_row(connection, "delivery", bank=bank.key, delivery=number)
    if found is None:
        raise _unknown(bank, number)
    return found


def _unknown(bank: BankRecord, number: int) -> UnknownDeliveryError:
    return UnknownDeliveryError(
        f"There is no delivery {number} in bank {bank.name!r}; `threadline outbox list --all` shows those there are."
    )


def _set(connection: apsw.Connection, numbers: Sequence[int], state: DeliveryState) -> int:
    for number in numbers:
        connection.execute(SQL["set_state"], {"delivery": number, "state": state})
    return len(numbers)
