"""A conversation as its host lives it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, Unpack, get_args

from threadline.documents import Explained, Recalled, Reflection, Wanted
from threadline.errors import ForgottenError, InputError, InvalidTurnError
from threadline.journal.descent import Descent
from threadline.journal.figures import SessionStatus, session_statuses
from threadline.journal.records import SessionRecord
from threadline.prefetch.prefetch import Token
from threadline.session import checks
from threadline.session.context import Context
from threadline.session.desk import Desk
from threadline.session.recall import (
    RecallOptions,
    explain_bank,
    explain_session,
    make_query,
    recall_bank,
    recall_session,
    reflect_bank,
    reflect_session,
)
from threadline.session.undo import turns_undone
from threadline.turns import Identity, Json, Message, Note, Turn

ScopeName = Literal["session", "bank"]
SwitchReason = Literal["new", "reset", "resume", "branch", "compression"]


class Session:
    """One conversation. It holds its id and nothing that could get lost; any thread may use it.

    Get one from `Memory.session`, or from another session's `branch`, `continuation` or `switch`.
    """

    def __init__(self, context: Context, record: SessionRecord) -> None:
        self._context = context
        self._record = record

    def __repr__(self) -> str:
        return f"<Session {self.id!r} of bank {self._context.bank.name!r}>"

    @property
    def id(self) -> str:
        """The id its host gave it."""
        return self._record.id

    # What is said

    def add_turn(
        self,
        user: str | None = None,
        assistant: str | None = None,
        *,
        messages: Sequence[Message] | None = None,
        occurred_at: datetime | None = None,
        host_key: str | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> Turn:
        """Record a turn: one user message and what the agent answered and did.

        When this returns, the turn is kept. It is delivered to the backend in the background.

        Args:
            user, assistant: what was said. Either may be missing.
            messages: everything that was said and done, in order, instead of `user` and `assistant`.
            occurred_at: when; now if not given; local time if it has no zone.
            host_key: the host's key of the turn; submitting a key again returns the turn it already is.
            metadata: kept with the turn.

        Raises:
            InvalidTurnError: there is nothing in it, or too much.
            ForgottenError: the session, or a turn of this key, was forgotten.
            StorageError: it could not be written; nothing was.
        """
        context = self._context
        desk = Desk(context.bank.redact)
        turn = context.journal.append_turn(
            self._record,
            desk.messages(as_messages(user, assistant, messages), context.settings.max_turn_megabytes),
            occurred_at=checks.check_time(occurred_at),
            host_key=None if host_key is None else checks.check_id(host_key, "host key"),
            metadata=desk.metadata(metadata) if metadata else None,
            redactions=desk.redactions,
            batch_size=context.settings.retain_every_n_turns,
        )
        context.writer.wake()
        if context.settings.retain_every_n_turns > 1:
            context.writer.remind(self._record.key, context.settings.idle_seconds, self._close_idle_batch)
        return turn

    def note(
        self,
        text: str,
        *,
        tags: Sequence[str] = (),
        context: str | None = None,
        occurred_at: datetime | None = None,
        host_key: str | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> Note:
        """Retain something on purpose, as the session's own and not part of a turn.

        Args:
            tags: recall can be narrowed to them.
            context: what the text is about, where it does not say so itself.
            host_key: submitting a key again returns the note it already is.

        Raises:
            InvalidTurnError: the text is empty or too large.
        """
        return add_note(self._context, self._record, text, tags, context, occurred_at, host_key, metadata)

    def turns(self) -> list[Turn]:
        """The turns said in this session itself, taken back or not, in order."""
        return self._context.journal.turns(self._record)

    def history(self) -> list[Turn]:
        """What this session sees: the turns it inherited and its own, without what was taken back."""
        return self._context.journal.history(self._record)

    def find_turn(self, host_key: str) -> Turn | None:
        """The turn that was recorded in this session under a key of its host's, taken back or not; None if none was."""
        return self._context.journal.find_turn(self._record, checks.check_id(host_key, "host key"))

    def notes(self) -> list[Note]:
        """The notes of this session."""
        return self._context.journal.notes(self._context.bank, self._record)

    # Where it goes

    def branch(self, session: str, *, at_turn: int | None = None) -> Session:
        """A new session that sees this one up to here, and not what this one says next.

        Args:
            at_turn: the last of this session's own turns that it sees; 0 for none; the latest if not given.

        Raises:
            LineageError: there is such a session already that did not branch off like this.
            UnknownTurnError: there is no such turn.
        """
        return self._fork(session, "branch", at_turn)

    def continuation(self, session: str) -> Session:
        """The same conversation under a new id, as after a compression: it sees all of this one.

        Raises:
            LineageError: there is such a session already that does not continue this one.
        """
        return self._fork(session, "continuation", None)

    def descend(self, parent: str, kind: Descent = "branch", *, at_turn: int | None = None) -> Session:
        """Say late how this session descends, for a host that did not when it began. Doing it again is no error.

        Args:
            parent: the id of the session that it comes from; one never seen is made.
            kind: `branch`: it sees what the parent said up to the fork; `continuation`: it goes on where the parent was
                compressed; `delegation`: it began with an empty history, for a task that the parent gave it.
            at_turn: for a branch, the last of the parent's own turns that it sees; if not given, the last that was
                recorded before this session's own first one.

        Raises:
            LineageError: it descends from another one, or otherwise, or would from itself.
            UnknownTurnError: the parent has no such turn.
        """
        if kind not in get_args(Descent):
            raise InputError(f"kind must be one of {', '.join(get_args(Descent))}, not {kind!r}.")
        _check_at_turn(at_turn)
        origin = open_session(self._context, parent)
        return Session(self._context, self._context.journal.descend(self._record, origin._record, kind, at_turn))

    def switch(
        self,
        session: str | None,
        *,
        reason: SwitchReason = "resume",
        parent: str | None = None,
        at_turn: int | None = None,
    ) -> Session:
        """Go where the host goes. What is buffered here is delivered as this session's; prefetches made here are void.

        It waits for nobody, and takes nothing over from an earlier switch: what is not given is not so. To no session
        (an empty id, as some hosts say) or to this very one it is no switch, but for what the reason says.

        Args:
            session: the id of the session that the host goes to, new or old, also one never seen on this machine.
            reason: `new` and `reset`: a conversation that inherits nothing; `resume`: one that was left, or may have
                been lived elsewhere; `branch`: see `branch`; `compression`: see `continuation`, or with this
                session's own id `compress`.
            parent: where the host says that it comes from. A branch or continuation descends from it (from this
                session if not given); a new one is only delivered with its name; a resumed one has its parent already.
            at_turn: for a branch, see there.

        Raises:
            InputError: an id or the reason cannot be used.
            LineageError: there is such a session already, with another lineage.
        """
        if reason not in get_args(SwitchReason):
            raise InputError(f"reason must be one of {', '.join(get_args(SwitchReason))}, not {reason!r}.")
        if session is None or not str(session).strip():
            return self
        if session == self.id:
            return self._stay(reason)
        if reason in ("branch", "compression"):
            origin = self if not parent or parent == self.id else open_session(self._context, parent)
            target = origin._fork(session, "branch" if reason == "branch" else "continuation", at_turn)
        else:
            came_from = parent if reason in ("new", "reset") and parent else None
            target = open_session(self._context, session, predecessor=came_from)
        self.leave()
        return target

    def leave(self) -> None:
        """The host goes away from this session without ending it: what is buffered is delivered."""
        self._context.journal.leave(self._record)
        self._context.writer.wake()

    def compress(self, *, kept_turns: int = 0) -> None:
        """The host summarised the conversation and goes on under the same id: what is buffered is delivered.

        All of it is still recalled; `compressed_turn` says up to where the host's model has only the summary.

        Args:
            kept_turns: how many of the last turns the host's model still has word for word.
        """
        if kept_turns != 0 and not checks.is_count(kept_turns):
            raise InputError(f"kept_turns must be a whole number from 0, not {kept_turns!r}.")
        self._context.journal.compress(self._record, kept_turns)
        self._context.writer.wake()

    def compressed_turn(self) -> int:
        """The last turn that the host summarised away in place; 0 where it never did."""
        return self._context.journal.compressed_turn(self._record)

    def rewind(self, turns: int = 1) -> list[tuple[str, int]]:
        """Take back the last turns (`/undo`): from now on no recall returns them.

        A branch forked before keeps them: there they were never taken back. A session that takes back turns
        that it inherited does so for itself alone.

        Returns:
            (session id, turn number) of what was taken back, the last first.

        Raises:
            UnknownTurnError: there are not that many; none is taken back.
        """
        if not checks.is_count(turns):
            raise InputError(f"turns must be a whole number from 1, not {turns!r}.")
        return self._rewind(turns)

    def rewind_to(self, kept: Sequence[str]) -> list[tuple[str, int]]:
        """Take back what the host does not have any more, for one that says only that something was undone.

        Args:
            kept: what the user said in the turns that the host still has, oldest first. The oldest may be missing, as
                after a compression; none at all takes everything back.

        Returns:
            (session id, turn number) of what was taken back, the last first; nothing where nothing was undone.

        Raises:
            UnknownTurnError: the last of them was not said here, so it cannot be told; none is taken back.
        """
        desk = Desk(self._context.bank.redact)
        texts = [desk.text(text) for text in kept]
        return self._rewind(lambda seen: turns_undone(list(seen), texts, self.id))

    def take_back(self, *numbers: int) -> list[tuple[str, int]]:
        """Take back turns of this session itself, wherever they stand, for a host that says later what was undone.

        What was taken back already stays so, and is no error.

        Returns:
            (session id, turn number) of what was taken back now, the last first.

        Raises:
            UnknownTurnError: this session never had one of these turns; none is taken back.
        """
        if not all(checks.is_count(number) for number in numbers):
            raise InputError(f"Turns are whole numbers from 1, not {numbers!r}.")
        taken_back = self._context.journal.take_back(self._context.bank, self._record, numbers)
        self._context.writer.wake()
        return taken_back

    def flush(self) -> None:
        """Deliver what is buffered, without waiting for it."""
        self._context.journal.close_batches(session=self._record)
        self._context.writer.wake()

    def end(self) -> None:
        """The conversation is over: what is buffered is delivered. Opening the session again resumes it."""
        self._context.journal.leave(self._record, end=True)
        self._context.writer.wake()

    def status(self) -> SessionStatus:
        """How the session and its delivery are.

        Raises:
            ForgottenError: it was forgotten.
        """
        found = session_statuses(self._context.journal, self._context.bank, self.id)
        if not found:
            raise ForgottenError(f"Session {self.id!r} was forgotten; begin another.")
        return found[0]

    # What is remembered

    def recall(
        self, query: str, *, scope: ScopeName = "session", fresh: bool = False, **options: Unpack[RecallOptions]
    ) -> list[Recalled]:
        """Find memories for a query, best first.

        Args:
            scope: `session`: this session and its ancestors up to each fork; `bank`: everything in the bank.
            fresh: wait first until everything said so far is delivered, for `fresh_seconds` at most.
            options: see `threadline.RecallOptions`.

        Raises:
            InputError: the query is not text, or an option cannot be used.
            EmbedderError: the embedding model cannot be loaded.
        """
        make_query(query, options)
        if fresh:
            self.flush()
            self._context.wait_for_delivery(self._context.settings.fresh_seconds)
        if scope == "bank":
            return recall_bank(self._context, query, options, self._record)
        if scope == "session":
            return recall_session(self._context, self._record, query, options)
        raise _unknown_scope(scope)

    def explain(
        self,
        query: str,
        wanted: Wanted | None = None,
        *,
        scope: ScopeName = "session",
        **options: Unpack[RecallOptions],
    ) -> list[Explained]:
        """Say why a recall returns each memory, best first, and why it does not return what is wanted.

        Args:
            wanted: a memory that was expected.
            scope, options: as for `recall`.

        Raises:
            InputError: the query is not text, or an option cannot be used.
            UnsupportedError: the backend does not explain.
        """
        if scope == "bank":
            return explain_bank(self._context, query, wanted, options, self._record)
        if scope == "session":
            return explain_session(self._context, self._record, query, wanted, options)
        raise _unknown_scope(scope)

    def reflect(self, query: str, *, scope: ScopeName = "session", **options: Unpack[RecallOptions]) -> Reflection:
        """Have the backend answer a question from what is remembered.

        Args:
            scope, options: as for `recall`; `max_tokens` is the most that the answer may take, as far as the backend
                keeps to it.

        Raises:
            InputError: the query is not text, or an option cannot be used.
            UnsupportedError: the backend does not reflect.
        """
        if scope == "bank":
            return reflect_bank(self._context, query, options, self._record)
        if scope == "session":
            return reflect_session(self._context, self._record, query, options)
        raise _unknown_scope(scope)

    def prefetch(self, query: str, *, scope: ScopeName = "session", **options: Unpack[RecallOptions]) -> None:
        """Begin a recall in the background, for `prefetched` to return. Returns at once.

        The arguments are those of `recall`.
        """
        token = self._token(query, scope, options)
        self._context.prefetcher.begin(token, lambda: self.recall(query, scope=scope, **options))

    def prefetched(
        self,
        query: str,
        deadline: float,
        *,
        instead: str | None = None,
        scope: ScopeName = "session",
        **options: Unpack[RecallOptions],
    ) -> list[Recalled]:
        """What `prefetch` found for this query, else what a recall finds now, else nothing.

        Nothing that was recalled for another session or query, or before a switch, rewind or forget, is returned.

        Args:
            deadline: how long to wait, in seconds.
            instead: where that is not enough, return what an earlier `prefetch`, of this query, has found by then.
            scope, options: as they were given to `prefetch`.

        Raises:
            ThreadlineError: what the recall raised.
        """
        token = self._token(query, scope, options)
        earlier = None
        if instead is not None:
            earlier = self._context.prefetcher.finished(self._token(instead, scope, options))
        found = self._context.prefetcher.take(token, lambda: self.recall(query, scope=scope, **options), deadline)
        if found is None:
            found = earlier
        stale = token != self._token(query, scope, options)
        return [] if found is None or stale else found

    # Parts of the above

    def _rewind(self, turns: int | Callable[[Iterator[Turn]], int]) -> list[tuple[str, int]]:
        taken_back = self._context.journal.rewind(self._context.bank, self._record, turns)
        self._context.writer.wake()
        return taken_back

    def _stay(self, reason: SwitchReason) -> Session:
        if reason == "compression":
            self.compress()
        elif reason != "resume":
            self.leave()
        return self

    def _fork(self, session: str, kind: Literal["branch", "continuation"], at_turn: int | None) -> Session:
        _check_at_turn(at_turn)
        record = self._context.journal.fork(self._context.bank, self._record, checks.check_id(session), kind, at_turn)
        self._context.writer.wake()
        return Session(self._context, record)

    def _token(self, query: str, scope: ScopeName, options: RecallOptions) -> Token:
        session = (self._context.bank.key, self._record.key)
        return Token(
            session,
            self._context.journal.epoch(self._record),
            (make_query(query, options), scope, options.get("as_of"), options.get("outside_context")),
        )

    def _close_idle_batch(self) -> None:
        self._context.journal.close_batches(session=self._record)


