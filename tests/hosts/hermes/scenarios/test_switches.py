"""Where a conversation goes: other sessions, branches, back again, and away behind a summary."""

from __future__ import annotations

import pytest

from tests.hosts.hermes.harness.cli import Cli
from tests.hosts.hermes.harness.model import OTHER_MODEL, FakeModel, ModelRequest, Reply, ToolCall

from .conftest import Living
from .memory import Told, check, opened, remembered, seen, spoken, turn, turns

pytestmark = pytest.mark.hermes


def test_new_reset_clear_and_resume_there_and_back(living: Living) -> None:
    home = living(retain_every_n_turns=3)
    with Cli(home) as host:
        first = host.session_id()
        host.chat("Athens is hot.")
        second = host.command("/new")
        host.chat("Berlin is big.")
        host.command("/reset")
        third = host.session_id()
        host.chat("Cairo is old.")
        fourth = host.command("/clear")
        host.chat("Dublin is wet.")
        host.command(f"/resume {first}")
        host.chat("Athens is dry.")
        host.command(f"/resume {second}")
        host.chat("Berlin is flat.")
        host.command(f"/resume {first}")
        host.chat("Athens is loud.")
        host.exit()
    check(
        home,
        {
            first: Told(turns("Athens is hot.", "Athens is dry.", "Athens is loud.")),
            second: Told(turns("Berlin is big.", "Berlin is flat.")),
            third: Told(turns("Cairo is old.")),
            fourth: Told(turns("Dublin is wet.")),
        },
    )


def test_branches_do_not_see_each_other(living: Living) -> None:
    home = living()
    with Cli(home) as host:
        first = host.session_id()
        host.chat("We fly on Monday.")
        host.chat("We stay a week.")
        left = host.command("/branch")
        host.chat("We go to Lisbon.")
        host.command(f"/resume {first}")
        host.chat("We take the children.")
        right = host.command("/branch")
        host.chat("We go to Porto.")
        twig = host.command("/branch")
        host.chat("We take the train.")
        host.command(f"/resume {left}")
        host.chat("We rent a car.")
        host.exit()
    check(
        home,
        {
            first: Told(turns("We fly on Monday.", "We stay a week.", "We take the children.")),
            left: Told(turns("We go to Lisbon.", "We rent a car."), kind="branch", parent=first, fork_turn=2),
            right: Told(turns("We go to Porto."), kind="branch", parent=first, fork_turn=3),
            twig: Told(turns("We take the train."), kind="branch", parent=right, fork_turn=1),
        },
    )
    shared = ["We fly on Monday.", "We stay a week."]
    assert seen(home, left) == [*shared, "We go to Lisbon.", "We rent a car."]
    assert seen(home, twig) == [*shared, "We take the children.", "We go to Porto.", "We take the train."]
    with opened(home) as memory:
        found = {one.text for one in memory.find_session(left).recall("Where do we go?", min_confidence=0)}
    assert "We go to Lisbon." in found
    assert not {"We go to Porto.", "We take the children."} & found


def test_undo_one_undo_several_and_say_it_again(living: Living) -> None:
    home = living()
    with Cli(home) as host:
        first = host.session_id()
        for text in ("Red is out.", "Green is in.", "Blue is in.", "Black is out."):
            host.chat(text)
        host.command("/undo")
        host.command("/undo 2")
        host.chat("Green is in.")
        host.chat("White is in.")
        host.command("/undo")
        host.exit()
    undone = turns("Green is in.", "Blue is in.", "Black is out.", "White is in.")
    check(home, {first: Told(turns("Red is out.", "Green is in."), undone)})
    assert seen(home, first) == ["Red is out.", "Green is in."]


def test_undo_before_and_after_a_branch(living: Living) -> None:
    """What the parent takes back later is the branch's all the same, and the other way round."""
    home = living()
    with Cli(home) as host:
        first = host.session_id()
        for text in ("Oak is hard.", "Fir is soft.", "Elm is rare."):
            host.chat(text)
        host.command("/undo")
        branch = host.command("/branch")
        host.chat("Yew is old.")
        host.command("/undo 2")
        host.chat("Ash is tall.")
        host.command(f"/resume {first}")
        host.command("/undo")
        host.exit()
    with opened(home) as memory:
        there = remembered(memory)
    assert there[first].undone == turns("Fir is soft.", "Elm is rare.")
    assert (there[branch].kind, there[branch].parent, there[branch].fork_turn) == ("branch", first, 2)
    assert there[branch].undone == turns("Yew is old.")
    assert seen(home, first) == ["Oak is hard."]
    assert seen(home, branch) == ["Oak is hard.", "Ash is tall."]


