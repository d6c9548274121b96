from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run
from threadline import Memory


@pytest.fixture
def lineage(memory: Memory) -> None:
    session = memory.session("s1")
    for number in range(1, 4):
        session.add_turn(user=f"said {number}", assistant="yes\nand more")
    branch = session.branch("b1", at_turn=2)
    branch.add_turn(user="said in the branch")
    branch.continuation("c1")
    session.rewind(2)
    session.note("noted there", tags=["red"])
    memory.session("s2").end()


@pytest.mark.usefixtures("lineage")
def test_the_tree_shows_how_sessions_descend(run: Run) -> None:
    lines = [line.split("  ·  last")[0] for line in run("sessions").stdout.splitlines()]
    assert lines == [
        "default: 4 sessions",
        "├── s1  ·  3 turns  ·  2 taken back  ·  1 note",
        "│   └── b1  ·  branch at turn 2  ·  1 turn",
        "│       └── c1  ·  continuation  ·  0 turns",
        "└── s2  ·  0 turns  ·  ended",
    ]


@pytest.mark.usefixtures("lineage")
def test_the_list_as_json_says_the_same(run: Run) -> None:
    found = {session["id"]: session for session in json.loads(run("sessions", "--json").stdout)}
    assert list(found) == ["s1", "b1", "c1", "s2"]
    assert (found["b1"]["parent"], found["b1"]["fork_turn"]) == ("s1", 2)
    assert (found["c1"]["parent"], found["c1"]["kind"]) == ("b1", "continuation")


@pytest.mark.usefixtures("lineage")
def test_what_descends_from_a_forgotten_session_is_still_shown(run: Run) -> None:
    run("forget", "--session", "s1", "--yes")
    assert "├── b1  ·  branch at turn 2  ·  of a forgotten session  ·  1 turn" in run("sessions").stdout


@pytest.mark.usefixtures("lineage")
def test_show_marks_what_was_taken_back(run: Run) -> None:
    shown = run("show", "s1").stdout
    heads = [line for line in shown.splitlines() if line.startswith(("turn", "note"))]
    assert ["taken back" in head for head in heads] == [False, True, True, False]
    assert "  user: said 1\n  assistant: yes\n    and more\n" in shown
    assert "  note: noted there\n" in shown


@pytest.mark.usefixtures("lineage")
def test_the_history_is_what_the_session_sees(run: Run) -> None:
    shown = run("show", "b1", "--history").stdout
    assert shown.count("inherited from s1") == 2
    assert "taken back" not in shown  # the branch forked before, and keeps it
    assert "said 3" not in shown
    seen = json.loads(run("show", "b1", "--history", "--json").stdout)["turns"]
    assert [(turn["session"], turn["number"], turn["taken_back"]) for turn in seen] == [
        ("s1", 1, False),
        ("s1", 2, False),
        ("b1", 1, False),
    ]


@pytest.mark.usefixtures("lineage")
def test_show_as_json(run: Run) -> None:
    shown = json.loads(run("show", "s1", "--json").stdout)
    assert shown["session"]["taken_back"] == 2
    assert [turn["taken_back"] for turn in shown["turns"]] == [False, True, True]
    assert shown["turns"][0]["messages"][1]["text"] == "yes\nand more"
    assert shown["notes"][0]["tags"] == ["red"]
