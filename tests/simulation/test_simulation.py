"""A thousand seeds; `make simulate` runs tens of thousands with the same code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from .hosts import EVENTS
from .road import FAULTS
from .servers import SERVERS
from .simulation import Outcome, run_seed

ROOT = Path(__file__).parents[2]
SEEDS, PART = 1000, 100

#: What every part of the seeds must have come to, so that none of it is tested in appearance only.
COMMON_EVENTS = (
    *(f"host.{event}" for event in EVENTS),
    *(f"fault.{fault}" for fault in FAULTS if fault != "refused"),
    *(f"server.{kind}" for kind in SERVERS),
    *(f"write.journal.{name}" for name in ("turn", "note", "session", "branch", "continuation", "rewind", "forget")),
    *(f"write.journal.{name}" for name in ("leave", "end", "compress", "close")),
    *(f"write.outbox.{name}" for name in ("claim", "delivered", "delayed", "adopt")),
    *(f"host.switch {reason}" for reason in ("new", "reset", "resume", "branch", "compression")),
    *("host.served", "host.idle reminder", "host.while closing", "host.fork refused"),
    *("fault.arrives late", "clock.set", "kills", "stops", "processes"),
)


@pytest.mark.parametrize("first", range(1, SEEDS + 1, PART))
def test_nothing_goes_wrong(first: int) -> None:
    outcomes = [run_seed(seed) for seed in range(first, first + PART)]
    assert [_told(outcome) for outcome in outcomes if outcome.kind is not None] == []
    happened = sum((outcome.happened for outcome in outcomes), Counter[str]())
    assert [event for event in COMMON_EVENTS if not happened[event]] == []


def test_one_seed_is_one_story() -> None:
    """Also in another process, in which sets have another order."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", "21", "--trace"]
    traces = set()
    for hashes in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hashes}
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        traces.add(ran.stdout)
    assert len(traces) == 1
    *trace, summary = traces.pop().splitlines()
    assert len(trace) > 100
    assert json.loads(summary)["violations"] == 0


@pytest.mark.parametrize("mutation", ["settle first", "no retraction", "late epoch"])
def test_notice_what_is_broken(mutation: str) -> None:
    command = [sys.executable, "-m", "tests.simulation.mutations", "--jobs", "1", mutation]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def _told(outcome: Outcome) -> str:
    return (
        f"{outcome.kind}: {outcome.about} - replay with "
        f"{sys.executable} -m tests.simulation --seed {outcome.seed} --trace"
    )