def test_what_the_parent_takes_back_later_stays_in_the_branch(living: Living) -> None:
    home = living()
    with Cli(home) as host:
        first = host.session_id()
        host.chat("Oak is hard.")
        host.chat("Fir is soft.")
        branch = host.command("/branch")
        host.chat("Yew is old.")
        host.command(f"/resume {first}")
        host.command("/undo")
        host.exit()
    assert seen(home, first) == ["Oak is hard."]
    assert seen(home, branch) == ["Oak is hard.", "Fir is soft.", "Yew is old."]


def test_retry(living: Living, model: FakeModel) -> None:
    """The host keeps the answer that was not good enough; it was given."""
    home = living()
    with Cli(home) as host:
        host.chat("Name a river.")
        model.reply("The Rhine.", "The Rhone.")
        host.chat("Name another.")
        host.command("/retry")
        host.turn()
        host.chat("Thanks.")
        host.exit()
    with opened(home) as memory:
        (told,) = remembered(memory).values()
    again = [lines for lines in told.turns if lines[0] == "user: Name another."]
    assert again[-1] == turn("Name another.", "assistant: The Rhone.")
    assert len(again) <= 2
    assert [lines for lines in told.turns if lines not in again] == turns("Name a river.", "Thanks.")


def test_title_personality_and_model(living: Living) -> None:
    """The host drops the agent and makes another, and the provider hears nothing of that."""
    home = living(retain_every_n_turns=5)
    with Cli(home) as host:
        host.chat("I like tea.")
        host.command("/title Drinks")
        host.chat("I like milk.")
        host.command("/personality pirate")
        host.chat("I like rum.")
        host.command(f"/model {OTHER_MODEL}")
        host.chat("I like gin.")
        host.exit()
    check(home, {host.first_session: Told(turns("I like tea.", "I like milk.", "I like rum.", "I like gin."))})


# Compression

LONG = "lorem ipsum dolor " * 250


def summarizing(request: ModelRequest) -> Reply:
    """As `heard`, and a summary where one is asked for."""
    if "summarization agent" in request.user:
        return Reply("A summary.")
    return Reply(f"Heard: {spoken(request.user).partition('.')[0]}")


def long_turn(text: str) -> tuple[str, ...]:
    return turn(text, f"assistant: Heard: {text.partition('.')[0]}")


@pytest.mark.parametrize("command", ["/compress", "/compress here 1"])
@pytest.mark.parametrize("in_place", [True, False], ids=["in-place", "rotating"])
def test_compress(living: Living, model: FakeModel, in_place: bool, command: str) -> None:
    home = living({"compression": {"in_place": in_place, "protect_first_n": 0, "protect_last_n": 2}})
    model.answer = summarizing
    before = [f"{name} is long. {LONG}".strip() for name in ("Anna", "Berta", "Clara", "Dora")]
    with Cli(home) as host:
        first = host.session_id()
        for text in before:
            host.chat(text)
        host.command(command)
        last = host.session_id()
        assert (last == first) is in_place
        for text in ("Emma is short.", "Flora is short."):
            host.chat(text)
        host.command("/undo")
        host.chat("Greta is short.")
        host.exit()
    after, undone = [long_turn("Emma is short."), long_turn("Greta is short.")], [long_turn("Flora is short.")]
    said = [long_turn(text) for text in before]
    with opened(home) as memory:
        there = remembered(memory)
    if in_place:
        assert there == {first: Told([*said, *after], undone)}
    else:
        assert there == {first: Told(said), last: Told(after, undone, kind="continuation", parent=first)}
    assert seen(home, last) == [*before, "Emma is short.", "Greta is short."]


@pytest.mark.parametrize("in_place", [True, False], ids=["in-place", "rotating"])
def test_compress_in_the_midst_of_a_turn(living: Living, model: FakeModel, in_place: bool) -> None:
    home = living({"compression": {"in_place": in_place, "protect_first_n": 0, "protect_last_n": 2}})

    def work(request: ModelRequest) -> Reply:
        if spoken(request.user) == "Work!" and not request.answers_tools:
            return Reply(tools=[ToolCall("terminal", {"command": "echo zebra-crossing"})], tokens=190_000)
        return summarizing(request)

    model.answer = work
    before = [f"{name} is long. {LONG}".strip() for name in ("Anna", "Berta", "Clara", "Dora")]
    with Cli(home) as host:
        first = host.session_id()
        for text in before:
            host.chat(text)
        host.chat("Work!")
        last = host.session_id()
        host.chat("Done?")
        host.exit()
    with opened(home) as memory:
        there = remembered(memory)
        lines = [
            line for session in (first, last)[: 1 if in_place else 2] for one in there[session].turns for line in one
        ]
        assert memory.find_session(last).history()
    users = [line for line in lines if line.startswith("user: ")]
    assert users == [f"user: {text}" for text in (*before, "Work!", "Done?")]
    assert len([line for line in lines if line.startswith("tool: ") and "zebra-crossing" in line]) == 1
    assert lines.count("assistant: Heard: Work!") == 1, lines
    if not in_place:
        assert (there[last].kind, there[last].parent) == ("continuation", first)
