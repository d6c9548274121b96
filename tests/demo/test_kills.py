"""The moments of the kills, and what is done when the process dies of something else."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.demo.stories import STORY
from threadline import ThreadlineError
from threadline.demo.kills import MOMENTS, Trigger, choose, live_through
from threadline.demo.life import is_decision
from threadline.demo.story import load

SAMPLE = load(None)


def test_choose_the_same_moments_for_the_same_seed() -> None:
    assert choose(SAMPLE, 10, random.Random(1)) == choose(SAMPLE, 10, random.Random(1))
    assert choose(SAMPLE, 10, random.Random(1)) != choose(SAMPLE, 10, random.Random(2))


@pytest.mark.parametrize("kills", [0, 1, 5, 10, 500])
def test_spread_the_moments_over_the_story(kills: int) -> None:
    triggers = choose(SAMPLE, kills, random.Random(3))
    steps = [trigger.step for trigger in triggers]
    assert len(steps) == kills
    assert steps == sorted(steps)
    assert all(at * len(SAMPLE.steps) // kills <= step < len(SAMPLE.steps) for at, step in enumerate(steps))


def test_choose_undos_branches_and_deliveries() -> None:
    triggers = [trigger for seed in range(20) for trigger in choose(SAMPLE, 10, random.Random(seed))]
    before = [trigger for trigger in triggers if trigger.line == ("doing", "")]
    assert before
    assert all(is_decision(SAMPLE.steps[trigger.step]) for trigger in before)
    assert {trigger.line for trigger in triggers} >= {*MOMENTS, ("commit", "journal.rewind")}


def test_kill_between_a_turn_and_its_undo(tmp_path: Path) -> None:
    [undo, *_] = [at for at, step in enumerate(SAMPLE.steps) if is_decision(step)]
    kills = live_through(SAMPLE, tmp_path, None, "none", [Trigger(undo, ("doing", ""))])
    kill = next(kills)
    assert (kill.step, kill.acknowledged, kill.kept) == (undo, undo, False)
    assert kill.recorded == undo
    assert kill.lost == frozenset()
    assert list(kills) == []


def test_notice_what_was_acknowledged_and_is_not_there(tmp_path: Path) -> None:
    # The process lives through a transcript; a story with other sessions was never said, whatever it acknowledges.
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(f'{{"role": "user", "content": "line {n} of a chat"}}\n' for n in range(20)))
    story = load(path)
    other = replace(story, steps=tuple(replace(step, session="elsewhere") for step in story.steps))
    [kill] = live_through(other, tmp_path / "home", path, "none", [Trigger(9, ("committed", "journal.turn"))])
    assert len(kill.lost) == kill.acknowledged > 0


@pytest.mark.parametrize("triggers", [[], [Trigger(0, ("committed", "journal.turn"))]])
def test_say_so_when_the_process_dies_of_something_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], triggers: list[Trigger]
) -> None:
    with pytest.raises(ThreadlineError, match="ended by itself with code 1"):
        next(live_through(STORY, tmp_path, tmp_path / "nowhere.json", "none", triggers))
    assert "nowhere.json" in capfd.readouterr().err
