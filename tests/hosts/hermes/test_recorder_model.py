"""Whatever the host lives through, and whether its provider hears of it or not: the journal ends up with what was said.

The model is a host that writes its log as the real one does, and remembers what was truly said in each session, what
was undone, and what each session inherited. Every message in the user's name carries the number of its turn in a
column that is not read.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from threadline import Memory
from threadline.backends.fake import FakeBackend
from threadline.hosts.hermes.alignment import held
from threadline.hosts.hermes.recorder import Recorder

from .hostlog import Agent, HostDb, Said, answer, call, result, user

SAID = ["continue", "yes", "What is left to do?", "Look at the tests"]
TEXTS = st.sampled_from(SAID)
SYNC = st.sampled_from(["now", "twice", "late", "never"])


@dataclass
class Session:
    """What was truly said in a session.

    Attributes:
        own: its turns, by number: the texts of each.
        undone: turns that were taken back, inherited ones included.
        view: what it inherited, at the moment at which it began; of a continuation, its parent.
    """

    own: dict[int, list[str]] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)
    inherited: list[int] = field(default_factory=list)
    continues: str | None = None


class Host(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.db = HostDb(self.folder / "hermes")
        self.memory = Memory.open(self.folder / "home", backend=FakeBackend(), redact=False)
        self.sessions: dict[str, Session] = {}
        self.agents: dict[str, Agent] = {}
        self.turns = 0
        self.late: list[Callable[[], None]] = []
        self.recorder = self.process()

    def process(self) -> Recorder:
        return Recorder(self.memory, self.folder / "hermes", patience=-1e9)

    def teardown(self) -> None:
        self.memory.close(0)
        self.db.close()
        shutil.rmtree(self.folder)

    # The host

    @initialize()
    def begin(self) -> None:
        self.agents["s0"] = Agent(self.db, "s0")
        self.sessions["s0"] = Session()

    def agent(self, data: st.DataObject) -> Agent:
        return self.agents[data.draw(st.sampled_from(sorted(self.agents)))]

    def asked(self, agent: Agent, text: str) -> Said:
        """A message of the user's that begins a turn of the session."""
        self.turns += 1
        self.sessions[agent.session].own[self.turns] = [text]
        return {**user(text), "message_id": str(self.turns)}

    def work(self, agent: Agent) -> list[Said]:
        self.count = getattr(self, "count", 0) + 1
        messages = [call(f"c{self.count}"), result(f"c{self.count}", "tests.py")]
        self.sessions[agent.session].own[self.turns] += ['[calls shell {"command": "ls"}]', "tests.py"]
        return messages

    def answered(self, agent: Agent, text: str, reply: str, sync: str) -> None:
        self.sessions[agent.session].own.setdefault(self.turns, []).append(reply)
        agent.add(answer(reply))
        session, recorder = agent.session, self.recorder
        listed = [{**message, "api_content": "never read"} for message in agent.live]
        if sync != "never":
            self.late.append(lambda: recorder.turn(session, text, reply, listed))
        if sync == "twice":
            self.late.append(self.late[-1])
        if sync in ("now", "twice"):
            self.arrive()

    def arrive(self) -> None:
        while self.late:
            self.late.pop(0)()

    def undone(self, agent: Agent) -> None:
        """Note which turns are gone: those whose last row in the session is neither active nor compacted."""
        last: dict[int, bool] = {}
        for row in self.db.rows(agent.session):
            for number in (row["platform_message_id"] or "").split():
                last[int(number)] = not row["active"] and not row["compacted"]
        gone = {number for number, is_gone in last.items() if is_gone}
        session = self.sessions[agent.session]
        session.undone |= gone
        while session.continues is not None:
            session = self.sessions[session.continues]
            session.undone |= gone

    @rule(data=st.data(), text=TEXTS, reply=TEXTS, sync=SYNC, tools=st.booleans())
    def say(self, data: st.DataObject, text: str, reply: str, sync: str, tools: bool) -> None:
        agent = self.agent(data)
        agent.add(self.asked(agent, text))
        if tools:
            agent.add(*self.work(agent))
        self.answered(agent, text, reply, sync)

    @rule(data=st.data(), text=TEXTS, tools=st.booleans())
    def die(self, data: st.DataObject, text: str, tools: bool) -> None:
        agent = self.agent(data)
        agent.add(self.asked(agent, text))
        if tools:
            agent.add(*self.work(agent)[:1])
            self.sessions[agent.session].own[self.turns].pop()
        agent.resume()
        self.recorder = self.process()

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        self.agent(data).resume()

    @rule(data=st.data(), turns=st.integers(1, 3))
    def undo(self, data: st.DataObject, turns: int) -> None:
        agent = self.agent(data)
        self.arrive()
        agent.undo(turns)
        self.undone(agent)

    @rule(data=st.data(), reply=TEXTS, sync=SYNC)
    def retry(self, data: st.DataObject, reply: str, sync: str) -> None:
        agent = self.agent(data)
        asked = [message["content"] for message in agent.live if message["role"] == "user"]
        if asked and asked[-1] in SAID:
            text = agent.retry()
            agent.add(self.asked(agent, text))
            self.answered(agent, text, reply, sync)

    @rule(data=st.data(), head=st.integers(0, 3), tail=st.integers(1, 5), merge=st.booleans(), todo=st.booleans())
    def compress(self, data: st.DataObject, head: int, tail: int, merge: bool, todo: bool) -> None:
        agent = self.agent(data)
        if len(agent.live) > head + tail:
            agent.compress_in_place(head, tail, merge=merge, todo=todo)

    # The host keeps at least the last message that was in the log beside the new one, and mostly many more.
    @rule(data=st.data(), text=TEXTS, reply=TEXTS, sync=SYNC, tail=st.integers(2, 5))
    def compress_before_a_turn(self, data: st.DataObject, text: str, reply: str, sync: str, tail: int) -> None:
        agent = self.agent(data)
        if len(agent.live) > tail:
            agent.live.append(self.asked(agent, text))
            agent.compress_in_place(0, tail)
            self.answered(agent, text, reply, sync)

    @rule(data=st.data(), text=TEXTS, reply=TEXTS, sync=SYNC, head=st.integers(0, 2))
    def compress_within_a_turn(self, data: st.DataObject, text: str, reply: str, sync: str, head: int) -> None:
        agent = self.agent(data)
        agent.add(self.asked(agent, text), *self.work(agent))
        agent.compress_in_place(min(head, len(agent.live) - 3), 3)
        agent.add(*self.work(agent))
        self.answered(agent, text, reply, sync)

    @precondition(lambda self: len(self.agents) < 5)
    @rule(data=st.data(), head=st.integers(0, 3), tail=st.integers(1, 5))
    def rotate(self, data: st.DataObject, head: int, tail: int) -> None:
        agent = self.agent(data)
        if len(agent.live) > head + tail:
            self.arrive()
            before = agent.session
            del self.agents[before]
            agent.rotate(f"s{len(self.sessions)}", head, tail)
            self.sessions[agent.session] = Session(continues=before)
            self.agents[agent.session] = agent

    @precondition(lambda self: len(self.agents) < 5)
    @rule(data=st.data(), ends=st.booleans(), texts_only=st.booleans())
    def branch(self, data: st.DataObject, ends: bool, texts_only: bool) -> None:
        agent = self.agent(data)
        if agent.live:
            self.arrive()
            child = f"s{len(self.sessions)}"
            self.sessions[child] = Session(inherited=self.view(agent.session))
            self.agents[child] = agent.branch(child, ends=ends, texts_only=texts_only)

    @rule()
    def let_late_syncs_arrive(self) -> None:
        self.arrive()

    @rule()
    def reconcile(self) -> None:
        self.recorder.reconcile()

    # What must hold

    def view(self, name: str) -> list[int]:
        session = self.sessions[name]
        inherited = self.view(session.continues) if session.continues else session.inherited
        return [number for number in (*inherited, *session.own) if number not in session.undone]

    @invariant()
    def the_journal_has_what_was_said(self) -> None:
        if self.late or not self.sessions:
            return
        recorder = self.process()
        recorder.reconcile()
        for name, session in self.sessions.items():
            expected = [texts for number, texts in session.own.items() if number not in session.undone]
            assert self.journal(name) == expected, name
        again = recorder.reconcile()
        assert not again.changed, again

    def journal(self, name: str) -> list[list[str]]:
        if name not in {session.id for session in self.memory.sessions()}:
            return []
        found: list[Any] = held(self.memory.find_session(name).turns())
        return [[message.text for message in one.messages] for one in found if one.visible]


TestHost = Host.TestCase
TestHost.settings = settings(
    max_examples=60,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,  # raise max_examples and leave this out to go and look for more
    suppress_health_check=list(HealthCheck),
)
