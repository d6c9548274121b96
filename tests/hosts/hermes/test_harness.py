"""The harness works, and the host behaves as is written of it: which calls a provider gets, in which order, where.

What it says here of the host was seen of hermes-agent 0.19.0. When a newer one breaks a test of this file, it is the
adapter that has to be looked at, and then the test.
"""

from __future__ import annotations

import signal

import pytest

from tests.hindsight.fake import FakeHindsight
from tests.hindsight.http import HttpHindsight

from .conftest import NewHome
from .harness.cli import Cli
from .harness.gateway import Gateway
from .harness.home import names
from .harness.model import OTHER_MODEL, FakeModel, ModelRequest, Reply, ToolCall, echo
from .harness.oneshot import OneShot, ask
from .harness.terminal import Terminal
from .harness.waiting import HarnessError

pytestmark = pytest.mark.hermes

LOADED = ["is_available", "get_tool_schemas", "get_tool_schemas", "initialize", "get_tool_schemas"]
#: A new session asks for the block of the system prompt in its first turn; one that is gone on with has it stored.
START = [*LOADED, "system_prompt_block"]
ASKED = ["on_turn_start", "prefetch"]
TURN = [*ASKED, "sync_turn", "queue_prefetch"]


def call_a_tool(request: ModelRequest, *calls: ToolCall, tokens: int | None = None) -> Reply:
    return echo(request) if request.answers_tools else Reply(tools=calls, tokens=tokens)


# A conversation on the command line


def test_start_turn_and_exit(new_home: NewHome, model: FakeModel) -> None:
    home = new_home()
    home.write("recorder.json", {"recall": "RECALLED", "prompt": "PROMPTED"})
    model.reply("Hello to you.")
    with Cli(home) as host:
        assert "Hello to you." in host.chat("Hello there.")
        start = home.expect(*START)
        _turn, prefetch, sync, queued = home.expect(*TURN)
        session = host.session_id()
        host.exit()
    end, shutdown = home.expect("on_session_end", "shutdown")
    assert home.rest == []

    request = model.asked("Hello there.")[0]
    assert "PROMPTED" in request.system
    assert "<memory-context>" in request.user
    assert "RECALLED" in request.user
    assert {"recorder_note", "recorder_fail", "memory"} <= set(request.tools)
    assert model.strays == [], "the host wanted something from the world"

    begun = start[3].arguments
    assert begun["session_id"] == session == home.sessions()[0]["id"]
    assert (begun["platform"], begun["agent_context"]) == ("cli", "primary")
    assert (begun["agent_identity"], begun["agent_workspace"]) == ("default", "hermes")
    assert begun["hermes_home"] == str(home.hermes)
    assert prefetch.arguments == {"query": "Hello there.", "session_id": ""}
    assert sync.arguments["user"] == "Hello there."
    assert sync.arguments["assistant"] == "Hello to you."
    assert sync.arguments["session_id"] == session
    assert [one["role"] for one in sync.arguments["messages"]] == ["user", "assistant"]
    assert "RECALLED" in sync.arguments["messages"][0]["api_content"]
    assert queued.arguments == {"query": "Hello there.", "session_id": session}
    assert [one["content"] for one in end.arguments["messages"]] == ["Hello there.", "Hello to you."]
    threads = [prefetch.thread, sync.thread, queued.thread]
    assert threads == ["memory-prefetch-recorder", "mem-sync_0", "mem-sync_0"]
    assert end.main
    assert shutdown.main


