"""The demo from beginning to end, with a real process that is really killed."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest

from threadline import InputError, Memory, demo
from threadline.demo.comparison import Comparison, Faults
from threadline.demo.inspection import Findings, Recalls
from threadline.demo.kills import Kill
from threadline.demo.show import count
from threadline.demo.story import load

NO_FAULT = Faults()
PERFECT = {"said": 5, "undone": 2, "remembered": 3, "lost": 0, "repeated": 0, "misplaced": 0, "undone_recalled": 0}


def test_live_through_the_sample_and_lose_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    home = tmp_path / "home"
    figures = demo.run(None, home, lines.append, embedder="none", kills=6, seed=1)
    story = load(None)
    undone = sum(turn.undone for turn in story.turns)
    assert demo.holds(figures)
    assert (figures["said"], figures["undone"], figures["kills"]) == (len(story.turns), undone, 6)
    assert figures["remembered"] == len(story.turns) - undone
    assert figures["questions"] == 10
    assert json.loads(lines[-1]) == figures
    assert not any(line.startswith("{") for line in lines[:-1])
    for question in story.questions:
        assert any(question.text in line for line in lines)
    assert sum(bool(re.search(r"evidence (came|did not come).* ms$", line)) for line in lines) == 10
    with Memory.open(home, bank="demo", embedder="none") as memory:  # a folder that is given is kept
        assert memory.status().turns == len(story.turns)


def test_live_through_a_transcript_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = tmp_path / "chat.jsonl"
    said = [
        {"role": role, "content": text}
        for number in range(1, 31)
        for role, text in (("user", f"ok, tell me about animal{number}"), ("assistant", "ok"))
    ]
    said[8]["content"] = "my password is hunter2-and-7"
    path.write_text("".join(json.dumps(message) + "\n" for message in said), "utf-8")
    lines: list[str] = []
    figures = demo.run(path, None, lines.append, embedder="none", kills=2, seed=2)
    assert demo.holds(figures)
    assert (figures["said"], figures["remembered"], figures["kills"]) == (30, 30, 2)
    assert (figures["questions"], figures["answered"]) == (10, 10)
    assert any("made without a model" in line for line in lines)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_refuse_a_folder_that_holds_memories(tmp_path: Path) -> None:
    Memory.open(tmp_path, embedder="none").close()
    with pytest.raises(InputError, match="holds memories already"):
        demo.run(None, tmp_path, lambda _: None, embedder="none")


def test_hold_when_everything_is_as_promised() -> None:
    assert demo.holds(PERFECT)
    assert demo.holds({**PERFECT, "questions": 10, "answered": 0})


@pytest.mark.parametrize(
    "broken",
    [{"lost": 1}, {"repeated": 1}, {"misplaced": 1}, {"undone_recalled": 1}, {"remembered": 2}, {"remembered": 4}],
)
def test_not_hold_when_something_is_not(broken: dict[str, int]) -> None:
    assert not demo.holds({**PERFECT, **broken})


def findings(
    journal: Faults = NO_FAULT, store: Faults = NO_FAULT, recalls: Faults = NO_FAULT, missing: str = ""
) -> Findings:
    story = load(None)
    whole = frozenset(f"{turn.session} turn {turn.number}" for turn in story.turns) - {missing}
    return Findings(
        Comparison(len(story.turns), whole, journal),
        Comparison(len(story.turns), whole, store),
        Recalls(1, 1, 1, recalls),
    )


def test_count_faults_of_every_kind_from_every_side_once() -> None:
    one, two = frozenset({"x turn 1"}), frozenset({"x turn 2"})
    found = findings(Faults(lost=one, repeated=one), Faults(lost=one, misplaced=one), Faults(undone=one))
    kill = Kill(3, True, 3, 3, False, two)
    figures = count(load(None), [kill, kill], found, [])
    assert {name: figures[name] for name in ("lost", "repeated", "misplaced", "undone_recalled", "kills")} == {
        "lost": 2,
        "repeated": 1,
        "misplaced": 1,
        "undone_recalled": 1,
        "kills": 2,
    }
    assert not demo.holds(figures)


def test_count_as_remembered_only_what_is_whole() -> None:
    turn = next(turn for turn in load(None).turns if not turn.undone)
    figures = count(load(None), [], findings(missing=f"{turn.session} turn {turn.number}"), [])
    assert figures["remembered"] == figures["said"] - figures["undone"] - 1
    assert not demo.holds(figures)
