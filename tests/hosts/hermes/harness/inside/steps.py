"""Steps in and outcomes out, as lines of JSON over the standard streams a driver was started with."""

from __future__ import annotations

import json
import os
import threading
from typing import Any


class Steps:
    """The line to the test. What the host prints goes to its log from here on, and it reads nothing."""

    def __init__(self) -> None:
        self._steps = os.fdopen(os.dup(0), encoding="utf-8")
        self._told = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self._telling = threading.Lock()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def tell(self, **line: Any) -> None:
        """One line to the test."""
        with self._telling:
            self._told.write(json.dumps(line, default=str) + "\n")
            self._told.flush()

    def take(self, driver: object) -> None:
        """Carry out steps until the input ends: a step names a method of the driver."""
        for line in self._steps:
            step = json.loads(line)
            try:
                self.tell(outcome=getattr(driver, step.pop("do"))(**step))
            except Exception as error:  # noqa: BLE001 - it is told
                self.tell(raised=f"{type(error).__name__}: {error}")