def test_interrupt_a_turn(new_home: NewHome, model: FakeModel) -> None:
    """Neither a broken-off turn nor a late answer of it is synced; what was typed over it is the next turn."""
    home = new_home()
    with Cli(home) as host:
        host.chat("One.")
        home.expect(*START, *TURN)
        model.reply(Reply("never said", gate=model.gate()))
        host.submit("Two.")
        model.wait(lambda request: request.user == "Two.")
        assert host.interrupt()["interrupted"]
        home.expect(*ASKED)
        model.reply(Reply("never said", gate=model.gate()))
        host.submit("Three.")
        model.wait(lambda request: "Three." in request.user)
        host.submit("Four.")
        assert host.turn()["interrupted"]
        assert not host.turn()["interrupted"]
        *_, sync, _queued = home.expect(*ASKED, *TURN)
    # What the user had said in vain was joined to the message that was answered, in the history alone.
    assert sync.arguments["user"] == "Four."
    said = [one["content"] for one in sync.arguments["messages"] if one["role"] == "user"]
    assert said == ["One.", "Two.\n\nThree.\n\nFour."]


def test_an_empty_reply_is_synced_as_an_excuse_of_the_host(new_home: NewHome, model: FakeModel) -> None:
    home = new_home()
    model.answer = lambda request: Reply("")
    with Cli(home) as host:
        host.chat("Hello there.")
        *_, sync, _queued = home.expect(*START, *TURN)
    assert sync.arguments["assistant"].startswith("⚠️ No reply: the model returned empty content")


def test_an_error_of_the_model_is_not_synced(new_home: NewHome, model: FakeModel) -> None:
    home = new_home()
    model.answer = lambda request: Reply("no such key", status=401)
    with Cli(home) as host:
        assert "HTTP 401" in host.chat("Hello there.")
        home.expect(*START, *ASKED)
        host.exit()
    home.expect("on_session_end", "shutdown")
    assert home.rest == []


def test_new_clear_and_reset(new_home: NewHome) -> None:
    home = new_home()
    with Cli(home) as host:
        first = host.first_session
        for command in ("/new", "/reset", "/clear"):
            host.chat("Hello there.")
            home.skip()
            old, new = host.session_id(), host.command(command)
            end, switch = home.expect("on_session_end", "on_session_switch")
            assert (end.thread, switch.thread) == ("mem-sync_0", "mem-sync_0")
            assert len(end.arguments["messages"]) == 2
            assert switch.arguments["new_session_id"] == new != old
            assert switch.arguments["parent_session_id"] == old
            assert switch.arguments["reset"] is True
            assert switch.arguments["reason"] == "new_session"
        host.command("/new")  # nothing was said
        (switch,) = home.expect("on_session_switch")
        assert "process_loop" in switch.thread
    assert home.sessions()[0]["id"] == first


def test_a_switch_may_overtake_the_one_before_it(new_home: NewHome) -> None:
    """A /new after which something was said waits in the queue; one after which nothing was said does not."""
    home = new_home()
    home.write("recorder.json", {"slow": {"on_session_end": 0.5}})
    with Cli(home) as host:
        host.chat("Hello there.")
        home.expect(*START, *TURN)
        second, third = host.command("/new"), host.command("/new")
        _end, *switches = home.expect("on_session_end", "on_session_switch", "on_session_switch")
    assert [one.arguments["new_session_id"] for one in switches] == [third, second]


def test_resume_branch_undo_and_retry(new_home: NewHome) -> None:
    home = new_home()
    with Cli(home) as host:
        first = host.session_id()
        host.chat("One.")
        host.chat("Two.")
        home.expect(*START, *TURN, *TURN)

        branch = host.command("/branch")
        (switch,) = home.expect("on_session_switch")
        link = {"new_session_id": branch, "parent_session_id": first, "reset": False, "reason": "branch"}
        assert switch.arguments == link
        assert "process_loop" in switch.thread
        host.chat("Three.")
        _block, *turn = home.expect("system_prompt_block", *TURN)
        assert turn[2].arguments["session_id"] == branch
        assert [row["content"] for row in home.messages(branch)][:1] == ["One."], "a branch copies what it inherits"

        assert host.command(f"/resume {first}") == first
        (switch,) = home.expect("on_session_switch")
        link = {"new_session_id": first, "parent_session_id": branch, "reset": False, "reason": "resume"}
        assert switch.arguments == link

        host.command("/undo")
        (switch,) = home.expect("on_session_switch")
        link = {"new_session_id": first, "parent_session_id": "", "reset": False, "rewound": True}
        assert switch.arguments == link
        assert [row["active"] for row in home.messages(first)] == [1, 1, 0, 0]

        host.command("/retry")  # the provider is not told that the first answer to it is gone
        host.turn()
        *_, sync, _queued = home.expect("system_prompt_block", *TURN)
        assert sync.arguments["user"] == "One."
        assert [row["active"] for row in home.messages(first)] == [1, 1, 0, 0, 1, 1]
        host.exit()
    home.expect("on_session_end", "shutdown")
    assert home.rest == []


