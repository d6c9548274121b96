from __future__ import annotations

import json
import shutil
import time
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from threadline import BackendRefusedError, BackendUnavailableError, BankStatus, Memory
from threadline.backends.embedded import EmbeddedBackend


def test_status_has_every_figure(memory: Memory, run: Run) -> None:
    memory.session("s1").add_turn(user="hello", assistant="hi")
    memory.flush()
    told = json.loads(run("status", "--json").stdout)
    assert set(told) == {field.name for field in fields(BankStatus)}
    assert (told["healthy"], told["turns"], told["held"]["passages"]) == (True, 1, 2)
    shown = run("status").stdout
    for part in ("healthy  yes", "1 session, 1 turn, 0 notes", "2 passages", "0 turns, 0 of them in no batch"):
        assert part in shown


def test_status_of_every_bank(run: Run) -> None:
    run("retain", "one", "--bank", "a")
    run("retain", "two", "--bank", "b")
    told = json.loads(run("status", "--all", "--json", "--bank", "a").stdout)
    assert [(each["bank"], each["notes"]) for each in told] == [("a", 1), ("b", 1)]
    assert json.loads(run("status", "--all", "--json").stdout) == told, "the bank that would be used need not exist"


def test_status_tells_the_time_of_the_wall_clock(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("retain", "one")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    utc = _last_delivered(run)
    monkeypatch.setenv("TZ", "UTC-5:30")
    time.tzset()
    try:
        assert _last_delivered(run) - utc == timedelta(hours=5, minutes=30)
    finally:
        monkeypatch.undo()
        time.tzset()


def _last_delivered(run: Run) -> datetime:
    line = next(line for line in run("status").stdout.splitlines() if "last delivered" in line)
    return datetime.fromisoformat(line.split("  ")[1])


def test_status_delivers_nothing(home: Path, run: Run) -> None:
    class Down(EmbeddedBackend):
        def retain(self, batch: object) -> None:
            raise BackendUnavailableError("The memory is out for lunch.")

    with Memory.open(home, backend=Down(home), shutdown_seconds=0.2) as memory:
        memory.session("s1").add_turn(user="said")
        memory.flush(0.2)
    for _ in range(2):
        shown = run("status", code=1).stdout
        assert "healthy  no" in shown
        assert "The memory is out for lunch." in shown
        assert "1 turn, 0 of them in no batch" in shown
        assert "tried again by itself" in shown
    assert "said" in run("recall", "said", "--fresh").stdout
    assert "healthy  yes" in run("status").stdout


def test_a_dead_letter_is_told_and_a_rebuild_delivers_it(home: Path, run: Run) -> None:
    class Refusing(EmbeddedBackend):
        def retain(self, batch: object) -> None:
            raise BackendRefusedError("No, thank you.")

    with Memory.open(home, backend=Refusing(home)) as memory:
        memory.session("s1").add_turn(user="said")
        memory.flush()
    shown = run("status", code=1).stdout
    assert "1 refused for good" in shown
    assert "threadline rebuild --from-journal" in " ".join(shown.split())
    assert run("rebuild", "--from-journal").stdout == "Rebuilt: 1 memory.\n"
    assert "healthy  yes" in run("status").stdout


def test_rebuild_gives_the_same_answers(memory: Memory, run: Run, home: Path) -> None:
    session = memory.session("s1")
    for number in range(5):
        session.add_turn(user=f"the {number}th door is green")
    memory.flush()
    before = run("recall", "green door", "--json").stdout
    assert json.loads(run("rebuild", "--json").stdout) == {"bank": "default", "memories": 5}
    assert run("recall", "green door", "--json").stdout == before
    memory.close()
    shutil.rmtree(home / "banks")
    assert json.loads(run("recall", "green door", "--json").stdout) == []
    run("rebuild", "--from-journal")
    assert run("recall", "green door", "--json").stdout == before
