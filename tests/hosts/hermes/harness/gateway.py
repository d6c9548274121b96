"""The host's gateway, and the people who write to it."""

from __future__ import annotations

import signal
from typing import Any

from .home import Home
from .process import Driven, timed
from .waiting import SECONDS, wait_until


class Gateway(Driven):
    """The gateway in a process of its own, taking messages when it was made. A context manager that kills."""

    def __init__(self, home: Home) -> None:
        channel = {"platform": "desk", "chat_id": "home", "name": "Home"}  # without one it keeps asking for one
        home.configure({"platforms": {"desk": {"enabled": True, "home_channel": channel}}})
        home.environment["DESK_ALLOW_ALL_USERS"] = "1"
        super().__init__(home, "gateway_driver.py")
        try:
            self.next_event("ready")
        except BaseException:
            self.kill()
            raise

    def say(self, chat: str, text: str, user: str = "ann", kind: str = "dm", seconds: float = SECONDS) -> str:
        """Write a message or a command, and wait until the gateway is done with it. Returns all that it answered."""
        self.submit(chat, text, user, kind)
        return "\n".join(self.turn(chat, seconds)["said"])

    def submit(self, chat: str, text: str, user: str = "ann", kind: str = "dm") -> None:
        """Write and do not wait. `kind` is dm, group or channel."""
        self.step("say", chat=chat, text=text, user=user, kind=kind)

    def interrupt(self, chat: str, text: str, user: str = "ann", kind: str = "dm") -> None:
        """Write while a turn runs, once the gateway knows that it does: before, it would queue the message."""
        wait_until(lambda: self.step("running", chat=chat), "a running turn", tail=self.home.tail)
        self.submit(chat, text, user, kind)

    def turn(self, chat: str, seconds: float = SECONDS) -> dict[str, Any]:
        """Wait until the next message of a chat is dealt with: `text`, `said`, `session`, `outcome`."""
        return self.next_event("turn", seconds, lambda event: event["chat"] == chat)

    def session_id(self, chat: str) -> str:
        """The session that a chat is on."""
        session: str = self.step("session", chat=chat)
        return session

    def cached(self) -> list[str]:
        """The sessions whose agents the gateway keeps, least recently used first."""
        sessions: list[str] = self.step("cached")
        return sessions

    def limit_cache(self, size: int) -> None:
        """How many agents it keeps; the next turn evicts those beyond it."""
        self.step("limit_cache", size=size)

    def expire(self, chat: str) -> None:
        """Let the watcher find a chat's session expired. Its reset policy must say that sessions expire at all."""
        self.step("expire", chat=chat)

    def threads(self) -> list[str]:
        """The names of the threads in its process."""
        threads: list[str] = self.step("threads")
        return threads

    def stop(self, number: int = signal.SIGINT) -> float:
        """Stop it by a signal, and wait for the process's end. Returns how many milliseconds that took."""

        def leave() -> None:
            self.signal(number)
            self.wait()

        return timed(leave)
