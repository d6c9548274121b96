"""The host on a terminal: typed into, read from, and hung up."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import threading

from .home import Home
from .oneshot import hermes
from .process import Child, timed
from .waiting import SECONDS, HarnessError

_ESCAPE = re.compile(
    r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][0-9A-B]|[=>78cDEHMNOZ])|[\x00-\x08\x0b-\x1f]"
)
_ROWS, _COLUMNS = 40, 120
_LOOK = 0.02
#: What the input line shows when it takes a message, and what the host prints first when it leaves.
_PROMPT, _LEAVING = "\u276f", "Shutting down"
#: Run first in the child, which leads a session already: the screen becomes the terminal that controls it.
_OWN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal(Child):
    """`hermes` as a user starts it, with its real screen. Ready when it was made. A context manager that kills."""

    def __init__(self, home: Home, *arguments: str) -> None:
        self._keyboard, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        self._log = home.root / "terminal.log"
        self._seen = ""
        self._changed = threading.Condition()
        self._reading = True
        command = [sys.executable, "-I", "-S", "-c", _OWN, hermes(home), *arguments]
        super().__init__(home, command, stdin=screen, stdout=screen, stderr=screen)
        os.close(screen)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.wait_for(_PROMPT)
        except BaseException:
            self.kill()
            raise

    @property
    def screen(self) -> str:
        """Everything that was shown up to now, without the terminal's commands."""
        return self._seen

    def type(self, text: str) -> None:
        """Keys, as they are."""
        os.write(self._keyboard, text.encode())

    def enter(self, text: str) -> None:
        """A line. The Enter key comes apart from the text, which would otherwise be taken for pasted."""
        mark = len(self._seen)
        self.type(text)
        self.wait_for(text[-20:], mark)
        self.type("\r")

    def wait_for(self, text: str, after: int = 0, seconds: float = SECONDS) -> int:
        """Wait until a text was shown, beyond a place in `screen`. Returns the place after it.

        Raises:
            HarnessError: it was not.
        """
        self._shows(text, after, seconds)
        place = self._seen.find(text, after)
        if place < 0:
            raise HarnessError(f"{text!r} was not shown; the screen ends: {self._seen[-1500:]}\n{self.home.tail()}")
        return place + len(text)

    def hang_up(self) -> float:
        """Close the window, so that the kernel sends SIGHUP. Returns how many milliseconds the process's end took."""

        def go() -> None:
            self.close()
            self.wait()

        return timed(go)

    def leave(self, keys: str = "/exit") -> float:
        """Leave as a user does: `/exit`, or by a key, `\x04` (Ctrl-D) or `\x03` (Ctrl-C). Returns milliseconds.

        A key is pressed again each second until the host leaves: while it prints, the terminal swallows keys.
        """

        def go() -> None:
            mark = len(self._seen)
            if keys >= " ":
                self.enter(keys)
            else:
                for _ in range(int(SECONDS)):
                    self.type(keys)
                    if self._shows(_LEAVING, mark, 1.0):
                        break
            self.wait()

        return timed(go)

    def close(self) -> None:
        """Let go of the terminal."""
        self._reading = False
        self._reader.join()
        if self._keyboard >= 0:
            os.close(self._keyboard)
            self._keyboard = -1

    def _shows(self, text: str, after: int, seconds: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: text in self._seen[after:] or not self._reading, seconds)
            return text in self._seen[after:] or not self._reading

    def _read(self) -> None:
        with self._log.open("ab") as log:
            while self._reading:
                if not select.select([self._keyboard], [], [], _LOOK)[0]:
                    continue
                try:
                    found = os.read(self._keyboard, 65536)
                except OSError:  # nobody has the screen any more
                    break
                log.write(found)
                log.flush()
                with self._changed:
                    self._seen += _ESCAPE.sub("", found.decode("utf-8", "replace"))
                    self._changed.notify_all()
        with self._changed:
            self._reading = False
            self._changed.notify_all()
