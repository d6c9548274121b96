"""The host's log is read whatever it is like, and reading it never stands in the host's way."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threadline import Memory
from threadline.hosts.hermes.recorder import Recorder
from threadline.hosts.hermes.statedb import StateDb

from .hostlog import SCHEMA, Agent, HostDb

DUMP = Path(__file__).parent / "data" / "compressed_twice.sql"


@pytest.fixture
def hermes(tmp_path: Path) -> Path:
    home = tmp_path / "hermes"
    home.mkdir()
    return home


def test_say_that_there_is_none(hermes: Path) -> None:
    db = StateDb(hermes)
    assert db.sessions() is None
    assert db.session("a") is None
    assert db.problem is not None
    assert "There is no" in db.problem


def test_find_it_as_soon_as_it_is_there(hermes: Path) -> None:
    db = StateDb(hermes)
    assert db.rows("a") is None
    Agent(HostDb(hermes), "a").say("Hello", "Good morning")
    assert [row.content for row in db.rows("a") or ()] == ["Hello", "Good morning"]
    assert db.problem is None


def test_read_another_file_that_was_put_in_its_place(hermes: Path, tmp_path: Path) -> None:
    Agent(HostDb(hermes), "a").say("Hello", "Good morning")
    db = StateDb(hermes)
    assert len(db.rows("a") or ()) == 2
    other = HostDb(tmp_path / "other")
    Agent(other, "b").say("Hello", "Good evening")
    other.connection.execute("PRAGMA journal_mode=DELETE")
    other.close()
    for name in ("state.db-wal", "state.db-shm"):
        (hermes / name).unlink(missing_ok=True)
    other.path.replace(hermes / "state.db")
    assert db.rows("a") == []
    assert len(db.rows("b") or ()) == 2


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"This is no database, but it is long enough to be taken for one. " * 40, "is damaged"),
        (b"", "has no tables"),
    ],
)
def test_say_what_is_wrong_with_it(hermes: Path, memory: Memory, content: bytes, advice: str) -> None:
    (hermes / "state.db").write_bytes(content)
    recorder = Recorder(memory, hermes)
    assert advice in next(iter(recorder.reconcile().skipped.values()))
    recorder.turn("a", "Hello", "Good morning")
    assert len(memory.find_session("a").turns()) == 1
    assert advice in recorder.problems[0]


def test_say_that_it_is_cut_off(hermes: Path, memory: Memory) -> None:
    host = HostDb(hermes)
    agent = Agent(host, "a")
    for number in range(50):
        agent.say(f"Question {number}", "Well " * 200)
    host.connection.execute("PRAGMA journal_mode=DELETE")
    host.close()
    whole = host.path.read_bytes()
    host.path.write_bytes(whole[: len(whole) // 3])
    recorder = Recorder(memory, hermes)
    recorder.turn("a", "Hello", "Good morning")
    assert "damaged" in recorder.problems[0]


@pytest.mark.parametrize(
    "column", ["compacted", "observed", "active", "finish_reason", "tool_name", "platform_message_id"]
)
def test_do_without_a_column_of_a_message(hermes: Path, memory: Memory, column: str) -> None:
    tables = SCHEMA.partition("CREATE INDEX")[0]
    _make(hermes, re.sub(rf"{column} \w+[^,)]*,", "", tables))
    _say(hermes, ("user", "Hello"), ("assistant", "Good morning"))
    Recorder(memory, hermes).reconcile()
    assert [message.text for message in memory.find_session("a").turns()[0].messages] == ["Hello", "Good morning"]


@pytest.mark.parametrize("column", ["model_config", "rewind_count", "title", "ended_at", "message_count", "chat_id"])
def test_do_without_a_column_of_a_session(hermes: Path, memory: Memory, column: str) -> None:
    _make(hermes, re.sub(rf"{column} \w+[^,]*,", "", SCHEMA))
    _say(hermes, ("user", "Hello"), ("assistant", "Good morning"))
    Recorder(memory, hermes).reconcile()
    assert len(memory.find_session("a").turns()) == 1


def test_read_what_a_newer_host_adds_to_it(hermes: Path, memory: Memory) -> None:
    _make(
        hermes, SCHEMA.replace("VALUES (22)", "VALUES (99)").replace("api_content TEXT", "api_content TEXT, mood TEXT")
    )
    _say(hermes, ("user", "Hello"), ("assistant", "Good morning"))
    assert Recorder(memory, hermes).reconcile().added == [("a", 1)]


def test_never_read_what_was_sent(hermes: Path, memory: Memory) -> None:
    _make(hermes, SCHEMA)
    _say(hermes, ("user", "Hello"), ("assistant", "Good morning"))
    connection = sqlite3.connect(hermes / "state.db", isolation_level=None)
    connection.execute("UPDATE messages SET api_content = '<memory-context>an old memory</memory-context>Hello'")
    Recorder(memory, hermes).reconcile()
    assert "old memory" not in repr(memory.find_session("a").turns())


def test_hinder_no_writer(hermes: Path) -> None:
    host = HostDb(hermes)
    agent = Agent(host, "a")
    agent.say("Hello", "Good morning")
    db = StateDb(hermes)
    assert db.rows("a")
    host.connection.execute("PRAGMA busy_timeout = 0")
    agent.say("And now?", "Now we work")
    # Emptying the WAL takes that nobody reads at that moment.
    assert host.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def test_wait_for_no_writer_that_keeps_it_locked(hermes: Path, memory: Memory) -> None:
    host = HostDb(hermes)
    Agent(host, "a").say("Hello", "Good morning")
    host.connection.execute("PRAGMA journal_mode=DELETE")
    host.connection.execute("BEGIN EXCLUSIVE")
    recorder = Recorder(memory, hermes)
    assert "locked" in next(iter(recorder.reconcile().skipped.values()))
    host.connection.execute("ROLLBACK")
    assert recorder.reconcile().added == [("a", 1)]
    assert recorder.problems == []


def test_read_it_on_a_disk_that_is_read_only(hermes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = HostDb(hermes)
    Agent(host, "a").say("Hello", "Good morning")
    host.close()
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def read_only(name: str, **how: Any) -> sqlite3.Connection:
        if "immutable" not in name:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(name, **how)

    monkeypatch.setattr(sqlite3, "connect", read_only)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert len(StateDb(hermes).rows("a") or ()) == 2


def test_write_nothing_into_the_hosts_home(hermes: Path, memory: Memory) -> None:
    host = HostDb(hermes)
    Agent(host, "a").say("Hello", "Good morning")
    before = host.path.read_bytes()
    Recorder(memory, hermes).reconcile()
    assert host.path.read_bytes() == before
    assert {path.name for path in hermes.iterdir()} <= {"state.db", "state.db-wal", "state.db-shm"}


def test_be_the_schema_of_the_host() -> None:
    """What these tests write has no column that the real host's log lacks."""
    real, ours = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    real.executescript(DUMP.read_text("utf-8"))
    ours.executescript(SCHEMA)
    for table in ("sessions", "messages"):
        columns = [{row[1:3] for row in one.execute(f"PRAGMA table_info({table})")} for one in (ours, real)]
        assert columns[0] <= columns[1]


