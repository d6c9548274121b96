"""Turns, however they end."""

from __future__ import annotations

import base64
import re

import pytest

from tests.hosts.hermes.harness.cli import Cli
from tests.hosts.hermes.harness.model import FakeModel, ModelRequest, Reply, ToolCall

from .conftest import Living
from .memory import Told, answer, check, heard, opened, remembered, spoken, turn, turns

pytestmark = pytest.mark.hermes

_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.mark.parametrize("together", [1, 3])
def test_turns_and_exit(living: Living, model: FakeModel, together: int) -> None:
    """Also where a batch is not full when the host leaves."""
    home = living(retain_every_n_turns=together)
    with Cli(home) as host:
        host.chat("My cat is called Miro.")
        host.chat("My dog is called Rex.")
        host.exit()
    check(home, {host.first_session: Told(turns("My cat is called Miro.", "My dog is called Rex."))})
    assert model.strays == []


def test_tools_are_remembered(living: Living, model: FakeModel) -> None:
    """What was called, and what came of it."""
    home = living()
    calls = {
        "look": ToolCall("terminal", {"command": "echo zebra-crossing"}),
        "keep": ToolCall("threadline_retain", {"content": "The safe opens with 4711."}),
        "find": ToolCall("threadline_recall", {"query": "What opens the safe?"}),
    }

    def use(request: ModelRequest) -> Reply:
        asked = spoken(request.user)
        wanted = asked in calls and not request.answers_tools
        return Reply("One moment.", tools=[calls[asked]]) if wanted else heard(request)

    model.answer = use
    with Cli(home) as host:
        for asked in calls:
            host.chat(asked)
        found = [one["content"] for one in host.history() if one["role"] == "tool"][-1]
        host.exit()
    assert "4711" in found
    with opened(home) as memory:
        (told,) = remembered(memory).values()
    assert [note for note in told.notes if "4711" in note]
    look, keep, find = told.turns
    for lines, asked, call in zip((look, keep, find), calls, calls.values(), strict=True):
        assert lines[0] == f"user: {asked}"
        assert lines[1].startswith("assistant: One moment.")
        assert call.name in lines[1]
        assert lines[2].startswith("tool: ")
        assert lines[3:] == (f"assistant: {answer(asked)}",)
    assert "zebra-crossing" in look[2]


def test_turns_that_did_not_end_well(living: Living, model: FakeModel) -> None:
    """Broken off by Ctrl-C, overtaken by another message, answered with nothing, refused by the model's server."""
    home = living()
    with Cli(home) as host:
        host.chat("I was born in Ghent.")
        model.reply(Reply("never said", first="Let me think ", gate=model.gate()))
        host.submit("My sister lives in Bruges.")
        model.wait(lambda request: "Bruges" in request.user)
        assert host.interrupt()["interrupted"]
        model.reply(Reply("never said", gate=model.gate()))
        host.submit("My brother lives in Namur.")
        model.wait(lambda request: "Namur" in request.user)
        host.submit("My aunt lives in Dinant.")
        assert host.turn()["interrupted"]
        assert not host.turn()["interrupted"]
        model.answer = lambda request: Reply("")
        host.chat("My uncle lives in Spa.")
        model.answer = lambda request: Reply("no such key", status=401)
        host.chat("My niece lives in Mons.")
        model.answer = heard
        host.chat("My nephew lives in Huy.")
        host.exit()
    with opened(home) as memory:
        (told,) = remembered(memory).values()
    said = "\n".join(line for lines in told.turns for line in lines if not line.startswith("assistant: "))
    assert re.findall(r"Ghent|Bruges|Namur|Dinant|Spa|Mons|Huy", said) == [
        *("Ghent", "Bruges", "Namur", "Dinant", "Spa", "Mons", "Huy"),
    ], "all of it, once, in order"
    answers = "\n".join(line for lines in told.turns for line in lines if line.startswith("assistant: "))
    # What was streamed before Ctrl-C is kept where the host kept it: that hangs on which of the two it saw first.
    logged = "Let me think" in str([one["content"] for one in home.messages(host.first_session)])
    assert ("Let me think" in answers) is logged
    assert "never said" not in answers


@pytest.mark.parametrize("way", ["native", "text"])
def test_a_picture_with_its_caption(living: Living, model: FakeModel, way: str) -> None:
    """Sent to the model as it is, or described by it first."""
    home = living({"agent": {"image_input_mode": way}})
    picture = home.work / "cat.png"
    picture.write_bytes(_PIXEL)

    def look(request: ModelRequest) -> Reply:
        return Reply("A tabby on a sofa.") if "Describe everything" in request.user else Reply("Nice.")

    model.answer = look
    with Cli(home) as host:
        host.chat(f"{picture} This is Miro, my cat.")
        host.chat("He is three.")
        host.exit()
    with opened(home) as memory:
        (told,) = remembered(memory).values()
    first, second = told.turns
    assert "This is Miro, my cat." in first[0]
    assert first[1:] == ("assistant: Nice.",)
    assert second == turn("He is three.", "assistant: Nice.")
    assert "base64" not in first[0]
    assert way == "native" or "A tabby on a sofa." in first[0]
