"""The bundled Hindsight provider of hermes-agent, driven as the host drives it. Runs in the host's own environment.

A step is a line of JSON on standard input, its outcome a line on standard output. The provider and the host's
`MemoryManager` are imported unmodified; nothing of Threadline is.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any


class Host:
    """One agent with its provider, as `agent/memory_manager.py` holds it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._manager: Any = None
        self._provider: Any = None
        self._turns = 0

    def start(self, session: str, every: int = 1, bank: str = "bank", asynchronous: bool = True) -> dict[str, Any]:
        """A new agent: the host's `initialize`."""
        from agent.memory_manager import MemoryManager
        from plugins.memory.hindsight import HindsightMemoryProvider

        folder = Path(os.environ["HERMES_HOME"]) / "hindsight"
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "mode": "local_external",
            "api_url": self._url,
            "bank_id": bank,
            "retain_every_n_turns": every,
            "retain_async": asynchronous,
            "recall_types": ["world", "experience", "observation"],
            "timeout": 120,
        }
        (folder / "config.json").write_text(json.dumps(config))
        self._manager, self._provider = MemoryManager(), HindsightMemoryProvider()
        self._manager.add_provider(self._provider)
        self._manager.initialize_all(
            session, platform="cli", hermes_home=os.environ["HERMES_HOME"], agent_context="primary"
        )
        return {}

    def turn(self, session: str, user: str, assistant: str) -> dict[str, Any]:
        """What the host calls around one turn; `recalled` is what goes into the model's context before it."""
        self._turns += 1
        self._manager.on_turn_start(self._turns, user)
        recalled = self._manager.prefetch_all(user)
        self.sync(session, user, assistant)
        self._manager.queue_prefetch_all(user, session_id=session)
        return {"recalled": recalled}

    def sync(self, session: str, user: str, assistant: str) -> dict[str, Any]:
        """A turn that is only recorded."""
        self._manager.sync_all(user, assistant, session_id=session)
        return {}

    def ask(self, session: str, query: str) -> dict[str, Any]:  # noqa: ARG002 - the host does not say which
        """What the model is told before it answers a message."""
        return {"recalled": self._manager.prefetch_all(query)}

    def queue(self, session: str, query: str) -> dict[str, Any]:
        """Begin the recall for the next turn."""
        self._manager.queue_prefetch_all(query, session_id=session)
        self._manager.flush_pending(10)
        return {}

    def switch(self, session: str, to: str, reason: str, parent: str = "") -> dict[str, Any]:  # noqa: ARG002
        """Another session: /new, /reset, /resume, /branch, compression."""
        self._manager.flush_pending(10)
        if reason in ("new", "reset"):
            self._manager.on_session_end([])
        self._manager.on_session_switch(to, parent_session_id=parent, reset=reason in ("new", "reset"), reason=reason)
        return {}

    def undo(self, session: str, turns: int = 1, kept: list[str] | None = None) -> dict[str, Any]:  # noqa: ARG002
        """/undo: the host says the session, and that something was taken back."""
        self._manager.flush_pending(10)
        self._manager.on_session_switch(session, parent_session_id="", reset=False, rewound=True)
        return {}

    def note(self, session: str, text: str) -> dict[str, Any]:  # noqa: ARG002
        """The tool with which the model remembers something on purpose."""
        return {"answer": self._manager.handle_tool_call("hindsight_retain", {"content": text})}

    def status(self) -> dict[str, Any]:
        """What the provider says of itself."""
        return {"healthy": bool(self._provider.is_available()), "error": ""}

    def settle(self, seconds: float) -> dict[str, Any]:
        """Let its queues run dry, for so long at most. No host does this; it is kind to the provider."""
        until = time.monotonic() + seconds
        self._manager.flush_pending(seconds)
        writing = self._provider._retain_queue
        while writing.unfinished_tasks and time.monotonic() < until:
            threading.Event().wait(0.01)
        thread = self._provider._prefetch_thread
        if thread is not None:
            thread.join(max(0.0, until - time.monotonic()))
        return {"settled": not writing.unfinished_tasks}

    def exit(self) -> dict[str, Any]:
        """The command line's end: flush, session end, shutdown."""
        self._manager.flush_pending(10)
        self._manager.on_session_end([])
        self._manager.shutdown_all()
        return {}

    def drop(self) -> dict[str, Any]:
        """A gateway evicts the agent: it hears of the session's end, and nothing else."""
        self._manager.on_session_end([])
        self._manager = self._provider = None
        return {"threads": threading.active_count()}

    def threads(self) -> dict[str, Any]:
        """How many threads there are."""
        return {"threads": threading.active_count()}


def main() -> None:
    """Take steps until the input ends, or one is `die`."""
    host = Host(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the host prints is no answer
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
        answers.write(json.dumps(outcome) + "\n")
        answers.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
