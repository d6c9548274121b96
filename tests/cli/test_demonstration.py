from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from threadline import demo

FIGURES = {
    "said": 3,
    "undone": 1,
    "remembered": 2,
    "lost": 0,
    "repeated": 0,
    "misplaced": 0,
    "undone_recalled": 0,
    "kills": 1,
    "questions": 1,
    "answered": 1,
}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the demo was asked for. The demo itself has tests of its own, and takes long."""
    asked: dict[str, object] = {"figures": FIGURES}

    def run(path: Path | None, home: Path | None, say: Callable[[str], None], **rest: object) -> object:
        asked.update(path=path, home=home, **rest)
        say("lived")
        return asked["figures"]

    monkeypatch.setattr(demo, "run", run)
    return asked


def test_the_demo_gets_what_was_given(run: Run, given: dict[str, object], tmp_path: Path) -> None:
    transcript = tmp_path / "chat.jsonl"
    transcript.touch()
    run("demo", transcript, "--home", tmp_path / "empty", "--kills", "3", "--seed", "5", "--embedder", "none")
    del given["figures"]
    assert given == {"path": transcript, "home": tmp_path / "empty", "embedder": "none", "kills": 3, "seed": 5}


def test_the_demo_does_not_touch_the_users_own_data(run: Run, given: dict[str, object], home: Path) -> None:
    run("demo")
    assert given["home"] is None
    assert "kills" not in given


def test_a_broken_promise_is_an_exit_code(run: Run, given: dict[str, object]) -> None:
    given["figures"] = {**FIGURES, "lost": 1}
    run("demo", code=1)


def test_the_figures_alone_as_json(run: Run, given: dict[str, object]) -> None:
    result = run("demo", "--json")
    assert json.loads(result.stdout) == FIGURES
    assert result.stderr == "lived\n"
