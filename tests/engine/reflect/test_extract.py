from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.reflect.build import check_honest, said

from threadline.backends.embedded import EmbeddedBackend
from threadline.demo.life import live, open_memory
from threadline.demo.story import load
from threadline.documents import Query, Reason, Recalled, Reflection
from threadline.engine.models.wordpiece import count_tokens
from threadline.engine.reflect.base import Reflector
from threadline.engine.reflect.extract import NO_ROOM, NOTHING, Extractive
from threadline.testing import batch

reflect: Reflector = Extractive()


def answer(question: str, *memories: Recalled, max_tokens: int = 4096) -> Reflection:
    found = reflect(question, memories, max_tokens)
    check_honest(found)
    assert count_tokens([found.text])[0] <= max_tokens
    return found


def groups(found: Reflection) -> list[str]:
    return [block.split("\n")[0] for block in found.text.split("\n\n")[1:-1]]


def test_answer_with_quotes_in_order_of_time_their_changes_and_sources() -> None:
    found = answer(
        "What is the boat called?",
        said("The boat is called Tern now.", 5, by="Ann"),
        said("Did I tell you?\nThe boat is called Marlin.", 2, by="Ann"),
        said("A boat is called a ship when it is large.", 3, by="Ben"),
        said("My hamster sleeps.", 4, by="Ben"),
    )
    assert found.text == textwrap.dedent("""\
        From memory (quoted, not composed):

        Ann
        [1] 2026-01-04: “Did I tell you? The boat is called Marlin.”
        [2] 2026-01-07 (later, may change [1]): “The boat is called Tern now.”

        Ben
        [3] 2026-01-05: “A boat is called a ship when it is large.”

        Sources:
        [1] Ann, s, turn 2, 2026-01-04 03:04
        [2] Ann, s, turn 5, 2026-01-07 03:04
        [3] Ben, s, turn 3, 2026-01-05 03:04""")
    assert [one.turn for one in found.memories] == [2, 5, 3]


def test_say_that_nothing_bears_on_the_question() -> None:
    for memories in ([], [said("My hamster sleeps.", alike=0.2)]):
        assert answer("What is the capital of Mongolia?", *memories).text == NOTHING
    assert answer("", said("anything")).text == NOTHING


@pytest.mark.parametrize("question", ["\u00e3", "\u00e3\U000ba603", "\U0001f34e", "?!"])
def test_answer_a_question_without_a_word_by_what_is_near_in_meaning(question: str) -> None:
    near = replace(said("Ann likes apples.", 1, by="Ann"), why=(Reason("meaning", 1, 0.99),))
    assert "Ann likes apples." in answer(question, near).text
    assert answer(question, said("Ann likes apples.", 1, by="Ann")).text == NOTHING


def test_put_the_group_with_the_best_first() -> None:
    ben, ann = said("The ferry leaves at nine.", 3, by="Ben"), said("The ferry is slow.", 1, by="Ann")
    assert groups(answer("ferry", ann, ben)) == ["Ann", "Ben"]
    assert groups(answer("ferry", ben, ann)) == ["Ben", "Ann"]


def test_group_by_thing_where_one_speaks_of_several() -> None:
    found = answer(
        "What do we know about the neighbours?",
        said("The neighbours' cat is with Mrs Penhale.", 1),
        said("Our neighbours met Mr Baptiste.", 2),
        said("To the neighbours Mrs Penhale is kind.", 3),
        said("The neighbours wave at Mr Baptiste.", 4),
        said("The neighbours have a drum.", 5),
    )
    assert groups(found) == ["Mrs Penhale", "Mr Baptiste", "Also:"]
    assert [one.turn for one in found.memories] == [1, 3, 2, 4, 5]


def test_name_the_speaker_where_nothing_divides_what_was_said() -> None:
    assert groups(answer("the ferry", said("The ferry is slow."), said("The ferry was full of goats.", 2))) == ["user"]


def test_say_one_thing_once_and_keep_what_differs() -> None:
    first = said("The code of the old garden gate behind the chapel is 4711.")
    again = said("So: the code of the garden gate behind the old chapel is 4711.", 2)
    other = said("The code of the old garden gate behind the chapel is 1234.", 3)
    assert [one.turn for one in answer("the code", first, again, other).memories] == [1, 3]


