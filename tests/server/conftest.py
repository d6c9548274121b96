"""A server in the test's own process, over a new data directory, that finds by words alone unless asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from threadline.engine.models.base import Embedder
from threadline.engine.models.fake import FakeEmbedder
from threadline.server.app import create_app
from threadline.server.house import House
from threadline.settings import Settings


@pytest.fixture
def embedder() -> Callable[[], Embedder | None]:
    """What opens the embedder; override it with `FakeEmbedder` where vectors matter."""
    return FakeEmbedder


@pytest.fixture
def house(tmp_path: Path, embedder: Callable[[], Embedder | None]) -> Iterator[House]:
    opened = House(Settings(home=tmp_path / "home", redact=False), embedder=embedder)
    yield opened
    opened.close(5.0)


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with TestClient(create_app(house)) as client:
        yield client
