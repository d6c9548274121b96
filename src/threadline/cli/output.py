"""How results reach the terminal, a pipe or a program."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress
    from rich.text import Text

#: The width of tables where no terminal says how wide it is.
PIPE_WIDTH = 100

#: What the commands are typed as where advice names one: a host has them below a command of its own.
PROGRAM: ContextVar[str] = ContextVar("program", default="threadline")

# What a terminal would obey instead of showing it: a memory must not move the cursor or set a title.
_CONTROLS = dict.fromkeys((*range(32), 127, *range(128, 160)), "�")
_CONTROLS |= {ord("\n"): "\n", ord("\t"): "    "}


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line."""
    click.echo(printable(text), err=err)


def advice(text: str) -> str:
    """A text of ours that names commands, as they are typed here."""
    return text.replace("`threadline ", f"`{PROGRAM.get()} ")


def printable(text: str) -> str:
    """The text without anything a terminal would obey."""
    return text.translate(_CONTROLS)


def say_json(value: object) -> None:
    """Print a value as JSON, with dataclasses as objects and times in ISO 8601."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=_plain)
    sys.stdout.flush()
    write_all(sys.stdout.buffer, text.encode() + b"\n")
    sys.stdout.buffer.flush()


def json_line(value: object) -> str:
    """A value as one line of JSON lines."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain) + "\n"


def write_all(file: BinaryIO, content: bytes) -> None:
    """Write all of it. Standard output without a buffer (PYTHONUNBUFFERED) may take a part at a time."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def fields(value: object) -> dict[str, object]:
    """The fields of a dataclass by name."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}  # type: ignore[arg-type]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value):
        return fields(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def moment(value: datetime | None) -> str:
    """A time as people read it, in the zone it was said in."""
    return "never" if value is None else value.replace(tzinfo=None).isoformat(" ", "minutes")


def age(since: datetime, now: datetime | None = None) -> str:
    """How long ago something was, roughly: `3 min`. What a clock that was set puts into the future is now."""
    seconds = max(0, int(((now or datetime.now(UTC)) - since).total_seconds()))
    for unit, size, below in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < below:
            return f"{seconds // size} {unit}"
    return count(seconds // 86_400, "day")


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 turn`, `2 turns`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def first_line(text: str, width: int = 60) -> str:
    """How a text begins, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"


def console(*, err: bool = False) -> Console:
    """Where tables and trees are printed: in colour on a terminal, plain everywhere else."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def show(renderable: RenderableType) -> None:
    """Print a table or a tree."""
    out = console()
    if out.is_terminal:
        out.print(renderable)
        return
    with out.capture() as captured:
        out.print(renderable)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def styled(text: str, style: str = "") -> Text:
    """A text for a table or a tree: what it says is never taken for markup or for orders to the terminal."""
    from rich.text import Text

    return Text(printable(text), style=style)


def progress(*, quiet: bool) -> Progress:
    """A progress bar on stderr, on a terminal only."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(err=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    )
