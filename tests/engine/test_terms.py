# ruff: noqa: RUF001 - letters of other scripts are meant

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.engine.terms import (
    MAX_QUERY,
    MAX_TERM,
    MAX_TERMS,
    STOP_WORDS,
    identifiers,
    index_terms,
    query_terms,
    shortened,
    without_names,
    words,
)


def test_drop_stop_words_when_something_else_is_left() -> None:
    assert query_terms("What is the name of my dog?") == ["name", "dog"]


def test_keep_stop_words_when_nothing_else_is_left() -> None:
    assert query_terms("To be or not to be") == ["to", "be", "or", "not"]


def test_index_every_word_as_often_as_it_is_said() -> None:
    assert index_terms("The dogs, the dog!") == ["the", "dog", "the", "dog"]


@pytest.mark.parametrize("text", ["", " \n", "?!", "_ - …", '"' * 9, "\u0301", "\ufffe"])
def test_find_no_terms_in_punctuation(text: str) -> None:
    assert [term for term in query_terms(text) if term.strip("\u0301")] == []


def test_take_neighbouring_characters_of_scripts_without_spaces() -> None:
    assert query_terms("abc记忆好 ok") == ["abc", "记忆", "忆好", "ok"]
    assert query_terms("我") == ["我"]
    assert query_terms("記憶カタ") == ["記憶", "カタ"]
    assert query_terms("우표를") == ["우표", "표를"]
    assert query_terms("แมว") == ["แม", "มว"]


def test_index_characters_of_scripts_without_spaces_one_by_one_too() -> None:
    assert index_terms("abc记忆") == ["abc", "记", "忆", "记忆"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("painting", "painted"),
        ("CAFÉ", "cafes"),
        ("Zürich", "ZURICH"),
        ("книга", "книгами"),
        ("ёлка", "елки"),
        ("γάτες", "γάτα"),
        ("الكتاب", "كتاب"),
        ("किताबें", "किताब"),
        ("ﬁle", "file"),
        ("ＡＢＣ", "abc"),
        ("e\u0301te\u0301", "été"),
    ],
)
def test_find_a_word_in_another_form(one: str, other: str) -> None:
    assert query_terms(one) == query_terms(other)


def test_cut_an_overlong_query_in_the_middle() -> None:
    query = "first " + "x" * 10**6 + " last"
    cut = shortened(query)
    assert len(cut) <= MAX_QUERY + 1
    assert cut.startswith("first ")
    assert cut.endswith(" last")
    assert shortened("short") == "short"


def test_limit_the_terms_of_a_query() -> None:
    assert len(query_terms(" ".join(f"w{n}" for n in range(400)))) == MAX_TERMS


def test_limit_the_length_of_a_term() -> None:
    assert query_terms("x" * 1_000) == index_terms("x" * 900) == ["x" * MAX_TERM]
    assert identifiers("a/" * 1_000) == [("a/" * 1_000)[:MAX_TERM]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it said ERR_CONN_42.", ["err_conn_42"]),
        ("in /etc/nginx/nginx.conf, line 3", ["/etc/nginx/nginx.conf"]),
        ("(v1.2.3)", ["v1.2.3"]),
        ("mail to ann@example.org!", ["ann@example.org"]),
        ("`std::vec::Vec`", ["std::vec::vec"]),
        ("https://example.org/a?b=c#d", ["https://example.org/a?b=c#d"]),
        ("see #42 and ~/notes and .env and @ann", ["#42", "~/notes", ".env", "@ann"]),
        ("key=value", ["key=value"]),
        ("С:\\Документы\\отчёт.txt", ["с:\\документы\\отчёт.txt"]),
        ("well-known facts. Nothing else! 3 + 4", ["well-known"]),
        ("", []),
    ],
)
def test_find_what_is_meant_as_one(text: str, found: list[str]) -> None:
    assert identifiers(text) == found


def test_strip_the_names_of_speakers() -> None:
    assert without_names("When did Maria's sister visit John?", ["Maria", "John Doe"]) == "When did sister visit"
    assert without_names("Maria?", ["Maria"]) == "Maria?"
    assert without_names("Who is it", ["The Who"]) == "Who is it"


LETTERS = "abcdeéñüßœжйё記憶한글हिיםعربแมวガαάİıﬁ1٣"


@given(st.text(LETTERS + " .,-_/'", max_size=40))
def test_find_a_text_by_all_of_its_own_words(text: str) -> None:
    assert set(query_terms(text)) <= set(index_terms(text))


@given(st.text(max_size=60))
def test_bear_any_text(text: str) -> None:
    for term in [*index_terms(text), *identifiers(text)]:
        assert 0 < len(term) <= MAX_TERM
        assert term.split() == [term]  # the index parts its terms at spaces


@given(st.text(LETTERS, min_size=1, max_size=12), st.sampled_from(["A dog, {}.", "({})", "{} dog", "«{}»"]))
def test_read_a_word_the_same_anywhere(word: str, place: str) -> None:
    assert set(index_terms(word)) <= set(index_terms(place.format(word)))


@given(st.text(LETTERS + " ", max_size=40))
def test_read_text_the_same_in_any_case_and_composition(text: str) -> None:
    import unicodedata

    for form in ("NFC", "NFD", "NFKC"):
        assert words(unicodedata.normalize(form, text)) == words(text)


def test_hold_stop_words_as_words_are_read() -> None:
    assert all(words(each) == [each] for each in STOP_WORDS)


@pytest.mark.parametrize("unit", ["a", "记", "a.", "é", "/", "word ", "\u0301", "_a"])
def test_read_a_megabyte_in_a_moment(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    index_terms(text)
    identifiers(text)
    assert time.process_time() - started < 5
