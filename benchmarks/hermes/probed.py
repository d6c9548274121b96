"""The real host with a probe in it, and homes in which a memory provider is active."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hosts.hermes.harness.cli import Cli
from tests.hosts.hermes.harness.gateway import Gateway
from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.process import Driven

_INSIDE = Path(__file__).parent / "inside"


@dataclass(frozen=True, slots=True)
class Took:
    """One call of the provider's: how long it took, in milliseconds, and on which thread of the host."""

    call: str
    ms: float
    thread: str


class Calls:
    """The calls of the provider in all processes of a home, as they come."""

    def __init__(self, home: Home) -> None:
        self._path = home.root / "calls.jsonl"
        self._read = 0

    def fresh(self) -> list[Took]:
        """Those that came since they were asked for last."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as notes:
            notes.seek(self._read)
            text = notes.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [Took(**json.loads(line)) for line in whole.splitlines()]


class _Probed(Driven):
    """Stands between a host of the harness and its process: the driver is the one with a probe."""

    def __init__(self, home: Home, driver: str, *arguments: str) -> None:
        super().__init__(home, str(_INSIDE / f"probed_{driver}"), *arguments)

    def settle(self, seconds: float) -> None:
        """Let the queues of its providers run dry, for so long at most."""
        self.step("settle", seconds=seconds)

    def count_threads(self, at_most: int) -> int:
        """How many threads there are, once those that are ending had time for it."""
        count: int = self.step("count_threads", at_most=at_most)
        return count


class ProbedCli(Cli, _Probed):
    """`hermes chat` with a probe."""


class ProbedGateway(Gateway, _Probed):
    """The gateway with a probe."""


def use_hindsight(home: Home, url: str, settings: Mapping[str, Any]) -> None:
    """Make the bundled provider the home's, on this server. Recall tells every kind of memory, as ours does."""
    types = ["world", "experience", "observation"]
    home.configure({"memory": {"provider": "hindsight"}})
    home.write("hindsight/config.json", {"mode": "local_external", "api_url": url, "recall_types": types, **settings})


def use_threadline(home: Home, settings: Mapping[str, Any]) -> None:
    """Make Threadline the home's provider, as its users do, with these settings.

    Raises:
        RuntimeError: it did not work.
    """
    command = [str(home.python.parent / "threadline"), "hermes", "install", "--hermes-home", str(home.hermes)]
    done = subprocess.run(command, env=home.environment, cwd=home.work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`threadline hermes install`: {done.stdout}{done.stderr}")
    home.configure(
        {"memory": {"provider": "threadline"}}
    )  # it wrote that; the harness writes the file whole, and later
    home.write("threadline/config.json", dict(settings))
