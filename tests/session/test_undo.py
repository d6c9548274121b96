"""What a host took back, told from what it still has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from threadline import Memory, Message, Session, Turn, UnknownTurnError
from threadline.session.undo import turns_undone
from threadline.testing import FakeBackend

KEYED = "my key is sk-ant-api03-aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789AA"
WHEN = datetime(2026, 1, 2, tzinfo=UTC)


def turns(*texts: str) -> list[Turn]:
    """Last first."""
    said = [Turn("s", number, (Message("user", text),), WHEN) for number, text in enumerate(texts, start=1)]
    return said[::-1]


@pytest.mark.parametrize(
    ("said", "kept", "undone"),
    [
        (("a", "b", "c"), ("a", "b", "c"), 0),
        (("a", "b", "c"), ("a", "b"), 1),
        (("a", "b", "c"), ("a",), 2),
        (("a", "b", "c"), (), 3),
        (("a", "yes", "yes"), ("a", "yes"), 1),
        (("yes", "yes", "yes"), ("yes",), 2),
        (("yes", "yes", "yes"), ("yes", "yes", "yes"), 0),
        (("a", "b", "c", "d"), ("c",), 1),
        (("a", "b", "c", "d"), ("a summary", "c"), 1),
        (("a", "b", "a", "b", "c"), ("a", "b", "a", "b"), 1),
        (("  a ", "b"), ("a",), 1),
        ((), (), 0),
    ],
)
def test_tell_how_many(said: tuple[str, ...], kept: tuple[str, ...], undone: int) -> None:
    assert turns_undone(turns(*said), kept, "s") == undone


def test_refuse_to_guess() -> None:
    with pytest.raises(UnknownTurnError, match="nothing was taken back"):
        turns_undone(turns("a", "b"), ["a", "z"], "s")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Memory.open(tmp_path, backend=FakeBackend()) as memory:
        yield memory.session("s")


def test_take_back_what_the_host_has_no_more(session: Session) -> None:
    for text in (
        KEYED,
        "two",
        "three",
    ):
        session.add_turn(user=text, assistant="yes")
    assert session.rewind_to([KEYED]) == [("s", 3), ("s", 2)]
    assert session.rewind_to([KEYED]) == []
    assert len(session.history()) == 1


def test_take_nothing_back_when_it_cannot_be_told(session: Session) -> None:
    session.add_turn(user="one")
    with pytest.raises(UnknownTurnError):
        session.rewind_to(["something else"])
    assert len(session.history()) == 1
