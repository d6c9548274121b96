"""Writes docs/cli.md from what `--help` says: `python -m threadline.cli.reference docs/cli.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from threadline.cli.app import app

_INTRODUCTION = """\
# The command line

<!-- Written by `make docs` from what `threadline --help` says. Do not edit it. -->

`threadline` and `python -m threadline` are the same.

- The exit code is 0 when it is done, 1 for an error (or a `status` that is not healthy, a `forget` that is not proved,
  an `outbox retry` that did not deliver, a `doctor` that found something wrong), 2 for a command line that cannot be
  understood, 130 when it was interrupted.
- Results go to stdout; errors, questions and progress to stderr. Colours and progress bars are for terminals only.
- With `--json`, stdout is one JSON value and nothing else; an error is `{"error": {"type": ..., "message": ...}}`.
"""

_WIDTH = 100


def reference() -> str:
    """The page, in Markdown."""
    width = {"max_content_width": _WIDTH, "terminal_width": _WIDTH}
    group = click.Context(app, info_name="threadline", **{**app.context_settings, **width})
    parts = [_INTRODUCTION, _help(group)]
    return "\n".join([*parts, *_commands(group, app, 2)])


def _commands(parent: click.Context, group: click.Group, depth: int) -> Iterator[str]:
    for name in group.list_commands(parent):
        command = group.commands[name]
        context = click.Context(command, info_name=name, parent=parent)
        yield f"{'#' * depth} {context.command_path}\n"
        yield _help(context)
        if isinstance(command, click.Group):
            yield from _commands(context, command, depth + 1)


def _help(context: click.Context) -> str:
    lines = [line.rstrip() for line in context.get_help().splitlines()]
    return "\n".join(["```", *lines, "```", ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), "utf-8")
