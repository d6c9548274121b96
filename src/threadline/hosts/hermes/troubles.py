"""What goes wrong and is not the host's to handle: kept by topic, and told once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger("threadline.hermes")

#: How a host is told.
Tell = Callable[[str], object]


class Troubles:
    """What is wrong just now, one line for each topic. What is right again is forgotten, and told when it returns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[str, str] = {}
        self._tell: Tell | None = None

    def tell_to(self, tell: Tell | None) -> None:
        """Say from now on what goes wrong, and now what is wrong already."""
        with self._lock:
            self._tell = tell
            lines = list(dict.fromkeys(self._lines.values()))
        for line in lines:
            self._say(line)

    def add(self, topic: str, problem: object) -> None:
        """Something went wrong."""
        line = " ".join(f"Threadline: {problem}".split())
        with self._lock:
            known = line in self._lines.values()
            self._lines[topic] = line
        if not known:
            _log.warning("%s", line)
            self._say(line)

    def clear(self, *topics: str) -> None:
        """It is right again."""
        with self._lock:
            for topic in topics:
                self._lines.pop(topic, None)

    def get(self, topic: str) -> str:
        """What is wrong with a topic; empty where nothing is."""
        return self._lines.get(topic, "")

    @property
    def lines(self) -> list[str]:
        """Everything that is wrong, each once."""
        with self._lock:
            return list(dict.fromkeys(self._lines.values()))

    def _say(self, line: str) -> None:
        if self._tell is not None:
            self._tell(line)
