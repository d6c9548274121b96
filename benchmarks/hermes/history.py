"""A user with a past: thousands of turns in the host's own log, taken over by Threadline as a user would have it do."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.hosts.hermes.harness.home import Home

from benchmarks.talk import messages

_INSIDE = Path(__file__).parent / "inside"
#: Turns a session, and sessions a day.
_TURNS, _SESSIONS_A_DAY = 50, 4


def live_through(home: Home, turns: int, seed: int = 1) -> float:
    """Have the host write so many turns into its log, of the last weeks. Returns the seconds it took."""
    began = time.perf_counter()
    command = [str(home.python), str(_INSIDE / "fill_log.py"), str(home.hermes / "state.db")]
    lines = "".join(json.dumps(session) + "\n" for session in _sessions(turns, seed))
    _run(command, home, lines)
    return time.perf_counter() - began


def take_over(home: Home) -> float:
    """`threadline hermes reconcile`, and wait until all of it can be found. Returns the seconds it took."""
    began = time.perf_counter()
    program = str(home.python.parent / "threadline")
    _run([program, "hermes", "reconcile", "--wait", "7200", "--hermes-home", str(home.hermes)], home)
    return time.perf_counter() - began


def _sessions(turns: int, seed: int) -> Iterator[dict[str, Any]]:
    said = messages(seed)
    count = -(-turns // _TURNS)
    for number in range(count):
        at = datetime.now(UTC) - timedelta(days=1 + (count - number) / _SESSIONS_A_DAY)
        pairs = [(next(said), next(said)) for _ in range(min(_TURNS, turns - number * _TURNS))]
        yield {"id": f"{at:%Y%m%d_%H%M%S}_{number:06x}", "began": at.timestamp(), "turns": pairs}


def _run(command: list[str], home: Home, given: str = "") -> None:
    done = subprocess.run(
        command, input=given, env=home.environment, cwd=home.work, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
