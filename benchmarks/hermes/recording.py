"""A picture for `docs/hermes.md`: what was said in one conversation in the real host is known in the next.

The host, its screen and the plug-in are real; the model is a fake one, which answers from what it is given.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text
from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.model import FakeModel, ModelRequest, Reply
from tests.hosts.hermes.harness.terminal import Terminal

_COLUMNS, _ROWS = 120, 40
_TOLD = "My daughter Lina started at Elm Street School on Monday. She is allergic to peanuts."
_ASKED = "I'm packing Lina's lunch. What must not be in it?"
_KNOWN = "No peanuts, nor anything made with them: on Monday you told me that Lina is allergic to them."
#: How the host marks what the user said; what stands above is its greeting.
_SAID = "●"


def main() -> None:
    """Live through both conversations, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hermes-python", type=Path, required=True, help="the interpreter of the host's environment")
    parser.add_argument("--write", type=Path, required=True, help="the SVG file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, FakeModel(_answer) as model:
        home = Home(Path(folder) / "user", given.hermes_python.absolute(), model)
        install = [str(given.hermes_python.with_name("threadline")), "hermes", "install"]
        subprocess.run(install, check=True, env=home.environment, stdout=subprocess.DEVNULL)
        lines = [
            line
            for said, answer in ((_TOLD, "in mind."), (_ASKED, "allergic to them."))
            for line in _lived(home, said, answer)
        ]
    given.write.write_text(_picture(lines), "utf-8")


def _answer(request: ModelRequest) -> Reply:
    """From the memories that stand before the message, and from nothing else."""
    if _ASKED not in request.user:
        return Reply("I'll keep that in mind.")
    return Reply(_KNOWN if "allergic to peanuts" in request.user else "I do not know Lina yet.")


def _lived(home: Home, said: str, answer: str) -> list[Text]:
    """Start the host, say something, leave. Returns what the screen showed, without the greeting."""
    with Terminal(home) as terminal:
        terminal.enter(said)
        terminal.wait_for(answer)
        shown = _screen(home.root / "terminal.log")
        terminal.leave()
    first = max(number for number, line in enumerate(shown) if line.plain.startswith(_SAID))
    last = max(number for number, line in enumerate(shown) if answer in line.plain)
    return [Text("$ hermes", "bold"), *shown[first : last + 1], Text("/exit", "dim"), Text()]


def _screen(log: Path) -> list[Text]:
    """What the terminal shows by now, in its colours."""
    screen = pyte.HistoryScreen(_COLUMNS, _ROWS, history=1000)
    pyte.ByteStream(screen).feed(log.read_bytes())
    rows = [*screen.history.top, *(screen.buffer[number] for number in range(_ROWS))]
    return [_line(row) for row in rows]


def _line(row: Mapping[int, pyte.screens.Char]) -> Text:
    line = Text()
    for column in range(_COLUMNS):
        one = row[column]
        line.append(one.data, Style(color=_color(one.fg), bgcolor=_color(one.bg), bold=one.bold, reverse=one.reverse))
    line.rstrip()
    return line


def _color(name: str) -> str | None:
    """A colour of the emulator's as the picture has it: its own names, or six hexadecimal digits."""
    if name == "default":
        return None
    return (
        f"#{name}"
        if re.fullmatch("[0-9a-f]{6}", name)
        else name.replace("bright", "bright_").replace("brown", "yellow")
    )


def _picture(lines: Sequence[Text]) -> str:
    console = Console(record=True, width=_COLUMNS, file=io.StringIO())
    for line in lines:
        console.print(line)
    return console.export_svg(title="Two conversations in Hermes Agent")


if __name__ == "__main__":
    main()
