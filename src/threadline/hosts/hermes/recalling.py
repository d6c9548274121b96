"""What a turn is given unasked: begun when its message is known, within the deadline, and never another session's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from threadline.documents import Recalled, Reflection
from threadline.errors import UnknownSessionError, UnsupportedError
from threadline.hosts.fence import Fenced, fence_answer, fence_memories
from threadline.hosts.hermes.access import Opened
from threadline.hosts.hermes.config import Config
from threadline.prefetch.prefetch import Token
from threadline.session.recall import RecallOptions
from threadline.session.session import ScopeName, Session

#: So many sessions' queries are remembered for `queue`; an agent has one, seldom a few.
_SESSIONS = 32


def recall_options(config: Config) -> RecallOptions:
    """How the settings narrow every recall, asked for or not."""
    options: RecallOptions = {
        "budget": config.recall_budget,
        "max_tokens": config.recall_max_tokens,
        "types": config.recall_types,
    }
    if config.recall_min_confidence is not None:
        options["min_confidence"] = config.recall_min_confidence
    if config.tag_filter is not None:
        options["tags"] = config.tag_filter
    return options


class AutoRecall:
    """The recalls of one agent. It holds only queries: what was found is with the session that it was found for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queued: dict[str, str] = {}
        self._begun: dict[str, str] = {}
        self._epochs: dict[str, int] = {}

    def void(self, session: str) -> None:
        """Nothing that was begun before for the session is to be served."""
        with self._lock:
            self._epochs[session] = self._epochs.get(session, 0) + 1
            self._queued.pop(session, None)
            self._begun.pop(session, None)

    def begin(self, opened: Opened, session: str, query: str) -> None:
        """Begin what the turn that begins now will ask for. Returns at once."""
        if query:
            with self._lock:
                self._begun[session] = query
            self._prefetch(opened, session, query)

    def queue(self, opened: Opened, session: str, query: str) -> None:
        """Begin what the next turn of the session is given if its own recall is not there in time. Returns at once."""
        with self._lock:
            if not query or session in self._begun:  # the next turn has begun already, and has the only slot
                return
            while len(self._queued) >= _SESSIONS:
                del self._queued[next(iter(self._queued))]
            self._queued[session] = query
        self._prefetch(opened, session, query)

    def take(self, opened: Opened, session: str, query: str, until: float) -> Fenced:
        """What there is for the query by then, as text.

        Args:
            until: when the deadline is, on the monotonic clock.

        Raises:
            ThreadlineError: what the recall raised.
        """
        with self._lock:
            self._begun.pop(session, None)
            instead = self._queued.pop(session, None)
        if not query:
            return Fenced()
        config = opened.config
        if config.recall_prefetch_method == "reflect":
            answer = self._answer(opened, session, query, instead, until)
            if answer is not None:
                told = not answer.extractive or answer.memories
                return (
                    fence_answer(answer, config.recall_max_tokens, preamble=config.recall_prompt_preamble)
                    if told
                    else Fenced()
                )
        found = self._found(opened, session, query, instead, until)
        return fence_memories(
            found, config.recall_max_tokens, preamble=config.recall_prompt_preamble, session=session or None
        )

    def _prefetch(self, opened: Opened, session: str, query: str) -> None:
        one = find(opened, session)
        if opened.config.recall_prefetch_method == "reflect":
            opened.shared.prefetcher.begin(self._token(session, query), _reflecting(opened, one, query))
        elif one is not None:
            one.prefetch(query, scope=_scope(opened), **_outside(opened))
        elif opened.config.recall_scope == "bank":
            opened.shared.prefetcher.begin(self._token(session, query), _recalling(opened, query))

    def _found(self, opened: Opened, session: str, query: str, instead: str | None, until: float) -> list[Recalled]:
        one = find(opened, session)
        if one is not None:
            left = until - time.monotonic()
            return one.prefetched(query, left, instead=instead, scope=_scope(opened), **_outside(opened))
        if opened.config.recall_scope == "session":
            return []
        prefetcher = opened.shared.prefetcher
        earlier = prefetcher.finished(self._token(session, instead)) if instead else None
        found = prefetcher.take(self._token(session, query), _recalling(opened, query), until - time.monotonic())
        return (earlier if found is None else found) or []

    def _answer(self, opened: Opened, session: str, query: str, instead: str | None, until: float) -> Reflection | None:
        """An answer; None where the backend gives none, so that memories are recalled instead.

        Raises:
            ThreadlineError: what the backend raised.
        """
        one = find(opened, session)
        prefetcher = opened.shared.prefetcher
        token = self._token(session, query)
        earlier = prefetcher.finished(self._token(session, instead)) if instead else None
        try:
            found = prefetcher.take(token, _reflecting(opened, one, query), until - time.monotonic())
        except UnsupportedError:
            return None
        answer = earlier if found is None else found
        return (
            answer if answer is not None and token == self._token(session, query) else Reflection("", extractive=True)
        )

    def _token(self, session: str, query: str) -> Token:
        return Token((id(self), session), self._epochs.get(session, 0), query)


def warm(opened: Opened) -> None:
    """Have the embedded backend load what a recall needs, once in a process, while the user still types."""
    if opened.config.backend == "embedded" and opened.shared.first("warm"):
        memory = opened.memory
        opened.shared.prefetcher.begin(Token("warm", 0, ""), lambda: memory.recall("What was said before?", limit=1))


def find(opened: Opened, session: str) -> Session | None:
    """A session to recall for. One in which nothing was said yet is not made: nothing of it is to be left out either.

    Raises:
        ThreadlineError: it cannot be read.
    """
    try:
        return opened.memory.find_session(session) if session else None
    except UnknownSessionError:
        return None


def _scope(opened: Opened) -> ScopeName:
    return "session" if opened.config.recall_scope == "session" else "bank"


def _outside(opened: Opened) -> RecallOptions:
    options = recall_options(opened.config)
    options["outside_context"] = True
    return options


# What runs in the background holds only what it needs: an agent that is dropped is not kept alive by it.


def _recalling(opened: Opened, query: str) -> Callable[[], list[Recalled]]:
    memory, options = opened.memory, recall_options(opened.config)
    return lambda: memory.recall(query, **options)


def _reflecting(opened: Opened, session: Session | None, query: str) -> Callable[[], Reflection]:
    memory, scope, options = opened.memory, _scope(opened), recall_options(opened.config)
    if session is not None:
        outside = _outside(opened)
        return lambda: session.reflect(query, scope=scope, **outside)
    if scope == "session":
        return lambda: Reflection("", extractive=True)
    return lambda: memory.reflect(query, **options)
