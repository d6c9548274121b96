"""What every test of the project may use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from threadline import Memory

OpenMemory = Callable[..., Memory]


@pytest.fixture(autouse=True)
def _only_given_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the settings, or writes the memory, of whoever runs it."""
    import os

    for name in [name for name in os.environ if name.startswith("THREADLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("THREADLINE_HOME", str(tmp_path / "home"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data directory that nobody has used yet."""
    return tmp_path / "home"


@pytest.fixture
def open_memory(home: Path) -> Iterator[OpenMemory]:
    """Opens memories of `home` that find by words alone and redact nothing; they are closed at the end.

    Any setting of `Memory.open` may be given.
    """
    opened: list[Memory] = []

    def opens(bank: str | None = None, **settings: Any) -> Memory:
        memory = Memory.open(home, bank=bank, **{"embedder": "none", "redact": False, **settings})
        opened.append(memory)
        return memory

    yield opens
    for memory in opened:
        memory.close()


@pytest.fixture
def memory(open_memory: OpenMemory) -> Memory:
    """An empty memory."""
    return open_memory()
