"""A question is answered when its evidence comes among the first, and nothing comes that must not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from threadline import Memory
from threadline.demo.questions import FIRST, ask
from threadline.demo.story import Place, Question


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path, embedder="none") as memory:
        zoo = memory.session("zoo")
        for number in range(1, 9):
            zoo.add_turn("zebra " * (9 - number) + "padding words of no meaning " * number)
        memory.session("kitchen").add_turn("the kettle")
        assert memory.flush()
        yield memory


def question(text: str, *evidence: Place, session: str | None = None, never: tuple[Place, ...] = ()) -> Question:
    return Question(text, session, frozenset(evidence), frozenset(never))


def test_take_evidence_among_the_first(memory: Memory) -> None:
    answer = ask(memory, question("zebra", ("zoo", 2)))
    assert answer.rank == 2
    assert answer.answered
    assert answer.best is not None
    assert answer.evidence is not None
    assert (answer.best.turn, answer.evidence.turn) == (1, 2)
    assert answer.milliseconds > 0


def test_take_no_evidence_behind_them(memory: Memory) -> None:
    answer = ask(memory, question("zebra", ("zoo", FIRST + 2)))
    assert answer.rank is not None
    assert answer.rank > FIRST
    assert not answer.answered


def test_take_nothing_for_an_answer_when_what_must_not_come_comes(memory: Memory) -> None:
    answer = ask(memory, question("zebra", ("zoo", 1), never=(("zoo", 8),)))
    assert answer.rank == 1
    assert answer.forbidden
    assert not answer.answered


def test_ask_within_a_session(memory: Memory) -> None:
    answer = ask(memory, question("zebra", ("zoo", 1), session="kitchen"))
    assert (answer.best, answer.rank, answer.answered) == (None, None, False)
    assert ask(memory, question("kettle", ("kitchen", 1), session="kitchen")).answered