@pytest.mark.parametrize("in_place", [True, False])
def test_compress_in_the_midst_of_a_turn(new_home: NewHome, model: FakeModel, in_place: bool) -> None:
    home = new_home(config={"compression": {"in_place": in_place, "protect_first_n": 0, "protect_last_n": 2}})

    def answer(request: ModelRequest) -> Reply:
        if "Work!" in request.user:
            return call_a_tool(request, ToolCall("terminal", {"command": "true"}), tokens=190_000)
        return Reply("A summary.") if "summarization agent" in request.user else echo(request)

    model.answer = answer
    with Cli(home) as host:
        first = host.session_id()
        for number in range(4):
            host.chat(f"{number}: " + "lorem ipsum dolor " * 250)
        home.expect(*START, *TURN * 4)
        host.chat("Work!")
        compression = ["on_pre_compress", "system_prompt_block", "on_session_end", "on_session_switch"]
        calls = home.expect(*ASKED, *compression, "sync_turn", "queue_prefetch")
        last = host.session_id()
        host.exit()
    assert (last == first) is in_place
    assert {one.thread for one in calls[2:6]} == {calls[0].thread}, "all on the turn's own thread"
    link = {"new_session_id": last, "parent_session_id": first, "reset": False, "reason": "compression"}
    assert calls[5].arguments == link
    assert calls[6].arguments["session_id"] == last
    rows = home.messages(first)
    work = [(row["active"], row["compacted"]) for row in rows if row["content"] == "Work!"]
    assert work == ([(0, 1), (1, 0)] if in_place else [(1, 0)]), "the tail is copied behind the summary"


def test_call_tools_write_memory_and_delegate(new_home: NewHome, model: FakeModel) -> None:
    home = new_home()

    def answer(request: ModelRequest) -> Reply:
        match request.user.split():
            case ["note"]:
                note = ToolCall("recorder_note", {"text": "a text"})
                remember = ToolCall("memory", {"action": "add", "target": "memory", "content": "likes tea"})
                return call_a_tool(request, note, ToolCall("recorder_fail", {"text": "x"}), remember)
            case ["delegate"]:
                return call_a_tool(request, ToolCall("delegate_task", {"goal": "CHILD", "context": "none"}))
            case _:
                return echo(request)

    model.answer = answer
    with Cli(home) as host:
        host.chat("note")
        tools = ["handle_tool_call", "handle_tool_call", "on_memory_write"]
        calls = home.expect(*START, *ASKED, *tools, "sync_turn", "queue_prefetch")
        assert {one.thread for one in calls[-5:-2]} == {calls[6].thread}, "on the turn's own thread"
        assert calls[-3].arguments["content"] == "likes tea"
        assert calls[-3].arguments["metadata"]["tool_name"] == "memory"
        told = [one["content"] for one in model.requests[-1].messages if one["role"] == "tool"]
        assert '{"noted": "a text"}' in told
        assert any("the tool failed" in one for one in told)

        host.chat("delegate")
        home.wait_for_call("on_delegation")
        assert "ASYNC DELEGATION" in host.turn()["said"]  # the host lets the outcome come in as a message of the user
        synced = [one.arguments["user"] for one in home.calls_of("sync_turn")]
        assert synced[:2] == ["note", "delegate"]
        home.wait_for_call("sync_turn", 3)
    (delegation,) = home.calls_of("on_delegation")
    assert delegation.arguments["task"] == "CHILD"
    assert delegation.arguments["child_session_id"] in {one["id"] for one in home.sessions()}
    assert len(home.calls_of("initialize")) == 1, "the child has no provider"


