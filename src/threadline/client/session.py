"""A conversation on a server: the methods of `Session`, each one request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Unpack

from threadline.client import asking
from threadline.client.values import read, read_all
from threadline.client.wire import Wire
from threadline.documents import Explained, Recalled, Reflection, Wanted
from threadline.journal.descent import Descent
from threadline.journal.figures import SessionStatus
from threadline.session.checks import check_id
from threadline.session.recall import RecallOptions
from threadline.session.session import ScopeName, SwitchReason, as_messages
from threadline.turns import Json, Message, Note, Turn


class RemoteSession:
    """One conversation. It holds its id and nothing that could get lost; any thread may use it.

    Get one from `RemoteMemory.session`, or from another session's `branch`, `continuation` or `switch`. Its methods
    are those of `Session`, with the same arguments, values and errors; besides these, any may raise
    `BackendUnavailableError` where the server cannot be reached, and `AccessError` where it does not take the token.
    """

    def __init__(self, wire: Wire, session: str) -> None:
        self._wire = wire
        self._id = session

    def __repr__(self) -> str:
        return f"<RemoteSession {self.id!r} of bank {self._wire.bank!r} at {self._wire.url}>"

    @property
    def id(self) -> str:
        """The id its host gave it."""
        return self._id

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
        """See `Session.add_turn`. Without a host key it is given one: it is one turn, however often it is sent."""
        said = as_messages(user, assistant, messages)
        body = asking.turn(said, occurred_at, new_key() if host_key is None else host_key, metadata)
        return read(Turn, self._post("/session/turns", body))

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
        """See `Session.note`. Without a host key it is given one, so that it is one note however often it is sent."""
        key = new_key() if host_key is None else host_key
        return read(Note, self._post("/session/notes", asking.note(text, tags, context, occurred_at, key, metadata)))

    def turns(self) -> list[Turn]:
        """See `Session.turns`."""
        return read_all(Turn, self._get("/session/turns"))

    def history(self) -> list[Turn]:
        """See `Session.history`."""
        return read_all(Turn, self._get("/session/history"))

    def find_turn(self, host_key: str) -> Turn | None:
        """See `Session.find_turn`."""
        found = self._get("/session/turn", host_key=check_id(host_key, "host key"))
        return None if found is None else read(Turn, found)

    def notes(self) -> list[Note]:
        """See `Session.notes`."""
        return read_all(Note, self._get("/session/notes"))

    # Where it goes

    def branch(self, session: str, *, at_turn: int | None = None) -> RemoteSession:
        """See `Session.branch`."""
        return self._go("/session/branch", {"session": check_id(session), "at_turn": at_turn})

    def continuation(self, session: str) -> RemoteSession:
        """See `Session.continuation`."""
        return self._go("/session/continuation", {"session": check_id(session)})

    def descend(self, parent: str, kind: Descent = "branch", *, at_turn: int | None = None) -> RemoteSession:
        """See `Session.descend`."""
        return self._go("/session/descend", {"parent": check_id(parent), "kind": kind, "at_turn": at_turn})

    def switch(
        self,
        session: str | None,
        *,
        reason: SwitchReason = "resume",
        parent: str | None = None,
        at_turn: int | None = None,
    ) -> RemoteSession:
        """See `Session.switch`."""
        return self._go("/session/switch", {"session": session, "reason": reason, "parent": parent, "at_turn": at_turn})

    def leave(self) -> None:
        """See `Session.leave`."""
        self._post("/session/leave")

    def compress(self, *, kept_turns: int = 0) -> None:
        """See `Session.compress`."""
        self._post("/session/compress", {"kept_turns": kept_turns})

    def compressed_turn(self) -> int:
        """See `Session.compressed_turn`."""
        return int(self._get("/session/compressed-turn")["turn"])

    def rewind(self, turns: int = 1) -> list[tuple[str, int]]:
        """See `Session.rewind`. It is sent once: where the answer is lost, look at `history` before you try again."""
        return _places(self._post("/session/rewind", {"turns": turns}, again=False))

    def rewind_to(self, kept: Sequence[str]) -> list[tuple[str, int]]:
        """See `Session.rewind_to`."""
        return _places(self._post("/session/rewind-to", {"kept": asking.texts(kept)}))

    def take_back(self, *numbers: int) -> list[tuple[str, int]]:
        """See `Session.take_back`."""
        return _places(self._post("/session/take-back", {"turns": numbers}))

    def flush(self) -> None:
        """See `Session.flush`."""
        self._post("/session/flush")

    def end(self) -> None:
        """See `Session.end`."""
        self._post("/session/end")

    def status(self) -> SessionStatus:
        """See `Session.status`."""
        return read(SessionStatus, self._get("/session/status"))

    # What is remembered

    def recall(
        self, query: str, *, scope: ScopeName = "session", fresh: bool = False, **options: Unpack[RecallOptions]
    ) -> list[Recalled]:
        """See `Session.recall`."""
        return read_all(Recalled, self._post("/session/recall", asking.asked(query, options, scope=scope, fresh=fresh)))

    def explain(
        self,
        query: str,
        wanted: Wanted | None = None,
        *,
        scope: ScopeName = "session",
        **options: Unpack[RecallOptions],
    ) -> list[Explained]:
        """See `Session.explain`."""
        body = asking.asked(query, options, scope=scope, wanted=asking.wanted(wanted))
        return read_all(Explained, self._post("/session/explain", body))

    def reflect(self, query: str, *, scope: ScopeName = "session", **options: Unpack[RecallOptions]) -> Reflection:
        """See `Session.reflect`."""
        return read(Reflection, self._post("/session/reflect", asking.asked(query, options, scope=scope)))

    def prefetch(self, query: str, *, scope: ScopeName = "session", **options: Unpack[RecallOptions]) -> None:
        """See `Session.prefetch`."""
        self._post("/session/prefetch", asking.asked(query, options, scope=scope))

    def prefetched(
        self,
        query: str,
        deadline: float,
        *,
        instead: str | None = None,
        scope: ScopeName = "session",
        **options: Unpack[RecallOptions],
    ) -> list[Recalled]:
        """See `Session.prefetched`. A server that cannot be reached is waited for no longer than that, either."""
        body = asking.asked(query, options, scope=scope, deadline=deadline, instead=instead)
        return read_all(Recalled, self._post("/session/prefetched", body, seconds=deadline, retry_seconds=deadline))

    # Parts of the above

    def _get(self, path: str, **query: str) -> Any:
        return self._wire.get(path, session=self.id, **query)

    def _post(self, path: str, body: Mapping[str, Any] | None = None, **how: Any) -> Any:
        return self._wire.post(path, body, session=self.id, **how)

    def _go(self, path: str, body: Mapping[str, Any]) -> RemoteSession:
        return RemoteSession(self._wire, str(self._post(path, body)["session"]))


def new_key() -> str:
    """A host key that nobody else has."""
    return f"client:{uuid.uuid4().hex}"


def _places(found: Any) -> list[tuple[str, int]]:
    return [(str(one["session"]), int(one["turn"])) for one in found]
