"""A memory provider that notes every call it gets, as one line of JSON each. Copied into a home as a plug-in.

What it answers is read from `recorder.json` in the
home: `recall` (what `prefetch` returns), `prompt` (its block of the system prompt), `slow` (call -> seconds),
`fail` (calls that raise).
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from agent.memory_provider import MemoryProvider

_numbers = itertools.count(1)
_writing = threading.Lock()


class Recorder(MemoryProvider):  # type: ignore[misc]
    """One instance an agent; they are numbered within a process."""

    def __init__(self) -> None:
        self._home = Path(os.environ["HERMES_HOME"])
        self._number = next(_numbers)

    @property
    def name(self) -> str:
        """What `memory.provider` calls it."""
        return "recorder"

    def is_available(self) -> bool:
        """Always."""
        self._note("is_available")
        return True

    def initialize(self, session_id: str, **kwargs: Any) -> None:
        """Callbacks are told by their names alone."""
        self._note("initialize", session_id=session_id, **kwargs)

    def get_tool_schemas(self) -> list[dict[str, Any]]:
        """Two tools: one that answers, one that fails."""
        self._note("get_tool_schemas")
        parameters = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
        return [
            {"name": "recorder_note", "description": "Note a text.", "parameters": parameters},
            {"name": "recorder_fail", "description": "Fail.", "parameters": parameters},
        ]

    def system_prompt_block(self) -> str:
        """What the home says."""
        self._note("system_prompt_block")
        return str(self._settings().get("prompt", ""))

    def prefetch(self, query: str, **kwargs: Any) -> str:
        """What the home says."""
        self._note("prefetch", query=query, **kwargs)
        return str(self._settings().get("recall", ""))

    def queue_prefetch(self, query: str, **kwargs: Any) -> None:
        """Nothing."""
        self._note("queue_prefetch", query=query, **kwargs)

    def sync_turn(self, user_content: str, assistant_content: str, **kwargs: Any) -> None:
        """Nothing."""
        self._note("sync_turn", user=user_content, assistant=assistant_content, **kwargs)

    def handle_tool_call(self, tool_name: str, args: dict[str, Any], **kwargs: Any) -> str:
        """An acknowledgement, or a failure."""
        self._note("handle_tool_call", tool_name=tool_name, args=args, **kwargs)
        if tool_name == "recorder_fail":
            raise RuntimeError("the tool failed")
        return json.dumps({"noted": args.get("text")})

    def shutdown(self) -> None:
        """Nothing."""
        self._note("shutdown")

    def on_turn_start(self, turn_number: int, message: str, **kwargs: Any) -> None:
        """Nothing."""
        self._note("on_turn_start", turn_number=turn_number, message=message, **kwargs)

    def on_session_end(self, messages: list[dict[str, Any]]) -> None:
        """Nothing."""
        self._note("on_session_end", messages=messages)

    def on_session_switch(self, new_session_id: str, **kwargs: Any) -> None:
        """Nothing."""
        self._note("on_session_switch", new_session_id=new_session_id, **kwargs)

    def on_pre_compress(self, messages: list[dict[str, Any]]) -> str:
        """What the home says."""
        self._note("on_pre_compress", messages=messages)
        return str(self._settings().get("compress", ""))

    def on_delegation(self, task: str, result: str, **kwargs: Any) -> None:
        """Nothing."""
        self._note("on_delegation", task=task, result=result, **kwargs)

    def on_memory_write(self, action: str, target: str, content: str, metadata: Any = None) -> None:
        """Nothing."""
        self._note("on_memory_write", action=action, target=target, content=content, metadata=metadata)

    def _settings(self) -> dict[str, Any]:
        try:
            settings: dict[str, Any] = json.loads((self._home / "recorder.json").read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return settings

    def _note(self, call: str, **arguments: Any) -> None:
        settings = self._settings()
        line = json.dumps(
            {
                "call": call,
                "instance": self._number,
                "process": os.getpid(),
                "thread": threading.current_thread().name,
                "main": threading.current_thread() is threading.main_thread(),
                "at": time.monotonic(),
                "arguments": arguments,
            },
            default=lambda value: getattr(value, "__name__", str(value)),
        )
        with _writing, (self._home / "recorder.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        time.sleep(settings.get("slow", {}).get(call, 0))
        if call in settings.get("fail", ()):
            raise RuntimeError(f"{call} failed")


def register(ctx: Any) -> None:
    """Called once an agent."""
    ctx.register_memory_provider(Recorder())
