"""Threadline, driven by the same steps as the bundled provider, on the same server."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from threadline import Memory, Recalled, Session, ThreadlineError

T = TypeVar("T")

#: As long as the bundled provider waits for a recall that is not done yet.
_RECALL_SECONDS = 3.0


class Host:
    """One process of a host: one memory, opened with the default settings, and its sessions.

    It does with an event what the life of a session in the documentation says, and holds nothing of its own.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._memory: Memory | None = None
        self._sessions: dict[str, Session] = {}
        self.calls: list[tuple[str, float]] = []

    def start(self, session: str, every: int = 1, timeout: float | None = None) -> dict[str, Any]:
        """A new agent: its session in the memory of the process."""
        if self._memory is None:
            options = {"url": self._url, **({} if timeout is None else {"timeout": timeout})}
            self._memory = Memory.open(
                os.environ["THREADLINE_HOME"],
                bank="bank",
                backend="hindsight",
                backend_options=options,
                retain_every_n_turns=every,
            )
        self._session(session)
        return {}

    def turn(self, session: str, user: str, assistant: str, key: str | None = None) -> dict[str, Any]:
        """Recall for the message itself, record the turn, begin the next recall."""
        answer = self.ask(session, user)
        self.sync(session, user, assistant, key)
        self.queue(session, user)
        return answer

    def sync(self, session: str, user: str, assistant: str, key: str | None = None) -> dict[str, Any]:
        """A turn that is recorded."""
        self._timed("add", lambda: self._session(session).add_turn(user=user, assistant=assistant, host_key=key))
        return {}

    def ask(self, session: str, query: str) -> dict[str, Any]:
        """What the model is told before it answers a message: the whole bank's memories of it."""
        try:
            found: list[Recalled] = self._timed(
                "recall", lambda: self._session(session).prefetched(query, _RECALL_SECONDS, scope="bank")
            )
        except ThreadlineError as error:  # the recall's own: a host answers without
            return {"recalled": "", "failed": str(error)}
        return {"recalled": "\n".join(one.text for one in found)}

    def queue(self, session: str, query: str) -> dict[str, Any]:
        """Begin the recall for the next turn."""
        self._timed("add", lambda: self._session(session).prefetch(query, scope="bank"))
        return {}

    def switch(self, session: str, to: str, reason: str, parent: str = "") -> dict[str, Any]:
        """Another session: /new, /resume, /branch, or a compression."""
        here = self._session(session)
        there = self._timed("switch", lambda: here.switch(to, reason=reason, parent=parent or None))  # type: ignore[arg-type]
        self._sessions[there.id] = there
        return {}

    def undo(self, session: str, turns: int, kept: list[str]) -> dict[str, Any]:  # noqa: ARG002 - it does not say
        """/undo, told by what the host still has."""
        self._timed("switch", lambda: self._session(session).rewind_to(kept))
        return {}

    def note(self, session: str, text: str) -> dict[str, Any]:
        """The tool with which the model remembers something on purpose."""
        self._timed("tool", lambda: self._session(session).note(text))
        return {"failed": False}

    def status(self) -> dict[str, Any]:
        """What the memory says of itself."""
        status = self._open().status()
        return {"healthy": status.healthy, "told": status.last_error or ""}

    def settle(self, seconds: float) -> dict[str, Any]:
        """Let the writer run dry, without closing a batch: the time that passes while its user thinks."""
        return {"settled": self._open()._context.wait_for_delivery(seconds)}

    def exit(self, one_shot: bool = False) -> dict[str, Any]:  # noqa: ARG002 - there is one way to end
        """The end: close."""
        self._timed("exit", self._open().close)
        return {}

    def exit_while_a_turn_arrives(self, session: str, user: str, assistant: str) -> dict[str, Any]:
        """One thread ends the host, and when that is on its way another one records a turn."""
        memory = self._open()
        ending = threading.Thread(target=lambda: self._timed("exit", memory.close))
        ending.start()
        while ending.is_alive() and not memory._closed:
            threading.Event().wait(0.005)
        self.sync(session, user, assistant)
        ending.join()
        return {}

    def retire(self) -> dict[str, Any]:
        """One agent of several ends, and its process goes on; here it had a memory to itself."""
        self._open().close()
        self._memory = None
        self._sessions.clear()
        return {}

    def evict(self, session: str) -> dict[str, Any]:
        """The gateway drops an agent: its session ends, and nothing else is said."""
        self._sessions.pop(session).end()
        return {}

    def threads(self, at_most: int) -> dict[str, Any]:
        """How many threads there are, once those that are ending had three seconds for it."""
        gc.collect()
        until = time.monotonic() + 3
        while threading.active_count() > at_most and time.monotonic() < until:
            threading.Event().wait(0.01)
        return {"threads": threading.active_count()}

    def _open(self) -> Memory:
        assert self._memory is not None, "the program starts an agent first"
        return self._memory

    def _session(self, session: str) -> Session:
        if session not in self._sessions:
            self._sessions[session] = self._open().session(session)
        return self._sessions[session]

    def _timed(self, kind: str, call: Callable[[], T]) -> T:
        """A call on the host's thread."""
        began = time.perf_counter()
        try:
            return call()
        finally:
            self.calls.append((kind, (time.perf_counter() - began) * 1000))


def main() -> None:
    """Take steps until the input ends; then end as the interpreter does."""
    host = Host(sys.argv[1])
    for line in sys.stdin:
        step = json.loads(line)
        host.calls = []
        try:
            outcome = getattr(host, step.pop("do"))(**step)
        except Exception as error:  # noqa: BLE001 - it is reported
            outcome = {"raised": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps({**outcome, "calls": host.calls}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
