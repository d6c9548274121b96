"""A client behind the door: its key says whose banks it sees, and what it may do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.running import Running, running
from threadline import AccessError, Memory, RequestError, UnknownBankError
from threadline.server.keys import Keys
from threadline.server.serving import layers
from threadline.server.settings import ServerSettings


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    with contextlib.closing(Keys(tmp_path / "home")) as keys:
        yield keys


@pytest.fixture
def server(tmp_path: Path, keys: Keys) -> Iterator[Running]:
    settings = ServerSettings(auth="required", max_body_megabytes=1.0)
    with running(tmp_path / "home", lambda app: layers(app, settings, keys, None)[0]) as server:
        yield server


def test_see_the_banks_of_the_tenant_whose_key_it_is(server: Running, keys: Keys) -> None:
    for tenant in ("ours", "theirs"):
        with Memory.connect(server.url, bank="alice", token=keys.create(tenant)[1]) as memory:
            memory.session("s").add_turn(user=f"{tenant} is a secret")
            found = memory.recall("secret", fresh=True)
            assert [one.text for one in found] == [f"{tenant} is a secret"]
            assert memory.status().turns == 1


def test_read_with_a_key_that_may_read(server: Running, keys: Keys) -> None:
    admin, reader = keys.create("t")[1], keys.create("t", scope="read")[1]
    with pytest.raises(AccessError):
        Memory.connect(server.url, bank="alice", token=reader)
    with Memory.connect(server.url, bank="alice", token=admin) as memory:
        memory.session("s").add_turn(user="The boat is called Marlin")
        assert memory.flush()
    with Memory.connect(server.url, bank="alice", token=reader) as memory:
        session = memory.find_session("s")
        assert [one.text for one in session.recall("boat")] == ["The boat is called Marlin"]
        assert len(session.history()) == 1
        with pytest.raises(AccessError, match="scope write"):
            session.add_turn(user="Nor may it write")


def test_refuse_who_has_no_key_or_not_this_bank(server: Running, keys: Keys) -> None:
    token = keys.create("t", banks=["bob"])[1]
    for bad in (None, "tl_no_key", token + "x"):
        with pytest.raises(AccessError):
            Memory.connect(server.url, bank="bob", token=bad)
    with Memory.connect(server.url, bank="bob", token=token) as memory:
        keys.revoke(token)
        with pytest.raises(AccessError):
            memory.notes()
    with pytest.raises(UnknownBankError):
        Memory.connect(server.url, bank="alice", token=keys.create("t", banks=["bob"])[1])


def test_say_that_a_turn_is_larger_than_the_server_takes(server: Running, keys: Keys) -> None:
    with Memory.connect(server.url, bank="alice", token=keys.create("t")[1]) as memory:
        session = memory.session("s")
        with pytest.raises(RequestError) as raised:
            session.add_turn(user="x" * 2_000_000)
        assert raised.value.status == 413
        assert session.add_turn(user="a smaller one").number == 1