def test_another_personality_drops_the_agent_without_a_word(new_home: NewHome) -> None:
    home = new_home()
    with Cli(home) as host:
        host.chat("One.")
        home.expect(*START, *TURN)
        host.command("/personality pirate")
        host.chat("Two.")
        calls = home.expect(*LOADED, *TURN)
        assert {one.instance for one in calls} == {2}
        host.exit()
    assert {one.instance for one in home.expect("on_session_end", "shutdown")} == {2}


# Ends


def test_kill_and_go_on(new_home: NewHome, model: FakeModel) -> None:
    home = new_home()
    with Cli(home) as host:
        host.chat("One.")
        home.expect(*START, *TURN)
        model.reply(Reply("never said", gate=model.gate()))
        host.submit("Two.")
        model.wait(lambda request: request.user == "Two.")
        host.kill()
        assert host.process.returncode == -signal.SIGKILL
    home.expect(*ASKED)
    with Cli(home, "--resume", host.first_session) as again:
        again.chat("Three.")
        assert again.session_id() == host.first_session
        assert model.requests[-1].holds("One.")
        home.expect(*LOADED, *TURN)
        assert again.exit() > 0


@pytest.mark.parametrize("key", ["enter", "ctrl-d"])
def test_leave_in_the_midst_of_a_turn(new_home: NewHome, model: FakeModel, key: str) -> None:
    """A typed `/exit` waits for the turn; Ctrl-D breaks it off."""
    home = new_home()
    with Cli(home) as host:
        host.chat("One.")
        home.expect(*START, *TURN)
        gate = model.gate()
        model.reply(Reply("Said at last.", gate=gate))
        host.submit("Two.")
        model.wait(lambda request: request.user == "Two.")
        if key == "enter":
            host.submit("/exit")
            gate.set()
        else:
            host.press(key)
        assert host.wait() == 0
    *_, end, _shutdown = home.expect(*(TURN if key == "enter" else ASKED), "on_session_end", "shutdown")
    assert [one["content"] for one in end.arguments["messages"] if one["role"] == "user"][-1] == "Two."


def test_one_shot_ends_the_session_while_the_turn_is_being_synced(new_home: NewHome) -> None:
    home = new_home()
    home.write("recorder.json", {"slow": {"sync_turn": 0.5}})
    with OneShot(home, "Hello there.") as shot:
        assert shot.answer() == "You said: Hello there."
        assert shot.process.returncode == 0
    came = names(home.calls)
    assert came[: len(START) + 2] == [*START, *ASKED]
    assert sorted(came[len(START) + 2 :]) == ["on_session_end", "queue_prefetch", "shutdown", "sync_turn"]
    end, sync = home.wait_for_call("on_session_end"), home.wait_for_call("sync_turn")
    assert end.at < sync.at + 0.5, "nothing was flushed first"
    assert home.wait_for_call("shutdown").main


@pytest.mark.parametrize("keys", ["/exit", "\x04", "\x03", None], ids=["exit", "ctrl-d", "ctrl-c", "hang-up"])
def test_type_on_a_terminal_and_leave_it(new_home: NewHome, model: FakeModel, keys: str | None) -> None:
    home = new_home()
    with Terminal(home) as host:
        host.enter("Hello there.")
        host.wait_for("You said: Hello there.")
        home.expect(*START, *TURN)
        took = host.hang_up() if keys is None else host.leave(keys)
        assert took < 20_000
    home.expect("on_session_end", "shutdown")
    assert home.sessions()[0]["end_reason"] == "cli_close"
    assert model.strays == []