def test_leave_out_the_weak_beside_the_strong() -> None:
    others = [said(f"My hamster sleeps in {place}.", 2) for place in range(20)]
    found = answer("the ferry", said("The ferry is slow.", 1), *others, said("The ferry sells tea.", 3))
    assert [one.turn for one in found.memories] == [1]
    many = [said(f"The ferry number {turn} is slow.", turn) for turn in range(1, 30)]
    assert len(answer("the ferry", *many).memories) == Extractive().most
    assert len(Extractive(most=3)("the ferry", many, 4096).memories) == 3


def test_order_of_two_conversations_at_one_time_is_not_known() -> None:
    one, other = said("The boat is called Marlin."), said("The boat is called Tern.")
    found = answer("boat", one, replace(other, document="session:t", session="t"))
    assert len(found.memories) == 2
    assert "may change" not in found.text
    assert "may change [1]" in answer("boat", one, replace(other, position=1)).text


@pytest.mark.parametrize("max_tokens", [1, 5, 20, 60, 100, 200])
def test_keep_to_the_budget(max_tokens: int) -> None:
    memories = [said(f"The ferry number {turn} leaves from the old harbour at nine.", turn) for turn in range(1, 9)]
    found = answer("When does the ferry leave?", *memories, max_tokens=max_tokens)
    assert (len(found.memories) > 0) == (max_tokens >= 60)
    if max_tokens == 20:
        assert found.text == NO_ROOM
    if max_tokens == 1:
        assert found.text == ""


def test_answer_in_a_script_without_spaces() -> None:
    found = answer("東京の天気", said("東京は晴れです。大阪は雨でした。", 1), said("猫が好きです。", 2))
    assert [one.turn for one in found.memories] == [1]


_WORDS = st.sampled_from(
    ["ferry", "boat", "nine", "Tern", "now", "moved", *"….!?“”\n-船", "**", "[1]", "Sources:", "no."]
)
_TEXTS = st.lists(_WORDS, min_size=1, max_size=60).map(" ".join) | st.text(max_size=80)


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(st.tuples(_TEXTS, st.sampled_from([None, "Ann", "B\n[1]"])), max_size=7),
    question=_TEXTS,
    max_tokens=st.integers(1, 400),
)
def test_nothing_that_nobody_said(texts: list[tuple[str, str | None]], question: str, max_tokens: int) -> None:
    memories = [said(text, turn, by=by) for turn, (text, by) in enumerate(texts, 1)]
    found = reflect(question, memories, max_tokens)
    assert count_tokens([found.text])[0] <= max_tokens
    assert all(any(one is memory for memory in memories) for one in found.memories)
    check_honest(found)


def test_hand_the_question_to_another_reflector(tmp_path: Path) -> None:
    asked: list[tuple[str, list[str], int]] = []

    def composed(question: str, memories: object, max_tokens: int) -> Reflection:
        assert isinstance(memories, list)
        asked.append((question, [one.text for one in memories], max_tokens))
        return Reflection("It is a boat.", tuple(memories))

    backend = EmbeddedBackend(tmp_path, reflector=composed)
    backend.retain(batch("b", "session:s", "The boat is called Marlin.", "My hamster sleeps."))
    found = backend.reflect("b", Query("boat", max_tokens=7))
    backend.close()
    ((question, memories, max_tokens),) = asked
    assert (question, memories[0], max_tokens) == ("boat", "The boat is called Marlin.", 7)
    assert (found.text, found.extractive) == ("It is a boat.", False)


def test_answer_the_questions_of_the_demo(tmp_path: Path) -> None:
    """What the demo asks is answered from the turns that tell it, and from nothing that was taken back."""
    story = load(None)
    with open_memory(tmp_path, "none") as memory:
        live(story, memory, lambda *_: None, lambda: None)
        assert memory.flush(60)
        undone = {(turn.session, turn.number) for turn in story.turns if turn.undone}
        for question in story.questions:
            asked = memory if question.session is None else memory.find_session(question.session)
            found = asked.reflect(question.text)
            check_honest(found)
            told = {(one.session, one.turn) for one in found.memories}
            assert told & question.evidence, question.text
            assert not told & (question.never | undone)
        assert memory.reflect("What is the capital of Mongolia?").text == NOTHING
