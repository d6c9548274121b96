from __future__ import annotations

import json
import shutil
import time
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from threadline import BackendRefusedError, BackendUnavailableError, BankStatus, Capabilities, Memory, Passage
from threadline.backends.embedded import EmbeddedBackend
from threadline.testing import FakeBackend, FakeState, Fault


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


def test_a_probe_that_fails_is_told_and_is_an_error(run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.session("s1").add_turn(user="hello")
    memory.flush()
    assert "probe  written in 0." in run("status", "--probe").stdout
    down = [Fault("retain", BackendUnavailableError("The memory is out for lunch."))] * 2
    state = FakeState({"default": {"session:s1": [Passage(1, 0, "user", "hello", datetime.now(UTC))]}})
    monkeypatch.setattr("threadline.backends.plugins.open_backend", lambda _: FakeBackend(faults=down, state=state))
    assert "healthy  yes" in run("status").stdout, "what is not tried is not known"
    shown = run("status", "--probe", code=1).stdout
    assert "healthy  no" in shown
    assert "probe  The backend fake did not take a note: The memory is out for lunch." in shown
    told = json.loads(run("status", "--probe", "--json", code=1).stdout)
    assert (told["healthy"], told["probe"]["ok"]) == (False, False)


def test_a_probe_says_what_it_could_not_try(run: Run, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = FakeBackend(Capabilities(deletes=False, idempotent_retain=False))
    monkeypatch.setattr("threadline.backends.plugins.open_backend", lambda _: backend)
    shown = " ".join(run("status", "--probe").stdout.split())
    assert "nothing was written, as the backend cannot delete" in shown
    assert "backend fake; a retry may repeat a turn there" in shown


def test_each_bank_has_its_sessions_and_its_probe(run: Run, memory: Memory) -> None:
    memory.session("s1").add_turn(user="hello")
    memory.flush()
    run("retain", "one", "--bank", "a")
    told = json.loads(run("status", "--all", "--sessions", "--probe", "--json").stdout)
    assert [(each["bank"], len(each["by_session"]), each["probe"]["ok"]) for each in told] == [
        ("a", 0, True),
        ("default", 1, True),
    ]
    assert "by_session" not in json.loads(run("status", "--json").stdout)


def test_the_table_of_sessions_has_a_line_for_each(run: Run, memory: Memory) -> None:
    for name in ("first", "second"):
        memory.session(name).add_turn(user="hello", assistant="hi")
    memory.flush()
    rows = [line.split() for line in run("status", "--sessions").stdout.splitlines()]
    header = next(at for at, row in enumerate(rows) if row[:2] == ["session", "turns"])
    assert rows[header + 1][:3] == ["first", "1", "1"]
    assert rows[header + 2][:3] == ["second", "1", "1"]


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
