from __future__ import annotations

import pytest
from tests.engine.reflect.build import said

from threadline.engine.reflect.changes import may_change, values
from threadline.engine.reflect.quotes import Quote
from threadline.engine.reflect.sentences import sentences


def quoted(text: str, turn: int, by: str | None = None) -> Quote:
    return Quote(said(text, turn, by=by), tuple(sentences(text)), text, 1.0)


def changes(before: str, after: str, *, by: tuple[str, str] = ("Ann", "Ann")) -> bool:
    return may_change(quoted(before, 1, by[0]), quoted(after, 2, by[1]))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The boat is called Marlin.", "The boat is called Tern."),
        ("The ferry to Tangier leaves at nine.", "The ferry to Tangier leaves at ten."),
        ("Test coverage is at 65%.", "We brought test coverage to 78%."),
        ("The boiler engineer comes on Friday.", "The boiler engineer comes on Monday after all."),
        ("I eat fish and meat.", "I no longer eat meat, and little fish."),
        ("The staging database runs in Dublin.", "We moved the staging database to Frankfurt."),
        ("Joel wants the hall painted grey.", "Joel changed his mind: the hall is to be painted in oat."),
    ],
)
def test_see_that_a_later_statement_may_change_one(before: str, after: str) -> None:
    assert changes(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The boat is called Marlin.", "The boat is called Marlin."),
        ("The boat is called Marlin.", "The boat is called Marlin, and it is blue."),
        ("The ferry leaves at nine.", "My sister has ten cats."),
        ("The ferry to Ceuta is cheap.", "The ferry to Melilla is slow."),
        ("We like the harbour.", "We moved the piano."),
    ],
)
def test_see_no_change_where_there_is_none(before: str, after: str) -> None:
    assert not changes(before, after)


def test_take_nobodys_own_affairs_for_anothers() -> None:
    mine = ("My sister lives in Porto.", "My sister lives in Braga.")
    assert changes(*mine)
    assert not changes(*mine, by=("Ann", "Ben"))
    theirs = ("The boat is called Marlin.", "The boat is called Tern.")
    assert changes(*theirs, by=("Ann", "Ben"))


def test_a_memory_does_not_change_itself() -> None:
    one = quoted("The boat is called Marlin. The boat is called Tern.", 1)
    assert not may_change(one, one)


def test_name_the_values_of_a_text() -> None:
    assert values("On Monday at nine we sail Tern, 12 knots.") == {"Monday", "nine", "Tern", "12"}
