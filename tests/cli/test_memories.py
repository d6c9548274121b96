from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from threadline import Memory, Recalled, Reflection
from threadline.cli.memories import _show_answer
from threadline.engine.reflect.extract import HEADING, NOTHING, SOURCES


def said(memory: Memory) -> None:
    session = memory.session("s1", tags=["travel"])
    session.add_turn(user="The ferry to Tangier leaves at nine.")
    branch = session.branch("b1")
    session.add_turn(user="The ferry to Ceuta is cheaper.")
    branch.add_turn(user="The ferry to Melilla is slow.")
    memory.flush()


def test_recall_as_json_has_every_field(memory: Memory, run: Run) -> None:
    said(memory)
    (found, *_) = json.loads(run("recall", "Tangier", "--json").stdout)
    assert set(found) == {field.name for field in fields(Recalled)}
    assert (found["session"], found["turn"], found["text"]) == ("s1", 1, "The ferry to Tangier leaves at nine.")
    assert found["why"][0]["channel"] == "words"


def test_recall_for_people_says_what_who_when_where_and_why(memory: Memory, run: Run) -> None:
    said(memory)
    shown = run("recall", "Tangier").stdout
    for part in ("The ferry to Tangier", "user", "s1:1", "words #1"):
        assert part in shown


def test_recall_for_a_session_sees_its_lineage_alone(memory: Memory, run: Run) -> None:
    said(memory)
    texts = {found["text"] for found in json.loads(run("recall", "ferry", "--session", "b1", "--json").stdout)}
    assert texts == {"The ferry to Tangier leaves at nine.", "The ferry to Melilla is slow."}


def test_recall_is_narrowed(memory: Memory, run: Run) -> None:
    said(memory)
    assert len(json.loads(run("recall", "ferry", "--limit", "2", "--json").stdout)) == 2
    assert json.loads(run("recall", "ferry", "--tag", "work", "--json").stdout) == []
    tagged = json.loads(run("recall", "ferry", "--tag", "travel", "--json").stdout)
    assert {found["session"] for found in tagged} == {"s1"}
    assert len(json.loads(run("recall", "ferry", "--max-tokens", "12", "--json").stdout)) == 1


def test_recall_fresh_waits_for_what_is_on_its_way(memory: Memory, run: Run) -> None:
    memory.session("s1").add_turn(user="Just now: the lighthouse.")
    assert "lighthouse" in run("recall", "lighthouse", "--fresh").stdout


def test_reflect_for_people_quotes_and_says_where_from(memory: Memory, run: Run) -> None:
    said(memory)
    result = run("reflect", "Where does the ferry to Tangier leave from?")
    first, *_, last = result.stdout.rstrip().split("\n\n")
    assert first == HEADING
    assert "“The ferry to Tangier leaves at nine.”" in result.stdout
    assert last.startswith(f"{SOURCES}\n [1] user, s1, turn 1, 20")
    assert result.stderr == ""


def test_reflect_hangs_long_quotes_from_their_number(memory: Memory, run: Run) -> None:
    memory.session("s1").add_turn(user="The ferry to Tangier is slow and " + "old and " * 15 + "cheap.")
    memory.flush()
    (wrapped,) = [line for line in run("reflect", "Tangier").stdout.splitlines() if line.endswith("cheap.”")]
    assert wrapped.startswith("     old")


def test_reflect_as_json_has_every_field(memory: Memory, run: Run) -> None:
    said(memory)
    answer = json.loads(run("reflect", "Tangier", "--json").stdout)
    assert set(answer) == {field.name for field in fields(Reflection)}
    assert answer["extractive"] is True
    assert [(found["session"], found["turn"]) for found in answer["memories"]] == [("s1", 1)]


def test_reflect_is_narrowed(memory: Memory, run: Run) -> None:
    said(memory)
    answer = json.loads(run("reflect", "the ferry", "--session", "b1", "--json").stdout)
    assert {found["text"].split()[3] for found in answer["memories"]} == {"Tangier", "Melilla"}
    assert json.loads(run("reflect", "ferry", "--tag", "work", "--json").stdout)["memories"] == []
    assert len(json.loads(run("reflect", "ferry", "--max-tokens", "60", "--json").stdout)["memories"]) == 1
    assert "no session" in run("reflect", "ferry", "--session", "nobody", code=1).stderr


def test_reflect_says_plainly_that_there_is_nothing(memory: Memory, run: Run) -> None:
    said(memory)
    assert run("reflect", "What is the capital of Mongolia?").stdout == f"{NOTHING}\n"
    assert run("reflect", "ferry", "--max-tokens", "1").stdout == "No answer fits so few tokens, or there is none.\n"


def test_reflect_makes_no_data_directory(home: Path, run: Run) -> None:
    result = run("reflect", "the ferry")
    assert result.stdout == f"{NOTHING}\n"
    assert "no memory" in result.stderr
    assert json.loads(run("reflect", "the ferry", "--json").stdout)["text"] == NOTHING
    assert not home.exists()


def test_an_answer_that_was_composed_is_shown_with_what_it_was_made_from(
    memory: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    said(memory)
    found, *_ = memory.recall("Tangier")
    _show_answer(Reflection("It leaves at nine, \x1b[2Jas Ann said.", (replace(found, speaker="Ann"),)))
    shown = capsys.readouterr().out
    assert shown.startswith("It leaves at nine, \ufffd[2Jas Ann said.\n\nMade from:\n [1] Ann, s1, turn 1, 20")


def test_retain_prints_the_id_and_tells_of_secrets(run: Run) -> None:
    result = run("retain", "the door: password: hunter2xyz9", "--tag", "home", "--context", "house")
    (found,) = json.loads(run("recall", "door", "--json").stdout)
    assert found["document"] == f"note:{result.stdout.strip()}"
    assert found["tags"] == ["home"]
    assert result.stderr == "Secrets taken out: 1.\n"


def test_retain_for_a_session(memory: Memory, run: Run) -> None:
    memory.session("s1")
    note = json.loads(run("retain", "belongs there", "--session", "s1", "--json").stdout)
    assert (note["session"], note["redactions"], note["delivered"]) == ("s1", 0, True)
    assert "belongs there" in run("show", "s1").stdout


def test_retain_refuses_what_is_empty_and_a_session_that_is_not(memory: Memory, run: Run) -> None:
    assert "empty" in run("retain", "  ", code=1).stderr
    assert "no session" in run("retain", "x", "--session", "nobody", code=1).stderr


def test_retain_without_waiting(run: Run) -> None:
    assert json.loads(run("retain", "later", "--no-wait", "--json").stdout)["delivered"] is False
    assert "later" in run("recall", "later", "--fresh").stdout
