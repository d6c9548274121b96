from __future__ import annotations

from typing import Any

import pytest

from threadline.importers.contents import call_text, optional, role_of, text_of


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("as it is\n ", "as it is\n "),
        (None, ""),
        ([], ""),
        (["a", {"type": "text", "text": "b"}, {"text": "c"}], "a\nb\nc"),
        ([{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}], "a\nno"),
        ([{"type": "thinking", "thinking": "hm"}, {"type": "image"}, {"type": "audio"}], "[image]\n[audio]"),
        (3, None),
        ([3], None),
        ([{"type": "text", "text": 3}], None),
    ],
)
def test_joins_the_texts_of_a_content(content: Any, text: str | None) -> None:
    assert text_of(content) == text


def test_names_roles() -> None:
    roles = [role_of(name) for name in ("human", "GPT", "function", "developer", "nobody", None, 3)]
    assert roles == ["user", "assistant", "tool", "system", None, None, None]


def test_says_what_was_called() -> None:
    assert call_text("ls", {"dir": "ä"}) == '[calls ls {"dir": "ä"}]'
    assert call_text("ls", "") == call_text("ls", None) == "[calls ls]"


def test_takes_ids_that_are_texts_or_numbers() -> None:
    values: list[Any] = ["a", 7, 0, "", None, True, []]
    assert [optional(value) for value in values] == ["a", "7", "0", None, None, None, None]
