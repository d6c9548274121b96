"""Vectors that follow: what was retained while many asked is found by its words at once, and by meaning soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from threadline.documents import Query
from threadline.engine.models.fake import FakeEmbedder
from threadline.server import embedding, threads
from threadline.server.house import House, Room
from threadline.server.recalling import Asked, recall
from threadline.server.retaining import Retaining, retain
from threadline.server.store import backlogs
from threadline.settings import Settings


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "working", lambda: embedding.BUSY + 1)


class Held(FakeEmbedder):
    """Embeds passages once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = threading.Event()

    def embed(self, texts: Sequence[str]) -> Any:
        assert self.may.wait(20)
        return super().embed(texts)


def _open(home: Path, embedder: FakeEmbedder) -> House:
    return House(Settings(home=home), embedder=lambda: embedder)


def _finish(house: House, room: Room) -> None:
    """Wait until all vectors are made, by doing it as well."""
    until = time.monotonic() + 20
    while room.engine.upkeep() or backlogs.every(room.database) or house.backlogs.count():
        assert time.monotonic() < until


@pytest.mark.usefixtures("busy")
def test_answer_before_the_vectors_are_made(tmp_path: Path) -> None:
    embedder = Held()
    house = _open(tmp_path, embedder)
    room = house.tenant().make_room("bank")
    retain(room, [Retaining("Alice likes a red apple.")])
    assert room.engine.figures().vectors == 0
    assert backlogs.every(room.database) == [room.uid]
    embedder.may.set()
    _finish(house, room)
    assert room.engine.figures().vectors == 1
    assert backlogs.every(room.database) == []
    [found] = recall(room, Asked(Query("red apple")))
    assert found.scores.semantic is not None, "a recall sees vectors that came after the memory"
    house.close()


@pytest.mark.usefixtures("busy")
def test_find_it_by_its_words_meanwhile(tmp_path: Path) -> None:
    house = _open(tmp_path, FakeEmbedder())
    house.backlogs.stop()
    room = house.tenant().make_room("bank")
    retain(room, [Retaining("Alice likes a red apple.")])
    [found] = recall(room, Asked(Query("red apple")))
    assert (found.scores.semantic, found.unit.text) == (None, "Alice likes a red apple.")
    _finish_alone(room)
    [found] = recall(room, Asked(Query("red apple")))
    assert found.scores.semantic is not None
    house.close()


def _finish_alone(room: Room) -> None:
    while room.engine.upkeep():
        pass


@pytest.mark.usefixtures("busy")
def test_go_on_where_an_earlier_server_stopped(tmp_path: Path) -> None:
    house = _open(tmp_path, FakeEmbedder())
    house.backlogs.stop()
    room = house.tenant().make_room("bank")
    retain(room, [Retaining("Alice likes a red apple.")])
    house.close()
    house = _open(tmp_path, FakeEmbedder())
    room = house.tenant().room("bank")
    _finish(house, room)
    assert room.engine.figures().vectors == 1
    assert backlogs.every(room.database) == []
    house.close()


def test_embed_at_once_where_there_is_time(tmp_path: Path) -> None:
    house = _open(tmp_path, FakeEmbedder())
    room = house.tenant().make_room("bank")
    retain(room, [Retaining("Alice likes a red apple.")])
    assert room.engine.figures().vectors == 1
    assert backlogs.every(room.database) == []
    house.close()


@pytest.mark.usefixtures("busy")
def test_forget_the_backlog_of_a_bank_that_is_deleted(tmp_path: Path) -> None:
    house = _open(tmp_path, FakeEmbedder())
    house.backlogs.stop()
    tenant = house.tenant()
    retain(tenant.make_room("bank"), [Retaining("Alice likes a red apple.")])
    tenant.remove("bank")
    assert backlogs.every(tenant.database) == []
    house.close()
