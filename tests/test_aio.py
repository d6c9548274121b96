"""The async twin has the same names, the same arguments, and the same memory behind it."""

import asyncio
import inspect
import threading
from pathlib import Path

import pytest

from threadline import AsyncMemory, AsyncSession, Batch, ClosedError, InvalidTurnError, Memory, Session
from threadline.backends.embedded import EmbeddedBackend


def _public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def test_have_the_same_names() -> None:
    assert _public(AsyncMemory) == _public(Memory)
    assert _public(AsyncSession) == _public(Session)


@pytest.mark.parametrize(("twin", "kind"), [(AsyncMemory, Memory), (AsyncSession, Session)])
def test_have_the_same_arguments_and_await_every_method(twin: type, kind: type) -> None:
    for name in _public(kind):
        method, original = vars(twin)[name], vars(kind)[name]
        if inspect.isfunction(original):
            assert inspect.iscoroutinefunction(method), name
            assert inspect.signature(method) == inspect.signature(original), name
            assert method.__doc__ == original.__doc__, name


async def test_live_through_a_conversation(tmp_path: Path) -> None:
    async with AsyncMemory.open(tmp_path, bank="alice", embedder="none") as memory:
        session = await memory.session("s1")
        assert isinstance(session, AsyncSession)
        await session.add_turn(user="The boat is called Marlin", assistant="Noted.")
        fork = await session.branch("s2")
        await fork.add_turn(user="Suppose it were called Tern")
        await fork.rewind()
        found = await session.recall("what is the boat called", fresh=True)
        assert found[0].text == "The boat is called Marlin"
        await session.prefetch("boat")
        assert await session.prefetched("boat", 10.0)
        assert (await (await session.switch("s3")).history()) == []
        assert [summary.id for summary in await memory.sessions()] == ["s1", "s2", "s3"]
        assert (memory.bank, memory.settings.embedder) == ("alice", "none")
        with pytest.raises(InvalidTurnError):
            await session.add_turn(user="")
    with pytest.raises(ClosedError):
        await memory.recall("boat")
    with Memory.open(tmp_path, bank="alice", embedder="none") as again:
        assert len(again.session("s1").turns()) == 1


async def test_add_turns_at_once_without_blocking_the_loop(tmp_path: Path) -> None:
    async with AsyncMemory.open(tmp_path, embedder="none") as memory:
        sessions = [await memory.session(f"s{number}") for number in range(5)]
        await asyncio.gather(*[s.add_turn(user=f"pebble {n}") for s in sessions for n in range(20)])
        assert await memory.flush(30)
        status = await memory.status()
        assert (status.turns, status.undelivered) == (100, 0)


async def test_keep_a_turn_whose_caller_was_cancelled(tmp_path: Path) -> None:
    """Cancelling stops the waiting, not the writing: the turn is whole or not there."""
    async with AsyncMemory.open(tmp_path, embedder="none") as memory:
        session = await memory.session("s")
        tasks = [asyncio.create_task(session.add_turn(user=f"pebble {n}", host_key=str(n))) for n in range(50)]
        await tasks[0]
        for task in tasks[1:]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        acknowledged = {turn.host_key for turn in outcomes if not isinstance(turn, BaseException)}
        for number in range(50):  # the host does not know, and says them all again
            await session.add_turn(user=f"pebble {number}", host_key=str(number))
        turns = await session.turns()
        assert acknowledged <= {turn.host_key for turn in turns}
        assert sorted(turn.host_key or "" for turn in turns) == sorted(str(n) for n in range(50))


async def test_say_how_to_open_what_is_not_open(tmp_path: Path) -> None:
    memory = AsyncMemory.open(tmp_path, bank="alice", embedder="none")
    assert repr(memory) == f"<AsyncMemory 'alice' in {tmp_path}>"
    assert memory.bank == "alice"
    with pytest.raises(ClosedError, match="async with"):
        await memory.session("s")
    assert list(tmp_path.iterdir()) == []


async def test_open_without_a_block(tmp_path: Path) -> None:
    memory = await AsyncMemory.open(tmp_path, embedder="none")
    await memory.retain("opened in a hook")
    await memory.close()
    with pytest.raises(ClosedError):
        await memory.notes()


async def test_add_a_turn_while_others_wait_for_a_backend_that_hangs(tmp_path: Path) -> None:
    release = threading.Event()

    class Hanging(EmbeddedBackend):
        def retain(self, batch: Batch) -> None:
            assert release.wait(60)
            super().retain(batch)

    async with AsyncMemory.open(tmp_path, backend=Hanging(tmp_path)) as memory:
        session = await memory.session("s")
        await session.add_turn(user="first")
        waiting = [asyncio.create_task(memory.flush(60)) for _ in range(64)]  # more than there are threads
        await asyncio.sleep(0)
        assert (await session.add_turn(user="second")).number == 2
        assert not any(task.done() for task in waiting)
        release.set()
        assert all(await asyncio.gather(*waiting))
