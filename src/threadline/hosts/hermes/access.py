"""The way from an agent to its memory: opened when it is first needed, and again when it could not be opened before."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial

from threadline.errors import SettingsError
from threadline.hosts.hermes.agent import Agent, Author
from threadline.hosts.hermes.config import ASSISTANT, USER, Config
from threadline.hosts.hermes.pool import Lease, Opening, Pool, Shared
from threadline.hosts.hermes.recorder import Described, Recorder
from threadline.hosts.hermes.statedb import HostSession
from threadline.hosts.hermes.templates import choose_bank
from threadline.hosts.hermes.troubles import Troubles
from threadline.memory import Memory
from threadline.turns import Identity, Json, Message

#: What took longer than this before it failed is not tried again for ten times as long, or 30 seconds at most.
_PATIENCE = 0.5
_LONGEST_REST = 30.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A memory that is open, and how it is used."""

    config: Config
    agent: Agent
    shared: Shared
    recorder: Recorder

    @property
    def memory(self) -> Memory:
        """The memory itself."""
        return self.shared.memory


class Access:
    """One agent's way to its memory. Any thread may use it.

    Args:
        pool: the memories that are open in this process.

    Attributes:
        own: the sessions that this agent was in: what the host says of the agent is true of them.
    """

    def __init__(self, agent: Agent, pool: Pool, troubles: Troubles) -> None:
        self.agent = agent
        self.own = {agent.session}
        self._pool = pool
        self._troubles = troubles
        self._lock = threading.Lock()
        self._config: Config | None = None
        self._lease: Lease | None = None
        self._opened: Opened | None = None
        self._author: ContextVar[Author | None] = ContextVar("author", default=None)
        self._rests_until = 0.0
        self._failure: Exception | None = None

    @property
    def config(self) -> Config:
        """The settings; read again as long as they cannot be used."""
        if self._config is None or self._config.broken:
            self._config = Config.load(self.agent.hermes)
            self._tell_of(self._config)
        return self._config

    @property
    def bank(self) -> str:
        """The bank that the agent remembers in.

        Raises:
            InvalidBankError: it cannot be used.
        """
        choice = choose_bank(self.config.bank_id_template, self.config.bank_id, self.agent.origin)
        if choice.problem:
            self._troubles.add("bank", choice.problem)
        return choice.bank

    @contextmanager
    def written_by(self, author: Author | None) -> Iterator[None]:
        """Within this a turn that the author began is recorded as theirs."""
        token = self._author.set(author)
        try:
            yield
        finally:
            self._author.reset(token)

    @property
    def opened(self) -> Opened | None:
        """The memory if it is open."""
        return self._opened

    def open(self) -> Opened:
        """The memory, opened if it is not open yet.

        Raises:
            ThreadlineError: it cannot be opened now; the next call tries again.
        """
        opened = self._opened
        if opened is not None and self._lease is not None and self._lease.process == os.getpid():
            return opened
        with self._lock:
            if self._opened is None or self._lease is None or self._lease.process != os.getpid():
                self._opened = self._open()
            return self._opened

    def drop(self) -> None:
        """The memory was closed by somebody else: the next call opens it anew."""
        with self._lock:
            lease, self._lease, self._opened = self._lease, None, None
        if lease is not None:
            lease.discard()

    def close(self) -> None:
        """Give the memory back; the last to do so closes it."""
        with self._lock:
            opened, lease, self._lease, self._opened = self._opened, self._lease, None, None
        if opened is not None and lease is not None and lease.process == os.getpid():
            opened.recorder.close()
        if lease is not None:
            lease.give_back()

    def _open(self) -> Opened:
        if self._failure is not None and time.monotonic() < self._rests_until:
            raise self._failure
        began = time.monotonic()
        try:
            opened = self._try()
        except Exception as error:
            took = time.monotonic() - began
            self._failure = error
            self._rests_until = time.monotonic() + (min(10 * took, _LONGEST_REST) if took > _PATIENCE else 0.0)
            raise
        self._failure = None
        return opened

    def _try(self) -> Opened:
        config = self.config
        if config.broken:
            raise SettingsError(config.broken)
        lease = self._pool.lease(Opening(config.data, self.bank, config.settings))
        lease.end_with(self)  # a host may drop its agent without a word
        self._lease = lease
        recorder = Recorder(
            lease.memory,
            config.hermes,
            belongs=partial(_belongs, config, self.agent, lease.memory.bank),
            describe=partial(_described, config, self.agent, self.own),
            metadata=self._metadata,
            named=partial(_named, config, self.agent, self.own),
        )
        return Opened(config, self.agent, lease.shared, recorder)

    def _metadata(self, _session: str, messages: Sequence[Message], _number: int) -> dict[str, Json]:
        author = self._author.get()
        return author.metadata(messages) if author is not None else {}

    def _tell_of(self, config: Config) -> None:
        self._troubles.clear(*(f"setting {number}" for number in range(40)))
        for number, problem in enumerate(config.problems):
            if problem != config.broken:  # that is told by what cannot be opened
                self._troubles.add(f"setting {number}", problem)


def _belongs(config: Config, agent: Agent, bank: str, host: HostSession) -> bool:
    """Whether a session of the host's log would be remembered in this bank."""
    if not config.bank_id_template:
        return True
    origin = replace(
        agent.origin,
        profile=host.profile or agent.origin.profile,
        platform=host.source or "",
        user=host.user or "",
        chat=host.chat or "",
        session=host.id,
    )
    return choose_bank(config.bank_id_template, config.bank_id, origin).bank == bank


def _described(config: Config, agent: Agent, own: set[str], session: str, host: HostSession | None) -> Described:
    """What a session is opened with that the journal does not know."""
    if host is None or session in own:
        return {"identity": agent.identity, "tags": config.retain_tags, "metadata": agent.metadata(config)}
    metadata: dict[str, Json] = {
        "chat_name": host.chat_name,
        "chat_type": host.chat_type,
        "session_title": host.title,
        "source": config.retain_source,
    }
    identity = Identity(
        platform=host.source, user=host.user, chat=host.chat, thread=host.thread, agent=host.profile or None
    )
    return {
        "identity": identity,
        "tags": config.retain_tags,
        "metadata": {name: value for name, value in metadata.items() if value},
    }


def _named(config: Config, agent: Agent, own: set[str], session: str, message: Message) -> Message:
    """A message with the name of its speaker, where there is one: recall finds who said something by that."""
    if message.speaker is not None:
        return message
    name = ""
    if message.role == "user":
        given = config.retain_user_prefix
        name = given if given not in ("", USER) else agent.told.get("user_name", "") if session in own else ""
    elif message.role == "assistant" and config.retain_assistant_prefix != ASSISTANT:
        name = config.retain_assistant_prefix
    return replace(message, speaker=name) if name else message
