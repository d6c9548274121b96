from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from threadline import Settings
from threadline.cli.app import app
from threadline.cli.reference import reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_current() -> None:
    assert (DOCS / "cli.md").read_text("utf-8") == reference(), "write it anew with: make docs"


@pytest.mark.parametrize("name", list(app.commands))
def test_every_command_and_option_is_on_the_page(name: str) -> None:
    page = (DOCS / "cli.md").read_text("utf-8")
    _, _, section = page.partition(f"## threadline {name}\n")
    section, _, _ = section.partition("\n## ")
    assert section
    for param in app.commands[name].params:
        assert param.opts[-1] in section or (param.name or "").upper() in section


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_described(field: dataclasses.Field[object]) -> None:
    page = (DOCS / "settings.md").read_text("utf-8")
    assert f"`{field.name}`" in page or f"`THREADLINE_{field.name.upper()}`" in page
