"""The real Hindsight server: the contract, what it answers, and a life in which it is killed again and again.

Run by `make hindsight`, which installs the server (1.5 GB) into an environment of its own.
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from threadline import BackendRefusedError, Memory, Query
from threadline.backends.hindsight import HindsightBackend, HindsightOptions
from threadline.backends.hindsight.client import ClientWire
from threadline.testing import BackendContract, batch

from .direct import DirectWire
from .fake import FakeHindsight
from .real import RealHindsight

pytestmark = pytest.mark.hindsight

KILLS = int(os.environ.get("THREADLINE_HINDSIGHT_KILLS", "12"))


@pytest.fixture(scope="module")
def server() -> Iterator[RealHindsight]:
    python = os.environ.get("THREADLINE_HINDSIGHT_PYTHON")
    assert python, "run this with `make hindsight`"
    with RealHindsight(Path(python).absolute()) as server:
        yield server


def options(server: RealHindsight, timeout: float = 30.0) -> HindsightOptions:
    return HindsightOptions(server.url, timeout=timeout)


class TestReal(BackendContract):
    @pytest.fixture
    def backend(self, server: RealHindsight) -> Iterator[HindsightBackend]:
        backend = HindsightBackend(ClientWire(options(server)), options(server))
        yield backend
        backend.close()


def test_answer_as_the_fake_does(server: RealHindsight) -> None:
    """The fake that other tests stand on says the same, through the same backend."""
    real_wire, fake_wire = ClientWire(options(server)), DirectWire(FakeHindsight())
    told = []
    for wire in (real_wire, fake_wire):
        backend = HindsightBackend(wire, options(server))
        bank = f"fidelity-{type(wire).__name__}"
        for sent in (batch(bank, "session:s/ü#1", "one", "two", tags=["t"]), batch(bank, "note:n", "noted")):
            backend.retain(sent)
            backend.retain(sent)
        with pytest.raises(BackendRefusedError):
            backend.retain(batch(bank, "note:blank", " "))
        found = backend.recall(bank, Query("one two noted"))
        operation = "00000000-0000-0000-0000-000000000001"
        told.append(
            (
                wire.version(),
                sorted(wire.documents(bank)),
                "session:s/ü#1#1" in wire.documents(bank, "session:s/ü#1"),
                wire.has_document(bank, "session:s/ü#1#1"),
                wire.has_document(bank, "session:s/ü#1#2"),
                wire.operation(bank, operation),
                wire.stats(bank),
                wire.stats("nobody's"),
                sorted((one.document, one.session or "", one.turn or 0, one.text, one.tags) for one in found),
            )
        )
        backend.forget_bank(bank)
        assert wire.documents(bank) == []
        backend.close()
    assert told[0] == told[1]


def test_lose_and_repeat_nothing_while_the_server_is_killed(server: RealHindsight, tmp_path: Path) -> None:
    """Turns are said and taken back while the server dies in the middle of retains and comes back."""
    chance = random.Random(7)
    bank = f"killed-{chance.getrandbits(32):x}"
    said: dict[str, list[str]] = {}
    count = 0
    pause = threading.Event()
    settings = {"url": server.url, "timeout": 10}
    with Memory.open(
        tmp_path, bank=bank, backend="hindsight", backend_options=settings, retain_every_n_turns=2, idle_seconds=3600
    ) as memory:
        session = memory.session("s0")
        for kill in range(KILLS):
            for _ in range(chance.randint(2, 5)):
                count += 1
                session.add_turn(user=f"marker{count}x was said in {session.id}", assistant="Noted.")
                said.setdefault(session.id, []).append(f"marker{count}x")
            if chance.random() < 0.4:
                session.rewind()
                said[session.id].pop()
            if chance.random() < 0.5:
                session = session.switch(f"s{kill + 1}", reason=chance.choice(["new", "branch", "compression"]))
            memory.session(session.id).flush()
            pause.wait(chance.uniform(0, 0.7))  # somewhere in the middle of a retain, or of its processing
            server.kill()
            server.start()
        assert memory.flush(300), memory.status().last_error
        assert memory.status().dead_letters == 0
        wire = ClientWire(options(server))
        held: dict[str, list[str]] = {}
        for name in sorted(wire.documents(bank), key=lambda name: int(name.rpartition("#")[2])):
            text = document_text(server, bank, name)
            held.setdefault(name[len("session:") :].rpartition("#")[0], []).extend(re.findall(r"marker\d+x", text))
        wire.close()
        assert held == {name: texts for name, texts in said.items() if texts}
        for name, texts in said.items():
            for text in texts[-1:]:
                found = memory.session(name).recall(text)
                assert sum(one.text.count(text) for one in found) == 1


def document_text(server: RealHindsight, bank: str, document: str) -> str:
    """What a document holds, as the server tells it to anybody."""
    import urllib.parse
    import urllib.request

    path = f"/v1/default/banks/{bank}/documents/{urllib.parse.quote(document, safe='')}"
    with urllib.request.urlopen(server.url + path) as answer:  # noqa: S310 - our own
        return str(json.loads(answer.read())["original_text"])
