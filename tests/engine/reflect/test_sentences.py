from __future__ import annotations

import pytest

from threadline.engine.reflect.sentences import LONGEST, keys, names, question_keys, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Mrs. Penhale pays. She is kind.", ["Mrs. Penhale pays.", "She is kind."]),
        ("It cost 3.50 at J. Smith's, e.g. yesterday.", ["It cost 3.50 at J. Smith's, e.g. yesterday."]),
        ('"Really?" He said no.', ['"Really?"', "He said no."]),
        ("a line that\ngoes on\nAnother\n\nand a third", ["a line that goes on", "Another", "and a third"]),
        ("# Plan\n- first\n2. Second thing", ["Plan", "first", "Second thing"]),
        ("今日は晴れ。明日は雨\uff01", ["今日は晴れ。", "明日は雨\uff01"]),
        (" \n... !\n", []),
        ("", []),
    ],
)
def test_split_into_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_cut_what_is_too_long_to_quote() -> None:
    text = "word and " * 200
    parts = sentences(text)
    assert len(parts) > 1
    assert max(map(len, parts)) <= LONGEST
    assert " ".join(parts) == text.strip()


def test_know_a_word_by_its_stem() -> None:
    one, other = keys("She painted parties, running and planning."), keys("paint party run plan painting")
    assert one == other
    assert len(one) == 4
    assert keys("it is what it is") == frozenset()


def test_leave_the_words_of_asking_out_of_a_question() -> None:
    assert question_keys("Do you remember what I said about the ferry?") == keys("ferry")
    assert question_keys("What did I say?") == keys("say") != frozenset()


def test_find_names_inside_a_sentence() -> None:
    assert names("Then I met Mrs Penhale and Wen's dog on Monday in May.") == {"Mrs Penhale", "Wen"}
    assert names("Names at its beginning say nothing.") == frozenset()
    assert names("**Rate Limiting**: given the limit, wait.") == frozenset()
