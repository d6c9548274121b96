"""Threadline, driven by the same steps as the bundled provider, on the same server."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from threadline import Memory, Recalled, Session, ThreadlineError

_REASONS = {"new": "new", "reset": "reset", "resume": "resume", "branch": "branch", "compression": "compression"}
_RECALL_SECONDS = 1.5


class Host:
    """One agent of a host that calls the session layer. It has no state but the memory: sessions are arguments."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._memory: Memory | None = None
        self._calls = 0

    def start(self, session: str, every: int = 1, bank: str = "bank", asynchronous: bool = True) -> dict[str, Any]:  # noqa: ARG002
        """A new agent opens the memory and its session."""
        self._memory = Memory.open(
            os.environ["THREADLINE_HOME"],
            bank=bank,
            backend="hindsight",
            backend_options={"url": self._url},
            retain_every_n_turns=every,
            idle_seconds=3600,
            shutdown_seconds=10,
        )
        self._session(session)
        return {}

    def turn(self, session: str, user: str, assistant: str) -> dict[str, Any]:
        """Recall for the message itself, record the turn, begin the next recall."""
        recalled = self.ask(session, user)
        self.sync(session, user, assistant)
        self._session(session).prefetch(user, scope="bank")
        return recalled

    def sync(self, session: str, user: str, assistant: str) -> dict[str, Any]:
        """A turn that is only recorded."""
        self._calls += 1
        self._session(session).add_turn(user=user, assistant=assistant)
        return {}

    def ask(self, session: str, query: str) -> dict[str, Any]:
        """What the model is told before it answers a message: the whole bank's memories of it, within a deadline."""
        try:
            found: list[Recalled] = self._session(session).prefetched(query, _RECALL_SECONDS, scope="bank")
        except ThreadlineError as error:
            return {"recalled": "", "raised": str(error)}
        return {"recalled": "\n".join(one.text for one in found)}

    def queue(self, session: str, query: str) -> dict[str, Any]:
        """Begin the recall for the next turn."""
        self._session(session).prefetch(query, scope="bank")
        return {}

    def switch(self, session: str, to: str, reason: str, parent: str = "") -> dict[str, Any]:
        """Another session."""
        self._session(session).switch(to, reason=_REASONS[reason], parent=parent or None)  # type: ignore[arg-type]
        return {}

    def undo(self, session: str, turns: int = 1, kept: list[str] | None = None) -> dict[str, Any]:
        """/undo, by count or by what the host still has."""
        if kept is None:
            self._session(session).rewind(turns)
        else:
            self._session(session).rewind_to(kept)
        return {}

    def note(self, session: str, text: str) -> dict[str, Any]:
        """The tool with which the model remembers something on purpose."""
        return {"answer": self._session(session).note(text).id}

    def status(self) -> dict[str, Any]:
        """What the memory says of itself."""
        status = self._open().status()
        return {"healthy": status.healthy, "error": status.last_error or ""}

    def settle(self, seconds: float) -> dict[str, Any]:
        """Let the writer run dry, without closing a batch."""
        context = self._open()._context
        return {"settled": context.wait_for_delivery(seconds)}

    def exit(self) -> dict[str, Any]:
        """The end: close."""
        self._open().close()
        return {}

    def drop(self) -> dict[str, Any]:
        """A gateway evicts the agent."""
        self._open().close()
        self._memory = None
        return {"threads": threading.active_count()}

    def threads(self) -> dict[str, Any]:
        """How many threads there are."""
        return {"threads": threading.active_count()}

    def _open(self) -> Memory:
        assert self._memory is not None, "the program starts an agent first"
        return self._memory

    def _session(self, session: str) -> Session:
        return self._open().session(session)


def main() -> None:
    """Take steps until the input ends, or one is `die`."""
    host = Host(sys.argv[1])
    for line in sys.stdin:
        step = json.loads(line)
        name = step.pop("do")
        if name == "die":
            os._exit(9)
        began = time.perf_counter()
        try:
            outcome = getattr(host, name)(**step)
        except Exception as error:  # noqa: BLE001 - it is reported
            outcome = {"raised": f"{type(error).__name__}: {error}"}
        outcome["ms"] = (time.perf_counter() - began) * 1000
        sys.stdout.write(json.dumps(outcome) + "\n")
        sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
