"""A conversation over HTTP whose server is killed in the middle: nothing lost, nothing repeated, nothing leaked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.client.child import Child
from threadline import ForgottenError, Memory, Recalled
from threadline.client import RemoteMemory

TURNS = 60


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    child = Child(tmp_path_factory.mktemp("server") / "home")
    child.start()
    yield child
    child.stop()


@pytest.fixture
def memory(child: Child, request: pytest.FixtureRequest) -> Iterator[RemoteMemory]:
    with Memory.connect(child.url, bank=request.node.name, retry_seconds=60) as memory:
        yield memory


def texts(found: list[Recalled]) -> list[str]:
    return sorted(one.text for one in found)


def test_live_through_kills_in_the_middle_of_a_conversation(child: Child, memory: RemoteMemory) -> None:
    """Two hosts talk at once while the server is killed twice; they notice nothing but a pause."""
    said = threading.Semaphore(0)
    failures: list[BaseException] = []

    def talk(name: str) -> None:
        try:
            session = memory.session(name)
            for number in range(TURNS):
                session.add_turn(user=f"pebble {name}x{number}", host_key=None if number % 2 else f"own-{number}")
                said.release()
        except BaseException as error:  # noqa: BLE001 - it is raised by the test
            failures.append(error)
            said.release(2 * TURNS)

    hosts = [threading.Thread(target=talk, args=(name,)) for name in ("left", "right")]
    for host in hosts:
        host.start()
    for _ in range(2):
        for _ in range(TURNS // 2):
            said.acquire()
        child.kill()
        child.start()
    for host in hosts:
        host.join(60)
    assert not failures
    for name in ("left", "right"):
        turns = memory.find_session(name).turns()
        assert [turn.number for turn in turns] == list(range(1, TURNS + 1))
        assert [turn.messages[0].text for turn in turns] == [f"pebble {name}x{number}" for number in range(TURNS)]
        found = memory.find_session(name).recall("pebble", fresh=True, limit=1000, max_tokens=100_000)
        assert Counter(texts(found)) == Counter(f"pebble {name}x{number}" for number in range(TURNS))
    assert memory.status().undelivered == 0


def test_keep_every_promise_of_a_story_across_kills(child: Child, memory: RemoteMemory) -> None:
    """Turns, a switch, a branch, a rewind, a prefetch and a forget, with kills between them."""
    first = memory.session("chats/first", tags=["home"])
    first.add_turn(user="The boat is called Marlin", assistant="A fine name")
    first.note("The key hangs behind the boat's door", tags=["home"])
    fork = first.branch("chats/fork")
    fork.add_turn(user="Suppose the boat were called Tern")
    first.add_turn(user="The boat lies in Faro")
    child.kill()
    child.start()
    assert [turn.messages[0].text for turn in fork.history()] == [
        "The boat is called Marlin",
        "Suppose the boat were called Tern",
    ]
    assert texts(fork.recall("Faro Tern", fresh=True)) == ["Suppose the boat were called Tern"]
    fork.prefetch("Tern")
    assert fork.rewind() == [("chats/fork", 1)]
    other = first.switch("chats/other", reason="new", parent="chats/first")
    other.add_turn(user="My password for the harbour is quincunxes", host_key="secret")
    child.kill()
    child.start()
    assert fork.prefetched("Tern", 10.0) == []
    assert memory.recall("Tern", fresh=True) == []
    assert first.recall("quincunxes", fresh=True) == []
    assert texts(other.recall("boat quincunxes", fresh=True)) == ["My password for the harbour is quincunxes"]
    proof = memory.forget(session="chats/other")
    assert (proof.complete, proof.traces) == (True, ())
    assert proof.files > 0
    child.kill()
    child.start()
    assert memory.recall("quincunxes") == []
    with pytest.raises(ForgottenError):
        other.add_turn(user="My password for the harbour is quincunxes", host_key="secret")
    assert texts(first.recall("boat", tags=["home"])) == texts(memory.recall("boat", fresh=True))
    assert memory.flush()
    assert memory.status().healthy
