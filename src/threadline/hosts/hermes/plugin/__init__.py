"""Threadline as the memory of Hermes Agent. Written by `threadline hermes install`; changes here are lost.

The provider itself is in the package `threadline`. This file stands alone on purpose: the host runs the files beside
it first, and it must say something sensible also where that package is not installed.
"""

from __future__ import annotations

import sys
from typing import Any

_said: list[str] = []


def register(ctx: Any) -> None:
    """Called by the host, once for each agent."""
    try:
        from threadline.hosts.hermes import register as register_threadline
    except ImportError as error:
        ctx.register_memory_provider(_stand_in(_problem(error)))
    else:
        register_threadline(ctx)


def _problem(error: ImportError) -> str:
    pip = f"{sys.executable} -m pip install"
    if (getattr(error, "name", None) or "").split(".")[0] == "threadline":
        return (
            f"Threadline is not installed in the Python that runs Hermes, so it remembers nothing. Run: {pip} "
            "--upgrade threadline"
        )
    return (
        f"Threadline cannot be loaded ({error}), so it remembers nothing. Run: {pip} --upgrade --force-reinstall "
        "threadline"
    )


def _say(problem: str) -> None:
    """Once in a process, on one line: the host asks several times, and passes over what does not load."""
    if problem not in _said:
        _said.append(problem)
        import logging

        logging.getLogger(__name__).warning("%s", problem)
        if sys.stderr is not None:
            print(problem, file=sys.stderr)  # noqa: T201 - the host has no place of its own for it


def _stand_in(problem: str) -> Any:
    from agent.memory_provider import MemoryProvider

    class Missing(MemoryProvider):  # type: ignore[misc]  # the host's, not there when this is checked
        """What the host gets where Threadline is missing: it remembers nothing, and says why."""

        name = "threadline"

        def is_available(self) -> bool:
            _say(problem)
            return False

        def unavailable_reason(self) -> str:
            return problem

        def get_status_config(self, *_: Any) -> dict[str, str]:
            return {"problem": problem}

        def post_setup(self, *_: Any) -> None:
            _say(problem)

        def initialize(self, *_: Any, **__: Any) -> None:
            _say(problem)

        def get_tool_schemas(self) -> list[Any]:
            return []

        def handle_tool_call(self, *_: Any, **__: Any) -> str:
            return '{"error": "Threadline is not installed."}'

    return Missing()
