"""The host's command line, told what is typed."""

from __future__ import annotations

from typing import Any

from .home import Home
from .process import Driven, timed
from .waiting import SECONDS


class Cli(Driven):
    """`hermes chat` in a process of its own. It is ready when it was made. A context manager that kills."""

    def __init__(self, home: Home, *arguments: str) -> None:
        super().__init__(home, "cli_driver.py", *arguments)
        try:
            self.first_session: str = self.next_event("ready")["session"]
        except BaseException:
            self.kill()
            raise

    def chat(self, text: str, seconds: float = SECONDS) -> str:
        """Type a message, and wait for the turn's end. Returns what the host showed as the answer."""
        self.submit(text)
        return self.turn(seconds)["said"] or ""

    def submit(self, text: str) -> None:
        """Type a message and do not wait. While a turn runs this interrupts it, and becomes the next turn."""
        self.step("submit", text=text)

    def turn(self, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait for the end of the next turn that ends: `said`, `session`, `interrupted`."""
        return self.next_event("turn", seconds)

    def command(self, text: str, seconds: float = SECONDS) -> str:
        """Type a slash command, and wait until it is done. Returns the session that the host is on then.

        `/retry` only queues its turn: wait for it with `turn`.
        """
        self.submit(text)
        session: str = self.next_event("command", seconds)["session"]
        return session

    def interrupt(self) -> dict[str, Any]:
        """Ctrl-C while a turn runs; returns when the turn has ended."""
        self.press("ctrl-c")
        return self.turn()

    def press(self, key: str) -> None:
        """A key: `ctrl-c`, `ctrl-d`, `enter`, or characters."""
        self.step("press", key=key)

    def session_id(self) -> str:
        """The session that the host is on."""
        session: str = self.step("session")
        return session

    def history(self) -> list[dict[str, Any]]:
        """The conversation as the host holds it."""
        history: list[dict[str, Any]] = self.step("history")
        return history

    def threads(self) -> list[str]:
        """The names of the threads in its process."""
        threads: list[str] = self.step("threads")
        return threads

    def exit(self, text: str = "/exit") -> float:
        """Leave as a user does, and wait for the process's end. Returns how many milliseconds that took."""

        def leave() -> None:
            self.submit(text)
            self.wait()

        return timed(leave)
