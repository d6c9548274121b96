"""Turns out of logs that the real host wrote; `data/make.py` had it write them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from threadline import Memory
from threadline.hosts.hermes.recorder import Recorder

LOGS = sorted((Path(__file__).parent / "data").glob("*.sql"))


def write(log: Path, home: Path) -> dict[str, list[list[str]]]:
    """Make the host's log of a dump. What was truly said in each of its sessions is returned."""
    home.mkdir()
    dump = log.read_text("utf-8")
    connection = sqlite3.connect(home / "state.db")
    connection.executescript(dump)
    connection.close()
    said: dict[str, list[list[str]]] = json.loads(dump.splitlines()[0].removeprefix("-- "))
    return said


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_read_what_was_said_out_of_a_log_of_the_host(log: Path, tmp_path: Path, memory: Memory) -> None:
    said = write(log, tmp_path / "hermes")
    recorder = Recorder(memory, tmp_path / "hermes")
    recorder.reconcile()
    for session, expected in said.items():
        found = [turn for turn in memory.find_session(session).turns() if not turn.taken_back]
        assert [[message.text for message in turn.messages] for turn in found] == [
            [text.strip() for text in turn] for turn in expected
        ]
    assert not recorder.reconcile().changed
    recorder.close()


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_see_in_each_session_what_its_model_was_told(log: Path, tmp_path: Path, memory: Memory) -> None:
    """A branch sees what was said before it in all its ancestors, and a continuation all of its parent."""
    said = write(log, tmp_path / "hermes")
    Recorder(memory, tmp_path / "hermes").reconcile()
    before: list[list[str]] = []
    for session in sorted(said):
        before += [[text.strip() for text in turn] for turn in said[session]]
        assert [
            [message.text for message in turn.messages] for turn in memory.find_session(session).history()
        ] == before
