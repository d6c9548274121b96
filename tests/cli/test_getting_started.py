from __future__ import annotations

import asyncio
import re
import shlex
import textwrap
from pathlib import Path
from typing import Any

import pytest

from threadline import Memory
from threadline.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "getting-started.md").read_text("utf-8")
COMMANDS = re.findall(r"^    threadline (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_can_be_typed(line: str) -> None:
    name, *args = shlex.split(line)
    options = {option for param in app.commands[name].params for option in param.opts}
    assert {arg for arg in args if arg.startswith("--")} <= options


@pytest.fixture
def blocks(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The code of the page, on a data directory of its own and otherwise as its reader has it."""
    monkeypatch.delenv("THREADLINE_EMBEDDER")
    return [code.replace("~/.threadline", str(home)) for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)]


def test_the_code_of_the_page_runs(home: Path, blocks: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    example, whole_turn, _ = blocks
    exec(compile(example, "page", "exec"), {})  # noqa: S102 - our own page
    assert "I moved to Lisbon in May. s1 1" in capsys.readouterr().out
    with Memory.open(home, bank="alice") as memory:
        session = memory.session("s2")
        for _ in range(2):
            exec(compile(whole_turn, "page", "exec"), {"session": session})  # noqa: S102
        (turn,) = session.turns()
        assert [message.role for message in turn.messages] == ["user", "tool", "assistant"]


def test_the_async_code_of_the_page_runs(blocks: list[str]) -> None:
    names: dict[str, Any] = {}
    body = f"async def main():\n{textwrap.indent(blocks[-1], '    ')}\n    return found"
    exec(compile(body, "page", "exec"), names)  # noqa: S102
    assert asyncio.run(names["main"]())[0].text == "I moved to Lisbon in May."
