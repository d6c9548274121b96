"""The real host, told the same steps as its simulation: what is typed into it, or written to its gateway."""

# ruff: noqa: ARG002 - a step is given what any host may need

from __future__ import annotations

import json
import re
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.model import FakeModel, ModelRequest, Reply, ToolCall
from tests.hosts.hermes.harness.oneshot import OneShot, hermes
from tests.hosts.hermes.harness.waiting import HarnessError as RealHostError

from benchmarks.hermes.probed import Calls, ProbedCli, ProbedGateway, Took, use_hindsight, use_threadline

from .host import HarnessError
from .player import Player

_RECALLED = re.compile(r"<memory-context>.*?</memory-context>", re.DOTALL)
#: What keeps the host's own thread waiting. The rest is called on a worker's.
_KINDS = {
    "on_turn_start": "recall",
    "prefetch": "recall",
    "on_session_switch": "switch",
    "on_session_end": "switch",
    "on_pre_compress": "switch",
    "handle_tool_call": "tool",
}
_WORKER = "mem-sync"
#: A small conversation is compressed, too.
_CONFIG = {"compression": {"protect_first_n": 0, "protect_last_n": 2}}
BANK = "bank"
#: What a user says when something is to be kept on purpose; the turn itself may well be kept, too.
KEEP = "Keep thing number"