# The gateway


def test_chats_of_the_gateway(new_home: NewHome, model: FakeModel) -> None:
    """An agent and a provider for each chat, and in a group for each of its members."""
    home = new_home()
    with Gateway(home) as gateway:
        assert "You said: Hello from Ann." in gateway.say("a", "Hello from Ann.")
        first = home.expect(*START, *TURN)
        gateway.say("b", "Hello from Bob.", user="bob")
        second = home.expect(*START, *TURN)
        gateway.say("a", "Again.")
        third = home.expect(*TURN)
        begun = [calls[3].arguments for calls in (first, second)]
        assert [one["user_id"] for one in begun] == ["ann", "bob"]
        assert [one["session_id"] for one in begun] == [gateway.session_id("a"), gateway.session_id("b")]
        told = {"platform": "desk", "agent_context": "primary", "user_name": "Ann", "chat_id": "a", "chat_type": "dm"}
        assert told.items() <= begun[0].items()
        assert [calls[-1].instance for calls in (first, second, third)] == [1, 2, 1]
        for user in ("ann", "bob"):
            gateway.say("g", "Hello, all.", user, "group")
        assert [one.arguments["user_id"] for one in home.calls_of("initialize")[2:]] == ["ann", "bob"]
        home.expect(*START, *TURN, *START, *TURN)

        model.reply(Reply("never said", gate=model.gate()))
        gateway.submit("a", "Two.")
        model.wait(lambda request: request.user == "Two.")
        gateway.interrupt("a", "Three.")
        gateway.turn("a")  # of both: the first is broken off, and the second answered in its stead
        *_, sync, _queued = home.expect(*ASKED, *TURN)
        assert sync.arguments["user"] == "Three."

        gateway.stop()
        assert gateway.process.returncode == 0
    came = home.calls_of("on_session_end", "shutdown")
    assert sorted((one.instance, one.call) for one in came) == [
        (number, call) for number in (1, 2, 3, 4) for call in ("on_session_end", "shutdown")
    ]
    assert model.strays == []


def test_commands_of_the_gateway(new_home: NewHome) -> None:
    """All but /new are done without a word to the provider; the next turn is another instance's."""
    home = new_home()
    with Gateway(home) as gateway:
        for text in ("One.", "Two.", "Three."):
            gateway.say("a", text)
        first = gateway.session_id("a")
        home.expect(*START, *TURN * 3)

        gateway.say("a", "/undo")
        assert [row["active"] for row in home.messages(first)][-3:] == [1, 0, 0]
        gateway.say("a", "After /undo.")
        home.expect(*LOADED, *TURN)
        gateway.say("a", "/retry")  # the turn as well, in one go
        home.expect(*LOADED, *TURN)
        gateway.say("a", "/branch")
        branch = gateway.session_id("a")
        assert branch != first
        gateway.say("a", "On the branch.")
        begun = home.expect(*START, *TURN)[3]
        assert begun.arguments["session_id"] == branch
        assert "parent_session_id" not in begun.arguments
        assert home.sessions()[-1]["parent_session_id"] == first
        assert "Compressed" in gateway.say("a", "/compress")
        assert gateway.session_id("a") == branch
        gateway.say("a", "After /compress.")
        home.expect(*LOADED, *TURN)
        gateway.say("a", f"/resume {first}")
        assert gateway.session_id("a") == first
        gateway.say("a", "Back again.")
        home.expect(*LOADED, *TURN)
        assert OTHER_MODEL in gateway.say("a", f"/model {OTHER_MODEL}")
        gateway.say("a", "To another model.")
        *_, sync, _queued = home.expect(*START, *TURN)
        assert sync.arguments["user"] == "To another model."
        last = sync.instance

        gateway.say("a", "/new")
        ended = home.expect("on_session_end", "shutdown")
        assert {one.instance for one in ended} == {last}, "those before it hear nothing, ever"
        assert gateway.session_id("a") not in (first, branch)
        gateway.stop()
    assert home.rest == []


