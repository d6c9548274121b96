from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from threadline import Memory
from threadline.cli.app import app
from threadline.redaction import warm

# A library that redaction loads warns about what it can do without; here a warning is an error.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    warm()

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory that does not exist yet, and the one every command uses."""
    folder = tmp_path / "home"
    monkeypatch.setenv("THREADLINE_HOME", str(folder))
    monkeypatch.setenv("THREADLINE_EMBEDDER", "none")
    monkeypatch.delenv("THREADLINE_BANK", raising=False)
    return folder


@pytest.fixture
def run(home: Path) -> Run:
    """Run a command in this process; it must end with the given exit code and never with a traceback."""

    def call(*args: str | Path, code: int = 0, stdin: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, prog_name="threadline")
        assert result.exit_code == code, f"{args}: {result.output}"
        assert "Traceback" not in result.output
        return result

    return call


@pytest.fixture
def memory(home: Path) -> Iterator[Memory]:
    with Memory.open(home, embedder="none") as memory:
        yield memory


def process(home: Path, *args: str | Path, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "threadline", *map(str, args)],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **kwargs,
    )


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("THREADLINE_")}
    return {**kept, "THREADLINE_HOME": str(home), "THREADLINE_EMBEDDER": "none", "PYTHONUTF8": "1"}


def messages(path: Path, *texts: str) -> Path:
    """A transcript of one conversation: each text a user's, each answered."""
    said = [
        row for text in texts for row in ({"role": "user", "content": text}, {"role": "assistant", "content": "Noted."})
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in said), "utf-8")
    return path
