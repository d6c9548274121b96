"""Loading, and living through a conversation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.evaluation import UNBOUNDED, asked_at, live, load, record

from .systems import Newest, Thrifty, conversation, item, question


def whole(**changes: Any) -> dict[str, Any]:
    turns = [[("t1", "user", "first"), ("t2", "assistant", "second")], [], [("t3", "user", "third")]]
    dates = ["2024-01-01", "2024-01-02", "2024-01-03"]
    return {
        "id": "c",
        "level": "turn",
        "sessions": [
            {
                "id": f"s{number}",
                "date": dates[number],
                "turns": [
                    {"id": ref, "speaker": None, "role": role, "text": text, "time": None} for ref, role, text in said
                ],
            }
            for number, said in enumerate(turns)
        ],
        "questions": [
            {"text": "late?", "category": 4, "gold": ["t1", "t3"], "asked_in": None},
            {"text": "early?", "category": None, "gold": [], "asked_in": "s2"},
        ],
        **changes,
    }


def write(folder: Path, name: str, content: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))


def test_load_folders_and_files_by_the_name_of_their_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    write(data, "alone.json", whole())
    write(data / "talks", "b.json", whole())
    write(data / "raw", "other.json", [{"conversation": {}}])
    write(data / "talks", "mute.json", whole(questions=[]))
    (data / "talks" / "broken.json").write_text("{")
    found = list(load(data))
    assert [(one.source, one.name) for one in found] == [("data", "alone"), ("talks", "b")]
    told = capsys.readouterr().err
    assert "raw/other.json is skipped: it is not in the plain format." in told
    assert "talks/broken.json is skipped" in told
    assert "talks/mute.json is skipped: nothing is asked of it." in told


def test_load_questions_with_what_they_may_see(tmp_path: Path) -> None:
    write(tmp_path, "c.json", whole())
    (found,) = load(tmp_path)
    assert [[len(turn) for turn in session] for session in found.sessions] == [[2], [], [1]]
    late, early = found.questions
    assert (late.due, late.category, sorted(late.gold)) == (3, "4", ["t1", "t3"])
    assert (early.due, early.category, sorted(early.gold)) == (2, "-", [])
    assert str(late.asked_at).startswith("2024-01-03")
    assert str(early.asked_at).startswith("2024-01-03"), "the session it is asked in"


def test_ask_at_the_start_of_a_session_or_after_the_last() -> None:
    days = [[item("m1")._replace(said_at=f"2024-01-0{day}T0{hour}:00:00+00:00") for hour in (2, 1)] for day in (1, 2)]
    told = conversation([*days, []], [])
    assert asked_at(told, 1) == "2024-01-02T01:00:00+00:00"
    assert asked_at(told, 2) == "2024-01-02T02:00:00+00:00", "nothing was said in the third"
    assert asked_at(told, 3) == "2024-01-02T02:00:00+00:00"
    assert asked_at(conversation([], []), 0) is None


def test_name_sessions_as_the_importer_does(tmp_path: Path) -> None:
    write(tmp_path, "c.json", whole(level="session", questions=[{"text": "?", "gold": ["s0"], "asked_in": None}]))
    (found,) = load(tmp_path)
    (asked,) = found.questions
    assert asked.gold == {found.sessions[0][0][0].session} == {"c:s0"}


def test_tell_messages_apart_whose_ids_are_those_of_their_sessions(tmp_path: Path) -> None:
    content = whole(level="session", questions=[{"text": "?", "gold": ["s2"], "asked_in": None}])
    content["sessions"][2]["turns"][0]["id"] = "t1"
    write(tmp_path, "c.json", content)
    (found,) = load(tmp_path)
    (asked,) = live(found, Newest())
    assert asked.units == ("c:s2", "c:s0")


def test_tell_of_evidence_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "c.json", whole(questions=[{"text": "?", "gold": ["t1", "t9"], "asked_in": None}]))
    assert len(list(load(tmp_path))) == 1
    assert "c.json: 1 questions name evidence that the conversation lacks" in capsys.readouterr().err


def test_refuse_a_question_asked_in_no_session(tmp_path: Path) -> None:
    write(tmp_path, "c.json", whole(questions=[{"text": "?", "gold": [], "asked_in": "s9"}]))
    with pytest.raises(SystemExit, match="asked in 's9'"):
        list(load(tmp_path))


def test_ask_each_question_when_it_is_due() -> None:
    system = Newest()
    asked = [question("m3", due=2, text="all?"), question("m1", due=1, text="before?")]
    outcomes = live(conversation([[item("m1"), item("m2")], [item("m3")]], asked), system)
    assert [one.question.text for one in outcomes] == ["before?", "all?"]
    seen = {query.text: told for query, told in system.asked}
    assert seen == {"before?": 2, "all?": 3}
    assert system.calls[0] == "open"
    assert system.calls[-1] == "close"
    assert "".join(call[0] for call in system.calls if call != "open").startswith("aasa")


def test_measure_what_was_found() -> None:
    """The newest first: of three messages of 10 tokens each, the evidence is the second and the third found."""
    messages = [item(f"m{number}") for number in range(3)]
    (found,) = live(conversation([messages], [question("m0", "m1")]), Newest())
    assert found.units == ("m2", "m1", "m0")
    assert found.figures["mrr"] == 0.5
    assert found.within == {512: 1.0, 1024: 1.0, 4096: 1.0}
    assert (found.memories, found.tokens, found.seconds) == (3, 30, 0.002)


def test_cut_by_tokens_where_the_system_does_not() -> None:
    """60 messages of 10 tokens: 50 are returned by default, and 51 fit into 512 tokens."""
    messages = [item(f"m{number}") for number in range(60)]
    (found,) = live(conversation([messages], [question("m59", "m9")]), Newest())
    assert found.within == {512: 0.5, 1024: 0.5, 4096: 0.5}
    assert (found.memories, found.tokens) == (50, 500)


def test_ask_with_the_budget_where_the_system_keeps_to_it() -> None:
    system = Thrifty()
    (found,) = live(conversation([[item("m1"), item("m2")]], [question("m1", "m2")]), system)
    assert found.within == {512: 0.5, 1024: 0.5, 4096: 0.5}
    assert found.units == ("m2", "m1"), "all of them, for the places"
    budgets = [(query.limit, query.max_tokens) for query, _ in system.asked]
    assert budgets == [(None, None), (None, 512), (None, 1024), (None, 4096), (50, UNBOUNDED)]


def test_widen_the_search_until_there_are_enough_sessions() -> None:
    """The newest 50 messages are of two sessions only; the evidence is the third session found."""
    sessions = [[item(f"{name}{number}", session=name) for number in range(30)] for name in ("a", "b", "c")]
    told = conversation(sessions, [question("a", due=3)], by_session=True)
    (found,) = live(told, Newest())
    assert found.units == ("c", "b", "a")
    assert found.figures["mrr"] == pytest.approx(1 / 3)


def test_close_a_system_that_failed() -> None:
    class Failing(Newest):
        def settle(self) -> None:
            raise RuntimeError("no")

    system = Failing()
    with pytest.raises(RuntimeError, match="no"):
        live(conversation([[item("m1")]], [question("m1")]), system)
    assert system.calls[-1] == "close"


def test_record_a_question_for_later_analysis() -> None:
    (found,) = live(conversation([[item("m1")]], [question("m1")]), Newest())
    line = json.loads(json.dumps(record(found, "newest")))
    assert line["system"] == "newest"
    assert (line["gold"], line["units"], line["recall@5"], line["ms"]) == (["m1"], ["m1"], 1.0, 2.0)