def _check_at_turn(at_turn: object) -> None:
    if at_turn is not None and at_turn != 0 and not checks.is_count(at_turn):
        raise InputError(f"at_turn must be a whole number from 0, not {at_turn!r}.")


def _unknown_scope(scope: object) -> InputError:
    return InputError(f"scope must be 'session' or 'bank', not {scope!r}.")


def open_session(
    context: Context,
    session: str,
    identity: Identity | None = None,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, Json] | None = None,
    predecessor: str | None = None,
) -> Session:
    """The session of that id, made when new."""
    if identity is not None and not isinstance(identity, Identity):
        raise InputError(f"An identity must be a threadline.Identity, not {type(identity).__name__}.")
    record = context.journal.open_session(
        context.bank,
        checks.check_id(session),
        identity,
        None if tags is None else checks.check_tags(tags),
        None if metadata is None else Desk(context.bank.redact).metadata(metadata),
        None if predecessor is None else checks.check_id(predecessor),
    )
    return Session(context, record)


def add_note(
    context: Context,
    session: SessionRecord | None,
    text: str,
    tags: Sequence[str],
    about: str | None,
    occurred_at: datetime | None,
    host_key: str | None,
    metadata: Mapping[str, Json] | None,
) -> Note:
    """Retain a note, of a session or of the bank itself."""
    desk = Desk(context.bank.redact)
    text = desk.text(text, "note")
    if not text.strip():
        raise InvalidTurnError("A note must have some text in it; this one is empty.")
    checks.check_size(len(text), context.settings.max_turn_megabytes)
    note = Note(
        id=uuid.uuid4().hex,
        session=session.id if session else None,
        text=text,
        occurred_at=checks.check_time(occurred_at),
        context=None if about is None else desk.text(about),
        tags=checks.check_tags(tags),
        metadata=desk.metadata(metadata),
    )
    key = None if host_key is None else checks.check_id(host_key, "host key")
    kept = context.journal.append_note(context.bank, session, note, host_key=key, redactions=desk.redactions)
    context.writer.wake()
    return kept


def as_messages(user: str | None, assistant: str | None, messages: Sequence[Message] | None) -> Sequence[Message]:
    """What was said, however it is given.

    Raises:
        InputError: it is given twice.
    """
    if messages is not None:
        if user is not None or assistant is not None:
            raise InputError("Give a turn either messages, or user and assistant, not both.")
        return messages
    said: list[Message] = []
    if user is not None:
        said.append(Message("user", user))
    if assistant is not None:
        said.append(Message("assistant", assistant))
    return said
