"""The host is killed at any moment, and started again: what its own log has is in memory, once and in order.

`HERMES_KILLS` says how many kills there are in all; `HERMES_SEED` where the random numbers begin.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.hosts.hermes.harness.cli import Cli
from tests.hosts.hermes.harness.gateway import Gateway
from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.model import FakeModel, ModelRequest, Reply, ToolCall
from tests.hosts.hermes.harness.waiting import HarnessError, wait_until
from threadline import Memory
from threadline.hosts.hermes.recorder import Recorder
from threadline.turns import Turn

from .conftest import Living
from .memory import heard, opened, spoken

pytestmark = pytest.mark.hermes

_KILLS = int(os.environ.get("HERMES_KILLS", "20"))
_SEED = int(os.environ.get("HERMES_SEED", "1"))
_KILLS_A_LIFE = 5
_LIVES = range(_SEED, _SEED + -(-_KILLS // _KILLS_A_LIFE))

_ROLES = {"user": r"Note \d+", "assistant": r"Heard: Note \d+", "tool": r"zebra-\d+"}
#: What is told apart: everything that is said has a number of its own, and so has every result of a tool.
_MARKS = {
    "user": re.compile(r"Note \d+"),
    "assistant": re.compile(r"Heard: Note \d+"),
    "tool": re.compile(r"zebra-\d+"),
}
#: A mark, and whether it was taken back.
Marks = list[tuple[str, bool]]


def marked(role: str, texts: Iterable[tuple[str, bool]]) -> Marks:
    return [(mark, undone) for text, undone in texts for mark in _MARKS[role].findall(text)]


def in_log(home: Home, role: str) -> dict[str, Marks]:
    """What the host's log has, by session. What stands there again is a copy: of a branch, or of a new start."""
    known: set[str] = set()
    found: dict[str, Marks] = {}
    for row in home.rows("SELECT * FROM messages WHERE role = ? ORDER BY id", role):
        undone = not row["active"] and not row["compacted"]
        for mark, gone in marked(role, [(str(row["content"]), undone)]):
            if mark not in known:
                known.add(mark)
                found.setdefault(row["session_id"], []).append((mark, gone))
    return found


def in_memory(memory: Memory, role: str) -> dict[str, Marks]:
    """What is in memory, by session."""
    found = {one.id: marked(role, _texts(memory.find_session(one.id).turns(), role)) for one in memory.sessions()}
    return {session: marks for session, marks in found.items() if marks}


def _texts(turns: Iterable[Turn], role: str) -> Iterator[tuple[str, bool]]:
    for turn in turns:
        yield from ((message.text, turn.taken_back) for message in turn.messages if message.role == role)


def acknowledged(home: Home) -> set[tuple[str, int, str]]:
    """The turns in the journal: they are promised."""
    with opened(home) as memory:
        return {
            (one.id, turn.number, str(turn.messages))
            for one in memory.sessions()
            for turn in memory.find_session(one.id).turns()
        }


def use_tools(request: ModelRequest) -> Reply:
    found = re.search(r"Note (\d+), with a tool", spoken(request.user))
    if found and not request.answers_tools:
        return Reply("Looking.", tools=[ToolCall("terminal", {"command": f"echo zebra-{found[1]}"})])
    return heard(request)


def type_into(host: Cli, text: str) -> None:
    if text.startswith("/"):
        host.command(text)
    else:
        host.chat(text)