class User:
    """Somebody with a home, a model that says little, and sessions. A context manager.

    Attributes:
        ids: the host's names for the sessions of a scenario.
    """

    def __init__(self, player: Player, python: Path, folder: Path, url: str) -> None:
        self._player, self._url = player, url
        self.model = FakeModel(self._answer).__enter__()
        try:
            self.home = Home(folder / "user", python, self.model, config=_CONFIG)
        except BaseException:
            self.model.__exit__(None, None, None)
            raise
        self.calls = Calls(self.home)
        self.ids: dict[str, set[str]] = {}
        self._on_purpose: dict[str, str] = {}
        self._installed = False

    def __enter__(self) -> User:
        return self

    def __exit__(self, *error: Any) -> None:
        self.model.__exit__(*error)

    @property
    def memory_home(self) -> Path:
        """Where Threadline keeps its memories."""
        return self.home.hermes / "threadline"

    def configure(self, every: int = 1, timeout: float | None = None) -> None:
        """The settings that every process from now on starts with."""
        settings: dict[str, Any] = {"bank_id": BANK, "retain_every_n_turns": every}
        if timeout is not None:
            settings["timeout"] = int(timeout)
        if self._player.side == "theirs":
            use_hindsight(self.home, self._url, settings)
            return
        if not self._player.embedded:
            settings |= {"backend": "hindsight", "api_url": self._url}
        if self._installed:
            self.home.write("threadline/config.json", settings)
        else:
            use_threadline(self.home, settings)
            self._installed = True

    def remember_id(self, name: str, session: str) -> None:
        """A session of the scenario has this name in the host."""
        self.ids.setdefault(name, set()).add(session)

    def remember_on_purpose(self, message: str, text: str) -> None:
        """When the user says this message the model calls the retain tool with the text."""
        self._on_purpose[message] = text

    def last_request(self, text: str) -> ModelRequest:
        """What the model was last asked when the user had said this."""
        return self.model.asked(text)[-1]

    def _answer(self, request: ModelRequest) -> Reply:
        said = next((said for said in self._on_purpose if said in request.user), None)
        if said is None or request.answers_tools:
            return Reply("Noted.")
        tool = next(name for name in request.tools if name.endswith("_retain"))
        return Reply(tools=[ToolCall(tool, {"content": self._on_purpose[said]})])

    def run(self, *arguments: str) -> tuple[int, str]:
        """One of the host's commands, in a process of its own: its exit code and what it shows."""
        command = [hermes(self.home), *arguments]
        done = subprocess.run(
            command, env=self.home.environment, cwd=self.home.work, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr


class RealHost(ABC):
    """A process of the real host. It begins with the first step that needs it: that is when its user does something."""

    def __init__(self, user: User) -> None:
        self.user = user
        self._took: list[tuple[str, float]] = []
        self._came: list[Took] = []

    def step(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something, and wait for the outcome.

        Raises:
            HarnessError: it died, did not come back, or cannot do such a thing.
        """
        method: Callable[..., dict[str, Any] | None] | None = getattr(self, f"do_{do}", None)
        if method is None:
            raise HarnessError(f"the real host cannot {do}")
        self._took, self._came = [], []
        try:
            outcome = method(**arguments) or {}
        except RealHostError as error:
            raise HarnessError(str(error)) from error
        calls = [(kind, took.ms) for took in self._look() if (kind := _kind(took)) and do != "exit"]
        return {**outcome, "calls": calls + self._took}

    def do_start(self, session: str, **settings: Any) -> None:
        """A user sits down to it."""
        self.user.configure(**settings)
        self._begin(session)

    def do_settle(self, seconds: float) -> None:
        """The time that passes while its user thinks."""
        process = self._running()
        if process is not None:
            process.settle(seconds)

    def do_ask(self, session: str, query: str) -> dict[str, Any]:
        """Say something that is no turn of the scenario."""
        return self.do_turn(session, query, "")

    def do_queue(self, session: str, query: str) -> None:
        """What the next turn is told is looked up at the end of each."""
        self.do_turn(session, query, "")

    def do_sync(self, session: str, user: str, assistant: str, key: str | None = None) -> None:
        """A turn is recorded when it was said."""
        self.do_turn(session, user, assistant)

    def do_status(self) -> dict[str, Any]:
        """Whatever the user can see: what its status commands say, and what the terminal shows."""
        _, shown = self.user.run("memory", "status")
        if "Threadline" not in shown and "threadline" not in shown:
            return {"healthy": "not available" not in shown, "told": shown + self._screen()}
        code, status = self.user.run("threadline", "status")
        return {"healthy": code == 0 and "not available" not in shown, "told": shown + status}

    def end(self) -> float:
        """Its process has ended by then."""
        self.kill()
        return 0.0

    def kill(self) -> None:
        """SIGKILL."""
        process = self._running()
        if process is not None:
            process.kill()

    @abstractmethod
    def do_turn(self, session: str, user: str, assistant: str, key: str | None = None) -> dict[str, Any]:
        """Say something; what the model answers is up to it, and the host gives no keys."""

    @abstractmethod
    def _begin(self, session: str) -> None: ...

    @abstractmethod
    def _running(self) -> ProbedCli | ProbedGateway | None: ...

    def _look(self) -> list[Took]:
        """The provider's calls of this step up to now."""
        self._came += self.user.calls.fresh()
        return self._came

    def _screen(self) -> str:
        return "\n".join(path.read_text("utf-8", "replace") for path in self.user.home.root.glob("probed_*.log"))

    def _told(self, text: str) -> dict[str, Any]:
        """What the model was told of the past together with this message."""
        return {"recalled": "\n".join(_RECALLED.findall(self.user.last_request(text).user))}


class RealCli(RealHost):
    """`hermes chat`, at whose keyboard the scenario sits."""

    def __init__(self, user: User) -> None:
        super().__init__(user)
        self._first = ""
        self._cli: ProbedCli | None = None

    def _begin(self, session: str) -> None:
        if self._first:
            raise HarnessError("one command line has one agent")
        self._first = session

    def _running(self) -> ProbedCli | None:
        return self._cli

    def _open(self) -> ProbedCli:
        if self._cli is None:
            known = self.user.ids.get(self._first)
            self._cli = ProbedCli(self.user.home, *(["--resume", *known] if known else []))
            if not known:
                self.user.remember_id(self._first, self._cli.first_session)
        return self._cli

    def do_turn(self, session: str, user: str, assistant: str, key: str | None = None) -> dict[str, Any]:
        """Type it."""
        cli = self._open()
        if cli.session_id() not in self.user.ids[session]:
            raise HarnessError(f"the scenario takes the host to be in session {session}, and it is not")
        cli.chat(user)
        return self._told(user)

    def do_note(self, session: str, text: str) -> dict[str, Any]:
        """The user asks the model to keep something."""
        message = f"{KEEP} {len(self.user.model.requests)}, please."
        self.user.remember_on_purpose(message, text)
        self.do_turn(session, message, "")
        told = [one["content"] for one in self.user.last_request(message).messages if one["role"] == "tool"]
        return {"failed": "error" in json.loads(str(told[-1]))}

    def do_switch(self, session: str, to: str, reason: str, parent: str = "") -> None:
        """Type the command for it."""
        cli = self._open()
        match reason:
            case "resume":
                (target,) = self.user.ids[to]
                cli.command(f"/resume {target}")
            case "compression":
                cli.command("/compress")
                if all(one.call != "on_session_switch" for one in self._look()):
                    raise HarnessError("the host found nothing to compress")
            case _:
                cli.command(f"/{reason}")
        self.user.remember_id(to, cli.session_id())

    def do_undo(self, session: str, turns: int, kept: list[str]) -> None:
        """Type /undo."""
        self._open().command("/undo")

    def do_command(self, text: str) -> None:
        """Type any other command."""
        self._open().command(text)

    def do_break_off(self, session: str, user: str, leave: bool = False) -> None:
        """Ctrl-C while the model answers, or (to leave) Ctrl-D."""
        cli, model = self._open(), self.user.model
        model.reply(Reply("Not", first="No", gate=model.gate()))
        cli.submit(user)
        model.wait(lambda request: user in request.user)
        if not leave:
            cli.interrupt()
            return
        began = time.perf_counter()
        cli.press("ctrl-d")
        cli.wait()
        self._took.append(("exit", (time.perf_counter() - began) * 1000))

    def do_die_in_a_turn(self, session: str, user: str) -> None:
        """SIGKILL while the model answers."""
        cli, model = self._open(), self.user.model
        model.reply(Reply("Noted.", gate=model.gate()))
        cli.submit(user)
        model.wait(lambda request: user in request.user)
        cli.kill()

    def do_compress_in_a_turn(self, session: str, user: str) -> None:
        """The model uses a tool, and then the conversation has become too large for it."""
        self.user.model.reply(Reply(tools=[ToolCall("terminal", {"command": "true"})], tokens=190_000))
        self.do_turn(session, user, "")

    def do_exit(self, one_shot: bool = False) -> None:
        """/exit."""
        if one_shot:
            raise HarnessError("a one-shot is a process of its own")
        self._took.append(("exit", self._open().exit()))


class RealGateway(RealHost):
    """The gateway with room for one agent, and one chat for each agent of the scenario."""

    def __init__(self, user: User) -> None:
        super().__init__(user)
        self._gateway: ProbedGateway | None = None
        self._chats = 0
        self._chat = ""

    def _begin(self, session: str) -> None:
        self._chats += 1
        self._chat = f"{session}-{self._chats}"
        if self._gateway is None:
            self._gateway = ProbedGateway(self.user.home)
            self._gateway.limit_cache(1)

    def _running(self) -> ProbedGateway | None:
        return self._gateway

    def do_turn(self, session: str, user: str, assistant: str, key: str | None = None) -> dict[str, Any]:
        """Somebody writes to it."""
        assert self._gateway is not None
        self._gateway.say(self._chat, user)
        self.user.remember_id(session, self._gateway.session_id(self._chat))
        return self._told(user)

    def do_undo(self, session: str, turns: int, kept: list[str]) -> None:
        """Somebody writes /undo."""
        self.do_command("/undo")

    def do_switch(self, session: str, to: str, reason: str, parent: str = "") -> None:
        """Somebody writes the command for it."""
        assert self._gateway is not None
        target = " ".join(self.user.ids[to]) if reason == "resume" else ""
        self.do_command(f"/{reason} {target}".strip())
        self.user.remember_id(to, self._gateway.session_id(self._chat))

    def do_command(self, text: str) -> None:
        """Somebody writes a command."""
        assert self._gateway is not None
        self._gateway.say(self._chat, text)

    def do_evict(self, session: str) -> None:
        """Nothing yet: the turn of the next agent evicts this one."""

    def do_retire(self) -> None:
        """The chat is begun anew, which ends its agent properly."""
        self.do_command("/new")

    def do_threads(self, at_most: int) -> dict[str, Any]:
        """How many threads there are."""
        assert self._gateway is not None
        return {"threads": self._gateway.count_threads(at_most)}

    def do_exit(self, one_shot: bool = False) -> None:
        """Stop it."""
        assert self._gateway is not None
        self._took.append(("exit", self._gateway.stop()))


def one_shot(user: User, session: str, text: str) -> float:
    """`hermes -z`. Returns how many milliseconds passed between the model's answer and the end of the process."""
    before = {one["id"] for one in _sessions(user.home)}
    with OneShot(user.home, text) as shot:
        try:
            user.model.wait(lambda request: text in request.user)
            began = time.perf_counter()
            shot.answer()
        except RealHostError as error:
            raise HarnessError(str(error)) from error
        took = (time.perf_counter() - began) * 1000
    for one in _sessions(user.home):
        if one["id"] not in before:
            user.remember_id(session, one["id"])
    user.calls.fresh()
    return took


def _sessions(home: Home) -> list[dict[str, Any]]:
    return home.sessions() if (home.hermes / "state.db").exists() else []


def _kind(took: Took) -> str | None:
    return None if took.thread.startswith(_WORKER) else _KINDS.get(took.call)
