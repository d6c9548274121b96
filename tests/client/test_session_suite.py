"""What the tests of the session API say of a memory on this machine is so of one on a server: the tests themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import count
from types import ModuleType
from typing import Any

import pytest

from tests.client.running import Running, running
from tests.session import test_session, test_switch, test_undo
from threadline import Memory
from threadline.client import RemoteMemory, RemoteSession

#: Not borrowed, and why.
LEFT_OUT = {
    "test_refuse_a_reason_that_is_none": "the same class of error, in the server's words",
    "test_take_a_huge_message_and_refuse_a_larger": "it takes seconds, on this machine as well",
}

_banks = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server") / "home") as server:
        yield server


@pytest.fixture
def memory(server: Running) -> Iterator[RemoteMemory]:
    """An empty bank, whose name no path could carry."""
    with Memory.connect(server.url, bank=f"../bank/{next(_banks)}?&") as memory:
        yield memory


@pytest.fixture
def session(memory: RemoteMemory) -> RemoteSession:
    return memory.session("s")


def _needs(test: Callable[..., Any]) -> set[str]:
    """The fixtures of a test: its arguments, but for those that it is parametrized with."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    given = {
        name.strip()
        for mark in marks
        for name in (mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0])
    }
    return set(inspect.signature(test).parameters) - given


def _borrow(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The tests that need a memory and nothing else."""
    found = {name: test for name, test in vars(module).items() if name.startswith("test_") and inspect.isfunction(test)}
    return {
        name: test
        for name, test in found.items()
        if name not in LEFT_OUT and _needs(test) and _needs(test) <= {"memory", "session"}
    }


BORROWED = {**_borrow(test_session), **_borrow(test_switch), **_borrow(test_undo)}
globals().update(BORROWED)


def test_borrow_most_of_them() -> None:
    assert len(BORROWED) >= 35