@pytest.mark.parametrize("mode", ["none", "idle"])
def test_evict_and_expire(new_home: NewHome, mode: str) -> None:
    """What is told of an eviction, and whether a session ever expires, hangs on the reset policy: `none` by default."""
    home = new_home(config={"session_reset": {"mode": mode}} if mode != "none" else {})
    with Gateway(home) as gateway:
        gateway.limit_cache(1)
        gateway.say("a", "One.")
        gateway.say("b", "Two.")
        assert gateway.cached() == [gateway.session_id("b")]
        home.expect(*START, *TURN)
        if mode == "none":
            home.expect(*START, *TURN)
        else:
            evicted = home.wait_for_call("on_session_end")
            assert evicted.instance == 1
            assert "agent-cache-evict" in evicted.thread
            home.wait_for_call("queue_prefetch", 2)
        home.skip()
        gateway.expire("b")
        assert gateway.cached() == ([] if mode == "idle" else [gateway.session_id("b")])
        gateway.stop()
    ended = home.expect("on_session_end", "shutdown")
    assert {one.instance for one in ended} == {2}, "the evicted one is never shut down"
    assert home.rest == []


def test_stop_the_gateway_in_the_midst_of_a_turn(new_home: NewHome, model: FakeModel) -> None:
    home = new_home(config={"agent": {"restart_drain_timeout": 0}})
    with Gateway(home) as gateway:
        model.reply(Reply("never said", gate=model.gate()))
        gateway.submit("a", "One.")
        model.wait(lambda request: "One." in request.user)
        gateway.stop(signal.SIGTERM)
        assert gateway.process.returncode == 1, "so that whoever supervises it starts it again"
    home.expect(*START, *ASKED)
    ended = home.expect(*["on_session_end", "shutdown"] * 2)
    assert {one.instance for one in ended} == {1}, "it is running as well as cached, and hears of each"
    assert home.rest == []


# Another provider, and the harness's own manners


def test_the_bundled_provider_on_a_fake_server(new_home: NewHome, model: FakeModel) -> None:
    fake = FakeHindsight()
    with HttpHindsight(fake) as server:
        home = new_home("hindsight")
        settings = {"mode": "local_external", "api_url": server.url, "bank_id": "bank", "recall_types": ["world"]}
        home.write("hindsight/config.json", settings)
        with Cli(home) as host:
            host.chat("I like tea.")
            assert server.wait_for("POST .*/memories$")
            host.chat("What do I like?")
            assert server.wait_for("POST .*/recall$", 2)  # it recalls for the turn after, by the message before
            host.chat("Well?")
            assert "I like tea." in model.requests[-1].user.partition("<memory-context>")[2]
            assert "hindsight_recall" in model.requests[-1].tools
            host.exit()
        assert "What do I like?" in fake.texts("bank")[host.first_session]


def test_say_what_did_not_come(new_home: NewHome, model: FakeModel) -> None:
    home = new_home()
    assert ask(home, "Hello there.")
    with pytest.raises(HarnessError, match=r"0 of 1 requests came.*Hello there"):
        model.wait(lambda request: request.user == "Never.", seconds=0.05)
    with pytest.raises(HarnessError, match=r"(?s)on_delegation did not come within 0.05 s.*agent.log ends"):
        home.wait_for_call("on_delegation", seconds=0.05)
    with pytest.raises(HarnessError, match="but the provider heard"):
        home.expect("shutdown", seconds=0.05)


def test_say_why_a_host_does_not_start(new_home: NewHome) -> None:
    with pytest.raises(HarnessError, match=r"(?s)no ready: the host died.*unrecognized arguments"):
        Cli(new_home(), "--no-such-option")
