"""Files to import, written for each test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


@pytest.fixture
def write_json(tmp_path: Path) -> Write:
    def write(value: object, name: str = "talk.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_lines(tmp_path: Path) -> Write:
    def write(*values: object, name: str = "talk.jsonl") -> Path:
        """Write each value as a line of JSON; a text is written as it is."""
        path = tmp_path / name
        lines = [value if isinstance(value, str) else json.dumps(value) for value in values]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write
