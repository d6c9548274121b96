"""A model, homes, and the interpreter of the real host; `make hermes` runs what needs them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from .harness.home import Home
from .harness.model import FakeModel

NewHome = Callable[..., Home]


@pytest.fixture(scope="session")
def hermes_python() -> Path:
    python = os.environ.get("THREADLINE_HERMES_PYTHON")
    assert python, "run this with `make hermes`"
    return Path(python).absolute()


@pytest.fixture
def model() -> Iterator[FakeModel]:
    with FakeModel() as model:
        yield model


@pytest.fixture
def new_home(tmp_path: Path, hermes_python: Path, model: FakeModel) -> Iterator[NewHome]:
    """Makes homes; at the end no process of theirs may be left."""
    made: list[Home] = []

    def make(provider: str = "recorder", config: Mapping[str, Any] | None = None) -> Home:
        made.append(Home(tmp_path / f"user{len(made)}", hermes_python, model, provider, config))
        return made[-1]

    yield make
    left = [process for home in made for process in home.processes()]
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left, f"these processes were left behind: {left}"