@dataclass
class Life:
    """A conversation through several deaths of its host."""

    home: Home
    random: random.Random
    spoken: int = 0
    promised: set[tuple[str, int, str]] = field(default_factory=set)

    def kill_soon(self) -> threading.Timer:
        """Kill the host in the midst of what it does next, or a little later."""
        timer = threading.Timer(self.random.uniform(0.0, 0.7), self._kill)
        timer.start()
        return timer

    def _kill(self) -> None:
        for process in self.home.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def talk(self, say: Callable[[str], object]) -> None:
        """Say things and give commands, until the host is dead."""
        before = self.random.randint(0, 6)
        timer: threading.Timer | None = None
        try:
            for step in itertools.count():
                if step == before:
                    timer = self.kill_soon()
                text = self.random.choices(["chat", "/undo", "/branch", "/new"], [12, 2, 1, 1])[0]
                say(self.text() if text == "chat" else text)
        finally:
            if timer is not None:
                timer.join()

    def text(self) -> str:
        self.spoken += 1
        return f"Note {self.spoken}" + (", with a tool." if self.random.random() < 0.3 else ".")

    def write_to(self, gateway: Gateway, text: str) -> None:
        """In one of two chats."""
        gateway.say(self.random.choice("ab"), text)

    def last_session(self) -> list[str]:
        """What the host is told to go on with."""
        try:
            rows = self.home.rows(
                "SELECT id FROM sessions WHERE id IN (SELECT session_id FROM messages) ORDER BY started_at DESC LIMIT 1"
            )
        except HarnessError:
            return []
        return ["--resume", rows[0]["id"]] if rows else []

    def keep_promises(self) -> None:
        """Everything that was in the journal at any death is still there."""
        found = acknowledged(self.home)
        assert self.promised <= found
        self.promised = found

    def compare(self, role: str, found: Mapping[str, Marks]) -> None:
        """What was undone before it came to memory need not be there; if it is, it is there as taken back."""
        for session, marks in in_log(self.home, role).items():
            there = found.get(session, [])
            assert [mark for mark, undone in there if not undone] == [mark for mark, undone in marks if not undone]
            assert {mark for mark, undone in there if undone} <= {mark for mark, undone in marks if undone}
        assert set(found) <= set(in_log(self.home, role))

    def lacks_unfinished_turns_alone(self) -> bool:
        """Another host might still be at work on the last turn of a session, if it has no answer yet."""
        with opened(self.home) as memory:
            found = in_memory(memory, "user")
        for session, marks in in_log(self.home, "user").items():
            living = [mark for mark, undone in marks if not undone]
            there = [mark for mark, undone in found.get(session, []) if not undone]
            if there not in (living, living[:-1]):
                return False
        return True

    def settle(self) -> None:
        """The last start: it finds what it can, and what a dead host left unfinished is taken as it is."""
        assert self.spoken >= _KILLS_A_LIFE, "it hardly ever came to speak"
        with Cli(self.home) as host:
            host.chat(self.text())
            wait_until(self.lacks_unfinished_turns_alone, "the comparison with the log", 20)
            host.exit()
        self.keep_promises()
        with opened(self.home) as memory:
            Recorder(memory, self.home.hermes, patience=0).reconcile()
            again = Recorder(memory, self.home.hermes, patience=0).reconcile()
            assert not again.changed
            for role in _MARKS:
                self.compare(role, in_memory(memory, role))
            assert memory.flush()


@pytest.mark.parametrize("seed", _LIVES)
def test_kill_the_command_line(living: Living, model: FakeModel, seed: int) -> None:
    life = Life(living(retain_every_n_turns=seed % 3 + 1), random.Random(seed))
    model.answer = use_tools
    for _ in range(_KILLS_A_LIFE):
        with contextlib.suppress(HarnessError), Cli(life.home, *life.last_session()) as host:
            life.talk(partial(type_into, host))
        life.keep_promises()
    life.settle()


@pytest.mark.parametrize("seed", _LIVES[: max(1, len(_LIVES) // 4)])
def test_kill_the_gateway(living: Living, model: FakeModel, seed: int) -> None:
    life = Life(living(retain_every_n_turns=seed % 3 + 1), random.Random(seed))
    model.answer = use_tools
    for _ in range(_KILLS_A_LIFE):
        with contextlib.suppress(HarnessError), Gateway(life.home) as gateway:
            life.talk(partial(life.write_to, gateway))
        life.keep_promises()
    life.settle()
