from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from tests.engine.recall.rows import Message, rows_of

from threadline.engine.recall.moments import time_scores
from threadline.engine.recall.timeframe import Timeframe

DAY = datetime(2024, 5, 3, tzinfo=UTC)
EACH = [DAY + timedelta(days=days) for days in (-1, 0, 0.5, 1, 10, 30)]
ROWS = rows_of([Message(1, at=moment.timestamp()) for moment in EACH])
ALL = np.ones(len(ROWS), np.bool_)


def frame(start: datetime | None, end: datetime | None) -> Timeframe:
    return Timeframe(start, end, "then")


def test_prefer_what_was_said_within_the_frame_and_soon_after() -> None:
    found = time_scores(ROWS, [frame(DAY, DAY + timedelta(days=1))], ALL)
    assert found.tolist() == [0.0, 1.0, 1.0, 0.5, 0.5, 0.0]


def test_leave_a_frame_open() -> None:
    assert time_scores(ROWS, [frame(None, DAY)], ALL).tolist() == [1.0, 0.5, 0.5, 0.5, 0.5, 0.0]
    assert time_scores(ROWS, [frame(DAY, None)], ALL).tolist() == [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_take_the_best_of_several_frames() -> None:
    frames = [frame(DAY, DAY + timedelta(days=1)), frame(DAY + timedelta(days=29), None)]
    assert time_scores(ROWS, frames, ALL).tolist() == [0.0, 1.0, 1.0, 0.5, 0.5, 1.0]


def test_say_nothing_without_a_frame_or_of_what_is_hidden() -> None:
    assert time_scores(ROWS, [], ALL).tolist() == [0.0] * 6
    seen = np.array([True, False, True, False, True, True])
    found = time_scores(ROWS, [frame(DAY, DAY + timedelta(days=1))], seen)
    assert found.tolist() == [0.0, 0.0, 1.0, 0.0, 0.5, 0.0]


def test_compare_moments_of_any_zone() -> None:
    start = datetime.fromisoformat("2024-05-03T05:30:00+05:30")  # midnight in UTC
    assert time_scores(ROWS, [frame(start, start + timedelta(hours=1))], ALL)[:2].tolist() == [0.0, 1.0]
