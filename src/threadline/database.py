"""One SQLite file, private to its user: opening, migrating, transactions that several threads share.

Both the journal and the embedded store stand on this. Reads use a connection per thread. Writes from all
threads go through one connection: whoever holds it commits everything that is waiting as one transaction,
so that eight threads cost one commit (and, with `durability="power"`, one fsync) instead of eight.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import apsw

from threadline.errors import (
    ClosedError,
    NewerVersionError,
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
)

T = TypeVar("T")

Durability = Literal["process", "power"]

_BUSY_MS = 10_000
_CACHE_KIB = 16_384
_GROUP = 128
_CHECKPOINT_PAGES = 1_000
#: A commit moves a WAL of this size into the file itself, also where somebody else should have done so before.
_LONGEST_WAL_PAGES = 16_000
_PAGE_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Schema:
    """What a file must look like.

    Attributes:
        application_id: SQLite's own mark in the header that says whose file it is.
        version: the `user_version` of a current file.
        create: the SQL that makes a current file.
        migrations: version -> the SQL that brings a file from the version before it to this one.
    """

    application_id: int
    version: int
    create: str
    migrations: Mapping[int, str] = field(default_factory=dict)


def private_directory(path: Path) -> None:
    """Make a directory (and its parents) that only its user may enter.

    Raises:
        StorageError: it cannot be made, or something else has its name.
    """
    try:
        for folder in [*reversed(path.parents), path]:
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(exist_ok=True)  # raises when something else has its name
    except OSError as error:
        raise os_error(error, path) from error


class Database:
    """One SQLite file in WAL mode.

    Args:
        path: the file; made when missing, with mode 0600.
        schema: what it must look like; an older file is migrated, under a lock, before it is used.
        durability: `process` survives the death of the process at any instant; `power` also that of the
            machine, with an fsync for every group of commits.
        checkpoints: whether a commit may move the WAL into the file, which costs it an fsync now and then. If
            not, somebody has to call `checkpoint`; a commit does it only where the WAL has become huge.

    Raises:
        StorageError: see its subclasses in `threadline.errors`.
    """

    #: Called with ("commit" | "committed", names of the writes) around every commit. A crash test's hook.
    observer: Callable[[str, tuple[str, ...]], None] | None = None

    def __init__(
        self, path: Path, schema: Schema, durability: Durability = "process", *, checkpoints: bool = True
    ) -> None:
        self.path = path
        self._checkpoint_pages = _CHECKPOINT_PAGES if checkpoints else _LONGEST_WAL_PAGES
        self._synchronous = "FULL" if durability == "power" else "NORMAL"
        # Only the thread holds its connection: a host that reads from a new thread each time leaves none behind.
        self._readers: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._local = threading.local()
        self._lock = threading.RLock()
        self._entering = threading.RLock()
        self._waiting: deque[_Write[Any]] = deque()
        self._closed = False
        self._committing = False
        self._process = os.getpid()
        with storage_errors(path):
            _create_file(path)
            if _file(path) in _inherited:
                raise ClosedError(_FORKED)
            self._writer = self._connect()
            _open.add(self)
            _prepare(self._writer, schema, path)

    def read(self) -> apsw.Connection:
        """The calling thread's own connection for reading."""
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        self._check_open()
        if connection is None:
            with storage_errors(self.path):
                connection = self._connect()
                connection.execute("PRAGMA query_only = ON")
            with self._entering:
                self._check_open()
                self._readers.add(connection)
            self._local.connection = connection
        return connection

    def rows(self, sql: str, bindings: apsw.Bindings | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query, read on the calling thread's connection."""
        with storage_errors(self.path):
            return list(self.read().execute(sql, bindings))

    def row(self, sql: str, bindings: apsw.Bindings | None = None) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        found = self.rows(sql, bindings)
        return found[0] if found else None

    def write(self, name: str, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` in a transaction and return what it returns, once that is committed.

        Writes that wait at the same moment are committed together, each in its own savepoint: one that
        raises takes nothing of the others with it.

        Args:
            name: what this write is, for the observer.
        """
        self._check_open()
        write = _Write(name, work)
        self._waiting.append(write)
        try:
            with self._lock:
                while not write.settled:  # there may be more before it than one transaction takes
                    self._commit_waiting()
        except BaseException:
            write.settled = True  # interrupted: if it still waits, nobody is to commit it later
            raise
        return write.outcome(self.path)

    def checkpoint(self) -> None:
        """Move the WAL into the file once it is large, as far as that makes nobody wait.

        Also when somebody has deleted it: it still is where this process has it open, and nowhere else.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        if not wal.exists() or wal.stat().st_size > _CHECKPOINT_PAGES * _PAGE_BYTES:
            with storage_errors(self.path):
                list(self.read().execute("PRAGMA wal_checkpoint(PASSIVE)"))

    def compact(self) -> None:
        """Rewrite the file without its free pages and empty the WAL, so that no deleted byte is left.

        Raises:
            StorageBusyError: another process is reading an older state of the file.
        """
        with self._lock, storage_errors(self.path):
            self._writer.execute("VACUUM")
            busy, _, _ = next(iter(self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")))
            if busy:
                raise StorageBusyError(f"{self.path} is being read by another process; try again.")

    def close(self) -> None:
        """Close every connection. Calling it twice, or in a forked child, is no error and does nothing."""
        if self._process != os.getpid():
            return
        with self._lock:
            with self._entering:
                self._closed = True
                readers = list(self._readers)
            for connection in [*readers, self._writer]:
                # One that another thread is reading from just now is closed when that thread ends.
                with contextlib.suppress(apsw.ThreadingViolationError):
                    connection.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"{self.path.name} was closed; open the memory again to go on.")
        if self._process != os.getpid():
            raise ClosedError(_FORKED)

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path))
        connection.set_busy_timeout(_BUSY_MS)
        for pragma in (
            f"synchronous = {self._synchronous}",
            "foreign_keys = ON",
            "secure_delete = ON",
            f"wal_autocheckpoint = {self._checkpoint_pages}",
            f"journal_size_limit = {4 * _CHECKPOINT_PAGES * _PAGE_BYTES}",
            f"cache_size = -{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _commit_waiting(self) -> None:
        if self._committing:
            raise StorageBusyError(f"{self.path} is being written by what was interrupted for this; try again later.")
        group: list[_Write[Any]] = []
        try:
            self._committing = True
            self._take(group)
            self._check_open()
            with storage_errors(self.path):
                self._commit(group)
        except (StorageError, ClosedError) as error:
            self._settle(group, error)
        except BaseException:
            self._settle(group, StorageError(f"A write to {self.path} was interrupted; try it again."))
            raise
        finally:
            self._committing = False

    def _take(self, group: list[_Write[Any]]) -> None:
        while self._waiting and len(group) < _GROUP:
            if not self._waiting[0].settled:
                group.append(self._waiting[0])
            self._waiting.popleft()

    def _commit(self, group: list[_Write[Any]]) -> None:
        """Commit a group. A Ctrl-C may come on the way back from any statement, also from BEGIN and COMMIT."""
        names = tuple(write.name for write in group)
        if self._writer.in_transaction:  # the second Ctrl-C came before the first one's ROLLBACK
            self._writer.execute("ROLLBACK")
        committing = False
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            if len(group) == 1:
                group[0].result = group[0].work(self._writer)
            else:
                for write in group:
                    self._run(write)
            if self.observer:
                self.observer("commit", names)
            committing = True
            self._writer.execute("COMMIT")
        except BaseException as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            elif committing and not isinstance(error, Exception):
                self._settle(group)  # it is committed
            if len(group) == 1 and isinstance(error, Exception):
                self._settle(group, error)
                return
            raise
        self._settle(group)
        if self.observer:
            self.observer("committed", names)

    def _run(self, write: _Write[Any]) -> None:
        self._writer.execute("SAVEPOINT one")
        try:
            write.result = write.work(self._writer)
        except Exception as error:
            if not self._writer.in_transaction:
                raise  # SQLite rolled the whole transaction back: nobody's write happened
            self._writer.execute("ROLLBACK TO one")
            write.error = error
        self._writer.execute("RELEASE one")

    @staticmethod
    def _settle(group: list[_Write[Any]], error: Exception | None = None) -> None:
        for write in group:
            if not write.settled:
                write.error = write.error or error
                write.settled = True


def named_queries(text: str) -> dict[str, str]:
    """The blocks of an `.sql` file, each behind a line `-- name: <name>`.

    Raises:
        ValueError: two blocks have one name.
    """
    queries: dict[str, str] = {}
    for block in text.split("-- name: ")[1:]:
        name, _, sql = block.partition("\n")
        if name.strip() in queries:
            raise ValueError(f"There are two queries named {name.strip()!r}.")
        queries[name.strip()] = sql.strip()
    return queries


_FORKED = (
    "This memory was open when the process was forked, and the child cannot use it. Open memories only after forking, "
    "or start the process anew, as multiprocessing's `spawn` does."
)

#: The databases this process has open.
_open: weakref.WeakSet[Database] = weakref.WeakSet()

#: The files that this process's parent had open when it forked. SQLite believes that it has its locks on them still:
#: opened anew here, they would be used without any, and another process would remove their WAL.
_inherited: set[tuple[int, int]] = set()


def _file(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _inherit() -> None:
    _inherited.update(_file(database.path) for database in _open if not database._closed and database.path.exists())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inherit)


class _Write(Generic[T]):
    """One write on its way: who asked for it reads the outcome here."""

    __slots__ = ("error", "name", "result", "settled", "work")

    def __init__(self, name: str, work: Callable[[apsw.Connection], T]) -> None:
        self.name = name
        self.work = work
        self.settled = False
        self.result: T | None = None
        self.error: Exception | None = None

    def outcome(self, path: Path) -> T:
        if isinstance(self.error, apsw.Error):
            raise translate(self.error, path) from self.error
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]  # settled without error: it is what `work` returned


def _create_file(path: Path) -> None:
    """Make the file before SQLite does, so that it is never readable by others, not for an instant."""
    private_directory(path.parent)
    try:
        # Only a new file: closing one that is in use would drop every lock this process has on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise os_error(error, path) from error


def _prepare(connection: apsw.Connection, schema: Schema, path: Path) -> None:
    """Bring the file to the schema's version. Several processes may arrive here at once: one does it."""
    with connection:  # one look at one state of the file: another process may be making it just now
        found = _version(connection, schema, path)
    if found != schema.version:
        _enter_wal(connection)
        connection.execute("BEGIN EXCLUSIVE")
        with connection:
            version = _version(connection, schema, path)
            if version == 0:
                connection.execute(schema.create)
            else:
                for step in range(version + 1, schema.version + 1):
                    connection.execute(schema.migrations[step])
            connection.execute(f"PRAGMA application_id = {schema.application_id}")
            connection.execute(f"PRAGMA user_version = {schema.version}")
        connection.execute("COMMIT")
    # Another process may have migrated the file after this connection learnt its tables: look at them again.
    _has_tables(connection)


def _enter_wal(connection: apsw.Connection) -> None:
    """Switch to WAL. SQLite does not wait by itself for another process that is doing the same."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except apsw.BusyError:
            connection.execute("BEGIN IMMEDIATE; COMMIT")  # waits for the other, within the busy time-out
        else:
            return


def _version(connection: apsw.Connection, schema: Schema, path: Path) -> int:
    application_id = int(connection.pragma("application_id"))
    version = int(connection.pragma("user_version"))
    if application_id not in (0, schema.application_id) or (application_id == 0 and _has_tables(connection)):
        raise StorageCorruptError(f"{path} is an SQLite file, but not one of Threadline's; move it away.")
    if version > schema.version:
        raise NewerVersionError(
            f"{path} was written by a newer Threadline (format {version}, this one knows {schema.version}); "
            "upgrade with: pip install --upgrade threadline"
        )
    return version


def _has_tables(connection: apsw.Connection) -> bool:
    return next(iter(connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")), None) is not None


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, with a message written for the user."""
    try:
        yield
    except apsw.Error as error:
        raise translate(error, path) from error
    except UnicodeDecodeError as error:
        raise translate(apsw.CorruptError(str(error)), path) from error


def translate(error: apsw.Error, where: Path) -> StorageError:
    """The `StorageError` that says what an SQLite error means to the user."""
    match error:
        case apsw.FullError():
            return StorageFullError(f"No space left to write {where}; free some and try again. Nothing was lost.")
        case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError():
            return StorageReadOnlyError(f"{where} may not be written; check its owner and permissions.")
        case apsw.CantOpenError():
            return StorageReadOnlyError(f"{where} cannot be opened; check that its folder exists and is writable.")
        case apsw.BusyError() | apsw.LockedError():
            return StorageBusyError(f"Another process holds {where} for too long; end it or try again.")
        case apsw.CorruptError() | apsw.NotADBError():
            return StorageCorruptError(
                f"{where} is damaged or not a Threadline file ({error}); restore it from a backup, "
                "or move it away to start afresh."
            )
        case apsw.IOError():
            return StorageError(f"{where} could not be read or written ({error}); check the disk.")
        case _:
            return StorageError(f"{where}: {error}")


def os_error(error: OSError, path: Path) -> StorageError:
    """The `StorageError` that says what an operating-system error means to the user."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return StorageFullError(f"No space left to write {path}; free some and try again.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StorageReadOnlyError(f"{path} may not be written; check its owner and permissions.")
        case errno.ENOTDIR | errno.EEXIST | errno.EISDIR:
            return StorageError(f"{path} cannot be made: something else has that name; move it away.")
        case _:
            return StorageError(f"{path}: {error.strerror}")