def test_make_one_turn_of_what_two_processes_record_at_once(hermes: Path, tmp_path: Path) -> None:
    agent = Agent(HostDb(hermes), "a")
    for number in range(20):
        agent.say(f"Question {number % 4}", "Well")
    script = (
        "import sys; from pathlib import Path; from threadline import Memory;"
        "from threadline.hosts.hermes.recorder import Recorder;"
        "memory = Memory.open(sys.argv[1], embedder='none'); sys.stdin.readline();"
        "Recorder(memory, Path(sys.argv[2])).reconcile(); memory.close()"
    )
    home = tmp_path / "home"
    Memory.open(home, embedder="none").close()
    ran = [
        subprocess.Popen([sys.executable, "-c", script, home, hermes], stdin=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    barrier = [threading.Thread(target=process.communicate, args=("\n",)) for process in ran]
    for thread in barrier:
        thread.start()
    for thread in barrier:
        thread.join()
    assert [process.returncode for process in ran] == [0, 0, 0]
    with Memory.open(home, embedder="none") as memory:
        assert len(memory.find_session("a").turns()) == 20


def _make(hermes: Path, schema: str) -> None:
    connection = sqlite3.connect(hermes / "state.db")
    connection.executescript(schema)
    connection.execute("INSERT INTO sessions (id, source, started_at) VALUES ('a', 'cli', 1.0)")
    connection.commit()
    connection.close()


def _say(hermes: Path, *said: tuple[str, str]) -> None:
    connection = sqlite3.connect(hermes / "state.db")
    for at, (role, text) in enumerate(said):
        row = ("a", role, text, 1_790_000_000 + at)
        connection.execute("INSERT INTO messages (session_id, role, content, timestamp) VALUES (?, ?, ?, ?)", row)
    connection.commit()
    connection.close()
