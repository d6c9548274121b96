"""The sample conversation is what `threadline demo` shows first: dates, numbers and references must hold."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from importlib import resources
from itertools import pairwise
from typing import TypedDict

import pytest

Place = tuple[str, int]


class Parent(TypedDict):
    session: str
    turn: int
    kind: str


class Turn(TypedDict):
    at: str
    user: str
    assistant: str
    undone: bool


class Session(TypedDict):
    id: str
    parent: Parent | None
    turns: list[Turn]


class Note(TypedDict):
    session: str
    after_turn: int
    text: str
    tags: list[str]


class Question(TypedDict):
    text: str
    session: str | None
    evidence: list[tuple[str, int]]
    never: list[tuple[str, int]]


class Sample(TypedDict):
    id: str
    title: str
    sessions: list[Session]
    notes: list[Note]
    questions: list[Question]


@pytest.fixture(scope="module")
def sample() -> Sample:
    text = resources.files("threadline.demo").joinpath("sample.json").read_text(encoding="utf-8")
    loaded: Sample = json.loads(text)
    return loaded


@pytest.fixture(scope="module")
def turns(sample: Sample) -> dict[Place, Turn]:
    """Every turn by its session and its number from 1."""
    return {(s["id"], n): turn for s in sample["sessions"] for n, turn in enumerate(s["turns"], start=1)}


def test_has_the_promised_size(sample: Sample, turns: dict[Place, Turn]) -> None:
    assert len(sample["sessions"]) == 12
    assert len(turns) >= 125
    assert sum(not turn["undone"] for turn in turns.values()) >= 120
    assert 4 <= sum(turn["undone"] for turn in turns.values()) <= 6
    assert len(sample["notes"]) in (3, 4)
    assert len(sample["questions"]) == 10


def test_carries_only_the_fields_of_the_format(sample: Sample, turns: dict[Place, Turn]) -> None:
    assert sample.keys() == Sample.__annotations__.keys()
    assert all(session.keys() == Session.__annotations__.keys() for session in sample["sessions"])
    assert all(turn.keys() == Turn.__annotations__.keys() for turn in turns.values())
    assert all(type(turn["undone"]) is bool for turn in turns.values())
    assert all(note.keys() == Note.__annotations__.keys() for note in sample["notes"])
    assert all(question.keys() == Question.__annotations__.keys() for question in sample["questions"])


def test_gives_every_session_and_turn_its_own_identity(sample: Sample, turns: dict[Place, Turn]) -> None:
    ids = [session["id"] for session in sample["sessions"]]
    assert len(set(ids)) == len(ids)
    assert all(part.isalnum() and part.islower() for id_ in ids for part in id_.split("-"))
    said = [(turn["user"], turn["assistant"]) for turn in turns.values()]
    assert len(set(said)) == len(said)


def test_texts_are_of_readable_length(turns: dict[Place, Turn]) -> None:
    lengths = {
        place: (len(turn["user"]), len(turn["assistant"]))
        for place, turn in turns.items()
        if not (10 <= len(turn["user"]) <= 600 and 10 <= len(turn["assistant"]) <= 600)
    }
    assert lengths == {}


def test_time_only_moves_forward(turns: dict[Place, Turn]) -> None:
    times = [datetime.fromisoformat(turn["at"]) for turn in turns.values()]
    assert all(time.utcoffset() == timedelta(0) for time in times)
    assert all(earlier < later for earlier, later in pairwise(times))
    assert timedelta(days=210) < times[-1] - times[0] < timedelta(days=270)


def test_every_undone_turn_has_its_replacement(sample: Sample) -> None:
    # Undone turns are the last of their session when they are undone; a normal turn then takes their place.
    for session in sample["sessions"]:
        assert not session["turns"][-1]["undone"], session["id"]


def test_branches_once_from_an_earlier_turn_that_stands(sample: Sample, turns: dict[Place, Turn]) -> None:
    [branch] = [session for session in sample["sessions"] if session["parent"] is not None]
    parent = branch["parent"]
    assert parent is not None
    assert parent["kind"] == "branch"
    ids = [session["id"] for session in sample["sessions"]]
    assert ids.index(parent["session"]) < ids.index(branch["id"]) < len(ids) - 1
    assert not turns[parent["session"], parent["turn"]]["undone"]
    assert (parent["session"], parent["turn"] + 1) in turns, "the main line must go on after the fork"


def test_notes_follow_a_turn_that_stands(sample: Sample, turns: dict[Place, Turn]) -> None:
    for note in sample["notes"]:
        assert not turns[note["session"], note["after_turn"]]["undone"], note["text"]
        assert note["text"].strip()
        assert note["tags"]


def test_questions_point_at_turns_that_can_answer_them(sample: Sample, turns: dict[Place, Turn]) -> None:
    for question in sample["questions"]:
        evidence, never = _places(question["evidence"]), _places(question["never"])
        assert evidence, question["text"]
        assert evidence | never <= turns.keys(), question["text"]
        assert not evidence & never, question["text"]
        assert not any(turns[place]["undone"] for place in evidence), question["text"]


def test_questions_of_a_session_stay_within_what_it_can_see(sample: Sample) -> None:
    for question in sample["questions"]:
        if question["session"] is None:
            continue
        visible = _visible(sample, question["session"])
        assert _places(question["evidence"]) <= visible, question["text"]
        assert not _places(question["never"]) & visible, question["text"]


def test_questions_cover_the_branch_and_the_undone(sample: Sample, turns: dict[Place, Turn]) -> None:
    [branch] = [session["id"] for session in sample["sessions"] if session["parent"]]
    [parent] = [session["parent"]["session"] for session in sample["sessions"] if session["parent"]]
    forbidden = {
        question["session"]: _places(question["never"]) for question in sample["questions"] if question["never"]
    }
    assert branch in {question["session"] for question in sample["questions"]}
    assert {session for session, _ in forbidden[parent]} == {branch}
    assert any(turns[place]["undone"] for place in forbidden[None])


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("knee operation", "27 May"),
        ("plumber", "Adeyemi"),
        ("weight", "4.6"),
        ("Pip's birthday", "21"),
        ("deposit certificate", "DPC-40718"),
        ("Wen's dog", "Marzipan"),
        ("ERR_CONN_42", "20"),
        ("Dennistoun", "870"),
        ("first day in the new job", "Monday 12 May"),
        ("boiler engineer", "Friday 21 February"),
    ],
)
def test_every_evidence_turn_holds_the_answer(
    sample: Sample, turns: dict[Place, Turn], question: str, answer: str
) -> None:
    [asked] = [q for q in sample["questions"] if question in q["text"]]
    assert all(answer in _said(turns[place]) for place in _places(asked["evidence"]))
    assert not any(answer in _said(turns[place]) for place in _places(asked["never"]))


def _places(pairs: list[tuple[str, int]]) -> set[Place]:
    return {(session, number) for session, number in pairs}


def _said(turn: Turn) -> str:
    return turn["user"] + "\n" + turn["assistant"]


def _visible(sample: Sample, session_id: str) -> set[Place]:
    """The turns a session sees: its own that stand, and its parent's up to the fork."""
    sessions = {session["id"]: session for session in sample["sessions"]}
    session = sessions[session_id]
    own = {(session_id, n) for n, turn in enumerate(session["turns"], start=1) if not turn["undone"]}
    parent = session["parent"]
    if parent is None:
        return own
    fork = parent["turn"]
    return own | {(id_, n) for id_, n in _visible(sample, parent["session"]) if id_ != parent["session"] or n <= fork}
