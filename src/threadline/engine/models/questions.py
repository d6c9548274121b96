"""What was made of the last questions: one asked again, of another bank or a moment later, costs nothing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

#: How many questions are remembered.
KEPT = 256


class Questions(Generic[T]):
    """Remembers what was made of the last `KEPT` questions. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[str, T] = OrderedDict()

    def get(self, text: str, make: Callable[[], T]) -> T:
        """What was made of a question, or is made now when it is not remembered."""
        with self._lock:
            if text in self._made:
                self._made.move_to_end(text)
                return self._made[text]
        made = make()
        with self._lock:
            self._made[text] = made
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        return made

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._made.clear()
