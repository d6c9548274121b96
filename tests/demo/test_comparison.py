"""The comparison must see every kind of fault when there is one, and none where there is none."""

from __future__ import annotations

from datetime import UTC, datetime

from threadline.demo.comparison import Comparison, Faults, Heard, compare, judge
from threadline.documents import Recalled

A1, A1B = Heard("a", 1, 0, "one"), Heard("a", 1, 1, "ok")
A2, A2B = Heard("a", 2, 0, "two"), Heard("a", 2, 1, "ok")
B1 = Heard("b", 1, 0, "three")
NOTE = Heard("b", 0, 0, "a note")
GONE = Heard("a", 3, 0, "gone")
SAID = [A1, A1B, A2, A2B, B1, NOTE]
EVERYTHING = frozenset({"a turn 1", "a turn 2", "b turn 1", "b note 'a note'"})


def check(*found: Heard) -> Comparison:
    return compare(SAID, [GONE], found)


def test_find_no_fault_where_everything_is_in_its_place() -> None:
    assert check(*reversed(SAID)) == Comparison(3, EVERYTHING, Faults())


def test_see_a_turn_that_is_missing() -> None:
    found = check(A1, A1B, B1, NOTE)
    assert found.faults == Faults(lost=frozenset({"a turn 2"}))
    assert found.whole == EVERYTHING - {"a turn 2"}


def test_see_a_single_message_that_is_missing() -> None:
    assert check(A1, A2, A2B, B1, NOTE).faults == Faults(lost=frozenset({"a turn 1"}))


def test_see_a_text_that_was_cut_as_lost_and_nothing_else() -> None:
    assert check(Heard("a", 1, 0, "on"), A1B, A2, A2B, B1, NOTE).faults == Faults(lost=frozenset({"a turn 1"}))


def test_see_a_turn_that_is_there_twice() -> None:
    found = check(*SAID, Heard("b", 2, 0, "three"))
    assert found.faults == Faults(repeated=frozenset({"b turn 2"}))
    assert found.whole == EVERYTHING - {"b turn 1"}
    assert check(*SAID, B1).faults == Faults(repeated=frozenset({"b turn 1"}))


def test_see_a_note_that_is_there_twice() -> None:
    found = check(*SAID, NOTE)
    assert found.faults == Faults(repeated=frozenset({NOTE.what}))
    assert NOTE.what not in found.whole


def test_see_a_turn_in_another_session_than_its_own() -> None:
    found = check(A1, A1B, A2, A2B, NOTE, Heard("a", 9, 0, "three"))
    assert found.faults == Faults(misplaced=frozenset({"b turn 1"}))
    assert found.whole == EVERYTHING - {"b turn 1"}


def test_see_a_turn_in_its_own_session_and_in_another_too() -> None:
    assert check(*SAID, Heard("a", 9, 0, "three")).faults == Faults(misplaced=frozenset({"a turn 9"}))


def test_see_turns_that_changed_places() -> None:
    found = check(A1B, A2B, B1, NOTE, Heard("a", 1, 0, "two"), Heard("a", 2, 0, "one"))
    assert found.faults == Faults(misplaced=frozenset({"a turn 1", "a turn 2"}))


def test_see_what_nobody_said() -> None:
    assert check(*SAID, Heard("b", 7, 0, "never said")).faults == Faults(misplaced=frozenset({"b turn 7"}))


def test_see_what_was_taken_back() -> None:
    assert check(*SAID, GONE).faults == Faults(undone=frozenset({"a turn 3"}))


def test_allow_equal_texts_that_were_said_twice() -> None:
    said = [Heard("a", 1, 0, "yes"), Heard("a", 2, 0, "yes"), Heard("b", 1, 0, "yes")]
    assert compare(said, [], said).faults == Faults()
    assert compare(said, [], said[:2]).faults == Faults(lost=frozenset({"b turn 1"}))


PLACES = {("a", 1): ["one, two, three"], ("a", 2): ["four"], ("a", 3): ["gone"], ("b", 1): ["five"]}
UNDONE = {("a", 3)}


def recalled(session: str | None, turn: int | None, text: str) -> Recalled:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    return Recalled(text, "user", None, at, f"session:{session}", session, turn, 0, None, (), {}, 1.0, (), 1)


def test_find_no_fault_in_what_may_be_recalled() -> None:
    found = [recalled("a", 1, "one, two, three"), recalled("a", 1, "two"), recalled(None, None, "a note")]
    assert judge(found, PLACES, UNDONE, {("a", 1)}) == Faults()
    assert judge([recalled("b", 1, "five")], PLACES, UNDONE, None) == Faults()


def test_see_what_a_session_may_not_be_shown() -> None:
    found = judge([recalled("b", 1, "five")], PLACES, UNDONE, {("a", 1), ("a", 2)})
    assert found == Faults(misplaced=frozenset({"b turn 1"}))


def test_see_a_memory_under_a_turn_that_did_not_say_it() -> None:
    assert judge([recalled("a", 2, "five")], PLACES, UNDONE, None) == Faults(misplaced=frozenset({"a turn 2"}))
    assert judge([recalled("c", 1, "five")], PLACES, UNDONE, None) == Faults(misplaced=frozenset({"c turn 1"}))


def test_see_a_recall_of_what_was_taken_back() -> None:
    assert judge([recalled("a", 3, "gone")], PLACES, UNDONE, None) == Faults(undone=frozenset({"a turn 3"}))


def test_join_faults() -> None:
    one, other = Faults(lost=frozenset("x"), undone=frozenset("u")), Faults(lost=frozenset("y"))
    assert one | other == Faults(lost=frozenset("xy"), undone=frozenset("u"))
