"""What waits takes nothing from what does not: a backend that hangs keeps nobody from the journal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.client.running import Running, running
from threadline import Memory, Query, Recalled, UnknownBankError
from threadline.client import RemoteMemory


class Hanging:
    """A recall that does not end before it is let go."""

    def __init__(self, recall: Callable[[str, Query], list[Recalled]]) -> None:
        self._recall = recall
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()
        self.only: str | None = None  # the query that hangs; None: all do

    def __call__(self, bank: str, query: Query) -> list[Recalled]:
        self.entered.release()
        if self.only in (None, query.text):
            assert self.go.wait(60)
        return self._recall(bank, query)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "home") as server:
        yield server


@pytest.fixture
def memory(server: Running) -> Iterator[RemoteMemory]:
    with Memory.connect(server.url, bank="alice", retry_seconds=0) as memory:
        yield memory


@pytest.fixture
def hanging(server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    backend = server.house.tenant().backend
    hanging = Hanging(backend.recall)
    monkeypatch.setitem(backend.__dict__, "recall", hanging)
    yield hanging
    hanging.go.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(100) as pool:
        yield pool


def test_answer_others_while_many_wait_for_a_prefetch(
    memory: RemoteMemory, hanging: Hanging, pool: ThreadPoolExecutor
) -> None:
    session = memory.session("s")
    session.add_turn(user="The boat is called Marlin")
    assert memory.flush()
    session.prefetch("boat")
    assert hanging.entered.acquire(timeout=20)
    waiting = [pool.submit(session.prefetched, "boat", 30.0) for _ in range(90)]  # more than there are threads for
    for number in range(20):
        assert session.add_turn(user=f"pebble {number}").number == number + 2
    assert not any(one.done() for one in waiting)
    began = time.monotonic()
    assert session.prefetched("boat", 0.2) == [], "it is not waited for longer, a place to wait in included"
    assert time.monotonic() - began < 10
    hanging.go.set()
    assert any(found[0].text == "The boat is called Marlin" for found in (one.result(60) for one in waiting))


def test_answer_others_while_many_wait_for_a_delivery(
    server: Running, memory: RemoteMemory, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    backend = server.house.tenant().backend
    retain = backend.retain

    def hangs(batch: Any) -> None:
        assert go.wait(60)
        retain(batch)

    monkeypatch.setitem(backend.__dict__, "retain", hangs)
    session = memory.session("s")
    session.add_turn(user="The boat is called Marlin")
    waiting: list[Future[bool]] = [pool.submit(memory.flush, 30.0) for _ in range(40)]
    fresh = [pool.submit(session.recall, "boat", fresh=True) for _ in range(40)]
    for number in range(20):
        assert session.add_turn(user=f"pebble {number}").number == number + 2
    assert not any(one.done() for one in waiting)
    go.set()
    assert all(one.result(60) for one in waiting)
    assert all(one.result(60) for one in fresh)


def test_delete_a_bank_behind_the_recalls_that_are_under_way(
    server: Running, memory: RemoteMemory, hanging: Hanging, pool: ThreadPoolExecutor
) -> None:
    memory.session("s").add_turn(user="The boat is called Marlin")
    assert memory.flush()
    waiting = pool.submit(memory.recall, "boat")
    assert hanging.entered.acquire(timeout=20)
    with Memory.connect(server.url, bank="alice") as other:
        forgotten = pool.submit(other.forget, everything=True)
        hanging.go.set()
        assert [one.text for one in waiting.result(60)] == ["The boat is called Marlin"]
        assert forgotten.result(60).traces == ()
    with pytest.raises(UnknownBankError, match="alice"):
        memory.recall("boat")


def test_serve_a_prefetch_to_its_session_and_query_only(memory: RemoteMemory) -> None:
    session, other = memory.session("s"), memory.session("t")
    session.add_turn(user="The boat is called Marlin")
    assert memory.flush()
    session.prefetch("boat")
    assert other.prefetched("boat", 10.0) == []
    assert session.prefetched("heron", 10.0) == []
    session.prefetch("boat")
    session.prefetch("heron")
    assert [one.text for one in session.prefetched("boat", 10.0)] == ["The boat is called Marlin"]


def test_return_an_earlier_prefetch_where_the_deadline_comes_first(memory: RemoteMemory, hanging: Hanging) -> None:
    session = memory.session("s")
    session.add_turn(user="The boat is called Marlin")
    assert memory.flush()
    hanging.only = "Marlin"
    session.prefetch("boat")
    session.prefetch("Marlin")
    found = (session.prefetched("Marlin", 0.05, instead="boat") for _ in range(200))
    assert [one.text for one in next(filter(None, found))] == ["The boat is called Marlin"]
    assert session.prefetched("Marlin", 0.05, instead="heron") == []
