"""What is kept besides turns: what subagents did, and what the host's own memory tool wrote."""

from __future__ import annotations

import pytest

from tests.hosts.hermes.harness.cli import Cli
from tests.hosts.hermes.harness.model import FakeModel, ModelRequest, Reply, ToolCall
from tests.hosts.hermes.harness.waiting import wait_until

from .conftest import Living
from .memory import heard, opened, remembered, spoken

pytestmark = pytest.mark.hermes


def test_a_delegation_is_a_note_in_the_parents_session(living: Living, model: FakeModel) -> None:
    home = living()
    goal = "Find the oldest bridge of Ghent."

    def work(request: ModelRequest) -> Reply:
        if spoken(request.user) == "Delegate it." and not request.answers_tools:
            return Reply(tools=[ToolCall("delegate_task", {"goal": goal, "context": "none"})])
        if goal in request.user and not request.answers_tools and "ASYNC DELEGATION" not in request.user:
            return Reply("It is the Saint Michael's Bridge.")
        return heard(request)

    model.answer = work

    def notes() -> list[str]:
        with opened(home) as memory:
            return list(remembered(memory)[host.first_session].notes)

    with Cli(home) as host:
        host.chat("Delegate it.")
        (note,) = wait_until(notes, "the note of the delegation")
        host.turn()  # the host lets the outcome come in as a turn of its own
        host.exit()
    assert goal in note
    assert "Saint Michael's Bridge" in note
    with opened(home) as memory:
        there = remembered(memory)
        assert memory.flush()
        assert [one for one in memory.recall(goal, min_confidence=0) if "Saint Michael" in one.text]
    assert set(there) == {host.first_session}, "the child's own talk is not the user's"
    users = [line for lines in there[host.first_session].turns for line in lines if line.startswith("user: ")]
    assert users == ["user: Delegate it."], "what the host reports is not said by the user"


def test_the_hosts_own_memory_is_mirrored(living: Living, model: FakeModel) -> None:
    """Added, replaced and removed: what is no more is not recalled, either."""
    home = living()
    calls = {
        "Add one.": {"action": "add", "content": "Ann likes green tea."},
        "Add another.": {"action": "add", "content": "Ann has two bicycles."},
        "Replace it.": {"action": "replace", "old_text": "green tea", "content": "Ann likes black coffee."},
        "Remove it.": {"action": "remove", "old_text": "two bicycles"},
    }

    def write(request: ModelRequest) -> Reply:
        asked = spoken(request.user)
        if asked in calls and not request.answers_tools:
            return Reply(tools=[ToolCall("memory", {"target": "memory", **calls[asked]})])
        return Reply("Done.")

    model.answer = write
    with Cli(home) as host:
        for asked in calls:
            host.chat(asked)
        host.exit()
    with opened(home) as memory:
        notes = [note.text for note in memory.find_session(host.first_session).notes()]
    assert [text for text in notes if "black coffee" in text]
    assert not [text for text in notes if "green tea" in text or "bicycles" in text]
