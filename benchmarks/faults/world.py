"""A home, a server with scripted faults, and what was said: what a scenario plays on, on one side."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.hindsight.fake import FakeHindsight
from tests.hindsight.http import Fault, HttpHindsight, Kind

from .holding import Document, Holding, JournalHolding, ServerHolding
from .host import HarnessError, Host
from .outcome import Outcome
from .player import Player, Pythons
from .real import BANK, KEEP, RealCli, RealGateway, RealHost, User, one_shot

RETAIN = r"POST .*/memories$"
RECALL = r"POST .*/memories/recall$"


AnyHost = Host | RealHost

_MINUTE = 60.0


@dataclass(slots=True)
class Said:
    """One turn that was said, and whether it was taken back."""

    marker: str
    session: str
    undone: bool = False


class World:
    """One scenario on one side. A context manager that ends every process of it."""

    def __init__(
        self, player: Player, pythons: Pythons | None, version: str = "1.1.0", *, gateway: bool = False
    ) -> None:
        self.player, self.side = player, player.side
        self.fake = FakeHindsight(version)
        self.server = HttpHindsight(self.fake)
        self.said: list[Said] = []
        self.outcome = Outcome(player.side, player.real)
        self._python = None if pythons is None else pythons[player.side]
        self._gateway = gateway
        self._folder = Path(tempfile.mkdtemp(prefix="threadline-faults-"))
        self._hosts: list[AnyHost] = []
        self._user: User | None = None
        self._holding: Holding = ServerHolding(self.fake, BANK)

    def __enter__(self) -> Self:
        self.server.start_listening()
        try:
            self._arrange()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _arrange(self) -> None:
        if not self.player.real:
            return
        if self._python is None:
            raise ValueError("the real host needs the interpreter of an environment with hermes-agent")
        self._user = User(self.player, self._python, self._folder, self.server.url)
        if self.player.embedded:
            self._holding = JournalHolding(self._user.memory_home, BANK)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self._hosts:
            with contextlib.suppress(OSError):
                host.kill()
        if self._user is not None:
            self._user.__exit__(kind, error, trace)
        self.server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # What a host does

    def start(self, session: str, **options: Any) -> AnyHost:
        """A process with an agent in it."""
        host = self._new_host()
        self._hosts.append(host)
        self.begin(host, session, **options)
        return host

    def _new_host(self) -> AnyHost:
        if self._user is None:
            return Host(self.side, self._folder, self.server.url, self._python if self.side == "theirs" else None)
        return RealGateway(self._user) if self._gateway else RealCli(self._user)

    def begin(self, host: AnyHost, session: str, **options: Any) -> None:
        """An agent in a process that is there already."""
        answer = host.step("start", session=session, **options)
        if "raised" in answer:
            raise HarnessError(f"{self.player.name} does not start: {answer['raised']}")

    def step(self, host: AnyHost, do: str, **arguments: Any) -> dict[str, Any]:
        """Something that the host does, with what it took and what it raised."""
        answer = host.step(do, **arguments)
        for kind, took in answer["calls"]:
            self.outcome.took(kind, took)
        if "raised" in answer:
            if self.side == "theirs":  # the host's manager lets nothing through: it is the driver that is wrong
                raise HarnessError(f"theirs, {do}: {answer['raised']}")
            self.outcome.raised.append(answer["raised"])
        return answer

    def say(self, host: AnyHost, session: str, about: str = "", *, late: bool = False, key: str | None = None) -> str:
        """A turn; returns the word that nothing else has. `late`: recorded only, after the host went elsewhere."""
        marker = self._next_marker(session)
        self.say_again(host, session, marker, about, late=late, key=key)
        return marker

    def _next_marker(self, session: str) -> str:
        marker = f"marker{len(self.said) + 1}x"
        self.said.append(Said(marker, session))
        return marker

    def say_again(
        self, host: AnyHost, session: str, marker: str, about: str = "", *, late: bool = False, key: str | None = None
    ) -> None:
        """The same turn, handed in once more."""
        text = _user_text(marker, about)
        self.step(host, "sync" if late else "turn", session=session, user=text, assistant="Noted.", key=key)

    def break_off(self, host: AnyHost, session: str, *, leave: bool = False) -> None:
        """A turn whose answer is interrupted, or (to leave) in which the host is left."""
        self._say_and(host, session, "break_off", leave=leave)

    def die_in_a_turn(self, host: AnyHost, session: str) -> None:
        """A turn in which the host is killed."""
        self._say_and(host, session, "die_in_a_turn")

    def compress_in_a_turn(self, host: AnyHost, session: str) -> None:
        """A turn in which the conversation becomes too large for the model."""
        self._say_and(host, session, "compress_in_a_turn")

    def _say_and(self, host: AnyHost, session: str, do: str, **more: Any) -> None:
        self.step(host, do, session=session, user=_user_text(self._next_marker(session)), **more)

    def settle(self, host: AnyHost, seconds: float = 15.0) -> None:
        """So long at most passes, or less once nothing is on its way: a user takes seconds between messages."""
        self.step(host, "settle", seconds=seconds)

    def undo(self, host: AnyHost, session: str) -> None:
        """The last turn of a session is taken back."""
        own = [one for one in self.said if one.session == session and not one.undone]
        own[-1].undone = True
        kept = [_user_text(one.marker) for one in own[:-1]]
        self.step(host, "undo", session=session, turns=1, kept=kept)

    def switch(
        self, host: AnyHost, session: str, to: str, reason: str = "new", parent: str = "", *, at_once: bool = False
    ) -> None:
        """Another session. Its user takes a moment first, in which the queues run dry, unless it is `at_once`."""
        if not at_once:
            self.settle(host)
        self.step(host, "switch", session=session, to=to, reason=reason, parent=parent)

    def exit(self, host: AnyHost) -> None:
        """The host ends as its command line does, and then its process."""
        answer = self.step(host, "exit")
        self._ended(host, answer)

    def exit_while_a_turn_arrives(self, host: AnyHost, session: str) -> None:
        """The host ends, and one more turn comes in the meantime."""
        marker = self._next_marker(session)
        text = {"user": _user_text(marker), "assistant": "Noted."}
        answer = self.step(host, "exit_while_a_turn_arrives", session=session, **text)
        self._ended(host, answer)

    def _ended(self, host: AnyHost, answer: dict[str, Any]) -> None:
        took = sum(took for kind, took in answer["calls"] if kind == "exit")
        self.outcome.took("exit", took + host.end())

    def one_shot(self, session: str) -> None:
        """`hermes -z`: one turn, and the end, for which nothing is flushed first."""
        if self._user is None:
            host = self.start(session)
            self.say(host, session)
            self._ended(host, self.step(host, "exit", one_shot=True))
            return
        self._user.configure()
        marker = self._next_marker(session)
        self.outcome.took("exit", one_shot(self._user, session, _user_text(marker)))

    def earlier(self, session: str) -> None:
        """A session that can be resumed in the real host must have been said something in. Elsewhere nothing is."""
        if self._user is None:
            return
        host = self.start(session)
        self.greet(host, session)
        self.exit(host)
        self.outcome.longest.clear()

    def greet(self, host: AnyHost, session: str) -> dict[str, Any]:
        """The user says something that is no question here: until then the real host has no agent."""
        return self.step(host, "ask", session=session, query="Good morning")

    def pass_a_minute(self) -> None:
        """So old must an unfinished turn in the host's log be to be taken for one that nobody is working at.

        Nothing is waited for here but the clock itself: both the host and what reads its log go by it.
        """
        threading.Event().wait(_MINUTE)

    def restart(self, session: str, **options: Any) -> None:
        """The next day: an agent is started, has time for what it owes, and ends."""
        host = self.start(session, **options)
        if self.player.real:
            self.greet(host, session)
        self.settle(host)
        self.exit(host)

    def remembered(self, *about: str) -> list[str]:
        """What other agents said in other sessions before, one for each; nothing of it is in question here."""
        markers = []
        if self._user is not None:
            for number, each in enumerate(about):
                host = self.start(f"past-{number}")
                markers.append(self.say(host, f"past-{number}", each))
                self.settle(host)
                self.exit(host)
            self.outcome.longest.clear()
            return markers
        host = self.start("past-0")
        for number, each in enumerate(about):
            if number:
                self.begin(host, f"past-{number}")
            markers.append(self.say(host, f"past-{number}", each))
            self.settle(host)
            self.step(host, "retire")
        host.end()
        self.outcome.longest.clear()
        return markers

    # What the server does

    def fault(self, match: str, kind: Kind, **more: Any) -> Fault:
        """Something goes wrong with the requests that match."""
        fault = Fault(match, kind, **more)
        self.server.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Nothing goes wrong any more, and what hangs is let go."""
        self.server.faults.clear()
        self.server.release()

    def wait_for(self, match: str, count: int = 1) -> None:
        """So many requests that match came to the server."""
        if not self.server.wait_for(match, count, 20):
            raise HarnessError(f"{self.player.name}: no {count} requests {match} came")

    def came(self, match: str) -> int:
        """How many requests that match came so far."""
        return sum(re.search(match, line) is not None for line in self.server.seen)

    def retains(self, text: str) -> int:
        """How often the server was made to take up a retain of a text."""
        found = [one for one in self.fake.log if one.method == "POST" and one.path.endswith("/memories")]
        return sum(text in str(one.body) for one in found)

    def until(self, holds: Callable[[], bool]) -> None:
        """Something is so on the server, or it takes too long; what is judged shows it then."""
        deadline = time.monotonic() + 20
        while not holds() and time.monotonic() < deadline:
            threading.Event().wait(0.01)

    # What came of it

    def leak(self, answer: dict[str, Any], markers: Sequence[str]) -> None:
        """None of these may be in what the model was told."""
        self.outcome.leaked += sum(marker in str(answer.get("recalled")) for marker in markers)

    def claim(self, what: str, holds: bool) -> None:
        """Something else that must be so."""
        self.outcome.claims[what] = holds

    def documents(self) -> list[Document]:
        """What is held by now."""
        return self._holding.documents()

    def count(self, words: str) -> int:
        """How often these words are held."""
        return sum(document.text.count(words) for document in self.documents())

    def kept_on_purpose(self, words: str) -> int:
        """How often these words are held apart from the conversation in which the model was asked to keep them."""
        return sum(document.text.count(words) for document in self.documents() if KEEP not in document.text)

    def tags_of(self, marker: str) -> set[str]:
        """The tags of the documents that hold a turn."""
        return {tag for document in self.documents() if marker in document.text for tag in document.tags}

    def descends(self, marker: str, parent: str) -> bool:
        """Whether what holds a turn is known for a descendant of a session."""
        return any(
            tag.replace("parent:", "session:", 1) in self._tags(parent)
            for tag in self.tags_of(marker)
            if tag.startswith("parent:")
        )

    def has_all(self) -> bool:
        """Whether every turn is held by now."""
        texts = "".join(document.text for document in self.documents())
        return all(one.marker in texts for one in self.said)

    def judge(self) -> Outcome:
        """Hold what is held against what was said."""
        outcome = self.outcome
        documents = self.documents()
        found = self._holding.find([one.marker for one in self.said])
        for one in self.said:
            holding = [document for document in documents if re.search(rf"\b{one.marker}\b", document.text)]
            count = sum(len(re.findall(rf"Remember {one.marker}\b", document.text)) for document in holding)
            if one.undone:
                outcome.remembered += bool(holding) or one.marker in found
                continue
            outcome.lost += not holding or one.marker not in found
            outcome.repeated += max(0, count - 1)
            tags = self._tags(one.session)
            outcome.misplaced += bool(holding) and not any(tags & document.tags for document in holding)
        return outcome

    def _tags(self, session: str) -> set[str]:
        """The tags that say that something was said in a session."""
        ids = {session} if self._user is None else self._user.ids.get(session, set())
        return {f"session:{each}" for each in ids}


def _user_text(marker: str, about: str = "") -> str:
    """What the user says in a turn."""
    return f"Remember {marker} {about}".strip()
