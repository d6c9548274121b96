"""Waiting for what is seen only by looking again, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: How long anything may take before it counts as hung, in seconds. The host gives itself up to 30 to exit.
SECONDS = 45.0
_LOOK = 0.01


class HarnessError(AssertionError):
    """The host did not do what a test waits for."""


def wait_until(look: Callable[[], T | None], what: str, seconds: float = SECONDS, tail: Callable[[], str] = str) -> T:
    """Look until there is something to see, and return it.

    Raises:
        HarnessError: it did not come; the message holds what is to be told of the host.
    """
    until = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > until:
            raise HarnessError(f"{what} did not come within {seconds} s. {tail()}")
        pause.wait(_LOOK)
