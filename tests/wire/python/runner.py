"""Every public method of the official client, each against a bank of its own. Runs in the environment of that client.

`python -P runner.py URL sync|async` prints a line of JSON: `cases`, method by method why it failed (null: it did not),
and `without`, the methods that no case is for. Nothing but the client is imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import sys
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hindsight_client import Hindsight

_WAIT_SECONDS = 60.0
_CONTROL = {"close", "suspend_retains"}


class Wire:
    """A client, called as its users call it: by its sync methods, or by the async ones in a running loop."""

    def __init__(self, url: str, mode: str, loop: asyncio.AbstractEventLoop) -> None:
        self.url, self.mode, self.loop = url, mode, loop
        self.client = Hindsight(base_url=url, timeout=60.0)
        self._banks = 0

    def __call__(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Call a method; a sync one where an old client has no other."""
        found = getattr(self.client, f"a{method}", None) if self.mode == "async" else None
        if found is None:
            return getattr(self.client, method)(*arguments, **named)
        return self.wait(found(*arguments, **named))

    def wait(self, awaitable: Any) -> Any:
        """Call an async method."""
        return self.loop.run_until_complete(awaitable)

    def bank(self) -> str:
        """The name of a bank that nobody else has."""
        self._banks += 1
        return f"wire {self.mode} {self._banks} {uuid.uuid4().hex[:6]}"

    def stocked(self) -> str:
        """A bank with three memories in two documents."""
        bank = self.bank()
        self(
            "retain_batch",
            bank,
            [
                {"content": "Alice Novak moved to Oslo in March.", "document_id": "moves", "tags": ["people"]},
                {"content": "Carla plays chess in Lima.", "document_id": "games", "metadata": {"source": "chat"}},
                {"content": "Deniz grows tomatoes on the roof.", "document_id": "garden"},
            ],
        )
        return bank

    def settled(self, bank: str, operation: str) -> Any:
        """An operation once it has ended."""
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            found = self.wait(self.client.operations.get_operation_status(bank, operation))
            if found.status not in ("pending", "processing") or time.monotonic() > until:
                return found
            self.wait(asyncio.sleep(0.05))


@contextlib.contextmanager
def refused(status: int) -> Iterator[None]:
    """What is called within is answered with this status, as the client tells it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - generated calls and written ones raise different classes
        found = getattr(error, "status", None)
        assert found == status, f"{type(error).__name__} {found}: {error}"
    else:
        raise AssertionError(f"nothing was refused, where {status} was to be")


def methods(mode: str) -> set[str]:
    """The names of the client's public methods, those of one mode, without the `a` of the async ones."""
    named = {
        name
        for name, value in inspect.getmembers_static(Hindsight)
        if not name.startswith("_") and not isinstance(value, property)
    }
    either = {name for name in named if f"a{name}" in named or name in _CONTROL}
    alone = named - either - {f"a{name}" for name in either}
    if mode == "sync":
        return named - {f"a{name}" for name in either}
    return {name for name in either if f"a{name}" in named} | {name[1:] for name in alone if name[0] == "a"}


def run(url: str, mode: str, cases: dict[str, Callable[[Wire], None]]) -> dict[str, Any]:
    """Run the case of each method there is."""
    there = methods(mode)
    outcome: dict[str, str | None] = {}
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # the sync methods run in it
    wire = Wire(url, mode, loop)
    for name in sorted(there & cases.keys()):
        try:
            cases[name](wire)
            outcome[name] = None
        except Exception:  # noqa: BLE001 - it is reported
            outcome[name] = traceback.format_exc(limit=-6)
    wire("close")
    loop.close()
    return {"cases": outcome, "without": sorted(there - cases.keys())}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(Path(__file__).parent))
    from cases import CASES

    print(json.dumps(run(sys.argv[1], sys.argv[2], CASES)))  # noqa: T201 - it is what this is for
