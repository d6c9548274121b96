from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from threadline.documents import Batch, Passage, Query
from threadline.engine.bank import Bank
from threadline.engine.recall.events import EVENT, frames_of

BEGAN = datetime(2024, 1, 1, 12, tzinfo=UTC)
TOLD = (
    "I had soup for lunch",
    "Today we moved to Lisbon, the great move is done",
    "I had salad for lunch",
    "I had bread for lunch",
)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    opened = Bank(tmp_path)
    passages = [Passage(turn, 0, "user", text, BEGAN + timedelta(days=30 * turn)) for turn, text in enumerate(TOLD, 1)]
    opened.retain(Batch("b", "session:s", "k", tuple(passages)))
    yield opened
    opened.close()


def lunches(bank: Bank, question: str) -> list[str]:
    """Those found, best first, but for the event itself."""
    return [hit.memory.text for hit in bank.recall(Query(question)) if hit.memory.text != TOLD[1]]


def test_prefer_what_was_said_before_an_event(bank: Bank) -> None:
    assert lunches(bank, "What did I have for lunch before the great move?")[0] == TOLD[0]


def test_prefer_what_was_said_after_an_event(bank: Bank) -> None:
    assert lunches(bank, "What did I have for lunch after the great move?")[2] == TOLD[0]


@pytest.mark.parametrize(("relation", "within"), [("before", 1), ("after", 2), ("around", 1)])
def test_date_what_is_asked_for_by_the_event(bank: Bank, relation: str, within: int) -> None:
    ranked, _ = bank.rank(Query("the great move"), EVENT)
    (frame,) = frames_of(relation, ranked)  # type: ignore[arg-type]
    moved = BEGAN + timedelta(days=60)
    inside = [
        (frame.start is None or frame.start <= moved + days) and (frame.end is None or moved + days < frame.end)
        for days in (-timedelta(days=1), timedelta(0), timedelta(days=1), timedelta(days=30))
    ]
    assert (
        inside
        == {
            "before": [True, False, False, False],
            "after": [False, True, True, True],
            "around": [True, True, True, False],
        }[relation]
    )


def test_date_nothing_by_an_event_that_nobody_told_of(bank: Bank) -> None:
    ranked, _ = bank.rank(Query("quantum chromodynamics"), EVENT)
    assert frames_of("before", ranked) == ()
    assert len(lunches(bank, "What was for lunch before the quantum collapse?")) == 3
