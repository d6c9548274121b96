"""The session API against its model, as in `tests.model`, over HTTP: two clients, two banks, a server that restarts."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.client.running import Running
from tests.model.test_sessions import BANK, VIA, Conversations
from threadline import Memory

#: Set, it is the number of examples, and they are new ones each time.
EXAMPLES = os.environ.get("THREADLINE_EXAMPLES")


class RemoteConversations(Conversations):
    """A client closes nothing of the server's; it is the server that is opened again."""

    def __init__(self) -> None:
        super().__init__()
        self.server: Running | None = None

    @initialize(batch=st.integers(1, 4))
    def begin(self, batch: int) -> None:
        self.server = Running(self.home, retain_every_n_turns=batch, idle_seconds=3600)
        self.batch = batch
        for bank in self.banks:
            self._open(bank, f"{bank}-root", 0)

    @rule(bank=BANK, via=VIA)
    def reopen(self, bank: str, via: int) -> None:
        assert self.server is not None
        self.server.reopen()
        for known in self.banks.values():
            for view in known.views:
                known.delivered(view)
        self.begun.clear()

    @rule(bank=BANK, via=VIA)
    def connect_again(self, bank: str, via: int) -> None:
        memory = self.memories.pop((bank, via), None)
        if memory is not None:
            memory.close()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            assert self.server is not None
            self.server.stop()

    def _memory(self, bank: str, via: int) -> Any:
        assert self.server is not None
        if (bank, via) not in self.memories:
            self.memories[bank, via] = Memory.connect(self.server.url, bank=bank)  # type: ignore[assignment]
        return self.memories[bank, via]


RemoteConversations.TestCase.settings = settings(
    max_examples=int(EXAMPLES or 3),
    stateful_step_count=25,
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestRemoteConversations = RemoteConversations.TestCase
