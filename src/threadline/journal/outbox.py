"""The undelivered part of the journal, as the writer of `delivery/` works through it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import apsw

from threadline.delivery.outbox import Parcel
from threadline.documents import Batch, Passage, Removal, Run
from threadline.errors import StorageBusyError
from threadline.journal import lineage, rows
from threadline.journal.journal import Journal, require_bank
from threadline.journal.records import BankRecord, to_session
from threadline.journal.sql import SQL, first_row
from threadline.turns import Turn

#: How many turns are delivered together when a whole bank is delivered again.
_RUN = 50
_KINDS: Any = {"turns": "retain", "note": "retain", "retract": "retract", "forget": "forget"}


class JournalOutbox:
    """Implements `delivery.outbox.Outbox` on a journal, for one bank of it.

    Only for one: another bank may have another backend, or another embedder, in the process that opened it.

    Args:
        appends: whether the backend adds a batch to its document. If not, every batch is the whole document.
    """

    def __init__(self, journal: Journal, bank: BankRecord, appends: bool = True) -> None:
        self._appends = appends
        self._bank = bank
        self._journal = journal
        self._database = journal.database
        self._owner = journal.owner

    def claim(self, resting: Collection[int]) -> Parcel | None:
        """See `Outbox.claim`. One opened bank has one writer, so a lease of its own left over is let go.

        It is looked for outside of the transaction first: where much waits behind a delivery that rests, finding
        that nothing may go takes long, and who appends would wait for it.
        """
        bindings = {"bank": self._bank.key, "resting": json.dumps(sorted(resting))}
        owner = {"owner": self._owner.id}

        def work(connection: apsw.Connection) -> Parcel | None:
            _abandon(connection, self._owner.id)
            found = first_row(connection, "next_delivery", **bindings)
            if found is None:
                return None
            connection.execute(SQL["take_lease"], {"bank": found[1], "document": found[3], **owner})
            return self._parcel(connection, found)

        if self._database.row(SQL["next_delivery"], bindings) or self._database.row(SQL["has_lease"], owner):
            return self._database.write("outbox.claim", work)
        return None

    def delivered(self, parcel: Parcel) -> None:
        """See `Outbox.delivered`."""
        self._settle("outbox.delivered", parcel, "done", None)

    def delayed(self, parcel: Parcel, error: str) -> None:
        """See `Outbox.delayed`."""
        self._settle("outbox.delayed", parcel, "waiting", error)

    def refused(self, parcel: Parcel, error: str) -> None:
        """See `Outbox.refused`."""
        self._settle("outbox.refused", parcel, "dead", error)

    def adopt(self) -> bool:
        """See `Outbox.adopt`."""
        bank = {"bank": self._bank.key}
        leases = self._database.rows(SQL["lease_owners"], {**bank, "owner": self._owner.id})
        writers = self._database.rows(SQL["owners_of_open_sessions"], bank)
        dead = [owner for (owner,) in sorted({*leases, *writers}) if not self._owner.lives(owner)]
        if not dead:
            return False

        def work(connection: apsw.Connection) -> None:
            for owner in dead:
                _abandon(connection, owner)
                for (session,) in list(connection.execute(SQL["open_session_keys"], {"owner": owner})):
                    self._journal.close_batch(connection, session)

        self._database.write("outbox.adopt", work)
        return True

    def is_waiting(self, last: int) -> bool:
        """Whether any delivery, up to the given one, is not settled yet."""
        return bool(self._database.rows(SQL["is_waiting_in"], {"bank": self._bank.key, "last": last})[0][0])

    def last(self) -> int:
        """The newest delivery."""
        found = self._database.row(SQL["last_delivery"])
        return int(found[0]) if found else 0

    def redeliver(self) -> None:
        """Have the backend forget the bank, and put every turn and note of it back in line behind that."""

        def work(connection: apsw.Connection) -> None:
            key = {"bank": self._bank.key}
            require_bank(connection, self._bank)
            # Who waits for a forget must not take it for done.
            connection.execute(SQL["drop_for_redelivery"], key)
            connection.execute(SQL["unbatch"], key)
            connection.execute(
                SQL["deliver_removal"],
                {**key, "document": "*", "kind": "forget", "session": None, "turns": None, "at": self._journal.now()},
            )
            while connection.execute(SQL["rebatch"], {**key, "run": _RUN, "at": self._journal.now()}).get:
                pass
            connection.execute(SQL["redeliver_notes"], {**key, "at": self._journal.now()})

        self._database.write("outbox.redeliver", work)

    def purge(self) -> None:
        """See `Outbox.purge`."""
        try:
            self._database.compact()
        except StorageBusyError:
            self._database.checkpoint()
            raise

    def checkpoint(self) -> None:
        """Move the WAL into the file, off the road of whoever appends."""
        self._database.checkpoint()

    def _settle(self, name: str, parcel: Parcel, state: str, error: str | None) -> None:
        bindings: dict[str, Any] = {"delivery": parcel.id, "state": state, "error": error, "at": self._journal.now()}

        def work(connection: apsw.Connection) -> None:
            connection.execute(SQL["settle"], bindings)
            connection.execute(SQL["release_owner"], {"owner": self._owner.id})

        self._database.write(name, work)

    def _parcel(self, connection: apsw.Connection, row: tuple[Any, ...]) -> Parcel:
        delivery, _, bank, document, kind, session, note, first, last, turns, attempts, at, key = row
        batch = removal = None
        if kind == "turns":
            batch = self._turns_batch(connection, bank, document, session, first, last, at)
        elif kind == "note":
            batch = None if note is None else self._note_batch(connection, bank, document, note, at)
        else:
            removal = self._removal(connection, bank, document, turns)
        if batch is not None and batch.last == (last or batch.last):  # else it carries what came after it, too
            batch = replace(batch, key=key or batch.key)
            connection.execute(SQL["set_key"], {"delivery": delivery, "key": batch.key})
        return Parcel(delivery, _KINDS[kind], bank, document, attempts, batch, removal)

    def _turns_batch(
        self, connection: apsw.Connection, bank: str, document: str, session: int, first: int, last: int, at: str
    ) -> Batch | None:
        """What is to be remembered of a run of turns now: not what nobody sees any more."""
        if not self._appends:  # a late attempt must not make the document shorter than it is there
            sent, sent_at = first_row(connection, "last_sent", session=session)
            first, last, at = (1, sent, sent_at) if sent is not None and sent > last else (1, last, at)
        about = to_session(first_row(connection, "session_by_key", session=session))
        bindings = {"session": session, "first": first, "last": last}
        found = list(connection.execute(SQL["turns"], bindings))
        taken_back = {number for number, *_, gone in found if gone}
        if taken_back:
            ids = dict(_turn_ids(connection, session, last))
            taken_back = {n for n in taken_back if not lineage.is_seen(connection, ids[n], n, session)}
        turns = [rows.to_turn(about.id, row) for row in found if row[0] not in taken_back]
        if not turns:
            return None
        parent = about.predecessor
        if about.parent is not None:
            parent = first_row(connection, "link", session=about.parent)[1]
        return Batch(
            bank=bank,
            document=document,
            key=_key(document, f"{first}-{last}", *[row[5] for row in found]),
            passages=tuple(passage for turn in turns for passage in _passages(turn)),
            tags=about.tags,
            metadata={**rows.identity_metadata(about.identity), **about.metadata, "session": about.id},
            first=first,
            last=last,
            session=about.id,
            parent=parent,
            retained_at=datetime.fromisoformat(at),
        )

    def _removal(self, connection: apsw.Connection, bank: str, document: str, turns: str | None) -> Removal:
        if turns is None:
            return Removal(bank, document)
        found = first_row(connection, "find_session", bank=self._bank.key, id=document.partition(":")[2])
        runs = [] if found is None else self._runs(connection, bank, document, found[0], turns)
        return Removal(bank, document, tuple(json.loads(turns)), tuple(runs))

    def _runs(self, connection: apsw.Connection, bank: str, document: str, session: int, turns: str) -> list[Run]:
        """The batches that hold one of the turns, as they are to be now."""
        if not self._appends:
            last, at = first_row(connection, "last_sent", session=session)
            if last is None:
                return []
            return [Run(1, last, self._turns_batch(connection, bank, document, session, 1, last, at))]
        runs = []
        for first, last, at, sent in list(
            connection.execute(SQL["batches_with"], {"session": session, "turns": turns})
        ):
            batch = self._turns_batch(connection, bank, document, session, first, last, at) if sent else None
            runs.append(Run(first, last, batch))
        return runs

    def _note_batch(self, connection: apsw.Connection, bank: str, document: str, note: int, at: str) -> Batch | None:
        found = first_row(connection, "note", note=note)
        if found is None:
            return None
        about = rows.to_note(found)
        metadata = dict(about.metadata)
        if about.session is not None:
            metadata["session"] = about.session
        return Batch(
            bank=bank,
            document=document,
            key=_key(document, "1-1", rows.content_hash(about.text)),
            passages=(Passage(1, 0, "note", about.text, about.occurred_at),),
            tags=about.tags,
            metadata=metadata,
            context=about.context,
            session=about.session,
            retained_at=datetime.fromisoformat(at),
        )


def _turn_ids(connection: apsw.Connection, session: int, last: int) -> list[tuple[int, int]]:
    found = connection.execute(SQL["turn_ids"], {"session": session, "last": last})
    return [(number, turn) for turn, number in found]


def _passages(turn: Turn) -> list[Passage]:
    return [
        Passage(
            turn=turn.number,
            position=position,
            role=message.role,
            text=message.text,
            occurred_at=message.occurred_at or turn.occurred_at,
            speaker=message.speaker,
            ref=message.ref,
        )
        for position, message in enumerate(turn.messages)
        if message.text.strip()
    ]


def _key(document: str, run: str, *hashes: bytes) -> str:
    """The same for the same run of the same turns, also from another process or after a crash."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (document.encode(), run.encode(), *hashes):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _abandon(connection: apsw.Connection, owner: str) -> None:
    """Let go of leases that nobody settled. What was carried under them may have arrived: it counts as tried."""
    connection.execute(SQL["mark_tried"], {"owner": owner})
    connection.execute(SQL["release_owner"], {"owner": owner})
