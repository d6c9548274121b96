"""A host in a process of its own, a server with scripted faults, and what was said: what a scenario plays on."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.hindsight.fake import FakeHindsight
from tests.hindsight.http import Fault, HttpHindsight

Side = Literal["theirs", "ours"]

BANK = "bank"
#: How long one step of a host may take before the host counts as hung, in seconds.
STEP_SECONDS = 60.0


@dataclass(slots=True)
class Said:
    """One turn that was said.

    Attributes:
        undone: it was taken back.
        inherited: a branch has it too, as its own history.
    """

    marker: str
    session: str
    undone: bool = False


class Host:
    """A child process that plays a host. It may be killed, and another one started on the same home."""

    def __init__(self, side: Side, home: Path, url: str, hermes: Path | None) -> None:
        if side == "theirs":
            if hermes is None:
                raise ValueError("their side needs the interpreter of an environment with hermes-agent")
            command = [str(hermes), str(Path(__file__).with_name("theirs.py")), url]
        else:
            command = [sys.executable, "-m", "benchmarks.faults.ours", url]
        foreign = ("THREADLINE_", "HINDSIGHT_", "HERMES_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        with (home / f"{side}.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**clean, "HERMES_HOME": str(home), "THREADLINE_HOME": str(home / "threadline")},
            )
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def step(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something, and wait for the outcome."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        try:
            answer = self._answers.get(timeout=STEP_SECONDS)
        except queue.Empty:
            return {"ms": STEP_SECONDS * 1000, "raised": "it never came back"}
        found: dict[str, Any] = json.loads(answer) if answer else {"ms": 0.0, "raised": "it died"}
        return found

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")


@dataclass(slots=True)
class Outcome:
    """What a scenario came to on one side. `claims` are what it saw beside turns, each true or false."""

    lost: int = 0
    repeated: int = 0
    misplaced: int = 0
    remembered: int = 0
    leaked: int = 0
    blocked_ms: float = 0.0
    limit_ms: float | None = None
    claims: dict[str, bool] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether anything is not as it should be."""
        slow = self.limit_ms is not None and self.blocked_ms > self.limit_ms
        wrong = self.lost or self.repeated or self.misplaced or self.remembered or self.leaked
        return bool(wrong or slow or not all(self.claims.values()))


class World:
    """One scenario on one side. A context manager that ends every process of it."""

    def __init__(self, side: Side, hermes: Path | None, version: str = "1.1.0") -> None:
        self.side = side
        self.fake = FakeHindsight(version)
        self.server = HttpHindsight(self.fake)
        self.said: list[Said] = []
        self.outcome = Outcome()
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
        host.step("start", session=session, **options)
        return host

    def say(self, host: Host, session: str, *, late: bool = False, about: str = "") -> str:
        """A turn; returns the word that nothing else has. `late`: recorded only, as after a switch."""
        marker = f"marker{len(self.said) + 1}x"
        self.said.append(Said(marker, session))
        text = {"user": self.user_text(marker, about), "assistant": "Noted."}
        answer = host.step("sync" if late else "turn", session=session, **text)
        self.blocked(answer)
        return marker

    @staticmethod
    def user_text(marker: str, about: str = "") -> str:
        """What the user says in a turn."""
        return f"Remember {marker} {about}".strip()

    def undo(self, host: Host, session: str, turns: int = 1) -> None:
        """The last turns of a session are taken back."""
        own = [one for one in self.said if one.session == session and not one.undone]
        for one in own[-turns:]:
            one.undone = True
        kept = [self.user_text(one.marker) for one in own[:-turns]]
        self.blocked(host.step("undo", session=session, turns=turns, kept=kept))

    def switch(self, host: Host, session: str, to: str, reason: str = "new", parent: str = "") -> None:
        """Another session."""
        self.blocked(host.step("switch", session=session, to=to, reason=reason, parent=parent))

    def exit(self, host: Host, *, measured: bool = False) -> None:
        """The host ends as its command line does. It may wait for its queues; `measured` where that is the question."""
        answer = host.step("exit")
        if measured:
            self.blocked(answer)
        host.kill()

    def restart(self, session: str, **options: Any) -> None:
        """The next day: an agent is started, has time for what it owes, and ends."""
        host = self.start(session, **options)
        host.step("settle", seconds=15)
        self.exit(host)

    def blocked(self, answer: dict[str, Any]) -> None:
        """The host's thread was in a call for so long."""
        self.outcome.blocked_ms = max(self.outcome.blocked_ms, float(answer["ms"]))

    # What the server does

    def fault(self, match: str, kind: Any, **more: Any) -> Fault:
        """Something goes wrong with the requests that match."""
        fault = Fault(match, kind, **more)
        self.server.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.server.faults.clear()

    # What came of it

    def leak(self, answer: dict[str, Any], markers: Sequence[str]) -> None:
        """None of these may be in what the model was told."""
        self.outcome.leaked += sum(marker in str(answer.get("recalled")) for marker in markers)

    def claim(self, what: str, holds: bool) -> None:
        """Something else that must be so."""
        self.outcome.claims[what] = holds

    def judge(self, limit_ms: float | None = None) -> Outcome:
        """Hold what the server has against what was said."""
        outcome = self.outcome
        outcome.limit_ms = limit_ms
        bank = self.fake.banks.get(BANK)
        documents = {} if bank is None else dict(bank.documents)
        for one in self.said:
            holding = [document for document in documents.values() if one.marker in document.text]
            count = sum(len(re.findall(rf"Remember {one.marker}\b", document.text)) for document in holding)
            if one.undone:
                outcome.remembered += count > 0
                continue
            outcome.lost += count == 0
            outcome.repeated += max(0, count - 1)
            outcome.misplaced += bool(holding) and not any(f"session:{one.session}" in d.tags for d in holding)
        return outcome
