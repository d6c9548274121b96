from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from threadline import Settings
from threadline.cli.app import app
from threadline.cli.reference import reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_current() -> None:
    assert (DOCS / "cli.md").read_text("utf-8") == reference(), "write it anew with: make docs"


def _every(group: click.Group, path: str = "threadline") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _every(command, f"{path} {name}")


@pytest.mark.parametrize(("name", "command"), list(_every(app)))
def test_every_command_and_option_is_on_the_page(name: str, command: click.Command) -> None:
    page = (DOCS / "cli.md").read_text("utf-8")
    _, _, section = page.partition(f"# {name}\n")
    section, _, _ = section.partition("\n##")
    assert section
    for param in command.params:
        assert param.opts[-1] in section or (param.metavar or param.name or "").upper() in section


def test_the_commands_of_a_group_are_below_it() -> None:
    headings = [line for line in reference().splitlines() if line.startswith("#")]
    assert headings[headings.index("## threadline outbox") + 1] == "### threadline outbox list"


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_described(field: dataclasses.Field[object]) -> None:
    page = (DOCS / "settings.md").read_text("utf-8")
    assert f"`{field.name}`" in page or f"`THREADLINE_{field.name.upper()}`" in page
