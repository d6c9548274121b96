from __future__ import annotations

import json
from dataclasses import fields

from tests.cli.conftest import Run
from threadline import Memory, Recalled


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
