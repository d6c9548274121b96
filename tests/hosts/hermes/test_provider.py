"""What the host calls, and what becomes of it. The host itself is in test_host.py and its like."""

import gc
import json
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from threadline import Memory
from threadline.backends.fake import FakeBackend, FakeState, Fault
from threadline.errors import BackendRefusedError, ThreadlineError
from threadline.hosts.hermes import register
from threadline.hosts.hermes.pool import POOL, Opening, Pool, Shared
from threadline.hosts.hermes.provider import ThreadlineProvider
from threadline.hosts.hermes.tools import NAMES

from .homes import begin, write_config
from .hostlog import Agent, HostDb, answer, call, result, user


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_config(tmp_path)
    return tmp_path


@pytest.fixture
def provider(home: Path) -> Iterator[ThreadlineProvider]:
    with begin(home, "s1") as provider:
        yield provider


def texts(provider: ThreadlineProvider, session: str) -> list[str]:
    return [turn.messages[0].text for turn in provider.memory().find_session(session).turns() if not turn.taken_back]


def recalled(provider: ThreadlineProvider, message: str, *, fresh: bool = True) -> str:
    """A turn begins, as the host begins it."""
    if fresh:
        assert provider.memory().flush()
    provider.on_turn_start(1, message)
    return provider.prefetch(message, session_id="")


def settled(provider: ThreadlineProvider, *sessions: str) -> None:
    for session in (*sessions, "\0whole-log", "\0memory-files"):
        assert provider.settle(session, 10.0)


def test_take_over_what_an_agent_without_a_provider_lived(provider: ThreadlineProvider, home: Path) -> None:
    """The host leaves one without now and then: what it lived is found when another one ends."""
    db = HostDb(home)
    Agent(db, "s1").say("Hello", "Good morning")
    provider.sync_turn("Hello", "Good morning", session_id="s1")
    settled(provider, "s1")
    Agent(db, "nobody's").say("Is anybody there?", "Yes")
    provider.on_session_end([])
    settled(provider, "s1")
    assert texts(provider, "nobody's") == ["Is anybody there?"]


# Turns


def test_record_a_turn_in_the_session_that_is_given(provider: ThreadlineProvider) -> None:
    provider.sync_turn("a heron", "noted", session_id="s1")
    provider.on_session_switch("s2", parent_session_id="s1", reset=True, reason="new_session")
    provider.sync_turn("a cormorant", "noted", session_id="s1")  # late: the host went on already
    provider.sync_turn("a plover", "noted", session_id="s2", turn_author={"id": "1"}, unknown="yes")
    settled(provider, "s1", "s2")
    assert texts(provider, "s1") == ["a heron", "a cormorant"]
    assert texts(provider, "s2") == ["a plover"]


def test_record_a_turn_in_the_current_session_where_none_is_given(provider: ThreadlineProvider) -> None:
    provider.sync_turn("a heron", "noted")
    assert texts(provider, "s1") == ["a heron"]


