import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from threadline import (
    ClosedError,
    NewerVersionError,
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
)
from threadline.database import Database, Schema, _Write, named_queries, private_directory, translate

SCHEMA = Schema(application_id=77, version=2, create="CREATE TABLE t (x INTEGER, y TEXT) STRICT", migrations={2: ""})
OLD = Schema(application_id=77, version=1, create="CREATE TABLE t (x INTEGER) STRICT")
MIGRATED = Schema(77, 2, SCHEMA.create, {2: "ALTER TABLE t ADD COLUMN y TEXT"})


def _insert(value: int) -> Callable[[apsw.Connection], None]:
    def work(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO t (x) VALUES (?)", (value,))

    return work


def test_open_private_files_in_wal_mode(tmp_path: Path) -> None:
    database = Database(tmp_path / "new" / "a.db", SCHEMA)
    database.write("one", _insert(1))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in database.path.parent.iterdir()}
    assert set(modes) == {"a.db", "a.db-wal", "a.db-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700
    database.close()


def test_roll_back_a_failing_write_alone(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)

    def fail(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO t (x) VALUES (99)")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        database.write("bad", fail)
    database.write("good", _insert(1))
    assert database.rows("SELECT x FROM t") == [(1,)]
    database.close()


def test_commit_waiting_writes_together_each_on_its_own(tmp_path: Path) -> None:
    """Ten writers arrive while one commits: they become few transactions; the one that fails takes no other along."""
    database = Database(tmp_path / "a.db", SCHEMA)
    commits: list[tuple[str, ...]] = []
    database.observer = lambda phase, names: commits.append(names) if phase == "committed" else None
    entered, release = threading.Event(), threading.Event()

    def slow(connection: apsw.Connection) -> None:
        entered.set()
        assert release.wait(10)
        connection.execute("INSERT INTO t (x) VALUES (0)")

    def work(value: int) -> None:
        def insert(connection: apsw.Connection) -> None:
            connection.execute("INSERT INTO t (x) VALUES (?)", (value,))
            if value == 5:
                raise ValueError("five")

        try:
            database.write(f"w{value}", insert)
        except ValueError:
            failed.append(value)

    failed: list[int] = []
    first = threading.Thread(target=database.write, args=("slow", slow))
    first.start()
    assert entered.wait(10)
    others = [threading.Thread(target=work, args=(value,)) for value in range(1, 11)]
    for thread in others:
        thread.start()
    while len(database._waiting) < 10:  # the only way to know that they have all arrived
        os.sched_yield()
    release.set()
    for thread in [first, *others]:
        thread.join(10)
    assert failed == [5]
    assert sorted(x for (x,) in database.rows("SELECT x FROM t")) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert len(commits) == 2
    assert len(commits[1]) == 10
    database.close()


def test_migrate_an_old_file_into_what_a_new_one_is(tmp_path: Path) -> None:
    Database(tmp_path / "old.db", OLD).close()
    migrated = Database(tmp_path / "old.db", MIGRATED)
    fresh = Database(tmp_path / "new.db", MIGRATED)
    columns = "SELECT name, type FROM pragma_table_info('t')"
    assert migrated.rows(columns) == fresh.rows(columns)
    assert migrated.rows("PRAGMA user_version") == [(2,)]
    migrated.close()
    fresh.close()


def test_let_several_processes_create_and_migrate_at_once(tmp_path: Path) -> None:
    Database(tmp_path / "old.db", OLD).close()
    program = f"""
import sys
from pathlib import Path
from threadline.database import Database, Schema
schema = Schema(77, 2, {SCHEMA.create!r}, {{2: "ALTER TABLE t ADD COLUMN y TEXT"}})
sys.stdin.read()
for name in ("old.db", "new.db"):
    database = Database(Path({str(tmp_path)!r}) / name, schema)
    database.write("w", lambda c: c.execute("INSERT INTO t VALUES (1, 'y')"))
    database.close()
"""
    children = [subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) for _ in range(6)]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    assert [child.wait(60) for child in children] == [0] * 6
    for name in ("old.db", "new.db"):
        database = Database(tmp_path / name, MIGRATED)
        assert database.rows("SELECT count(*) FROM t") == [(6,)]
        database.close()


def test_refuse_a_newer_file_and_leave_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    Database(path, Schema(77, 9, "CREATE TABLE future (x)")).close()
    before = path.read_bytes()
    with pytest.raises(NewerVersionError, match="upgrade"):
        Database(path, SCHEMA)
    assert path.read_bytes() == before


def test_refuse_somebody_elses_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StorageCorruptError, match="not one of Threadline's"):
        Database(path, SCHEMA)


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_refuse_a_damaged_file_and_leave_it_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(StorageCorruptError, match="backup"):
        Database(path, SCHEMA)
    assert path.read_bytes() == content


