"""Runs one system in a process and an environment of its own: lines of JSON in, lines of JSON out.

    python -m benchmarks.peers.driver <module>:<class>

What the system prints goes to standard error, so that standard output holds answers only. Standard library only.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers.base import Item, Query, System


def commands(system: System) -> dict[str, Callable[[Any], Any]]:
    """What a line `[name, argument]` calls."""
    return {
        "hello": lambda _: system.budgets,
        "open": lambda folder: system.open(Path(folder)),
        "add": lambda turn: system.add([Item(*item) for item in turn]),
        "settle": lambda _: system.settle(),
        "ask": lambda query: system.ask(Query(*query)),
        "close": lambda _: system.close(),
    }


def main(name: str) -> None:
    """Answer line by line until the input ends. An error ends the process, with its traceback on standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, _, kind = name.partition(":")
    known = commands(getattr(importlib.import_module(module), kind)())
    for line in sys.stdin:
        command, argument = json.loads(line)
        answers.write(json.dumps(known[command](argument)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
