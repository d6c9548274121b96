from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline.engine.retain.split import split


@given(st.text("ab. \n。记é", max_size=400), st.integers(5, 60))
def test_cover_everything_but_white_space_once_and_in_order(text: str, capacity: int) -> None:
    end = 0
    for start, stop in split(text, capacity):
        assert text[end:start].strip() == ""
        assert 0 < stop - start <= capacity
        assert text[start:stop].strip() == text[start:stop]
        end = stop
    assert text[end:].strip() == ""


def test_keep_a_short_message_whole() -> None:
    assert split("  One. Two.\n", 800) == [(2, 11)]


def test_cut_at_the_ends_of_sentences() -> None:
    text = "The cat sat down. The dog stood up. 猫坐下了。狗站起来了。"
    assert [text[a:b] for a, b in split(text, 20)] == [
        "The cat sat down.",
        "The dog stood up.",
        "猫坐下了。狗站起来了。",
    ]


def test_find_no_pieces_in_white_space() -> None:
    assert split(" \n" * 1000) == []


@pytest.mark.parametrize("unit", ["a", "记", " ", "word ", "line\n"])
def test_split_a_megabyte_in_a_moment(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    split(text)
    assert time.process_time() - started < 5  # without windows, 8 s to 80 s
