"""How a process leaves: in time, with status 0, and with everything said kept."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from threadline import Memory
from threadline.journal.journal import Journal


@pytest.mark.parametrize("ending", ["memory.close()", "", "raise SystemExit(0)"], ids=["close", "end", "exit"])
def test_leave_at_once_in_the_middle_of_embedding(tmp_path: Path, ending: str) -> None:
    """The model works on the first message for many seconds; leaving waits for one sentence of it at most."""
    program = f"""
import sys, threading
from threadline import Memory
from threadline.engine.models.minilm import MiniLM

begun = threading.Event()
run = MiniLM._run
MiniLM._run = lambda self, tokens: (begun.set(), run(self, tokens))[1]
memory = Memory.open(sys.argv[1], shutdown_seconds=0.0)
for number in range(3):
    memory.session("s").add_turn(user=f"number {{number}}. " + f"Heron {{number}} waits by the river. " * 3000)
assert begun.wait(60)
{ending}
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    with contextlib.closing(Journal(tmp_path)) as journal:
        assert journal.database.rows("SELECT error FROM delivery WHERE error IS NOT NULL") == [], "to leave is no fault"
    with Memory.open(tmp_path, embedder="none") as memory:
        assert [turn.number for turn in memory.session("s").turns()] == [1, 2, 3]
        assert memory.flush(30)
        assert {found.turn for found in memory.recall("heron", limit=500, max_tokens=10**6)} == {1, 2, 3}


@pytest.mark.parametrize("seconds", [0.05, 0.25, 0.45, 0.65])
@pytest.mark.parametrize("kept", ["memory", "session"])
def test_leave_while_the_model_is_being_loaded_or_run(tmp_path: Path, kept: str, seconds: float) -> None:
    """The interpreter ends daemon threads; one in the middle of C++ would take the process down with it."""
    program = """
import sys, threading
from threadline import Memory
memory = Memory.open(sys.argv[1], shutdown_seconds=0.0)
session = memory.session("s")
if sys.argv[2] == "session":
    del memory
    session.add_turn(user=f"Heron {{number}} waits by the river. " * 3000)
else:
    memory.retain("The heron waits by the river.")
    session.prefetch("Where does the heron wait?", scope="bank")
threading.Event().wait(float(sys.argv[3]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), kept, str(seconds)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
