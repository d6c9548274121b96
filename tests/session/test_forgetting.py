"""What is forgotten is out of every recall at once, whatever the backend still has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from threadline import BackendUnavailableError, Capabilities, Memory, Proof, Session
from threadline.testing import FakeBackend, Fault

DOWN = [Fault(verb, BackendUnavailableError("down")) for verb in ("forget", "forget_bank") for _ in range(500)]

FORGET: dict[str, Callable[[Memory], Proof]] = {
    "turn": lambda memory: memory.forget(session="s", turn=1, seconds=0.2),
    "session": lambda memory: memory.forget(session="s", seconds=0.2),
    "note": lambda memory: memory.forget(document=f"note:{memory.notes()[0].id}", seconds=0.2),
    "bank": lambda memory: memory.forget(everything=True, seconds=0.2),
}


@pytest.mark.parametrize("what", FORGET)
@pytest.mark.parametrize("deletes", [True, False], ids=["down", "cannot"])
def test_recall_nothing_that_was_forgotten_though_the_backend_has_it(tmp_path: Path, what: str, deletes: bool) -> None:
    backend = FakeBackend(Capabilities(deletes=deletes), DOWN)
    with Memory.open(tmp_path, backend=backend, shutdown_seconds=0.2) as memory:
        memory.session("s").add_turn(user="a secret")
        memory.session("t").add_turn(user="no secret")
        memory.retain("a noted secret")
        assert memory.flush()
        gone = {"turn": ["a secret"], "session": ["a secret"], "note": ["a noted secret"]}.get(
            what, ["a secret", "no secret", "a noted secret"]
        )
        proof = FORGET[what](memory)
        assert not proof.complete
    again = FakeBackend(Capabilities(deletes=deletes), DOWN, backend.state)
    with Memory.open(tmp_path, backend=again, shutdown_seconds=0.2) as memory:
        found = {one.text for one in memory.recall("secret")}
        assert found == {"a secret", "no secret", "a noted secret"} - set(gone)
        assert sum(map(len, backend.state.banks["default"].values())) == 3, "the backend still has everything"


def test_recall_everything_while_it_is_delivered_again(tmp_path: Path) -> None:
    backend = FakeBackend()
    with Memory.open(tmp_path, backend=backend) as memory:
        memory.session("s").add_turn(user="a turn to keep")
        memory.retain("a note to keep")
        assert memory.flush()
        backend.faults += DOWN
        memory._context.outbox.redeliver()
        assert len(memory.recall("keep")) == 2
        backend.faults.clear()
        assert memory.flush()
        assert len(memory.recall("keep")) == 2


def test_change_the_epoch_at_every_forget(tmp_path: Path) -> None:
    """Also when what marked an earlier one is gone, and the file was rewritten."""
    epochs = []

    def look(session: Session) -> None:
        epochs.append(session._context.journal.epoch(session._record))

    with Memory.open(tmp_path, bank="b", backend=FakeBackend()) as memory:
        session = memory.session("s")
        notes = [memory.retain(f"note {number}") for number in range(3)]
        other = Memory.open(tmp_path, bank="a", backend=FakeBackend())
        other.forget(document=f"note:{other.retain('theirs').id}")
        look(session)
        memory.forget(document=f"note:{notes[0].id}")
        look(session)
        other.forget(everything=True)
        memory.forget(document=f"note:{notes[1].id}")
        look(session)
        memory.forget(document=f"note:{notes[2].id}")
        look(session)
    assert len(set(epochs)) == 4
