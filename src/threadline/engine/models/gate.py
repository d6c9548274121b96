"""The way into models that run in C++, closed when the interpreter ends."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Iterator

from threadline.errors import ClosedError

_LEAVE_SECONDS = 5.0  # loading a model takes the longest, 0.2 to 0.9 s for the default one


class _Gate:
    """Lets no thread into a model once the interpreter is ending, and waits for those that are in it.

    Python ends a daemon thread where it next asks for the interpreter lock. In the middle of C++ that aborts the
    whole process.
    """

    def __init__(self) -> None:
        self._open()
        atexit.register(self._shut)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._open)  # the threads inside are the parent's

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Be inside for a moment.

        Raises:
            ClosedError: the interpreter is ending.
        """
        with self._changed:
            if self._ending:
                raise ClosedError("The program is ending; what this was for is tried again at the next start.")
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def _open(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._ending = False

    def _shut(self) -> None:
        with self._changed:
            self._ending = True
            self._changed.wait_for(lambda: not self._inside, _LEAVE_SECONDS)


GATE = _Gate()