def test_record_from_several_threads(provider: ThreadlineProvider) -> None:
    def say(session: str) -> None:
        for number in range(10):
            provider.sync_turn(f"{session} says {number}", "noted", session_id=session)

    threads = [threading.Thread(target=say, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for n in range(4):
        assert texts(provider, f"t{n}") == [f"t{n} says {number}" for number in range(10)]


def test_describe_a_session_as_the_host_describes_its_agent(home: Path) -> None:
    write_config(home, retain_tags=["work"], retain_source="desk")
    told: dict[str, Any] = {
        "platform": "telegram",
        "user_id": "4711",
        "user_name": "Ann",
        "chat_id": "-100",
        "chat_name": "Boat club",
        "chat_type": "group",
        "thread_id": 7,
        "agent_identity": "coder",
        "agent_workspace": "hermes",
        "session_title": "Ferries",
        "gateway_session_key": "agent:main:telegram",
    }
    with begin(home, "s1", **told) as provider:
        provider.sync_turn("a heron", "noted", session_id="s1")
        record = provider.memory().find_session("s1")._record
    identity = record.identity
    assert (identity.platform, identity.user, identity.chat) == ("telegram", "4711", "-100")
    assert (identity.thread, identity.agent) == ("7", "coder")
    assert record.tags == ("work",)
    assert record.metadata == {
        "user_name": "Ann",
        "chat_name": "Boat club",
        "chat_type": "group",
        "agent_workspace": "hermes",
        "session_title": "Ferries",
        "gateway_session_key": "agent:main:telegram",
        "source": "desk",
    }


@pytest.mark.parametrize(
    ("settings", "told", "speakers"),
    [
        ({}, {}, [None, None]),
        ({}, {"user_name": "Ann"}, ["Ann", None]),
        (
            {"retain_user_prefix": "Captain", "retain_assistant_prefix": "Mate"},
            {"user_name": "Ann"},
            ["Captain", "Mate"],
        ),
        ({"retain_user_prefix": "User", "retain_assistant_prefix": "Assistant"}, {}, [None, None]),
    ],
)
def test_name_who_speaks(
    home: Path, settings: dict[str, Any], told: dict[str, Any], speakers: list[str | None]
) -> None:
    write_config(home, **settings)
    agent = Agent(HostDb(home), "s1")
    agent.say("a heron", "noted")
    with begin(home, "s1", **told) as provider:
        settled(provider, "s1")
        provider.sync_turn("a plover", "noted", session_id="s1")
        provider.sync_turn("a plover", "noted", session_id="s2")
        for session in ("s1", "s2"):
            for turn in provider.memory().find_session(session).turns():
                assert [message.speaker for message in turn.messages] == speakers
        provider.on_session_end([])
        assert texts(provider, "s1") == ["a heron", "a plover"]


def test_write_nothing_for_an_agent_in_the_background(home: Path) -> None:
    with begin(home, "s1") as primary:
        primary.sync_turn("the heron nests in Faro", "noted", session_id="s1")
        primary.memory().flush()
    for context in ("cron", "subagent", "flush"):
        with begin(home, "s9", agent_context=context) as provider:
            provider.sync_turn("a secret task", "done", session_id="s9")
            provider.on_memory_write("add", "memory", "a fact", {})
            provider.on_delegation("a task", "a result", child_session_id="c1")
            provider.on_session_switch("s10", parent_session_id="s9", reset=True, reason="new_session")
            provider.on_session_end([])
            assert [each.id for each in provider.memory().sessions()] == ["s1"]
            assert provider.memory().notes() == []
            assert "heron nests in Faro" in recalled(provider, "where does the heron nest?")


def test_record_nothing_by_itself_where_that_is_off(home: Path) -> None:
    write_config(home, auto_retain=False)
    with begin(home, "s1") as provider:
        provider.sync_turn("a heron", "noted", session_id="s1")
        provider.on_session_end([])
        assert texts(provider, "s1") == []
        assert "error" not in json.loads(provider.handle_tool_call("threadline_retain", {"content": "kept"}))
        assert len(provider.memory().notes()) == 1


def test_close_the_batch_of_a_session_that_is_left_or_ends(home: Path) -> None:
    write_config(home, retain_every_n_turns=3)
    with begin(home, "s1") as provider:
        provider.sync_turn("a heron", "noted", session_id="s1")
        provider.on_session_switch("s2", parent_session_id="s1", reset=True, reason="new_session")
        assert provider.memory().find_session("s1").status().buffered == 0
        settled(provider, "s2")
        provider.sync_turn("a plover", "noted", session_id="s2")
        assert provider.memory().find_session("s2").status().buffered == 1
        provider.on_session_end([{"role": "user", "content": "of another session"}])
        assert provider.memory().find_session("s2").status().buffered == 0
        assert texts(provider, "s2") == ["a plover"]
        provider.sync_turn("after the end", "noted", session_id="s2")
        assert texts(provider, "s2") == ["a plover", "after the end"]


# Recall before a turn


def test_give_a_turn_what_bears_on_its_own_message(provider: ThreadlineProvider) -> None:
    provider.sync_turn("the heron nests in Faro", "noted", session_id="old")
    provider.sync_turn("the ferry leaves at nine", "noted", session_id="old")
    first = recalled(provider, "where does the heron nest?")
    assert "heron nests in Faro" in first
    assert "session old" in first
    assert "ferry" in recalled(provider, "when does the ferry leave?")


def test_leave_out_what_the_model_still_holds(provider: ThreadlineProvider) -> None:
    provider.sync_turn("the heron nests in Faro", "noted", session_id="s1")
    assert recalled(provider, "where does the heron nest?") == ""
    provider.on_session_switch("s1", parent_session_id="s1", reason="compression")
    assert "heron nests in Faro" in recalled(provider, "where does the heron nest?")


def test_never_give_a_session_what_was_recalled_for_another(home: Path) -> None:
    write_config(home, recall_scope="session")
    with begin(home, "s1") as provider:
        provider.sync_turn("the heron nests in Faro", "noted", session_id="s1")
        provider.on_session_switch("s1", reason="compression")
        provider.memory().flush()
        provider.queue_prefetch("where does the heron nest?", session_id="s1")
        assert "Faro" in recalled(provider, "where does the heron nest?")
        provider.queue_prefetch("where does the heron nest?", session_id="s1")
        provider.on_session_switch("s2", parent_session_id="s1", reset=True, reason="new_session")
        provider.queue_prefetch("where does the heron nest?", session_id="s1")  # late, of the session that was left
        assert recalled(provider, "where does the heron nest?") == ""


@pytest.mark.parametrize(
    ("settings", "tools", "recalls"),
    [
        ({}, True, True),
        ({"memory_mode": "context"}, False, True),
        ({"memory_mode": "tools"}, True, False),
        ({"auto_recall": False}, True, False),
    ],
)
def test_keep_to_the_memory_mode(home: Path, settings: dict[str, Any], tools: bool, recalls: bool) -> None:
    write_config(home, **settings)
    with begin(home, "s1") as provider:
        provider.sync_turn("the heron nests in Faro", "noted", session_id="old")
        assert ("heron" in recalled(provider, "where does the heron nest?")) is recalls
        assert [schema["name"] for schema in provider.get_tool_schemas()] == (list(NAMES) if tools else [])


def test_have_the_final_tools_before_it_is_initialized(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_HOME", str(home))
    provider = ThreadlineProvider(Pool())
    assert [schema["name"] for schema in provider.get_tool_schemas()] == list(NAMES)
    assert provider.get_tool_schemas() == provider.get_tool_schemas()
    write_config(home, memory_mode="context")
    assert ThreadlineProvider(Pool()).get_tool_schemas() == []


def test_cut_a_long_message(home: Path) -> None:
    write_config(home, recall_max_input_chars=20)
    with begin(home, "s1") as provider:
        provider.sync_turn("the heron nests in Faro", "noted", session_id="old")
        assert recalled(provider, "x" * 21 + " heron Faro") == ""
        assert "heron" in recalled(provider, "heron Faro " + "x" * 10_000)


def test_keep_to_the_token_budget_and_the_preamble(home: Path) -> None:
    write_config(home, recall_max_tokens=60, recall_prompt_preamble="Known:")
    with begin(home, "s1") as provider:
        for number in range(9):
            provider.sync_turn(f"the heron number {number} nests in Faro", "noted", session_id=f"old{number}")
        text = recalled(provider, "heron Faro")
        assert text.startswith("Known:\n")
        assert 1 <= text.count("heron") < 9


def test_tell_how_many_memories_were_recalled(home: Path) -> None:
    said: list[str] = []
    write_config(home, recall_types=["world"])  # what the user said, and not also the answer
    with begin(home, "s1", status_callback=said.append) as provider:
        provider.sync_turn("the heron nests in Faro", "noted", session_id="old")
        assert provider.recall_status() is None
        recalled(provider, "where does the heron nest?")
        status = provider.recall_status()
        assert status is not None
        assert (status.provider_label, status.count) == ("Threadline", 1)
        assert said == ["🧠 Threadline: 1 memory recalled"]
        recalled(provider, "zzz qqq")
        assert provider.recall_status() is None
    write_config(home, recall_indicator=False)
    with begin(home, "s1", status_callback=said.append) as provider:
        assert recalled(provider, "where does the heron nest?")
        assert provider.recall_status() is None
        assert len(said) == 1


def test_reflect_instead_where_that_is_set(home: Path) -> None:
    write_config(home, recall_prefetch_method="reflect")
    with begin(home, "s1") as provider:
        assert recalled(provider, "the heron in Faro") == ""
        provider.sync_turn("the heron nests in Faro", "noted", session_id="old")
        text = recalled(provider, "the heron in Faro")
        assert "| " in text
        assert "heron nests in Faro" in text
        status = provider.recall_status()
        assert status is not None
        assert status.count == 0


class SlowPool(Pool):
    """A pool whose backend waits before each recall that begins while the gate is shut."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.state = FakeState()
        self.recalls = 0
        self.faults: list[Fault] = []
        super().__init__(self._open)

    def _open(self, opening: Opening) -> Shared:
        pool = self

        class Slow(FakeBackend):
            def recall(self, bank: str, query: Any) -> Any:
                if "wait" in query.text:
                    pool.gate.wait(20)
                found = super().recall(bank, query)
                pool.recalls += 1
                return found

        return Shared(Memory.open(opening.home, bank=opening.bank, backend=Slow(faults=self.faults, state=self.state)))


def test_answer_within_the_deadline_with_what_was_queued_before(home: Path) -> None:
    write_config(home, recall_deadline=0.2)
    pool = SlowPool()
    with begin(home, "s1", pool=pool) as provider:
        provider.sync_turn("the heron nests in Faro", "noted", session_id="old")
        provider.memory().flush()
        settled(provider, "s1")
        _until(lambda: pool.recalls == 1)  # the embedder is loaded while the user still types
        provider.queue_prefetch("heron", session_id="s1")
        slots = provider.memory()._context.prefetcher._slots
        _until(lambda: bool(slots) and all(slot.ended.is_set() for slot in slots.values()))
        pool.gate.clear()
        try:
            began = time.monotonic()
            assert "heron nests in Faro" in recalled(provider, "wait: heron", fresh=False)
            assert recalled(provider, "wait: heron again", fresh=False) == ""
            assert time.monotonic() - began < 5
        finally:
            pool.gate.set()


class HostAgent:
    """Of the host's agent what a provider sees: the functions that it is given are bound to it."""

    def __init__(self, session: str) -> None:
        self.session_id = session
        self.said: list[str] = []

    def emit_status(self, message: str) -> None:
        self.said.append(message)


def test_recall_for_the_session_that_the_host_is_in_before_it_says_so(home: Path) -> None:
    """After `/new` the host tells of the switch in the background, maybe after the next message has come."""
    write_config(home, recall_scope="session")
    agent = HostAgent("s1")
    with begin(home, "s1", status_callback=agent.emit_status) as provider:
        provider.sync_turn("the heron nests in Faro", "noted", session_id="s1")
        provider.on_session_switch("s1", reason="compression")
        agent.session_id = "s2"
        assert recalled(provider, "where does the heron nest?") == ""
        provider.on_session_end([])
        provider.on_session_switch("s2", parent_session_id="s1", reset=True, reason="new_session")
        assert recalled(provider, "where does the heron nest?") == ""
        settled(provider, "s2")
        assert [(each.id, each.kind) for each in provider.memory().sessions()] == [("s1", "fresh"), ("s2", "fresh")]


def test_recall_again_where_the_host_went_on_meanwhile(home: Path) -> None:
    pool = SlowPool()
    write_config(home, recall_deadline=5)
    with begin(home, "s1", pool=pool) as provider:
        provider.sync_turn("the heron nests in Faro", "noted", session_id="s1")
        provider.memory().flush()
        pool.gate.clear()
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(provider.prefetch("wait: heron")))
        thread.start()
        provider.on_session_switch("s2", parent_session_id="s1", reset=True, reason="new_session")
        pool.gate.set()
        thread.join(10)
        assert "heron nests in Faro" in found[0]  # the new session's model does not hold it


# Where the conversation goes


def test_go_nowhere_with_an_empty_id(provider: ThreadlineProvider) -> None:
    provider.on_session_switch("")
    provider.on_session_switch("  ", reset=True)
    provider.sync_turn("a heron", "noted")
    assert texts(provider, "s1") == ["a heron"]


def test_begin_a_conversation_that_inherits_nothing(provider: ThreadlineProvider) -> None:
    provider.sync_turn("a heron", "noted", session_id="s1")
    provider.on_session_switch("s2", parent_session_id="s1", reset=True, reason="new_session", extra=1)
    provider.sync_turn("a plover", "noted", session_id="s2")
    settled(provider, "s2")
    (_, new) = provider.memory().sessions()
    assert (new.id, new.kind, new.parent) == ("s2", "fresh", None)


def test_branch_off_the_parent(provider: ThreadlineProvider) -> None:
    provider.sync_turn("a heron", "noted", session_id="s1")
    provider.on_session_switch("b1", parent_session_id="s1", reason="branch")
    provider.sync_turn("a plover", "noted", session_id="b1")
    settled(provider, "b1")
    provider.sync_turn("a later heron", "noted", session_id="s1")
    (_, branch) = provider.memory().sessions()
    assert (branch.id, branch.kind, branch.parent, branch.fork_turn) == ("b1", "branch", "s1", 1)
    history = provider.memory().find_session("b1").history()
    assert [turn.messages[0].text for turn in history] == ["a heron", "a plover"]


def test_continue_under_a_new_id_after_a_compression(provider: ThreadlineProvider) -> None:
    provider.sync_turn("a heron", "noted", session_id="s1")
    provider.on_pre_compress([])
    provider.on_session_end([])
    provider.on_session_switch("s2", parent_session_id="s1", reason="compression")
    provider.sync_turn("a plover", "noted", session_id="s2")
    settled(provider, "s2")
    (old, new) = provider.memory().sessions()
    assert (new.kind, new.parent) == ("continuation", "s1")
    assert old.ended_at is None  # it goes on, so it did not end


def test_come_back_to_a_session_as_it_was(provider: ThreadlineProvider) -> None:
    provider.sync_turn("a heron", "noted", session_id="s1")
    provider.on_session_switch("b1", parent_session_id="s1", reason="branch")
    settled(provider, "b1")
    provider.on_session_switch("s1", parent_session_id="b1", reason="resume")
    provider.on_session_switch("b1", parent_session_id="s1", reason="resume")
    settled(provider, "s1", "b1")
    assert [(each.id, each.kind, each.parent) for each in provider.memory().sessions()] == [
        ("s1", "fresh", None),
        ("b1", "branch", "s1"),
    ]


def test_switch_within_five_milliseconds(provider: ThreadlineProvider) -> None:
    provider.sync_turn("a heron", "noted", session_id="s1")
    took = []
    for number in range(30):
        began = time.perf_counter()
        provider.on_session_switch(f"n{number}", parent_session_id="s1", reason="branch")
        took.append(time.perf_counter() - began)
        settled(provider, f"n{number}")
    assert sorted(took)[15] < 0.005


# A compression


def test_have_what_was_said_in_the_journal_before_a_compression(provider: ThreadlineProvider) -> None:
    provider.sync_turn("a heron", "noted", session_id="s1")
    said = [
        {"role": "user", "content": "a heron"},
        {"role": "assistant", "content": "noted"},
        {"role": "user", "content": "a cormorant"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "1", "function": {"name": "look", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "it dives", "tool_call_id": "1"},
    ]
    assert provider.on_pre_compress(said, require_checkpoint=True, checkpoint_api_version=2) == ""
    assert texts(provider, "s1") == ["a heron", "a cormorant"]
    turn = provider.memory().find_session("s1").turns()[-1]
    assert turn.messages[-1].text == "it dives"
    assert provider.pre_compress_checkpoint_api_version == 2
    assert provider.on_pre_compress(said, require_checkpoint=True) == ""
    assert texts(provider, "s1") == ["a heron", "a cormorant"]


def test_take_the_turn_that_goes_on_from_the_log_before_a_compression(home: Path) -> None:
    agent = Agent(HostDb(home), "s1")
    with begin(home, "s1") as provider:
        settled(provider, "s1")  # the rows of this log are old: a turn that has just begun would count as broken off
        agent.say("a heron", "noted")
        provider.sync_turn("a heron", "noted", session_id="s1")
        agent.add(user("a cormorant"), call("1"), result("1", "it dives"))
        agent.flush()
        assert provider.on_pre_compress(agent.live, require_checkpoint=True) == ""
        assert texts(provider, "s1") == ["a heron", "a cormorant"]
        provider.on_session_end(agent.live)
        agent.compress_in_place()
        provider.on_session_switch("s1", parent_session_id="s1", reason="compression")
        agent.add(answer("they dive"))
        agent.flush()
        provider.sync_turn("a cormorant", "they dive", session_id="s1", messages=agent.live)
        said = [message.text for turn in provider.memory().find_session("s1").turns() for message in turn.messages]
        assert [said.count(text) for text in ("a heron", "a cormorant", "it dives", "they dive")] == [1, 1, 1, 1]


def test_leave_out_what_a_compression_left_in_place(home: Path) -> None:
    agent = Agent(HostDb(home), "s1")
    with begin(home, "s1") as provider:
        settled(provider, "s1")
        for name in ("heron", "cormorant", "plover"):
            agent.say(f"the {name} nests in Faro", "noted")
            provider.sync_turn(f"the {name} nests in Faro", "noted", session_id="s1")
        provider.on_pre_compress(agent.live)
        provider.on_session_end(agent.live)
        agent.compress_in_place(tail=2)
        provider.on_session_switch("s1", parent_session_id="s1", reason="compression")
        text = recalled(provider, "Faro")
        assert "heron" in text
        assert "cormorant" in text
        assert "plover" not in text
        assert texts(provider, "s1") == [f"the {name} nests in Faro" for name in ("heron", "cormorant", "plover")]


def test_take_back_what_was_undone_before_the_next_turn_recalls(home: Path) -> None:
    agent = Agent(HostDb(home), "s1")
    with begin(home, "s1") as provider:
        settled(provider, "s1")  # the rows of this log are old: a turn that has just begun would count as broken off
        for name in ("heron", "cormorant"):
            agent.say(f"the {name} nests in Faro", "noted")
            provider.sync_turn(f"the {name} nests in Faro", "noted", session_id="s1")
        provider.on_session_switch("s2", parent_session_id="s1", reset=True, reason="new_session")
        assert "cormorant" in recalled(provider, "Faro")
        provider.on_session_switch("s1", parent_session_id="s2", reason="resume")
        agent.undo()
        provider.on_session_switch("s1", parent_session_id="", reset=False, rewound=True)
        told = provider.handle_tool_call("threadline_recall", {"query": "Faro"})
        assert "heron" in told
        assert "cormorant" not in told
        provider.sync_turn("the cormorant nests in Faro", "noted", session_id="s1")  # its record was still on its way
        assert texts(provider, "s1") == ["the heron nests in Faro"]
        assert "cormorant" not in recalled(provider, "Faro")


def test_take_over_what_the_host_did_not_hand_over(home: Path) -> None:
    agent = Agent(HostDb(home), "s1")
    agent.say("the heron nests in Faro", "noted")
    other = Agent(HostDb(home), "s2")
    other.say("the plover nests in Olhos", "noted")
    with begin(home, "s1") as provider:
        settled(provider, "s1")
        assert texts(provider, "s1") == ["the heron nests in Faro"]
        assert texts(provider, "s2") == ["the plover nests in Olhos"]
        agent.add(user("an interrupted question"))
        agent.flush()
        provider.on_session_end([{"role": "user", "content": "of another session"}])
        assert texts(provider, "s1") == ["the heron nests in Faro", "an interrupted question"]


def test_take_over_only_what_is_this_banks(home: Path) -> None:
    write_config(home, bank_id_template="hermes-{user}")
    db = HostDb(home)
    for session, whose in (("s1", "1"), ("s2", "2"), ("s3", None)):
        Agent(db, session, source="telegram").say(f"said by {whose}", "noted")
        db.connection.execute("UPDATE sessions SET user_id = ? WHERE id = ?", (whose, session))
    with begin(home, "s1", platform="telegram", user_id="1") as provider:
        settled(provider, "s1")
        assert [each.id for each in provider.memory().sessions()] == ["s1"]


def test_keep_who_began_a_turn(provider: ThreadlineProvider) -> None:
    bot = {"id": "bot:reviewer", "name": "Reviewer", "is_bot": True}
    provider.sync_turn("a heron", "noted", session_id="s1", turn_author=bot)
    provider.sync_turn("a plover", "noted", session_id="s1", turn_author={"id": None, "name": None})
    (first, second) = provider.memory().find_session("s1").turns()
    assert first.metadata == {"author_id": "bot:reviewer", "author_name": "Reviewer", "author_is_bot": True}
    assert second.metadata == {}


def test_say_that_the_hosts_log_is_missing(tmp_path: Path) -> None:
    write_config(tmp_path)
    warned: list[str] = []
    provider = ThreadlineProvider(Pool())
    provider.initialize("s1", hermes_home=str(tmp_path), warning_callback=warned.append)
    provider.sync_turn("a heron", "noted", session_id="s1")
    settled(provider, "s1")
    assert len(warned) == 1
    assert "state.db" in warned[0]
    assert warned == provider.problems
    assert provider.unavailable_reason() == ""
    assert texts(provider, "s1") == ["a heron"]
    provider.shutdown()


def test_refuse_a_checkpoint_that_cannot_be_had(home: Path) -> None:
    with begin(home, "s1", agent_context="cron") as provider:
        with pytest.raises(ThreadlineError, match="works in the background"):
            provider.on_pre_compress([], require_checkpoint=True)
        assert provider.on_pre_compress([]) == ""
    (home / "threadline" / "config.json").write_text("{")
    provider = ThreadlineProvider(Pool())
    provider.initialize("s1", hermes_home=str(home))
    with pytest.raises(ThreadlineError, match="cannot be read"):
        provider.on_pre_compress([], require_checkpoint=True)
    assert provider.on_pre_compress([]) == ""
    assert provider.problems


# Notes


def test_mirror_what_the_hosts_memory_tool_writes(provider: ThreadlineProvider) -> None:
    for _ in range(2):
        provider.on_memory_write("add", "user", "Ann likes tea.", {"session_id": "s0", "tool_name": "memory"})
    provider.on_memory_write("add", "memory", "The build runs on Mondays.")
    notes = provider.memory().notes()
    assert [(note.text, note.session) for note in notes] == [
        ("Ann likes tea.", "s0"),
        ("The build runs on Mondays.", "s1"),
    ]
    provider.on_memory_write("replace", "user", "Ann likes coffee.", {"old_text": "likes tea"})
    provider.on_memory_write("remove", "memory", "", metadata={"old_text": "on Mondays"})
    settled(provider)
    assert [note.text for note in provider.memory().notes()] == ["Ann likes coffee."]
    provider.on_memory_write("add", "memory", "The build runs on Mondays.")  # once more, after it was removed
    provider.on_memory_write("replace", "user", "Ann likes coffee a lot.", {"previous_content": "Ann likes coffee."})
    settled(provider)
    assert {note.text for note in provider.memory().notes()} == {
        "The build runs on Mondays.",
        "Ann likes coffee a lot.",
    }
    provider.on_memory_write("remove", "memory", "", {"old_text": "never written"})
    provider.on_memory_write("stage", "memory", "not yet", {})
    settled(provider)
    assert len(provider.memory().notes()) == 2
    assert provider.problems == []


def test_write_again_what_is_just_being_forgotten(provider: ThreadlineProvider) -> None:
    provider.on_memory_write("add", "memory", "The build runs on Mondays.")
    provider.on_memory_write("remove", "memory", "", {"old_text": "Mondays"})
    provider.on_memory_write("add", "memory", "The build runs on Mondays.")
    settled(provider)
    assert [note.text for note in provider.memory().notes()] == ["The build runs on Mondays."]


def test_keep_what_a_subagent_found_out_once(provider: ThreadlineProvider) -> None:
    for _ in range(2):
        provider.on_delegation("count the herons", "There are nine.", child_session_id="c1", role="leaf")
    provider.on_delegation("count the herons", "There are ten.", child_session_id="c2")
    provider.on_delegation("count the herons", "", child_session_id="c3")
    notes = provider.memory().notes()
    assert [(note.text, note.session, note.tags) for note in notes] == [
        ("A subagent was asked: count the herons\n\nIt answered: There are nine.", "s1", ("delegation",)),
        ("A subagent was asked: count the herons\n\nIt answered: There are ten.", "s1", ("delegation",)),
    ]
    assert notes[0].metadata["child_session_id"] == "c1"


# What goes wrong


def test_say_one_line_and_try_again_where_it_cannot_be_opened(tmp_path: Path) -> None:
    warned: list[str] = []
    path = tmp_path / "threadline" / "config.json"
    path.parent.mkdir()
    path.write_text('{"bank_id": ')
    provider = ThreadlineProvider(Pool())
    provider.initialize("s1", hermes_home=str(tmp_path), platform="cli", warning_callback=warned.append)
    for _ in range(3):
        provider.on_turn_start(1, "hello")
        assert provider.prefetch("hello") == ""
        provider.sync_turn("hello", "hi", session_id="s1")
        provider.queue_prefetch("hello", session_id="s1")
        provider.on_session_end([])
        provider.on_memory_write("add", "memory", "x", {})
        provider.on_delegation("x", "y", child_session_id="c")
    assert len(warned) == 1
    assert str(path) in warned[0]
    assert provider.unavailable_reason() == warned[0]
    assert warned[0] in provider.system_prompt_block()
    assert warned[0] in provider.get_status_config({}).values()
    assert "cannot be read" in json.loads(provider.handle_tool_call("threadline_recall", {"query": "x"}))["error"]
    write_config(tmp_path)
    provider.sync_turn("hello again", "hi", session_id="s1")
    assert texts(provider, "s1") == ["hello again"]
    assert provider.unavailable_reason() == ""
    assert "remembered" in provider.system_prompt_block()
    provider.shutdown()


def test_go_on_without_memory_in_a_home_that_is_no_folder(tmp_path: Path) -> None:
    warned: list[str] = []
    write_config(tmp_path, home=str(tmp_path / "file" / "below"))
    (tmp_path / "file").write_text("in the way")
    provider = ThreadlineProvider(Pool())
    provider.initialize("s1", hermes_home=str(tmp_path), warning_callback=warned.append)
    provider.sync_turn("hello", "hi", session_id="s1")
    assert len(warned) == 1
    (tmp_path / "file").unlink()
    provider.sync_turn("hello", "hi", session_id="s1")
    assert texts(provider, "s1") == ["hello"]
    provider.shutdown()


def test_say_that_a_server_cannot_be_reached(home: Path) -> None:
    write_config(home, backend="hindsight", api_url="http://127.0.0.1:9", recall_deadline=5, timeout=5)
    warned: list[str] = []
    with begin(home, "s1", warning_callback=warned.append) as provider:
        provider.sync_turn("a heron", "noted", session_id="s1")
        assert texts(provider, "s1") == ["a heron"]
        for number in (2, 3):  # what is begun again does not show that it is right again
            provider.on_turn_start(number, "heron")
            assert provider.prefetch("heron") == ""
            provider.queue_prefetch("heron", session_id="s1")
        assert len(warned) == 1
        assert "127.0.0.1:9" in warned[0]
        assert warned == provider.problems


def test_say_that_nothing_reaches_the_backend(home: Path) -> None:
    """Also where nothing is recalled by itself: a failing write must not stay unseen."""
    write_config(home, auto_recall=False)
    pool = SlowPool()
    pool.faults = [Fault("retain", error=BackendRefusedError("The key is wrong; set THREADLINE_API_KEY."))]
    warned: list[str] = []
    with begin(home, "s1", pool=pool, warning_callback=warned.append) as provider:
        provider.sync_turn("a heron", "noted", session_id="s1")
        _until(lambda: provider.memory().status().dead_letters == 1)
        provider.sync_turn("a plover", "noted", session_id="s1")
        provider.on_session_end([])
        assert len(warned) == 1
        assert "The key is wrong" in warned[0]
        assert warned == provider.problems
        assert texts(provider, "s1") == ["a heron", "a plover"]


def test_say_what_is_wrong_with_the_settings(home: Path) -> None:
    write_config(home, recall_max_tokens="lots", nonsense=1, bank_id_template="{user}")
    warned: list[str] = []
    with begin(home, "s1", warning_callback=warned.append) as provider:
        assert len(warned) == 3
        assert provider.unavailable_reason() == ""
        provider.sync_turn("a heron", "noted", session_id="s1")
        assert texts(provider, "s1") == ["a heron"]
        shown = provider.get_status_config()
        assert set(warned) <= set(shown.values())


def test_do_nothing_before_it_is_initialized(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_HOME", str(home))
    provider = ThreadlineProvider(Pool())
    provider.on_turn_start(1, "hello")
    assert provider.prefetch("hello") == ""
    provider.sync_turn("hello", "hi", session_id="s1")
    provider.on_session_switch("s2")
    provider.on_session_end()
    provider.on_memory_write("add", "memory", "x")
    provider.on_delegation("x", "y")
    provider.shutdown()
    assert provider.is_available()
    assert "not initialized" in json.loads(provider.handle_tool_call("threadline_recall", {"query": "x"}))["error"]
    assert not (home / "threadline" / "journal.db").exists()


def test_open_nothing_for_an_inspection(home: Path) -> None:
    provider = ThreadlineProvider(Pool())
    provider.initialize_for_inspection("s1", hermes_home=str(home), platform="cli")
    assert "remembered" in provider.system_prompt_block()
    assert provider.get_tool_schemas()
    assert not (home / "threadline" / "journal.db").exists()


def test_name_the_folder_that_a_backup_would_miss(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    provider = ThreadlineProvider(Pool())
    provider.initialize_for_inspection("", hermes_home=str(home))
    assert provider.backup_paths() == []
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    write_config(home, home=str(elsewhere))
    other = ThreadlineProvider(Pool())
    other.initialize_for_inspection("", hermes_home=str(home))
    assert other.backup_paths() == [str(elsewhere)]


def test_write_the_answers_of_a_set_up(home: Path) -> None:
    provider = ThreadlineProvider(Pool())
    keys = [field["key"] for field in provider.get_config_schema()]
    assert "backend" in keys
    provider.save_config({"bank_id": "mine", "api_key": "never here"}, str(home))
    path = home / "threadline" / "config.json"
    assert json.loads(path.read_text()) == {"embedder": "none", "bank_id": "mine"}
    assert oct(path.stat().st_mode)[-3:] in ("600", "644")


# The host's own classes


class Collector:
    """What the host's loader hands to `register`."""

    provider: Any = None

    def register_memory_provider(self, provider: Any) -> None:
        self.provider = provider


def test_register_without_the_host() -> None:
    collector = Collector()
    register(collector)
    assert type(collector.provider) is ThreadlineProvider
    assert collector.provider.name == "threadline"


def test_be_a_provider_of_the_hosts_where_the_host_is_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class MemoryProvider(ABC):
        """As newer hosts have it, where it matters here."""

        pre_compress_checkpoint_api_version = 1

        @property
        @abstractmethod
        def name(self) -> str: ...

        @abstractmethod
        def is_available(self) -> bool: ...

        @abstractmethod
        def initialize(self, session_id: str, **kwargs: Any) -> None: ...

        @abstractmethod
        def get_tool_schemas(self) -> list[dict[str, Any]]: ...

    theirs = ModuleType("agent.memory_provider")
    theirs.MemoryProvider = MemoryProvider  # type: ignore[attr-defined]
    theirs.RecallStatus = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "agent", ModuleType("agent"))
    monkeypatch.setitem(sys.modules, "agent.memory_provider", theirs)
    collector = Collector()
    register(collector)
    provider: Any = collector.provider
    assert isinstance(provider, MemoryProvider)
    assert isinstance(provider, ThreadlineProvider)
    assert provider.pre_compress_checkpoint_api_version == 2
    said: list[str] = []
    provider.initialize("s1", hermes_home=str(home), platform="cli", status_callback=said.append)
    provider.sync_turn("the heron nests in Faro", "noted", session_id="old")
    text = recalled(provider, "where does the heron nest?")
    status = provider.recall_status()
    assert status is not None
    assert status.count == text.count("\n- [") > 0
    assert said == []  # such a host shows it itself
    provider.shutdown()


# Many providers, one memory


def test_share_one_memory_and_close_it_with_the_last(home: Path) -> None:
    pool = Pool()
    before = threading.active_count()
    providers = []
    for number in range(5):
        provider = ThreadlineProvider(pool)
        provider.initialize(f"s{number}", hermes_home=str(home), platform="telegram")
        provider.sync_turn(f"hello {number}", "hi", session_id=f"s{number}")
        settled(provider, f"s{number}")
        providers.append(provider)
    assert pool.open_banks() == ["hermes"]
    assert len({id(provider.memory()) for provider in providers}) == 1
    for provider in providers[:-1]:
        provider.shutdown()
    assert pool.open_banks() == ["hermes"]
    providers[-1].shutdown()
    assert pool.open_banks() == []
    _until(lambda: threading.active_count() <= before)
    with begin(home, "s0", pool=pool) as provider:
        assert [texts(provider, f"s{number}") for number in range(5)] == [[f"hello {n}"] for n in range(5)]


def test_leak_nothing_when_an_agent_is_dropped_without_a_word(home: Path) -> None:
    pool = Pool()
    before = threading.active_count()
    agents: list[list[Any]] = []
    for number in range(12):
        provider = ThreadlineProvider(pool)
        agent: list[Any] = [provider]  # the host's agent and its provider hold each other
        provider.initialize(f"s{number}", hermes_home=str(home), status_callback=agent.append)
        provider.sync_turn(f"hello {number}", "hi", session_id=f"s{number}")
        assert recalled(provider, "hello") or not number
        settled(provider, f"s{number}")
        provider.on_session_end([])
        agents.append(agent)
    # All of them share a writer, two threads for recalls and two for answers.
    _until(lambda: threading.active_count() <= before + 5)
    del provider, agent
    agents.clear()
    # An agent may still be looking at the log in the background: it is collected when that is done.
    _until(lambda: gc.collect() >= 0 and pool.open_banks() == [])
    _until(lambda: threading.active_count() <= before)


def test_keep_a_turn_that_comes_after_the_shutdown(home: Path) -> None:
    pool = Pool()
    with begin(home, "s1", pool=pool) as provider:
        pass
    provider.sync_turn("too late", "not at all", session_id="s1")
    assert pool.open_banks() == []
    with begin(home, "s1", pool=pool) as provider:
        assert texts(provider, "s1") == ["too late"]


def test_open_a_memory_again_that_somebody_closed(provider: ThreadlineProvider) -> None:
    provider.memory().close()
    provider.sync_turn("a heron", "noted", session_id="s1")
    assert texts(provider, "s1") == ["a heron"]
    assert provider.problems == []


def test_keep_users_apart_by_a_template(home: Path) -> None:
    write_config(home, bank_id_template="hermes-{user}")
    pool = Pool()
    with (
        begin(home, "s1", pool=pool, platform="telegram", user_id="1") as one,
        begin(home, "s2", pool=pool, platform="telegram", user_id="2") as other,
    ):
        one.sync_turn("the heron nests in Faro", "noted", session_id="s1")
        assert pool.open_banks() == ["hermes-1", "hermes-2"]
        assert recalled(other, "where does the heron nest?") == ""
        assert other.memory().recall("heron") == []


def test_say_so_in_a_forked_child_and_go_on_in_the_parent(home: Path) -> None:
    """The database is nobody's to open in a child; what is said there is in the host's log."""
    with begin(home, "s1", pool=POOL) as provider:
        provider.sync_turn("in the parent", "noted", session_id="s1")
        child = os.fork()
        if not child:
            code = 1
            try:
                provider.sync_turn("in the child", "noted", session_id="s1")
                provider.on_turn_start(1, "hello")
                provider.prefetch("hello")
                provider.on_session_end([])
                code = 0 if "forked" in provider.unavailable_reason() else 2
                provider.shutdown()
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        provider.sync_turn("in the parent again", "noted", session_id="s1")
        assert texts(provider, "s1") == ["in the parent", "in the parent again"]
        assert provider.problems == []


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for what another thread does just now."""
    turn = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        turn.wait(0.01)
