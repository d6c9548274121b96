"""A bank on a server: the methods of `Memory`, each one request."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self, Unpack

from threadline.backends.probe import Probe
from threadline.client import asking
from threadline.client.session import RemoteSession, new_key
from threadline.client.values import read, read_all
from threadline.client.wire import Wire
from threadline.documents import Explained, Recalled, Reflection, Wanted
from threadline.errors import UnknownBankError
from threadline.journal.deliveries import PENDING, Delivery, DeliveryState
from threadline.journal.figures import BankStatus, SessionStatus
from threadline.journal.records import SessionSummary
from threadline.proof import Proof
from threadline.session.checks import check_bank, check_id
from threadline.session.recall import RecallOptions
from threadline.turns import Identity, Json, Note

#: No request to wait for delivery takes longer, so that nothing between here and the server cuts it off.
_LONGEST_WAIT = 20.0


@dataclass(frozen=True, slots=True)
class BankName:
    """A bank as a server names it: by its own name, also where it was asked for by an alias."""

    bank: str


class RemoteMemory:
    """One bank of a server. Any thread may use it.

    Use `Memory.connect`. Its methods are those of `Memory`, with the same arguments, values and errors; besides these,
    any may raise `BackendUnavailableError` where the server cannot be reached, and `AccessError` where it does not take
    the token. What was confirmed is in the server's journal: closing loses nothing, and waits for nothing.

    Args:
        wire: the road to the bank.

    Raises:
        SettingsError: what answers there is no Threadline server.
        InvalidBankError: the bank's name cannot be used.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        check_bank(wire.bank)
        try:
            found = wire.get("/bank")
        except UnknownBankError:
            found = wire.put("/bank")
        wire.bank = read(BankName, found).bank

    @classmethod
    def open(cls, url: str, token: str | None, bank: str | None, timeout: float, retry_seconds: float) -> Self:
        """What `Memory.connect` does."""
        wire = Wire(url, token, bank or "default", timeout, retry_seconds)
        try:
            return cls(wire)
        except BaseException:
            wire.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RemoteMemory {self.bank!r} at {self._wire.url}>"

    @property
    def bank(self) -> str:
        """The name of the bank."""
        return self._wire.bank

    # Sessions

    def session(
        self,
        session: str,
        *,
        identity: Identity | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> RemoteSession:
        """See `Memory.session`."""
        body = {"session": check_id(session), **asking.described(identity, tags, metadata)}
        return RemoteSession(self._wire, str(self._wire.post("/sessions", body)["session"]))

    def sessions(self) -> list[SessionSummary]:
        """See `Memory.sessions`."""
        return read_all(SessionSummary, self._wire.get("/sessions"))

    def find_session(self, session: str) -> RemoteSession:
        """See `Memory.find_session`."""
        return RemoteSession(self._wire, str(self._wire.get("/session", session=check_id(session))["session"]))

    # Memories

    def retain(
        self,
        text: str,
        *,
        tags: Sequence[str] = (),
        context: str | None = None,
        occurred_at: datetime | None = None,
        host_key: str | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> Note:
        """See `Memory.retain`. Without a host key it is given one, so that it is one note however often it is sent."""
        key = new_key() if host_key is None else host_key
        return read(Note, self._wire.post("/notes", asking.note(text, tags, context, occurred_at, key, metadata)))

    def recall(self, query: str, *, fresh: bool = False, **options: Unpack[RecallOptions]) -> list[Recalled]:
        """See `Memory.recall`."""
        return read_all(Recalled, self._wire.post("/recall", asking.asked(query, options, fresh=fresh)))

    def explain(self, query: str, wanted: Wanted | None = None, **options: Unpack[RecallOptions]) -> list[Explained]:
        """See `Memory.explain`."""
        body = asking.asked(query, options, wanted=asking.wanted(wanted))
        return read_all(Explained, self._wire.post("/explain", body))

    def reflect(self, query: str, **options: Unpack[RecallOptions]) -> Reflection:
        """See `Memory.reflect`."""
        return read(Reflection, self._wire.post("/reflect", asking.asked(query, options)))

    def notes(self) -> list[Note]:
        """See `Memory.notes`."""
        return read_all(Note, self._wire.get("/notes"))

    def rebuild(self, *, from_journal: bool = False) -> int:
        """See `Memory.rebuild`. It is waited for as long as it takes."""
        body = {"from_journal": from_journal}
        return int(self._wire.post("/rebuild", body, again=False, seconds=None)["memories"])

    # Delivery

    def flush(self, seconds: float = 30.0, *, hurry: bool = True) -> bool:
        """See `Memory.flush`."""
        deadline = time.monotonic() + seconds
        while True:
            wait = min(_LONGEST_WAIT, max(0.0, deadline - time.monotonic()))
            delivered = bool(self._wire.post("/flush", {"seconds": wait, "hurry": hurry}, seconds=wait)["delivered"])
            if delivered or time.monotonic() >= deadline:
                return delivered
            hurry = False

    def status(self) -> BankStatus:
        """See `Memory.status`."""
        return read(BankStatus, self._wire.get("/bank/status"))

    def session_statuses(self) -> list[SessionStatus]:
        """See `Memory.session_statuses`."""
        return read_all(SessionStatus, self._wire.get("/sessions/statuses"))

    def probe(self, seconds: float = 10.0) -> Probe:
        """See `Memory.probe`."""
        return read(Probe, self._wire.post("/probe", {"seconds": seconds}, seconds=seconds))

    def deliveries(self, states: Sequence[DeliveryState] = PENDING) -> list[Delivery]:
        """See `Memory.deliveries`."""
        return read_all(
            Delivery, self._wire.get("/deliveries", states=[states] if isinstance(states, str) else list(states))
        )

    def retry(self, *ids: int) -> int:
        """See `Memory.retry`."""
        return int(self._wire.post("/deliveries/retry", {"ids": ids})["count"])

    def drop(self, *ids: int) -> int:
        """See `Memory.drop`."""
        return int(self._wire.post("/deliveries/drop", {"ids": ids})["count"])

    def close(self, seconds: float | None = None) -> None:  # noqa: ARG002 - there is nothing to wait for
        """Let go of the connections; the server goes on delivering. Calling it twice is no error."""
        self._wire.close()

    # Forgetting

    def forget(
        self,
        *,
        session: str | None = None,
        turn: int | None = None,
        document: str | None = None,
        everything: bool = False,
        seconds: float = 30.0,
    ) -> Proof:
        """See `Memory.forget`. It is the server's files that are searched; paths are told from its data directory on.

        It is sent once: where the answer is lost, ask for it again, and there is nothing of that name any more.
        """
        body = {"session": session, "turn": turn, "document": document, "everything": everything, "seconds": seconds}
        proof = read(Proof, self._wire.post("/forget", body, again=False, seconds=seconds))
        if everything:
            self.close()
        return proof
