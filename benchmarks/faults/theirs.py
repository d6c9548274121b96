"""The bundled Hindsight provider of hermes-agent, driven as the host drives it. Runs in the host's own environment.

A step is a line of JSON on standard input, its outcome a line on standard output. The provider, the host's loader of it
and its `MemoryManager` are imported unmodified; nothing of Threadline is. Which call comes when, with which arguments
and on which thread, is read off the host: `agent/agent_init.py` (start), `agent/turn_context.py` and `run_agent.py` (a
turn), `cli.py` and `hermes_cli/` (/new, /resume, /branch, /undo, exit, `-z`), `agent/conversation_compression.py`,
`gateway/run.py` (eviction).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Host:
    """One agent with its provider, as the command line or the gateway holds it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._manager: Any = None
        self._history: list[dict[str, str]] = []
        self._warnings: list[str] = []
        self._turns = 0
        self.calls: list[tuple[str, float]] = []

    def start(self, session: str, every: int = 1, timeout: float | None = None) -> dict[str, Any]:
        """A new agent: what `init_agent` does. Recall tells every kind of memory, not observations alone."""
        from agent.memory_manager import MemoryManager
        from plugins.memory import load_memory_provider

        home = Path(os.environ["HERMES_HOME"])
        (home / "hindsight").mkdir(parents=True, exist_ok=True)
        (home / "config.yaml").write_text("memory:\n  provider: hindsight\n")
        config = {
            "mode": "local_external",
            "api_url": self._url,
            "bank_id": "bank",
            "retain_every_n_turns": every,
            "recall_types": ["world", "experience", "observation"],
            **({} if timeout is None else {"timeout": int(timeout)}),
        }
        (home / "hindsight" / "config.json").write_text(json.dumps(config))
        provider = load_memory_provider("hindsight")
        if provider is None or not provider.is_available():
            raise RuntimeError("the bundled provider cannot be loaded")
        self._manager = MemoryManager()
        self._manager.add_provider(provider)
        self._manager.initialize_all(
            session_id=session,
            platform="cli",
            hermes_home=str(home),
            agent_context="primary",
            warning_callback=self._warn,
            status_callback=self._warn,
            agent_identity="default",
            agent_workspace="hermes",
        )
        self._manager.get_all_tool_schemas()
        self._manager.build_system_prompt()
        self._history = []
        return {}

    def turn(self, session: str, user: str, assistant: str, key: str | None = None) -> dict[str, Any]:
        """What the host calls around one turn; `recalled` is what goes into the model's context before it."""
        answer = self.ask(session, user)
        self.sync(session, user, assistant, key)
        self.queue(session, user)
        return answer

    def sync(self, session: str, user: str, assistant: str, key: str | None = None) -> dict[str, Any]:  # noqa: ARG002
        """A turn that is recorded. The provider has no place for a key of it."""
        self._history += [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
        messages = list(self._history)
        self._timed("add", lambda: self._manager.sync_all(user, assistant, session_id=session, messages=messages))
        return {}

    def ask(self, session: str, query: str) -> dict[str, Any]:  # noqa: ARG002 - the host does not say which
        """What the model is told before it answers a message."""
        self._turns += 1
        self._manager.on_turn_start(self._turns, query)
        return {"recalled": self._timed("recall", lambda: self._manager.prefetch_all(query))}

    def queue(self, session: str, query: str) -> dict[str, Any]:
        """Begin the recall for the next turn; without one of its own, the message it is for is in the history alone."""
        if not self._history:
            self._history.append({"role": "user", "content": query})
        self._timed("add", lambda: self._manager.queue_prefetch_all(query, session_id=session))
        return {}

    def switch(self, session: str, to: str, reason: str, parent: str = "") -> dict[str, Any]:
        """Another session: /new, /resume, /branch, or a compression."""
        self._timed("switch", lambda: self._switch(session, to, reason, parent))
        if reason == "new":
            self._history = []
        return {}

    def _switch(self, session: str, to: str, reason: str, parent: str) -> None:
        manager = self._manager
        if reason == "new" and self._history:
            manager.commit_session_boundary_async(
                list(self._history), new_session_id=to, parent_session_id=parent, reason="new_session"
            )
        elif reason == "new":
            manager.on_session_switch(to, parent_session_id=parent, reset=True, reason="new_session")
        elif reason == "compression":
            manager.on_pre_compress(list(self._history))
            manager.build_system_prompt()
            manager.on_session_end(list(self._history))
            manager.on_session_switch(to, parent_session_id=parent or session, reset=False, reason="compression")
        else:
            manager.on_session_switch(to, parent_session_id=parent, reset=False, reason=reason)

    def undo(self, session: str, turns: int, kept: list[str]) -> dict[str, Any]:  # noqa: ARG002
        """/undo: the host says the session, and that something was taken back."""
        del self._history[-2 * turns :]
        self._timed(
            "switch",
            lambda: self._manager.on_session_switch(session, parent_session_id="", reset=False, rewound=True),
        )
        return {}

    def note(self, session: str, text: str) -> dict[str, Any]:  # noqa: ARG002
        """The tool with which the model remembers something on purpose."""
        answer = self._timed("tool", lambda: self._manager.handle_tool_call("hindsight_retain", {"content": text}))
        return {"failed": "error" in json.loads(answer)}

    def status(self) -> dict[str, Any]:
        """`hermes memory status`, and whatever the provider warned of through the callbacks it was given."""
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            importlib.import_module("hermes_cli.memory_setup").cmd_status(None)
        text = "\n".join([shown.getvalue(), *self._warnings])
        return {"healthy": "not available" not in text, "told": text}

    def settle(self, seconds: float) -> dict[str, Any]:
        """Let its queues run dry, for so long at most: the time that passes while its user thinks."""
        until = time.monotonic() + seconds
        self._manager.flush_pending(seconds)
        provider = self._manager.get_provider("hindsight")
        while provider._retain_queue.unfinished_tasks and time.monotonic() < until:
            threading.Event().wait(0.01)
        if provider._prefetch_thread is not None:
            provider._prefetch_thread.join(max(0.0, until - time.monotonic()))
        return {"settled": not provider._retain_queue.unfinished_tasks}

    def exit(self, one_shot: bool = False) -> dict[str, Any]:
        """The command line's end: flush, session end, shutdown; `hermes -z` does not flush."""
        self._timed("exit", lambda: self._exit(one_shot))
        return {}

    def exit_while_a_turn_arrives(self, session: str, user: str, assistant: str) -> dict[str, Any]:
        """One thread ends the host, and when that is on its way another one records a turn."""
        manager = self._manager
        ending = threading.Thread(target=lambda: self._timed("exit", lambda: self._exit(False)))
        ending.start()
        while ending.is_alive() and not manager._shutting_down:
            threading.Event().wait(0.005)
        self.sync(session, user, assistant)
        ending.join()
        return {}

    def retire(self) -> dict[str, Any]:
        """One agent of several ends, and its process goes on: session end, shutdown."""
        self._manager.on_session_end(list(self._history))
        self._manager.shutdown_all()
        self._manager = None
        return {}

    def evict(self, session: str) -> dict[str, Any]:  # noqa: ARG002
        """The gateway drops an agent: it hears of the session's end, and nothing else."""
        self._manager.on_session_end(list(self._history))
        self._manager = None
        return {}

    def threads(self, at_most: int) -> dict[str, Any]:
        """How many threads there are, once those that are ending had three seconds for it."""
        gc.collect()
        until = time.monotonic() + 3
        while threading.active_count() > at_most and time.monotonic() < until:
            threading.Event().wait(0.01)
        return {"threads": threading.active_count()}

    def _exit(self, one_shot: bool) -> None:
        if not one_shot:
            self._manager.flush_pending(timeout=10)
        self._manager.on_session_end(list(self._history))
        self._manager.shutdown_all()

    def _warn(self, *told: Any) -> None:
        self._warnings.append(" ".join(map(str, told)))

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
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the host prints is no answer
    for line in sys.stdin:
        step = json.loads(line)
        host.calls = []
        try:
            outcome = getattr(host, step.pop("do"))(**step)
        except Exception as error:  # noqa: BLE001 - it is reported
            outcome = {"raised": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps({**outcome, "calls": host.calls}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
