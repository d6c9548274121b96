"""Figures of the real host: read as they were noted, and told as they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from benchmarks.hermes.history import _sessions
from benchmarks.hermes.inhost import Figures, _wait
from benchmarks.hermes.probed import Calls, Took
from benchmarks.hermes.report import GOALS, NOBODY, OURS, _goals, _table, figures, quantile


def timed(**more: Any) -> Figures:
    given: dict[str, Any] = {
        "waits": {place: float(place) for place in range(2, 101)},
        "first_waits": [300.0],
        "calls": {
            "sync_turn": [1.0] * 99 + [9.0],
            "queue_prefetch": [0.5] * 100,
            "on_session_switch": [2.0, 30.0, 3.0],
        },
        "loads": [100.0, 120.0, 900.0],
        "ready": [5_000.0],
        "exits": [1_500.0],
        "turns": 100,
        "told": 75,
    }
    return Figures(**{**given, **more})


NOTHING = Figures(ready=[4_000.0], exits=[900.0], turns=100)


def test_compare_with_a_host_without_a_provider() -> None:
    found = figures({NOBODY: NOTHING, OURS: timed()}, 50, 2)
    ours = found[OURS]
    assert (ours["first_answer_added"], ours["exit_added"], ours["told_share"]) == (1_000.0, 600.0, 0.75)
    assert (ours["load_p50"], ours["load_max"], ours["switch_max"]) == (120.0, 900.0, 30.0)
    assert (ours["sync_turn_p50"], ours["sync_turn_p99"]) == (1.0, 9.0)
    assert found[NOBODY] == {
        "first_answer": 4_000.0,
        "first_answer_added": 0.0,
        "exit": 900.0,
        "exit_added": 0.0,
        "told_share": 0.0,
    }


def test_tell_the_beginning_of_a_session_from_its_end() -> None:
    ours = figures({NOBODY: NOTHING, OURS: timed()}, 50, 2)[OURS]
    assert (ours["wait_short_p50"], ours["wait_short_p95"]) == (26.0, 48.0)
    assert (ours["wait_long_p50"], ours["wait_long_p95"]) == (76.0, 98.0)


def test_take_the_largest_of_few() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert quantile([float(value) for value in range(100)], 0.95) == 95.0


def test_say_which_goal_is_not_met() -> None:
    met = dict.fromkeys(GOALS, 1.0)
    assert "not met" not in _goals(met)
    for name, goal in GOALS.items():
        told = [line for line in _goals({**met, name: goal}).splitlines() if "not met" in line]
        assert len(told) == 1
        assert f"< {goal:,.0f}" in told[0]


def test_leave_out_what_a_host_without_a_provider_has_not() -> None:
    table = _table(figures({NOBODY: NOTHING, OURS: timed()}, 50, 2), 50, 50)
    (told,) = [line for line in table.splitlines() if "`sync_turn`, p50" in line]
    assert told == "| `sync_turn`, p50 |  | 1.0 |"
    assert table.splitlines()[-1] == "| turns that were told something of the past, % | 0 | 75 |"


def test_wait_for_what_comes_before_the_model_alone() -> None:
    calls = [Took("on_turn_start", 1.0, "a"), Took("prefetch", 20.0, "b"), Took("sync_turn", 300.0, "mem-sync_0")]
    assert _wait(calls) == 21.0


def test_read_whole_notes_alone_and_each_once(tmp_path: Path) -> None:
    calls = Calls(SimpleNamespace(root=tmp_path))  # type: ignore[arg-type]
    assert calls.fresh() == []
    line = json.dumps({"call": "prefetch", "ms": 1.5, "thread": "x"})
    with (tmp_path / "calls.jsonl").open("a") as notes:
        notes.write(line + "\n" + line[:10])
        notes.flush()
        assert calls.fresh() == [Took("prefetch", 1.5, "x")]
        notes.write(line[10:] + "\n")
    assert calls.fresh() == [Took("prefetch", 1.5, "x")]
    assert calls.fresh() == []


@pytest.mark.parametrize("turns", [1, 120])
def test_live_through_as_many_turns_as_were_asked_for(turns: int) -> None:
    sessions = list(_sessions(turns, 1))
    assert sum(len(one["turns"]) for one in sessions) == turns
    assert len({one["id"] for one in sessions}) == len(sessions)
    began = [one["began"] for one in sessions]
    assert began == sorted(began)
    assert began[-1] < datetime.now(UTC).timestamp() - 3_600, "they are over"
