"""docs/reflect.md shows what is really printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import threadline
from threadline import Reflection

PAGE = Path(__file__).parents[3] / "docs" / "reflect.md"
EXAMPLE, MODEL = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture(autouse=True)
def _words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLINE_EMBEDDER", "none")


def test_the_example_prints_what_the_page_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(EXAMPLE.replace("~/.threadline", str(tmp_path)), "page", "exec"), {})  # noqa: S102 - our own page
    (printed,) = re.findall(r"```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert capsys.readouterr().out == printed


def test_a_model_is_put_in_as_the_page_says(tmp_path: Path) -> None:
    names: dict[str, Any] = {"ask_my_model": lambda question, texts, _: f"{question} {len(texts)}"}
    exec(compile(MODEL.replace("~/.threadline", str(tmp_path)), "page", "exec"), names)  # noqa: S102 - our own page
    memory = names["memory"]
    assert isinstance(memory, threadline.Memory)
    with memory:
        memory.retain("The ferry leaves at nine.")
        assert memory.flush(20)
        answer = memory.reflect("ferry")
        assert answer == Reflection("ferry 1", answer.memories)
