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

from .host import HarnessError, Host
from .outcome import Outcome, Side

BANK = "bank"
RETAIN = r"POST .*/memories$"
RECALL = r"POST .*/memories/recall$"


@dataclass(slots=True)
class Said:
    """One turn that was said, and whether it was taken back."""

    marker: str
    session: str
    undone: bool = False


class World:
    """One scenario on one side. A context manager that ends every process of it."""

    def __init__(self, side: Side, hermes: Path | None, version: str = "1.1.0") -> None:
        self.side = side
        self.fake = FakeHindsight(version)
        self.server = HttpHindsight(self.fake)
        self.said: list[Said] = []
        self.outcome = Outcome(side)
        self._hermes = hermes
        self._folder = Path(tempfile.mkdtemp(prefix="threadline-faults-"))
        self._hosts: list[Host] = []

    def __enter__(self) -> Self:
        self.server.start_listening()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self._hosts:
            with contextlib.suppress(OSError):
                host.kill()
        self.server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # What a host does

    def start(self, session: str, **options: Any) -> Host:
        """A process with an agent in it."""
        host = Host(self.side, self._folder, self.server.url, self._hermes)
        self._hosts.append(host)
        self.begin(host, session, **options)
        return host

    def begin(self, host: Host, session: str, **options: Any) -> None:
        """An agent in a process that is there already."""
        answer = host.step("start", session=session, **options)
        if "raised" in answer:
            raise HarnessError(f"{self.side} does not start: {answer['raised']}")

    def step(self, host: Host, do: str, **arguments: Any) -> dict[str, Any]:
        """Something that the host does, with what it took and what it raised."""
        answer = host.step(do, **arguments)
        for kind, took in answer["calls"]:
            self.outcome.took(kind, took)
        if "raised" in answer:
            if self.side == "theirs":  # the host's manager lets nothing through: it is the driver that is wrong
                raise HarnessError(f"theirs, {do}: {answer['raised']}")
            self.outcome.raised.append(answer["raised"])
        return answer

    def say(self, host: Host, session: str, about: str = "", *, late: bool = False, key: str | None = None) -> str:
        """A turn; returns the word that nothing else has. `late`: recorded only, after the host went elsewhere."""
        marker = f"marker{len(self.said) + 1}x"
        self.said.append(Said(marker, session))
        self.say_again(host, session, marker, about, late=late, key=key)
        return marker

    def say_again(
        self, host: Host, session: str, marker: str, about: str = "", *, late: bool = False, key: str | None = None
    ) -> None:
        """The same turn, handed in once more."""
        text = _user_text(marker, about)
        self.step(host, "sync" if late else "turn", session=session, user=text, assistant="Noted.", key=key)

    def settle(self, host: Host, seconds: float = 15.0) -> None:
        """So long at most passes, or less once nothing is on its way: a user takes seconds between messages."""
        self.step(host, "settle", seconds=seconds)

    def undo(self, host: Host, session: str) -> None:
        """The last turn of a session is taken back."""
        own = [one for one in self.said if one.session == session and not one.undone]
        own[-1].undone = True
        kept = [_user_text(one.marker) for one in own[:-1]]
        self.step(host, "undo", session=session, turns=1, kept=kept)

    def switch(
        self, host: Host, session: str, to: str, reason: str = "new", parent: str = "", *, at_once: bool = False
    ) -> None:
        """Another session. Its user takes a moment first, in which the queues run dry, unless it is `at_once`."""
        if not at_once:
            self.settle(host)
        self.step(host, "switch", session=session, to=to, reason=reason, parent=parent)

    def exit(self, host: Host, *, one_shot: bool = False) -> None:
        """The host ends as its command line does, or as `hermes -z`, and then its process."""
        answer = self.step(host, "exit", one_shot=one_shot)
        self._ended(host, answer)

    def exit_while_a_turn_arrives(self, host: Host, session: str) -> None:
        """The host ends, and one more turn comes in the meantime."""
        marker = f"marker{len(self.said) + 1}x"
        self.said.append(Said(marker, session))
        text = {"user": _user_text(marker), "assistant": "Noted."}
        answer = self.step(host, "exit_while_a_turn_arrives", session=session, **text)
        self._ended(host, answer)

    def _ended(self, host: Host, answer: dict[str, Any]) -> None:
        took = sum(took for kind, took in answer["calls"] if kind == "exit")
        self.outcome.took("exit", took + host.end())

    def restart(self, session: str, **options: Any) -> None:
        """The next day: an agent is started, has time for what it owes, and ends."""
        host = self.start(session, **options)
        self.settle(host)
        self.exit(host)

    def remembered(self, *about: str) -> list[str]:
        """What other agents said in other sessions before, one for each; nothing of it is in question here."""
        markers = []
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
            raise HarnessError(f"{self.side}: no {count} requests {match} came")

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

    def tags_of(self, marker: str) -> set[str]:
        """The tags of the documents that hold a turn."""
        documents = self.fake.banks[BANK].documents.values()
        return {tag for document in documents if marker in document.text for tag in document.tags}

    def has_all(self) -> bool:
        """Whether the server has every turn by now."""
        texts = "".join(self.fake.texts(BANK).values())
        return all(one.marker in texts for one in self.said)

    def judge(self) -> Outcome:
        """Hold what the server has against what was said."""
        outcome = self.outcome
        bank = self.fake.banks.get(BANK)
        documents = [] if bank is None else list(bank.documents.values())
        for one in self.said:
            holding = [document for document in documents if re.search(rf"\b{one.marker}\b", document.text)]
            count = sum(len(re.findall(rf"Remember {one.marker}\b", document.text)) for document in holding)
            if one.undone:
                outcome.remembered += bool(holding)
                continue
            outcome.lost += not holding
            outcome.repeated += max(0, count - 1)
            outcome.misplaced += bool(holding) and not any(f"session:{one.session}" in d.tags for d in holding)
        return outcome


def _user_text(marker: str, about: str = "") -> str:
    """What the user says in a turn."""
    return f"Remember {marker} {about}".strip()
