"""Reflection sees what recall sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from threadline import (
    AsyncMemory,
    BackendUnavailableError,
    Capabilities,
    InputError,
    Memory,
    Query,
    Reflection,
    UnsupportedError,
)
from threadline.engine.reflect.extract import NOTHING
from threadline.testing import FakeBackend, Fault


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(Capabilities(reflects=True))


@pytest.fixture
def memory(tmp_path: Path, backend: FakeBackend) -> Iterator[Memory]:
    with Memory.open(tmp_path, backend=backend, redact=False) as memory:
        yield memory


def test_answer_from_what_the_session_sees(memory: Memory) -> None:
    one, other = memory.session("one"), memory.session("other")
    one.add_turn(user="The boat is called Marlin")
    other.add_turn(user="The boat is called Tern")
    assert memory.flush(20)
    assert one.reflect("what is the boat called").text == "The boat is called Marlin"
    assert other.reflect("what is the boat called").text == "The boat is called Tern"
    fresh = memory.session("fresh")
    assert fresh.reflect("what is the boat called").text == ""
    assert "boat" in fresh.reflect("what is the boat called", scope="bank").text


def test_answer_from_nothing_that_was_taken_back(memory: Memory) -> None:
    session = memory.session("s")
    session.add_turn(user="The boat is called Marlin")
    assert memory.flush(20)
    session.rewind()
    for asked in (session.reflect("boat"), session.reflect("boat", scope="bank"), memory.reflect("boat")):
        assert (asked.text, asked.memories) == ("", ())


def test_show_a_turn_as_the_branch_s_that_kept_it(memory: Memory) -> None:
    session = memory.session("s")
    session.add_turn(user="The boat is called Marlin")
    session.branch("kept")
    session.rewind()
    assert memory.flush(20)
    (found,) = memory.reflect("boat").memories
    assert (found.session, found.document) == ("kept", "session:s")


def test_name_the_session_of_a_note(tmp_path: Path) -> None:
    """A backend knows a note's document, which does not say whose it is."""

    class Unknowing(FakeBackend):
        def reflect(self, bank: str, query: Query) -> Reflection:
            answer = super().reflect(bank, query)
            return replace(answer, memories=tuple(replace(found, session=None) for found in answer.memories))

    with Memory.open(tmp_path, backend=Unknowing(Capabilities(reflects=True))) as memory:
        session = memory.session("s")
        session.note("The boat is called Marlin", tags=["boats"])
        assert memory.flush(20)
        for ask in (memory.reflect, session.reflect):
            (found,) = ask("boat", tags=["boats"]).memories
            assert found.session == "s"
            assert ask("boat", tags=["trains"]).memories == ()


def test_pass_on_the_budget_and_refuse_what_cannot_be_asked(memory: Memory, backend: FakeBackend) -> None:
    memory.session("s").add_turn(user="The boat is called Marlin")
    assert memory.flush(20)
    assert memory.reflect("boat", max_tokens=2).text == ""
    with pytest.raises(InputError, match="max_tokens"):
        memory.reflect("boat", max_tokens=0)
    with pytest.raises(InputError, match="scope"):
        memory.session("s").reflect("boat", scope="all")  # type: ignore[arg-type]
    with pytest.raises(InputError):
        memory.reflect(7)  # type: ignore[arg-type]
    backend.faults.append(Fault("reflect", BackendUnavailableError("The server is down.")))
    with pytest.raises(BackendUnavailableError, match="down"):
        memory.reflect("boat")


def test_say_that_a_backend_does_not_reflect(tmp_path: Path) -> None:
    backend = FakeBackend()
    with Memory.open(tmp_path, backend=backend) as memory:
        session = memory.session("s")
        for ask in (memory.reflect, session.reflect):
            with pytest.raises(UnsupportedError, match="fake does not reflect; use recall"):
                ask("boat")
        assert backend.calls == []


async def test_reflect_and_probe_asynchronously(tmp_path: Path, backend: FakeBackend) -> None:
    async with AsyncMemory.open(tmp_path, backend=backend) as memory:
        session = await memory.session("s")
        await session.add_turn(user="The boat is called Marlin")
        assert await memory.flush(20)
        assert (await session.reflect("boat")).text == (await memory.reflect("boat")).text != ""
        await session.compress()
        assert await session.compressed_turn() == 1
        assert (await session.status()).delivered == (await memory.session_statuses())[0].delivered == 1
        assert (await memory.probe()).ok


@pytest.fixture
def quoting(tmp_path: Path) -> Iterator[Memory]:
    """The embedded engine, which has no model to put an answer into words."""
    with Memory.open(tmp_path, embedder="none", redact=False) as memory:
        yield memory


def test_quote_what_the_session_sees(quoting: Memory) -> None:
    one, other = quoting.session("one", tags=["boats"]), quoting.session("other")
    one.add_turn(user="The boat is called Marlin.")
    other.add_turn(user="The boat is called Tern.")
    assert quoting.flush(20)
    answer = one.reflect("what is the boat called")
    assert answer.extractive
    assert [found.session for found in answer.memories] == ["one"]
    assert "“The boat is called Marlin.”" in answer.text
    assert "Tern" not in answer.text
    assert {found.session for found in quoting.reflect("boat").memories} == {"one", "other"}
    assert {found.session for found in quoting.reflect("boat", tags=["boats"]).memories} == {"one"}
    assert quoting.session("fresh").reflect("boat") == quoting.reflect("trains") == Reflection(NOTHING, extractive=True)
    assert len(quoting.reflect("boat", max_tokens=60).memories) == 1


def test_quote_nothing_that_was_taken_back_or_forgotten(quoting: Memory) -> None:
    session = quoting.session("s")
    session.add_turn(user="The boat is called Marlin.")
    session.add_turn(user="The boat is called Tern.")
    assert quoting.flush(20)
    session.rewind()
    answers = [session.reflect("boat"), session.reflect("boat", scope="bank"), quoting.reflect("boat")]
    assert ["Tern" in answer.text for answer in answers] == [False] * 3
    quoting.forget(session="s")
    assert quoting.reflect("boat").text == NOTHING


def test_cite_a_turn_as_the_branch_s_that_kept_it_and_a_note_as_its_session_s(quoting: Memory) -> None:
    session = quoting.session("said-there")
    session.add_turn(user="The boat is called Marlin.")
    session.branch("kept")
    session.rewind()
    quoting.session("noted").note("The boat is twelve metres long.")
    assert quoting.flush(20)
    answer = quoting.reflect("boat")
    assert {found.session for found in answer.memories} == {"kept", "noted"}
    assert "user, kept, turn 1, " in answer.text
    assert "note, noted, 20" in answer.text
    assert "said-there" not in answer.text


async def test_quote_asynchronously(tmp_path: Path) -> None:
    async with AsyncMemory.open(tmp_path, embedder="none") as memory:
        session = await memory.session("s")
        await session.add_turn(user="The boat is called Marlin.")
        assert await memory.flush(20)
        assert (await session.reflect("boat")).memories == (await memory.reflect("boat")).memories != ()
