"""`make test` kills 200 times and more; `make crash` kills thousands of times with the same code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ..conftest import OpenMemory
from . import check
from .check import Found
from .program import Step

ROOT = Path(__file__).parents[2]
KILLS = 220

# Every write of the road, each with the instant before its commit and the one after it.
POINTS = {
    f"{phase} {name}"
    for phase in ("commit", "committed")
    for name in (
        *("journal.bank", "journal.session", "journal.turn", "journal.note", "journal.branch"),
        *("journal.continuation", "journal.rewind", "journal.leave", "journal.end", "journal.close"),
        *("journal.forget", "outbox.claim", "outbox.delivered", "outbox.adopt"),
        *("engine.retain", "engine.retract", "engine.forget"),
    )
}


@pytest.fixture(scope="module")
def outcome() -> tuple[dict[str, int], dict[str, int]]:
    """How often it was killed at each point, and the summary. The fork server is a process without any thread."""
    command = [sys.executable, "-m", "tests.crash", "--kills", str(KILLS), "--points"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    points, summary = ran.stdout.splitlines()[-2:]
    return json.loads(points), json.loads(summary)


def test_lose_and_repeat_nothing_over_kills(outcome: tuple[dict[str, int], dict[str, int]]) -> None:
    _, summary = outcome
    assert summary.pop("kills") >= KILLS
    assert summary == dict.fromkeys(check.KINDS, 0)


def test_kill_between_every_two_commits(outcome: tuple[dict[str, int], dict[str, int]]) -> None:
    killed_at, _ = outcome
    assert set(killed_at) >= POINTS
    assert {point for point in POINTS if killed_at[point] == 0} == set()


# The checker itself: what was done is two turns of one session, the second of them taken back, and a note.

STEPS = [
    Step("turn", "s", "zebra1"),
    Step("turn", "s", "zebra2"),
    Step("rewind", "s", "zebra2"),
    Step("note", "s", "zebra3"),
    Step("turn", "s", "zebra4"),
]


def _found(**changes: Any) -> Found:
    recalled = [("s", 1, "zebra1"), ("s", None, "zebra3"), ("s", 3, "zebra4")]
    found: dict[str, Any] = {
        "journal": {"s": [(1, "zebra1"), (2, "zebra2"), (3, "zebra4")]},
        "history": {"s": ["zebra1", "zebra4"]},
        "notes": {"zebra3": 1},
        "stored": [("session:s", 1, "zebra1"), ("note:n", 1, "zebra3"), ("session:s", 3, "zebra4")],
        "recalled": {None: list(recalled), "s": recalled},
    }
    found["notes"] = Counter(found["notes"])
    return Found(**{**found, **changes})


def test_find_nothing_wrong() -> None:
    assert check.faults(_found(), [(STEPS, len(STEPS))]) == []


def test_accept_either_outcome_of_a_step_nobody_heard_of() -> None:
    assert check.faults(_found(), [(STEPS, 4)]) == []
    assert check.faults(_found(), [(STEPS, 3)]) != []


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("lost", {"journal": {"s": [(1, "zebra1"), (2, "zebra2")]}}),
        ("lost", {"stored": [("session:s", 1, "zebra1"), ("note:n", 1, "zebra3")]}),
        ("lost", {"notes": Counter()}),
        ("lost", {"recalled": {None: [], "s": []}}),
        ("lost", {"dead_letters": 1}),
        ("repeated", {"stored": [("session:s", 1, "zebra1"), ("session:s", 1, "zebra1")]}),
        ("repeated", {"journal": {"s": [(1, "zebra1"), (2, "zebra2"), (3, "zebra4"), (4, "zebra4")]}}),
        ("repeated", {"notes": Counter(zebra3=2)}),
        ("reordered", {"stored": [("session:s", 3, "zebra4"), ("note:n", 1, "zebra3"), ("session:s", 1, "zebra1")]}),
        ("misplaced", {"journal": {"s": [(1, "zebra1"), (2, "zebra2")], "t": [(1, "zebra4")]}}),
        ("misplaced", {"recalled": {None: [("t", 1, "zebra1")], "s": []}}),
        ("misplaced", {"recalled": {None: [], "s": [("s", 2, "zebra2")]}}),
        ("misplaced", {"stored": [("session:s", 1, "zebra1"), ("session:s", 2, "zebra2")]}),
        ("misplaced", {"stored": [("session:s", 1, "zebra99")]}),
    ],
)
def test_find_a_fault(kind: str, changes: dict[str, Any]) -> None:
    wrong = check.faults(_found(**changes), [(STEPS, len(STEPS))])
    assert kind in {kind for kind, _ in wrong}


# A process that opens and closes a file of its own loses its POSIX locks on it, so reading a database with `open`
# makes the next process to close take it for its last user and remove the WAL that is still written here.

_GOES_ON = """
import os, sys
from threadline import Memory
memory = Memory.open(sys.argv[1], embedder="none", redact=False)
session = memory.session("s")
for word in ("zebra1", "zebra2"):
    session.add_turn(user=f"common {word}")
assert not memory.forget(session="s", turn=1).traces
print("forgotten", flush=True)
sys.stdin.readline()
session.add_turn(user="common zebra3")
memory.flush()
print("said", flush=True)
sys.stdin.readline()
"""


def test_keep_what_is_said_after_a_forget_when_another_process_closes(home: Path, open_memory: OpenMemory) -> None:
    command = [sys.executable, "-c", _GOES_ON, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "forgotten\n"
        open_memory().close()
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "said\n"
        process.kill()
    memory = open_memory()
    assert memory.flush()
    assert [turn.number for turn in memory.session("s").turns()] == [2, 3]
    assert memory.recall("zebra3")[0].turn == 3
