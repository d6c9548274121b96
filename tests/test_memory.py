"""Opening and closing: what it costs, what it leaves behind."""

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from threadline import Memory, NewerVersionError, SettingsError, StorageCorruptError, StorageReadOnlyError
from threadline.database import Database, Durability, Schema

HEAVY = ("numpy", "onnxruntime", "tokenizers", "numkong", "ijson", "detect_secrets", "requests", "rich", "asyncio")


def run(program: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_import_nothing_heavy() -> None:
    loaded = run("import sys, threadline; print(*sys.modules)").split()
    assert [name for name in HEAVY if name in loaded] == []


def test_load_no_model_until_it_is_needed(tmp_path: Path) -> None:
    program = """
import sys
from threadline import Memory
with Memory.open(sys.argv[1], redact=False) as memory:
    memory.session("s")
    print(*sys.modules)
"""
    loaded = run(program, str(tmp_path)).split()
    assert "onnxruntime" not in loaded
    assert "numpy" not in loaded


def test_keep_everything_private(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    with Memory.open(home, embedder="none") as memory:
        memory.session("s").add_turn(user="private")
        memory.flush()
        paths = [home, *(path for path in home.rglob("*") if path.parent.name != "words")]  # changes meanwhile
        assert len(paths) > 5
        _check_private(paths)
    _check_private([home, *home.rglob("*")])


def _check_private(paths: list[Path]) -> None:
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_leave_no_thread_and_no_lock_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    for _ in range(5):
        with Memory.open(tmp_path, embedder="none") as memory:
            session = memory.session("s")
            session.add_turn(user="hello")
            session.prefetch("hello")
            session.prefetched("hello", 10)
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
    assert set(threading.enumerate()) <= before
    assert list((tmp_path / "run").iterdir()) == []


def test_keep_what_was_said_by_a_process_that_never_closed(tmp_path: Path) -> None:
    program = """
import sys
from threadline import Memory
memory = Memory.open(sys.argv[1], embedder="none", retain_every_n_turns=9)
memory.session("s").add_turn(user="the last words")
raise RuntimeError("never closed")
"""
    with pytest.raises(subprocess.CalledProcessError):
        run(program, str(tmp_path))
    with Memory.open(tmp_path, embedder="none") as memory:
        assert memory.flush(20)
        assert len(memory.recall("last words")) == 1


def test_refuse_a_journal_of_a_newer_version_or_none_of_ours(tmp_path: Path) -> None:
    import apsw

    Memory.open(tmp_path, embedder="none").close()
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(NewerVersionError, match="upgrade"):
        Memory.open(tmp_path, embedder="none")
    (tmp_path / "journal.db").write_bytes(b"something else" * 1000)
    with pytest.raises(StorageCorruptError, match="backup"):
        Memory.open(tmp_path, embedder="none")
    assert list((tmp_path / "run").iterdir()) == [], "a failed opening holds nothing"


def test_refuse_settings_that_are_unknown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="retain_every_n_turns"):
        Memory.open(tmp_path, retain_every=3)  # type: ignore[call-arg]
    assert list(tmp_path.iterdir()) == []


def test_say_what_is_wrong_with_a_home_that_cannot_be_written() -> None:
    with pytest.raises(StorageReadOnlyError, match="owner and permissions"):
        Memory.open("/sys/threadline" if sys.platform == "linux" else "/System/threadline", embedder="none")


def test_sync_the_bank_too_where_power_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery that is on disk as done must find what it delivered there too."""
    asked: dict[str, object] = {}

    class Recording(Database):
        def __init__(self, path: Path, schema: Schema, durability: Durability = "process") -> None:
            asked[path.name] = durability
            super().__init__(path, schema, durability)

    monkeypatch.setattr("threadline.engine.store.sqlite.Database", Recording)
    with Memory.open(tmp_path, embedder="none", durability="power") as memory:
        memory.session("s").add_turn(user="kept")
        assert memory.flush()
    assert asked == {"memory.db": "power"}
