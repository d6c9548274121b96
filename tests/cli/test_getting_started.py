from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from threadline.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "getting-started.md").read_text("utf-8")
COMMANDS = re.findall(r"^    threadline (.*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_can_be_typed(line: str) -> None:
    name, *args = shlex.split(line)
    options = {option for param in app.commands[name].params for option in param.opts}
    assert {arg for arg in args if arg.startswith("--")} <= options


def test_the_code_of_the_page_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("THREADLINE_EMBEDDER")  # as its reader has it
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code.replace("~/.threadline", str(home)), "page", "exec"), {})  # noqa: S102 - our own page
    assert "I moved to Lisbon in May. s1 1" in capsys.readouterr().out