def test_refuse_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    with pytest.raises(StorageError):
        Database(tmp_path / "a.db", SCHEMA)


def test_refuse_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageError, match="something else has that name"):
        private_directory(tmp_path / "home" / "deeper")


def test_say_when_the_disk_is_full_and_keep_what_was_there(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)
    database.write("one", _insert(1))
    pages = next(iter(database._writer.execute("PRAGMA page_count")))[0]
    database._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageFullError, match="Nothing was lost"):
        database.write("big", lambda c: c.execute("INSERT INTO t (y) VALUES (?)", ("x" * 100_000,)))
    database._writer.execute("PRAGMA max_page_count = 1000000")
    database.write("two", _insert(2))
    assert database.rows("SELECT x FROM t") == [(1,), (2,)]
    database.close()


def test_say_when_another_process_holds_the_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)
    other = apsw.Connection(str(tmp_path / "a.db"))
    other.execute("BEGIN IMMEDIATE")
    database._writer.set_busy_timeout(1)
    with pytest.raises(StorageBusyError, match="Another process"):
        database.write("one", _insert(1))
    other.execute("ROLLBACK")
    database.write("one", _insert(1))
    database.close()
    other.close()


def test_refuse_to_work_once_closed(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)
    database.close()
    database.close()
    with pytest.raises(ClosedError):
        database.read()
    with pytest.raises(ClosedError):
        database.write("one", _insert(1))


def test_leave_no_deleted_byte_after_compacting(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)
    database.write("one", lambda c: c.execute("INSERT INTO t (y) VALUES (?)", ("secret words " * 1000,)))
    assert any(b"secret words" in path.read_bytes() for path in tmp_path.iterdir())
    database.write("gone", lambda c: c.execute("DELETE FROM t"))
    database.compact()
    assert not any(b"secret words" in path.read_bytes() for path in tmp_path.iterdir())
    database.close()


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (apsw.FullError, StorageFullError),
        (apsw.ReadOnlyError, StorageReadOnlyError),
        (apsw.CantOpenError, StorageReadOnlyError),
        (apsw.BusyError, StorageBusyError),
        (apsw.CorruptError, StorageCorruptError),
        (apsw.IOError, StorageError),
        (apsw.SQLError, StorageError),
    ],
)
def test_translate_every_sqlite_error(error: type[apsw.Error], ours: type[StorageError]) -> None:
    assert type(translate(error("x"), Path("a.db"))) is ours


def test_read_named_queries() -> None:
    assert named_queries("-- a head\n-- name: one\nSELECT 1\n\n-- name: two\nSELECT\n  2\n") == {
        "one": "SELECT 1",
        "two": "SELECT\n  2",
    }


def test_say_that_text_is_damaged(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)
    database.write("bad", lambda c: c.execute("INSERT INTO t (y) VALUES (CAST(x'ff41' AS TEXT))"))
    with pytest.raises(StorageCorruptError, match="backup"):
        database.rows("SELECT y FROM t")
    database.close()


def test_refuse_two_queries_of_one_name() -> None:
    with pytest.raises(ValueError, match="two queries named 'one'"):
        named_queries("-- name: one\nSELECT 1\n-- name: one\nSELECT 2\n")


def test_leave_no_connection_behind_with_a_thread_that_ended(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)
    for _ in range(50):
        thread = threading.Thread(target=database.rows, args=("SELECT 1",))
        thread.start()
        thread.join()
    assert len(database._readers) == 0
    database.close()


def test_move_the_wal_into_the_file_when_asked(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA, checkpoints=False)
    wal = tmp_path / "a.db-wal"
    for _ in range(3):
        database.write("big", lambda c: c.execute("INSERT INTO t (y) VALUES (?)", ("x" * 3_000_000,)))
    assert wal.stat().st_size > 8_000_000
    assert (tmp_path / "a.db").stat().st_size < 1_000_000
    database.checkpoint()
    assert (tmp_path / "a.db").stat().st_size > 8_000_000
    database.write("small", _insert(1))
    before = wal.stat().st_size
    database.write("small", _insert(2))
    assert wal.stat().st_size == before, "the WAL is used anew from its beginning"
    database.close()


