"""The Hindsight provider that hermes-agent bundles, unmodified, in the real host, with our server for its Hindsight."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.hermes.probed import use_hindsight

from tests.hosts.hermes.conftest import NewHome
from tests.hosts.hermes.harness.cli import Cli
from tests.hosts.hermes.harness.gateway import Gateway
from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.model import FakeModel, ModelRequest, Reply, ToolCall
from tests.hosts.hermes.harness.waiting import wait_until
from tests.wire.serving import ask, serving

pytestmark = pytest.mark.hermes


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "server") as url:
        yield url


@pytest.fixture
def bank() -> str:
    return f"hermes-{uuid.uuid4().hex}"


@pytest.fixture
def home(new_home: NewHome, server: str, bank: str) -> Home:
    made = new_home("")
    use_hindsight(made, server, {"bank_id": bank, "retain_every_n_turns": 1})
    return made


def texts(server: str, bank: str) -> str:
    """What the bank holds once everything that the server accepted is carried out."""

    def idle() -> bool:
        ended = ("completed", "failed", "cancelled", "not_found")
        found = ask(server, f"/v1/default/banks/{bank}/operations?limit=100")["operations"]
        return bool(found) and all(one["status"] in ended for one in found)

    wait_until(idle, "an idle bank")
    listed = ask(server, f"/v1/default/banks/{bank}/memories/list?limit=100")
    assert listed["total"] == len(listed["items"])
    return "\n".join(item["text"] for item in listed["items"])


def test_one_run_remembers_what_another_was_told(home: Home, server: str, bank: str, model: FakeModel) -> None:
    with Cli(home) as host:
        host.chat("My cat is called Miro.")
        host.command("/new")
        host.chat("My dog is called Rex.")
        host.exit()
    kept = texts(server, bank)
    assert "Miro" in kept
    assert "Rex" in kept
    assert ask(server, f"/v1/default/banks/{bank}/documents")["total"] == 2, "a session is a document"
    with Cli(home) as host:
        host.chat("What is my cat called?")  # after a turn this provider looks up what it tells in the next one
        host.chat("Go on.")
        host.exit()
    asked = model.asked("Go on.")[-1]
    assert "My cat is called Miro." in asked.user, "the model is not told of what was said"
    assert model.strays == []


def test_the_tools_of_the_provider(home: Home, server: str, bank: str, model: FakeModel) -> None:
    calls = {
        "keep": ToolCall("hindsight_retain", {"content": "The safe opens with 4711."}),
        "find": ToolCall("hindsight_recall", {"query": "What opens the safe?"}),
        "think": ToolCall("hindsight_reflect", {"query": "What opens the safe?"}),
    }

    def use(request: ModelRequest) -> Reply:
        for asked, call in calls.items():
            if request.user.startswith(f"Please {asked}") and not request.answers_tools:
                return Reply("One moment.", tools=[call])
        return Reply("Done.")

    model.answer = use
    with Cli(home) as host:
        for asked in calls:
            host.chat(f"Please {asked} it.")
        told = [str(one["content"]) for one in host.history() if one["role"] == "tool"]
        host.exit()
    assert len(told) == 3
    assert "stored" in told[0].lower(), told[0]
    assert "4711" in told[1], told[1]
    assert "4711" in told[2], told[2]
    assert "4711" in texts(server, bank)


def test_chats_of_a_gateway_are_kept(home: Home, server: str, bank: str, model: FakeModel) -> None:
    with Gateway(home) as host:
        host.say("ann", "My cat is called Miro.")
        host.say("bob", "My dog is called Rex.")
        host.stop()
    kept = texts(server, bank)
    assert "Miro" in kept
    assert "Rex" in kept
