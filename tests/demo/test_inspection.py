"""What is planted in the real files must be found: a loss, a repetition, a turn in the wrong place, an undo undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.demo.stories import STEPS, STORY
from threadline import Memory
from threadline.backends.embedded import EmbeddedBackend
from threadline.demo.comparison import Faults
from threadline.demo.inspection import Findings, inspect, missing_steps, read_journal, read_store, said_in
from threadline.demo.life import BANK, live, open_memory
from threadline.demo.story import Undone
from threadline.documents import Batch, Passage, Removal


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with open_memory(tmp_path, "none") as memory:
        live(STORY, memory, lambda *_: None, lambda: None)
        assert memory.flush()
        yield memory


@pytest.fixture
def backend(memory: Memory, tmp_path: Path) -> Iterator[EmbeddedBackend]:
    backend = EmbeddedBackend(tmp_path)
    yield backend
    backend.close()


def faults(found: Findings) -> Faults:
    return found.journal.faults | found.store.faults | found.recalls.faults


def retain(backend: EmbeddedBackend, document: str, turn: int, text: str) -> None:
    passage = Passage(turn, 0, "user", text, datetime(2025, 3, 2, tzinfo=UTC))
    backend.retain(Batch(BANK, document, f"{document}-{turn}", (passage,)))


def test_find_no_fault_where_there_is_none(memory: Memory, tmp_path: Path) -> None:
    found = inspect(STORY, tmp_path, memory)
    assert faults(found) == Faults()
    assert (found.recalls.asked, found.recalls.came_back) == (7, 7)
    # In the bank, in their session and in another, those of the branch in two; of the undone both messages.
    assert found.recalls.recalls == 7 * 3 + 2 + 2 * 2 * 3


def test_find_a_turn_that_the_store_lost(memory: Memory, backend: EmbeddedBackend, tmp_path: Path) -> None:
    backend.retract(Removal(BANK, "session:main", (4,)))
    found = inspect(STORY, tmp_path, memory)
    assert faults(found) == Faults(lost=frozenset({"main turn 4"}))
    assert found.store.turns == 6
    assert found.recalls.came_back == 6


def test_find_a_turn_that_the_journal_lost(memory: Memory, tmp_path: Path) -> None:
    memory.forget(session="later", turn=1)
    found = inspect(STORY, tmp_path, memory)
    assert found.journal.faults == found.store.faults == Faults(lost=frozenset({"later turn 1"}))


def test_find_a_note_that_was_lost(memory: Memory, tmp_path: Path) -> None:
    [note] = memory.find_session("later").notes()
    memory.forget(document=f"note:{note.id}")
    assert faults(inspect(STORY, tmp_path, memory)) == Faults(lost=frozenset({"later note 'Domino is a cat.'"}))


def test_find_a_turn_that_the_store_repeats(memory: Memory, backend: EmbeddedBackend, tmp_path: Path) -> None:
    retain(backend, "session:later", 2, "The cat is called Domino.")
    found = inspect(STORY, tmp_path, memory)
    assert found.store.faults == Faults(repeated=frozenset({"later turn 2"}))
    assert "later turn 1" not in found.store.whole


def test_find_a_turn_that_the_journal_repeats(memory: Memory, tmp_path: Path) -> None:
    memory.session("later").add_turn("The cat is called Domino.", host_key="another key")
    found = inspect(STORY, tmp_path, memory)
    assert found.journal.faults == Faults(repeated=frozenset({"later turn 2"}))


def test_find_a_turn_in_another_session(memory: Memory, backend: EmbeddedBackend, tmp_path: Path) -> None:
    retain(backend, "session:main", 9, "Suppose we paint the fence violet.")
    found = inspect(STORY, tmp_path, memory)
    assert found.store.faults == Faults(misplaced=frozenset({"main turn 9"}))
    assert found.recalls.faults == Faults(misplaced=frozenset({"main turn 9"}))


def test_find_what_leaked_out_of_a_branch(memory: Memory, tmp_path: Path) -> None:
    # The same memory, but a story in which the second session was never a branch of the first: then the
    # turns that it is shown of the first are not its own.
    apart = replace(STORY, steps=tuple(step for step in STEPS if step != STEPS[7]))
    found = inspect(apart, tmp_path, memory)
    assert found.store.faults == Faults()
    assert found.recalls.faults.misplaced == frozenset({"main turn 1", "main turn 4"})


def test_find_an_undo_that_never_happened(tmp_path: Path) -> None:
    without = replace(STORY, steps=tuple(step for step in STEPS if not isinstance(step, Undone)))
    with open_memory(tmp_path, "none") as memory:
        live(without, memory, lambda *_: None, lambda: None)
        assert memory.flush()
        found = inspect(STORY, tmp_path, memory)
    undone = frozenset({"main turn 2", "main turn 3"})
    assert found.store.faults == Faults(undone=undone)
    assert found.recalls.faults == Faults(undone=undone)
    assert found.journal.faults == Faults(misplaced=undone)


def test_name_what_a_kill_took(memory: Memory, tmp_path: Path) -> None:
    found = read_journal(tmp_path)
    assert missing_steps(STEPS, found) == frozenset()
    assert missing_steps(STEPS[:6], []) == {
        "main turn 1",
        "main turn 2",
        "main turn 3",
        "main turn 4",
        "main note 'The dentist moved to Thursday.'",
    }
    standing = [replace(one, undone=False) for one in found]
    assert missing_steps(STEPS, standing) == {"main turn 2", "main turn 3"}


def test_read_what_is_there_word_for_word(memory: Memory, tmp_path: Path) -> None:
    assert sorted(read_journal(tmp_path), key=repr) == sorted(said_in(STORY), key=repr)
    standing = [one for one in said_in(STORY) if not one.undone]
    assert sorted(read_store(tmp_path), key=repr) == sorted(standing, key=repr)
