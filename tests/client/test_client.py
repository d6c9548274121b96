"""A memory on a server has the methods of one on this machine, and gives the same values."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.client.running import Running, running
from threadline import (
    AsyncMemory,
    AsyncSession,
    ClosedError,
    Identity,
    InvalidIdError,
    Memory,
    Message,
    Session,
    SettingsError,
    Tags,
    UnknownSessionError,
    Wanted,
)
from threadline.client import RemoteMemory, RemoteSession
from threadline.client.values import read, read_all

#: What only a memory on this machine has: how it is opened, and what with.
LOCAL = {"open", "connect", "settings"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server") / "home") as server:
        yield server


def _public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def test_have_the_same_names() -> None:
    assert _public(RemoteMemory) - {"open"} == _public(Memory) - LOCAL
    assert _public(RemoteSession) == _public(Session)


@pytest.mark.parametrize(("twin", "kind"), [(RemoteMemory, Memory), (RemoteSession, Session)])
def test_have_the_same_signatures(twin: type, kind: type) -> None:
    compared = 0
    for name in _public(kind) - LOCAL:
        method, original = vars(twin)[name], vars(kind)[name]
        if inspect.isfunction(original):
            ours = str(inspect.signature(method)).replace("RemoteSession", "Session")
            assert ours == str(inspect.signature(original)), name
            compared += 1
        else:
            assert isinstance(method, property), name
    assert compared > 15


def test_give_the_same_values(server: Running, tmp_path: Path) -> None:
    """The same is said to both, and every answer of the one is an answer of the other."""
    with (
        Memory.open(tmp_path / "here", bank="alice", embedder="none", redact=False) as here,
        Memory.connect(server.url, bank="alice") as there,
    ):
        assert _lived(there) == _lived(here)


def _lived(memory: Any) -> dict[str, Any]:
    when = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    said = {"occurred_at": when}
    session = memory.session("s", identity=Identity("cli", "u7"), tags=["work"], metadata={"topic": [1, {"a": None}]})
    messages = [Message("user", "The mast is broken", "Ann", when, "m1"), Message("tool", "mast: 12.5 m")]
    turn = session.add_turn(messages=messages, host_key="k", metadata={"model": "x", "cost": 0.25}, **said)
    note = session.note("Ann sails", tags=["sea"], context="about Ann", host_key="n", metadata={"a": [True]}, **said)
    memory.retain("Ben does not", host_key="b", **said)
    fork = session.branch("fork", at_turn=1)
    fork.add_turn("Suppose it were whole", "Well", host_key="f", **said)
    fork.compress()
    memory.flush()
    recall = {
        "max_tokens": 2000,
        "limit": 5,
        "tags": Tags("work") | Tags("sea"),
        "types": ["world"],
        "since": when - timedelta(days=1),
        "until": when + timedelta(days=1),
        "asked_at": when,
        "budget": "low",
    }
    wanted = Wanted("session:s", 1)
    explained = session.explain("mast", wanted)
    return {
        "turn": turn,
        "note": (note.text, note.tags, note.context, note.occurred_at, note.metadata, note.session),
        "history": fork.history(),
        "found": session.find_turn("k"),
        "missing": session.find_turn("other"),
        "recalled": [(one.text, one.why, one.metadata, one.occurred_at) for one in session.recall("mast", **recall)],
        "outside": fork.recall("mast whole", outside_context=True, asked_at=when),
        "early": memory.recall("mast", as_of=when),
        "explained": [(one.memory.text, one.returned, one.rank, one.verdict) for one in explained],
        "signals": [set(one.signals) for one in explained],
        "reflected": session.reflect("What is broken?", asked_at=when).text,
        "compressed": (fork.compressed_turn(), session.compressed_turn()),
        "rewound": fork.rewind_to(["The mast is broken"]),
        "taken": fork.take_back(1),
        "left": fork.switch("elsewhere", reason="new", parent="fork").id,
        "stayed": fork.switch(None).id,
        "names": [(one.id, one.kind, one.parent, one.fork_turn, one.turns) for one in memory.sessions()],
        "statuses": [(one.id, one.turns, one.taken_back) for one in memory.session_statuses()],
        "flushed": memory.flush(),
        "deliveries": [
            (one.document.partition(":")[0], one.kind, one.first_turn) for one in memory.deliveries(["done"])
        ][:4],
        "notes": [one.text for one in memory.notes()],
        "counts": (memory.retry(), memory.probe().ok, memory.rebuild()),
    }


def test_say_what_it_is(server: Running) -> None:
    with Memory.connect(server.url + "/", bank="alice") as memory:
        assert repr(memory) == f"<RemoteMemory 'alice' at {server.url}>"
        assert repr(memory.session("s")) == f"<RemoteSession 's' of bank 'alice' at {server.url}>"
        with pytest.raises(UnknownSessionError, match="nobody"):
            memory.find_session("nobody")
        with pytest.raises(InvalidIdError):
            memory.session("a\ud800")


def test_open_the_default_bank_and_forget_it(server: Running) -> None:
    memory = Memory.connect(server.url)
    assert memory.bank == "default"
    memory.retain("The quincunxes of the harbour master are secret")
    proof = memory.forget(everything=True)
    assert (proof.complete, proof.traces, proof.texts) == (True, (), 1)
    with pytest.raises(ClosedError):
        memory.notes()


async def test_be_awaited(server: Running) -> None:
    memory = AsyncMemory.connect(server.url, bank="async")
    assert repr(memory) == f"<AsyncMemory 'async' at {server.url}>"
    async with memory:
        session = await memory.session("s1")
        assert isinstance(session, AsyncSession)
        await session.add_turn(user="The boat is called Marlin", occurred_at=datetime.now(UTC))
        fork = await session.branch("s2")
        assert (await fork.recall("what is the boat called", fresh=True))[0].text == "The boat is called Marlin"
        assert [summary.id for summary in await memory.sessions()] == ["s1", "s2"]
        assert (await memory.status()).turns == 1
    with pytest.raises(ClosedError):
        await memory.status()


@pytest.mark.parametrize(
    "value",
    [None, 7, [], {}, {"session": "s"}, {"session": 7, "turn": 1}, {"session": "s", "turn": True}, {"turn": 1}],
)
def test_refuse_what_is_no_value(value: Any) -> None:
    from threadline.documents import Wanted

    if isinstance(value, dict) and "session" in value:
        value = {**value, "document": value["session"], "turn": value.get("turn", "one")}
    with pytest.raises(SettingsError, match="no Wanted"):
        read(Wanted, value)
    with pytest.raises(SettingsError):
        read_all(Wanted, [value] if value is not None else {"a": 1})


def test_leave_out_what_a_newer_server_says() -> None:
    assert read(Wanted, {"document": "session:s", "turn": None, "colour": "blue"}) == Wanted("session:s")
