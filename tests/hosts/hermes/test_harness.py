"""The harness works, and the host behaves as is written of it: which calls a provider gets, in which order, where."""

from __future__ import annotations

import pytest

from .conftest import NewHome
from .harness.cli import Cli
from .harness.home import names
from .harness.model import FakeModel

pytestmark = pytest.mark.hermes

START = [
    "is_available",
    "get_tool_schemas",
    "get_tool_schemas",
    "initialize",
    "get_tool_schemas",
    "system_prompt_block",
]
TURN = ["on_turn_start", "prefetch", "sync_turn", "queue_prefetch"]


def test_start_turn_and_exit(new_home: NewHome, model: FakeModel) -> None:
    home = new_home()
    home.write("recorder.json", {"recall": "RECALLED", "prompt": "PROMPTED"})
    model.reply("Hello to you.")
    with Cli(home) as host:
        assert "Hello to you." in host.chat("Hello there.")
        session = host.session_id()
        host.exit()
    assert names(home.calls) == [*START, *TURN, "on_session_end", "shutdown"]
    request = model.asked("Hello there.")[0]
    assert "PROMPTED" in request.system
    assert "<memory-context>" in request.user
    assert "RECALLED" in request.user
    assert "recorder_note" in request.tools
    assert model.strays == []
    (sync,) = home.calls_of("sync_turn")
    assert sync.arguments["user"] == "Hello there."
    assert sync.arguments["assistant"] == "Hello to you."
    assert sync.arguments["session_id"] == session == home.sessions()[0]["id"]
