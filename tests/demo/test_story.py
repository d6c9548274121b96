"""A story tells what is said in which order, and who may see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.demo.stories import STORY, said
from threadline import TranscriptError
from threadline.demo.story import Branched, Noted, Said, Story, Undone, load, made_questions, onlookers, visible


def test_take_back_the_undone_turns_of_the_sample_before_the_next_is_said() -> None:
    steps = load(None).steps
    undos = [at for at, step in enumerate(steps) if isinstance(step, Undone)]
    assert undos
    for at in undos:
        undo = steps[at]
        assert isinstance(undo, Undone)
        before = steps[at - len(undo.numbers) : at]
        assert [(s.session, s.number, s.undone) for s in before if isinstance(s, Said)] == [
            (undo.session, number, True) for number in undo.numbers
        ]
        after = steps[at + 1]
        assert isinstance(after, Said)
        assert not after.undone
    taken_back = [number for at in undos for number in getattr(steps[at], "numbers", ())]
    assert len(taken_back) == sum(turn.undone for turn in load(None).turns)


def test_give_every_turn_of_the_sample_a_key_of_its_own() -> None:
    story = load(None)
    keys = [turn.host_key for turn in story.turns] + [note.host_key for note in story.notes]
    assert len(set(keys)) == len(keys)
    assert load(None) == story


def test_branch_before_the_first_turn_of_the_branch() -> None:
    steps = load(None).steps
    [at] = [at for at, step in enumerate(steps) if isinstance(step, Branched)]
    assert isinstance(steps[at + 1], Said)
    assert steps[at + 1].session == steps[at].session


def test_put_a_note_behind_its_turn() -> None:
    steps = load(None).steps
    for at, step in enumerate(steps):
        if isinstance(step, Noted):
            earlier = steps[at - 1]
            assert earlier.session == step.session
            assert isinstance(earlier, Said | Noted)


def test_see_its_own_and_what_was_inherited() -> None:
    assert visible(STORY, "main") == {("main", n) for n in (1, 4, 5, 6)}
    assert visible(STORY, "what-if") == {("main", 1), ("main", 4), ("what-if", 1), ("what-if", 2)}
    assert visible(STORY, "later") == {("later", 1)}


def test_know_where_a_leak_would_show() -> None:
    assert onlookers(STORY, "main") == ["what-if"]
    assert onlookers(STORY, "what-if") == ["main", "later"]
    assert onlookers(STORY, "later") == ["main"]
    assert onlookers(Story("", (said("only", 1, "x"),), ()), "only") == []


def test_ask_with_the_rarest_words() -> None:
    turns = [said("a", n, f"we talk about the weather and subject{n}") for n in range(1, 31)]
    questions = made_questions(turns)
    assert len(questions) == 10
    places = [next(iter(question.evidence)) for question in questions]
    assert places == [("a", 1 + 3 * n) for n in range(10)]
    for question, (_, number) in zip(questions, places, strict=True):
        assert f"subject{number}" in question.text.split()
        assert len(question.text.split()) == 4


def test_ask_nothing_where_there_are_no_words() -> None:
    assert made_questions([Said("a", 1, (), said("a", 1, "x").occurred_at, "k")]) == []


def transcript(folder: Path, *messages: dict[str, object]) -> Path:
    path = folder / "chat.json"
    path.write_text(json.dumps(list(messages)), "utf-8")
    return path


def test_read_a_transcript(tmp_path: Path) -> None:
    path = transcript(
        tmp_path,
        {"role": "user", "content": "Where is the kettle?"},
        {"role": "assistant", "content": "In the attic."},
        {"role": "user", "content": "Where is the kettle?"},
        {"role": "assistant", "content": "Still in the attic."},
    )
    story = load(path)
    assert [(turn.number, [m.text for m in turn.messages]) for turn in story.turns] == [
        (1, ["Where is the kettle?", "In the attic."]),
        (2, ["Where is the kettle?", "Still in the attic."]),
    ]
    assert len(story.sessions) == 1
    assert len(story.questions) == 2


def test_take_the_same_key_again_for_the_same_turn(tmp_path: Path) -> None:
    turns = [{"id": key, "speaker": "Ann", "role": "user", "text": f"hello {key}"} for key in ("k1", "k2", "k1")]
    path = tmp_path / "talk.json"
    session = {"id": "s", "date": "2025-03-01", "turns": turns}
    path.write_text(json.dumps({"id": "talk", "sessions": [session]}), "utf-8")
    assert [turn.messages[0].text for turn in load(path).turns] == ["hello k1", "hello k2"]


def test_say_what_of_a_transcript_could_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text('{"role": "user", "content": "hello there"}\n{broken\n{"role": "assistant", "content": "hi"}\n')
    story = load(path)
    [fault] = story.faults
    assert "chat.jsonl:2" in fault
    assert len(story.turns) == 1


def test_refuse_a_transcript_without_turns(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    with pytest.raises(TranscriptError, match=r"empty\.jsonl.*no turn"):
        load(path)
