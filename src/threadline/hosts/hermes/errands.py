"""What has to be done for a session before it is used again, and must not keep the host's thread waiting.

Reading the host's log takes as long as it takes. So it is done in a thread that lives for that alone, and whoever uses
the session next waits for it, or goes without.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Work = Callable[[], object]


class Errands:
    """Work by session: what is given for one session is done in that order, and never two at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[Work]] = {}

    def send(self, session: str, work: Work) -> None:
        """Have something done. It must raise nothing."""
        with self._changed:
            waiting = self._waiting.get(session)
            if waiting is not None:
                waiting.append(work)
                return
            self._waiting[session] = deque([work])
        thread = threading.Thread(target=self._run, args=(session,), name="threadline-errand", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is about to end, and begins no thread any more
            self._run(session)

    def is_settled(self, session: str) -> bool:
        """Whether there is nothing left to do for it."""
        return session not in self._waiting

    def settle(self, session: str, seconds: float) -> bool:
        """Wait until there is nothing left to do for it; False where time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: session not in self._waiting, seconds)

    def _run(self, session: str) -> None:
        try:
            while (work := self._next(session)) is not None:
                work()
        except BaseException:
            with self._changed:  # nobody is to wait for what will not be done
                self._waiting.pop(session, None)
                self._changed.notify_all()
            raise

    def _next(self, session: str) -> Work | None:
        """The next work; None, and in the same moment settled, where there is none."""
        with self._changed:
            waiting = self._waiting[session]
            if waiting:
                return waiting.popleft()
            del self._waiting[session]
            self._changed.notify_all()
            return None
