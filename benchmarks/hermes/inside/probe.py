"""Within the host: how long each call of its memory provider takes, and when a provider has nothing left to do.

The provider that the host loaded is given wrapped methods that note their time; which call comes when, on which thread,
with which arguments, stays the host's doing. A note is one line of JSON in `calls.jsonl`, written after the call has
returned, so that neither its own time nor a kill changes what is measured.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CALLS = (
    "initialize",
    "system_prompt_block",
    "on_turn_start",
    "prefetch",
    "sync_turn",
    "queue_prefetch",
    "handle_tool_call",
    "on_session_switch",
    "on_session_end",
    "on_pre_compress",
    "on_delegation",
    "on_memory_write",
    "shutdown",
)


class Probe:
    """Watches every provider that the host loads from now on."""

    def __init__(self) -> None:
        path = Path(os.environ["HERMES_HOME"]).parent / "calls.jsonl"
        self._notes = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._managers: weakref.WeakSet[Any] = weakref.WeakSet()

    def watch(self) -> None:
        """Time the loading of a provider, and the calls of each that is loaded."""
        plugins: Any = importlib.import_module("plugins.memory")
        plugins.load_memory_provider = self._timed("load", plugins.load_memory_provider)
        manager: Any = importlib.import_module("agent.memory_manager").MemoryManager
        add = manager.add_provider

        def watched_add(one: Any, provider: Any) -> Any:
            self._managers.add(one)
            for name in _CALLS:
                if hasattr(provider, name):
                    setattr(provider, name, self._timed(name, getattr(provider, name)))
            return add(one, provider)

        manager.add_provider = watched_add

    def settle(self, seconds: float) -> None:
        """Let the queues of every provider run dry, for so long at most: what passes while a user thinks."""
        until = time.monotonic() + seconds
        for manager in list(self._managers):
            manager.flush_pending(max(0.0, until - time.monotonic()))
            for provider in manager.providers:
                settle = _SETTLE.get(provider.name)
                if settle is not None:
                    settle(provider, until)

    def count_threads(self, at_most: int) -> int:
        """How many threads there are, once those that are ending had three seconds for it."""
        gc.collect()
        until = time.monotonic() + 3
        while threading.active_count() > at_most and time.monotonic() < until:
            threading.Event().wait(0.01)
        return threading.active_count()

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)  # the host looks at signatures
        def timed(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                self._note(name, (time.perf_counter() - began) * 1000)

        return timed

    def _note(self, name: str, took: float) -> None:
        line = {"call": name, "ms": took, "thread": threading.current_thread().name}
        os.write(self._notes, (json.dumps(line) + "\n").encode())


def _settle_hindsight(provider: Any, until: float) -> None:
    while provider._retain_queue.unfinished_tasks and time.monotonic() < until:
        threading.Event().wait(0.01)
    if provider._prefetch_thread is not None:
        provider._prefetch_thread.join(max(0.0, until - time.monotonic()))


def _settle_threadline(provider: Any, until: float) -> None:
    errands = provider._errands
    while errands._waiting and time.monotonic() < until:
        threading.Event().wait(0.01)
    opened = provider._access.opened if provider._access is not None else None
    if opened is not None:
        opened.memory._context.wait_for_delivery(max(0.0, until - time.monotonic()))


_SETTLE: dict[str, Callable[[Any, float], None]] = {"hindsight": _settle_hindsight, "threadline": _settle_threadline}
