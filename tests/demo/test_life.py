"""The life goes on where it stopped, whatever was the last thing that happened."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from tests.demo.stories import STEPS, STORY
from threadline.demo.comparison import Faults
from threadline.demo.inspection import inspect
from threadline.demo.life import is_decision, live, open_memory, reached


def live_up_to(steps: int, home: Path) -> None:
    with open_memory(home, "none") as memory:
        live(replace(STORY, steps=STEPS[:steps]), memory, lambda *_: None, lambda: None)


@pytest.mark.parametrize("steps", range(len(STEPS) + 1))
def test_go_on_from_every_step(tmp_path: Path, steps: int) -> None:
    live_up_to(steps, tmp_path)
    live_up_to(len(STEPS), tmp_path)
    with open_memory(tmp_path, "none") as memory:
        assert memory.flush()
        found = inspect(STORY, tmp_path, memory)
    assert found.journal.faults | found.store.faults | found.recalls.faults == Faults()
    assert found.recalls.came_back == found.recalls.asked == 7
    assert found.journal.turns == 9
    assert found.store.turns == 7


def test_know_how_far_it_got(tmp_path: Path) -> None:
    got = []
    for steps in range(len(STEPS) + 1):
        live_up_to(steps, tmp_path)
        with open_memory(tmp_path, "none") as memory:
            got.append(reached(STORY, memory))
    # A note (the steps 6 and 12) is not looked for: it is retained again, under the same key.
    assert got == [0, 1, 2, 3, 4, 5, 5, 7, 8, 9, 10, 11, 11, 13]


def test_tell_every_step_before_and_after(tmp_path: Path) -> None:
    told: list[tuple[str, int | str]] = []
    with open_memory(tmp_path, "none") as memory:
        live(STORY, memory, lambda what, about: told.append((what, about)), lambda: told.append(("wait", "")))
    steps = [about for what, about in told if what == "doing"]
    assert steps == [about for what, about in told if what == "done"] == list(range(len(STEPS)))
    waits = [before for before, after in itertools.pairwise(told) if after[0] == "wait"]
    assert waits == [("doing", at) for at, step in enumerate(STEPS) if is_decision(step)]


def test_take_only_the_last_recorded_step_again(tmp_path: Path) -> None:
    live_up_to(9, tmp_path)
    told: list[int | str] = []
    with open_memory(tmp_path, "none") as memory:
        live(STORY, memory, lambda what, about: told.append(about) if what == "doing" else None, lambda: None)
    assert told == list(range(8, len(STEPS)))
