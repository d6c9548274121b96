from __future__ import annotations

from datetime import UTC, datetime

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.engine.terms import (
    MAX_QUERY,
    MAX_TERMS,
    date_words,
    index_text,
    query_terms,
    shortened,
    without_names,
)


def test_drop_stop_words_when_something_else_is_left() -> None:
    assert query_terms("What is the name of my dog?") == ["name", "dog"]


def test_keep_stop_words_when_nothing_else_is_left() -> None:
    assert query_terms("To be or not to be") == ["to", "be", "or", "not"]


@pytest.mark.parametrize("text", ["", " \n", "?!", "_ - …", '"' * 9])
def test_find_no_terms_in_punctuation(text: str) -> None:
    assert query_terms(text) == []


def test_take_neighbouring_characters_of_scripts_without_spaces() -> None:
    assert query_terms("abc记忆好 ok") == ["abc", "记 忆", "忆 好", "ok"]
    assert query_terms("我") == ["我"]


def test_index_characters_of_scripts_without_spaces_one_by_one() -> None:
    assert index_text("abc记忆").split() == ["abc", "记", "忆"]
    assert index_text("plain text\n") == "plain text\n"


def test_cut_an_overlong_query_in_the_middle() -> None:
    query = "first " + "x" * 10**6 + " last"
    cut = shortened(query)
    assert len(cut) <= MAX_QUERY + 1
    assert cut.startswith("first ")
    assert cut.endswith(" last")


def test_limit_the_terms_of_a_query() -> None:
    assert len(query_terms(" ".join(f"w{n}" for n in range(400)))) == MAX_TERMS


def test_say_a_date_in_words() -> None:
    assert date_words(datetime(2023, 5, 3, tzinfo=UTC)) == "2023 May 3 Wednesday"


def test_strip_the_names_of_speakers() -> None:
    assert without_names("When did Maria's sister visit John?", ["Maria", "John Doe"]) == "When did sister visit"
    assert without_names("Maria?", ["Maria"]) == "Maria?"
    assert without_names("Who is it", ["The Who"]) == "Who is it"


@given(st.text(max_size=60))
def test_every_query_is_a_valid_expression_of_the_index(text: str) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE w USING fts5(t, tokenize = 'porter unicode61 remove_diacritics 2')")
    for term in query_terms(text):
        list(connection.execute("SELECT rowid FROM w WHERE w MATCH ?", (f'"{term}"',)))


@given(st.lists(st.text("abcdeéñüж記憶한글हि", min_size=1, max_size=5), min_size=1, max_size=5))
def test_a_text_is_found_by_its_own_words(words: list[str]) -> None:
    text = " ".join(words)
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE w USING fts5(t, tokenize = 'porter unicode61 remove_diacritics 2')")
    connection.execute("INSERT INTO w VALUES (?)", (index_text(text),))
    tokens = list(connection.execute("SELECT count(*) FROM w WHERE w MATCH '\"zz\"'"))
    assert tokens == [(0,)]
    found = [
        list(connection.execute("SELECT rowid FROM w WHERE w MATCH ?", (f'"{term}"',))) == [(1,)]
        for term in query_terms(text)
        if any(letter.isalnum() for letter in term)
    ]
    assert all(found)
