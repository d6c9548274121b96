from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from threadline import Memory, Proof, Trace


@pytest.fixture
def said(memory: Memory) -> str:
    """Two sessions and a note, whose id it is."""
    session = memory.session("s1")
    session.add_turn(user="the combination is seventeen", assistant="remembered")
    session.add_turn(user="the weather is fine")
    session.branch("b1")
    note = memory.retain("a note about the vault")
    memory.flush()
    return note.id


@pytest.mark.parametrize("answer", ["n\n", "", "\n", "maybe\n"])
def test_nothing_but_a_yes_forgets(run: Run, said: str, answer: str) -> None:
    result = run("forget", "--session", "s1", stdin=answer, code=1)
    assert result.stdout == ""
    assert "Forget session 's1': 2 turns, 0 notes (no longer seen by b1 either)?" in result.stderr
    assert "Nothing was forgotten." in result.stderr
    assert ("--yes" in result.stderr) == (answer == "")
    assert "combination" in run("recall", "combination").stdout


def test_a_yes_forgets_and_proves_it(run: Run, said: str, home: Path) -> None:
    result = run("forget", "--session", "s1", "--turn", "1", stdin="y\n")
    assert "Forgotten: turn 1 of session 's1' ('the combination is seventeen')." in result.stdout
    assert "for 2 texts: 0 traces found." in result.stdout
    assert "Not reached" in result.stdout
    assert "Nothing found." in run("recall", "combination").stdout
    assert not any(b"combination" in path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert "weather" in run("show", "s1").stdout


def test_forget_a_document(run: Run, said: str) -> None:
    result = run("forget", "--document", f"note:{said}", stdin="y\n")
    assert "'a note about the vault'" in result.stderr
    assert "Nothing found." in run("recall", "vault").stdout


def test_forget_everything(run: Run, said: str, home: Path) -> None:
    result = run("forget", "--everything", "--yes", "--json")
    told = json.loads(result.stdout)
    assert told["forgotten"] == "bank 'default': 2 sessions, 2 turns, 1 note"
    assert told["proof"]["traces"] == []
    assert told["proof"]["complete"] is True
    assert len(told["not_reached"]) == 3
    assert not any(b"weather" in path.read_bytes() for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--session", "s1", "--everything"],
        ["--turn", "1"],
        ["--document", "note:x", "--turn", "1"],
    ],
)
def test_name_exactly_one_thing(run: Run, said: str, args: list[str]) -> None:
    run("forget", *args, "--yes", code=2)


@pytest.mark.parametrize(
    "args",
    [["--session", "nobody"], ["--session", "s1", "--turn", "9"], ["--document", "note:nothing"], ["--document", "x"]],
)
def test_what_is_not_there_cannot_be_forgotten(run: Run, said: str, args: list[str]) -> None:
    assert run("forget", *args, "--yes", code=1).stderr.startswith("Error: ")


@pytest.mark.parametrize("complete", [True, False])
def test_a_proof_that_fails_is_told_and_is_an_error(
    run: Run, said: str, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    traces = (Trace(Path("/x/memory.db"), 17, "the combination"),) * 12 if complete else ()
    monkeypatch.setattr(Memory, "forget", lambda self, **named: Proof(2, 5, 1000, traces, complete))
    shown = run("forget", "--session", "s1", "--yes", code=1).stdout
    if complete:
        assert "12 traces found." in shown
        assert "/x/memory.db at byte 17: 'the combination'" in shown
        assert "and 2 more" in shown
    else:
        assert "Not complete" in shown