def test_open_a_new_file_from_many_threads_at_once(tmp_path: Path) -> None:
    """Whoever comes while another is making it sees it either empty or whole."""
    for number in range(40):
        barrier = threading.Barrier(4)
        failed: list[Exception] = []

        def enter(path: Path, barrier: threading.Barrier, failed: list[Exception]) -> None:
            barrier.wait()
            try:
                Database(path, SCHEMA).close()
            except StorageError as error:
                failed.append(error)

        crowd = [threading.Thread(target=enter, args=(tmp_path / f"{number}.db", barrier, failed)) for _ in range(4)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        assert failed == []


class _Interrupting:
    """A connection on which Ctrl-C arrives while a statement runs: Python raises it on the way back."""

    def __init__(self, connection: apsw.Connection, statement: str) -> None:
        self._connection = connection
        self._statement = statement

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *bindings: Any) -> Any:
        cursor = self._connection.execute(sql, *bindings)
        if sql == self._statement:
            self._statement = ""
            raise KeyboardInterrupt
        return cursor


@pytest.mark.parametrize(("statement", "kept"), [("BEGIN IMMEDIATE", [2]), ("COMMIT", [1, 2])])
def test_go_on_after_an_interrupt(tmp_path: Path, statement: str, kept: list[int]) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)
    writer = database._writer
    database._writer = _Interrupting(writer, statement)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        database.write("one", _insert(1))
    assert not writer.in_transaction, "nobody else could write"
    database.write("two", _insert(2))
    assert [x for (x,) in database.rows("SELECT x FROM t")] == kept
    database.close()


def test_tell_the_others_that_a_commit_that_was_interrupted_came_about(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)
    database._writer = _Interrupting(database._writer, "COMMIT")  # type: ignore[assignment]
    other = _Write("other", _insert(1))
    database._waiting.append(other)
    with pytest.raises(KeyboardInterrupt):
        database.write("mine", _insert(2))
    assert other.settled
    other.outcome(database.path)
    assert [x for (x,) in database.rows("SELECT x FROM t")] == [1, 2]
    database.close()


def test_return_only_once_it_is_committed_however_many_wait(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA)
    database._waiting.extend(_Write("before", _insert(value)) for value in range(300))
    database.write("last", _insert(300))
    assert [x for (x,) in database.rows("SELECT x FROM t ORDER BY x")] == list(range(301))
    database.close()


def test_refuse_a_write_in_the_middle_of_another_on_the_same_thread(tmp_path: Path) -> None:
    """As from a signal handler: the other one goes on unharmed."""
    database = Database(tmp_path / "a.db", SCHEMA)

    def work(connection: apsw.Connection) -> None:
        _insert(1)(connection)
        with pytest.raises(StorageBusyError):
            database.write("inner", _insert(2))

    database.write("outer", work)
    assert database.rows("SELECT x FROM t") == [(1,)]
    database.close()


def test_keep_the_wal_short_though_nobody_moves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadline.database._LONGEST_WAL_PAGES", 100)
    database = Database(tmp_path / "a.db", SCHEMA, checkpoints=False)
    for _ in range(300):
        database.write("big", lambda c: c.execute("INSERT INTO t (y) VALUES (?)", ("x" * 20_000,)))
    assert (tmp_path / "a.db-wal").stat().st_size < 200 * 4096
    database.close()


def test_move_a_deleted_wal_into_the_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", SCHEMA, checkpoints=False)
    database.write("one", _insert(1))
    assert database.rows("SELECT x FROM t") == [(1,)]  # whoever comes only now does not see the deleted file
    (tmp_path / "a.db-wal").unlink()
    database.checkpoint()
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "a.db").read_bytes())
    assert list(apsw.Connection(str(copy)).execute("SELECT x FROM t")) == [(1,)]
    database.close()


if sys.platform == "linux":  # where one can look at the locks

    def test_keep_the_locks_of_a_file_that_is_opened_twice(tmp_path: Path) -> None:
        """POSIX drops all of a process's locks on a file as soon as it closes any descriptor of it."""

        def locks() -> set[tuple[str, ...]]:
            inode = str((tmp_path / "a.db").stat().st_ino)
            held = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
            # Another process may have a file of the same number open, in another file system.
            return {tuple(f[1:]) for f in held if f[4:5] == [str(os.getpid())] and f[5].endswith(f":{inode}")}

        first = Database(tmp_path / "a.db", SCHEMA)
        first.write("one", _insert(1))
        before = locks()
        second = Database(tmp_path / "a.db", SCHEMA)
        assert before
        assert locks() == before
        second.close()
        first.close()
