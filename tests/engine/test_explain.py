from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from tests.engine.banks import Said, say, tell

from threadline.documents import Explained, Query, Scope, Span, Wanted
from threadline.engine.bank import Bank
from threadline.engine.explain import explain, recalled
from threadline.engine.recall.fuse import DEFAULT, Confidence, Fusion, Fusions
from threadline.engine.recall.signals import Signals
from threadline.tags import Tags


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    opened = Bank(tmp_path)
    say(opened, "a red apple", "a green apple", "an apple pie", "nothing to do with it at all", "apple juice")
    yield opened
    opened.close()


def missed(bank: Bank, query: Query, turn: int | None) -> Explained:
    (one,) = [one for one in explain(bank, query, Wanted("session:s", turn)) if not one.returned]
    return one


def test_explain_what_was_returned(bank: Bank) -> None:
    query = Query("red apple", min_confidence=0.0)
    told = explain(bank, query)
    assert [one.memory for one in told] == [recalled(hit) for hit in bank.recall(query)]
    assert [(one.returned, one.verdict) for one in told] == [(True, "returned")] * len(told)
    assert [one.rank for one in told] == list(range(1, len(told) + 1))
    for one in told:
        assert set(one.signals) == {each.name for each in fields(Signals)}
        assert sum(share for _, share in one.signals.values()) == pytest.approx(one.memory.score)
        for name, (value, share) in one.signals.items():
            assert share == pytest.approx(value * getattr(DEFAULT.words.weights, name))


def test_add_nothing_for_what_was_returned_anyway(bank: Bank) -> None:
    query = Query("red apple", min_confidence=0.0)
    assert explain(bank, query, Wanted("session:s", 1)) == explain(bank, query)


def test_say_that_no_channel_found_it(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    say(bank, "a red apple")
    say(bank, "nothing to do with it at all", document="session:t")
    told = explain(bank, Query("red apple"), Wanted("session:t"))
    assert [(one.returned, one.rank) for one in told] == [(True, 1), (False, None)]
    assert "no channel has it among its best" in told[1].verdict
    assert (told[1].signals, told[1].memory.why, told[1].memory.session) == ({}, (), "t")
    bank.close()


@pytest.mark.parametrize(
    "query",
    [
        Query("red apple", Scope({"session:s": Span(hidden=frozenset({1}))})),
        Query("red apple", Scope({"session:t": Span()})),
        Query("red apple", Scope(None, {"session:s": frozenset({1})})),
        Query("red apple", tags=Tags("a")),
        Query("red apple", types=("experience",)),
    ],
    ids=["hidden", "another document", "hidden in the bank", "tags", "types"],
)
def test_say_that_a_filter_left_it_out(bank: Bank, query: Query) -> None:
    one = missed(bank, query, 1)
    assert (one.rank, one.verdict) == (None, "the scope or a filter leaves it out")
    assert one.memory.text == "a red apple"


def test_say_that_it_is_not_sure_enough(bank: Bank) -> None:
    query = Query("red apple", min_confidence=0.0)
    sure = {one.memory.turn: one.memory.confidence or 0.0 for one in explain(bank, query)}
    least = (sure[1] + sure[5]) / 2
    one = missed(bank, replace(query, min_confidence=least), 5)
    assert one.verdict == f"its confidence of {sure[5]:.2f} is below the {least:g} that was asked for"
    assert one.rank is not None
    assert one.signals["words"][0] > 0
    assert one.memory.why[0].channel == "words"


def test_say_that_the_answer_was_most_likely_never_said(tmp_path: Path) -> None:
    doubt = Fusion(DEFAULT.words.weights, Confidence(0.0, 0.0, 0.0, bias=-4.0))
    bank = Bank(tmp_path, None, Fusions(doubt, doubt, doubt))
    say(bank, *(f"apple {number}" for number in range(1, 6)))
    told = explain(bank, Query("apple"), Wanted("session:s"))
    assert [one.returned for one in told] == [True] * 3 + [False] * 2
    assert all("nothing is as sure as 0.1" in one.verdict and "0.02" in one.verdict for one in told[3:])
    bank.close()


def test_say_that_others_came_before_it(bank: Bank) -> None:
    query = Query("red apple", min_confidence=0.0, limit=1)
    one = missed(bank, query, 2)
    assert "others came before it" in one.verdict
    assert one.rank is not None
    assert one.rank > 1


def test_say_that_another_one_says_the_same(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    tell(bank, [Said("session:s", 1, "a red apple"), Said("session:t", 1, "A RED apple")])
    told = explain(bank, Query("red apple", min_confidence=0.0), Wanted("session:t"))
    assert [(one.returned, one.memory.count) for one in told] == [(True, 2), (False, 1)]
    assert "one of them says the same" in told[1].verdict
    bank.close()


def test_say_nothing_of_what_never_was(bank: Bank) -> None:
    query = Query("red apple", min_confidence=0.0)
    assert explain(bank, query, Wanted("session:unknown")) == explain(bank, query)
    bank.retract("session:s", [1])
    assert [one for one in explain(bank, query, Wanted("session:s", 1)) if one.memory.turn == 1] == []


def test_show_a_memory_as_a_backend_does(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    said = Said("session:s", 3, "I planted an apple", 1, "assistant", "Bo", tags=("a",))
    tell(bank, [said, replace(said, document="note:n", role="user", text="an apple note")])
    by_text = {one.text: one for one in map(recalled, bank.recall(Query("apple", min_confidence=0.0)))}
    one, note = by_text["I planted an apple"], by_text["an apple note"]
    assert (one.session, one.turn, one.position, one.type, one.speaker, one.tags) == (
        "s",
        3,
        1,
        "experience",
        "Bo",
        ("a",),
    )
    assert (note.session, note.turn, note.document, note.type) == (None, None, "note:n", "world")
    bank.close()
