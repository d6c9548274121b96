"""The one wiring module: opens a data directory and joins the parts into a memory."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from threadline.backends.base import Backend
from threadline.backends.plugins import open_backend
from threadline.backends.probe import Probe, probe
from threadline.delivery.writer import Writer
from threadline.documents import Explained, Recalled, Reflection, Wanted
from threadline.errors import ClosedError, DeadlineError, InputError
from threadline.journal import deliveries, forgetting
from threadline.journal.deliveries import Delivery, DeliveryState
from threadline.journal.figures import BankStatus, SessionStatus, bank_status, session_statuses
from threadline.journal.journal import Journal
from threadline.journal.outbox import JournalOutbox
from threadline.journal.records import SessionSummary
from threadline.prefetch.prefetch import Prefetcher
from threadline.proof import Proof, search
from threadline.session.checks import check_bank
from threadline.session.context import Context
from threadline.session.recall import RecallOptions, explain_bank, make_query, recall_bank, reflect_bank
from threadline.session.session import Session, add_note, open_session
from threadline.settings import Given, Settings
from threadline.turns import Identity, Json, Note

if TYPE_CHECKING:
    from threadline.client.memory import RemoteMemory

#: How long a rebuild from the journal waits before it looks whether anything is wrong.
_REDELIVERY_SECONDS = 5.0


class Memory:
    """One bank of a data directory, open. Any thread may use it; so may several processes at once.

    Use `Memory.open`. Closing it (or leaving its `with` block) delivers what it can within `shutdown_seconds`;
    the rest is in the journal and is delivered at the next start.
    """

    def __init__(self, settings: Settings, backend: Backend | None = None) -> None:
        name = check_bank(settings.bank)
        self._settings = settings
        self._closed = False
        self._process = os.getpid()
        self._lock = threading.Lock()
        backend = backend or open_backend(settings)
        journal = Journal(settings.home, settings.durability)
        try:
            bank = journal.bank(name, settings.redact)
            outbox = JournalOutbox(journal, bank, backend.capabilities.appends)
        except BaseException:
            journal.close()
            raise
        prefetcher: Prefetcher[list[Recalled]] = Prefetcher()
        writer = Writer(
            outbox,
            backend,
            on_idle=outbox.checkpoint,
            upkeep=lambda: backend.upkeep(name),
            on_exit=lambda: _let_go(backend, journal),
        )
        self._context = Context(settings, journal, bank, backend, outbox, writer, prefetcher)
        if bank.redact:
            threading.Thread(target=_warm_redaction, name="threadline-warm", daemon=True).start()
        writer.start()
        writer.wake()
        # That keeps it alive, too: a host may drop the memory and go on with its sessions alone.
        atexit.register(self.close)

    @classmethod
    def open(
        cls,
        home: str | Path | None = None,
        *,
        bank: str | None = None,
        backend: Backend | str | None = None,
        **settings: Unpack[Given],
    ) -> Self:
        """Open a bank, made when new. What a crash left undelivered is delivered from now on.

        Args:
            home: the data directory; None: `THREADLINE_HOME`, else `~/.threadline`.
            bank: the bank; None: the setting `bank`, else `default`.
            backend: what remembers, or its name; None: the setting `backend`, else the embedded engine.
            settings: any other of `threadline.Settings`, such as `embedder="none"` or `retain_every_n_turns=4`.

        Raises:
            SettingsError: a setting is unknown or has a bad value.
            InvalidBankError: the name cannot be used, or differs from an existing bank's only in case.
            StorageError: the data directory cannot be used.
        """
        name = backend if isinstance(backend, str) else None
        loaded = Settings.load(home, bank=bank, backend=name, **settings)
        return cls(loaded, None if isinstance(backend, str) else backend)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        token: str | None = None,
        bank: str | None = None,
        timeout: float = 30.0,
        retry_seconds: float = 10.0,
    ) -> RemoteMemory:
        """A bank of a Threadline server, made when new. It has the same methods as a memory on this machine.

        Args:
            url: where the server is, such as `http://127.0.0.1:8888`.
            token: the key that it asks for; which tenant it is follows from the key.
            bank: the bank; None: `default`.
            timeout: how long an answer may take, in seconds, besides what a call itself may wait.
            retry_seconds: how long a request is sent again that did not get through, and that may be sent twice.

        Raises:
            BackendUnavailableError: the server cannot be reached.
            AccessError: it does not take the token, or this one may not make the bank.
            SettingsError: what answers there is no Threadline server; or `threadline[client]` is not installed.
            InvalidBankError: the name cannot be used.
        """
        from threadline.client.memory import RemoteMemory

        return RemoteMemory.open(url, token, bank, timeout, retry_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Memory {self.bank!r} in {self._settings.home}>"

    @property
    def bank(self) -> str:
        """The name of the bank."""
        return self._context.bank.name

    @property
    def settings(self) -> Settings:
        """What this memory was opened with."""
        return self._settings

    # Sessions

    def session(
        self,
        session: str,
        *,
        identity: Identity | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> Session:
        """Open a session, new or old. Several may be open at once.

        Args:
            session: the id its host gives it.
            identity: where it comes from; kept, and delivered as metadata.
            tags: delivered with its turns; recall can be narrowed to them.
            metadata: delivered with its turns.

        Raises:
            InvalidIdError: the id cannot be used.
            ForgottenError: the session was forgotten.
        """
        return open_session(self._alive(), session, identity, tags, metadata)

    def sessions(self) -> list[SessionSummary]:
        """All sessions of the bank and how they descend from each other, oldest first."""
        context = self._alive()
        return context.journal.sessions(context.bank)

    def find_session(self, session: str) -> Session:
        """A session that exists.

        Raises:
            UnknownSessionError: there is none of that id.
            ForgottenError: it was forgotten.
        """
        context = self._alive()
        return Session(context, context.journal.get_session(context.bank, session))

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
        """Retain something on purpose, as the bank's own. It is journaled when this returns.

        The arguments are those of `Session.note`.

        Raises:
            InvalidTurnError: the text is empty or too large.
        """
        return add_note(self._alive(), None, text, tags, context, occurred_at, host_key, metadata)

    def recall(self, query: str, *, fresh: bool = False, **options: Unpack[RecallOptions]) -> list[Recalled]:
        """Find memories in the whole bank, best first. The arguments are those of `Session.recall`."""
        context = self._alive()
        make_query(query, options)
        if fresh:
            context.journal.close_batches(bank=context.bank)
            context.wait_for_delivery(self._settings.fresh_seconds)
        return recall_bank(context, query, options)

    def explain(self, query: str, wanted: Wanted | None = None, **options: Unpack[RecallOptions]) -> list[Explained]:
        """Say why a recall over the whole bank returns what it does. The arguments are those of `Session.explain`."""
        return explain_bank(self._alive(), query, wanted, options)

    def reflect(self, query: str, **options: Unpack[RecallOptions]) -> Reflection:
        """Have the backend answer a question from the whole bank. The arguments are those of `Session.reflect`."""
        return reflect_bank(self._alive(), query, options)

    def notes(self) -> list[Note]:
        """Every note of the bank, in order."""
        context = self._alive()
        return context.journal.notes(context.bank)

    def rebuild(self, *, from_journal: bool = False) -> int:
        """Make everything derived again: from the stored documents, or from the journal.

        Args:
            from_journal: deliver every turn and note of the bank again into an empty backend, for when the
                bank's own files are lost or damaged. Returns once that is done.

        Raises:
            DeadlineError: a delivery failed; the rest goes on in the background.

        Returns:
            The number of memories.
        """
        context = self._alive()
        if from_journal:
            context.outbox.redeliver()
            while not context.wait_for_delivery(_REDELIVERY_SECONDS):
                error = self.status().last_error
                if error is not None:
                    raise DeadlineError(f"The bank is not rebuilt yet: {error} It goes on in the background.")
            return context.backend.figures(self.bank).memories
        return context.backend.rebuild(self.bank)

    # Delivery

    def flush(self, seconds: float = 30.0, *, hurry: bool = True) -> bool:
        """Deliver everything said so far, and wait for it.

        Args:
            hurry: try at once what rests after a failure. Without it a backend that is down is left alone for as long
                as it would be otherwise: for a caller that waits a little, looks, and waits again.

        Returns:
            Whether it is all delivered; False when `seconds` were not enough (it goes on).
        """
        context = self._alive()
        context.journal.close_batches(bank=context.bank)
        if hurry:
            context.writer.hurry()
        return context.wait_for_delivery(seconds)

    def status(self) -> BankStatus:
        """How the bank and its delivery are."""
        context = self._alive()
        return bank_status(context.journal, context.bank, context.writer.trouble, context.backend)

    def session_statuses(self) -> list[SessionStatus]:
        """How each session of the bank and its delivery are, oldest first."""
        context = self._alive()
        return session_statuses(context.journal, context.bank)

    def probe(self, seconds: float = 10.0) -> Probe:
        """Write a note to the backend, recall it and remove it: whether it works, and how fast.

        The note is in no journal, and no recall returns it.

        Args:
            seconds: how long it may take.
        """
        context = self._alive()
        return probe(context.backend, context.bank.name, seconds, context.writer.sending)

    def deliveries(self, states: Sequence[DeliveryState] = deliveries.PENDING) -> list[Delivery]:
        """What is on its way to the backend, and what the backend refused for good, oldest first.

        Args:
            states: some of `waiting`, `done`, `dead` and `dropped`.
        """
        context = self._alive()
        return deliveries.deliveries(context.journal, context.bank, states)

    def retry(self, *ids: int) -> int:
        """Have deliveries tried again that were refused for good or given up, and at once those that rest.

        Args:
            ids: which; none: every dead letter, but for an order to empty the bank that came too late.

        Returns:
            How many wait again. `flush` waits for them.

        Raises:
            UnknownDeliveryError: there is none of that id; nothing was changed.
            InputError: one was delivered, or must not be carried any more; nothing was changed.
        """
        context = self._alive()
        retried = deliveries.retry(context.journal, context.bank, ids or None)
        context.writer.hurry()
        return retried

    def drop(self, *ids: int) -> int:
        """Give deliveries up that wait, or were refused for good: they are not carried any more.

        What they carry stays in the journal; `retry`, or a rebuild from the journal, delivers it after all. To drop the
        order to take something out leaves that in the backend, where recall hides it.

        Returns:
            How many were given up; one that was already is no error.

        Raises:
            UnknownDeliveryError: there is none of that id; nothing was changed.
            InputError: one was delivered, or is being carried just now; nothing was changed.
        """
        context = self._alive()
        return deliveries.drop(context.journal, context.bank, ids)

    def close(self, seconds: float | None = None) -> None:
        """Deliver what can be delivered in time, and let go of everything. Calling it twice is no error.

        Args:
            seconds: how long it may take; None: `shutdown_seconds`.
        """
        with self._lock:
            if self._closed or self._process != os.getpid():  # a forked child has no part in its parent's
                return
            self._closed = True
        seconds = self._settings.shutdown_seconds if seconds is None else seconds
        deadline = time.monotonic() + seconds
        atexit.unregister(self.close)
        try:
            self._context.journal.close_batches()
        finally:  # where the journal cannot be written, what is in no batch yet is delivered at the next start
            self._context.prefetcher.close()
            self._context.writer.stop(deadline - time.monotonic())

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
        """Forget a turn, a session, a document or the whole bank, everywhere, and prove it.

        What is forgotten is removed from the journal and from the backend, every file is compacted, and then
        every file of the data directory is searched for what was forgotten.

        Args:
            session: all of this session, or with `turn` one turn of it.
            document: a document as recall names it: `note:<id>` or `session:<id>`.
            everything: the whole bank; this memory is closed by it.
            seconds: how long to wait for the backend.

        Returns:
            What was searched and found. `complete` is False when the backend could not do it in time; then it
            is done as soon as it can.

        Raises:
            UnknownSessionError, UnknownTurnError, InvalidIdError: there is no such thing.
            InputError: not exactly one thing was named.
        """
        context = self._alive()
        texts = self._forget(session, turn, document, everything)
        complete = context.wait_for_delivery(seconds) and forgetting.is_done(context.journal, context.bank)
        if complete and everything:
            forgetting.drop_bank(context.journal, context.bank)
        survivors = forgetting.surviving_texts(context.journal)
        proof = search(self._settings.home, texts, survivors, complete)
        if everything:
            self.close()
        return proof

    def _forget(self, session: str | None, turn: int | None, document: str | None, everything: bool) -> list[str]:
        context = self._alive()
        if sum((session is not None, document is not None, everything)) != 1 or (turn is not None and session is None):
            raise InputError("Name one thing to forget: a session (and a turn of it), a document, or everything.")
        if everything:
            return forgetting.forget_bank(context.journal, context.bank)
        if document is not None:
            return forgetting.forget_document(context.journal, context.bank, document)
        record = context.journal.get_session(context.bank, session or "")
        if turn is not None:
            return forgetting.forget_turn(context.journal, context.bank, record, turn)
        return forgetting.forget_session(context.journal, context.bank, record)

    def _alive(self) -> Context:
        if self._closed:
            raise ClosedError("This memory was closed; open it again with Memory.open.")
        return self._context


def _let_go(backend: Backend, journal: Journal) -> None:
    """Called by whoever uses them last: the writer's thread, also when closing did not wait for it."""
    try:
        journal.close()
    finally:
        backend.close()


def _warm_redaction() -> None:
    """The rules take 100 ms to load: not on the road of the first turn."""
    from threadline.redaction import warm

    warm()
