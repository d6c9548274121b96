"""A whole data directory as one file, taken while it is in use, and a data directory from such a file.

All databases of a tenant are copied as they were at one instant: for that instant nobody may write, which takes some
milliseconds; the copying after it is in nobody's way. So a copy is a state in which the process could have died, and
those are what everything here is made to go on from. The word indexes are left out: they are made again when they are
first needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

import apsw

import threadline
from threadline.database import os_error, private_directory, storage_errors
from threadline.errors import InputError, NewerVersionError, StorageBusyError, StorageCorruptError

FORMAT = 1

_MANIFEST = "threadline-backup.json"
#: What is made again by itself, or only holds while a process lives.
_LEFT_OUT_FOLDERS = frozenset(("words", "run", "tenants"))
_LEFT_OUT_ENDINGS = ("-wal", "-shm", "-journal", ".lock")
_ORDER = {"journal.db": 0, "server.db": 1}

_LOCK_SECONDS = 30.0
_LOCK_TRY_MS = 500
_CHUNK = 1 << 20
_UNREADABLE = (tarfile.TarError, zlib.error, EOFError, ValueError)


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds.

    Attributes:
        files: how many files.
        databases: how many of them are databases, each of which was checked.
        bytes: how large they are together.
    """

    path: Path
    files: int
    databases: int
    bytes: int
    made_at: datetime


def back_up(home: Path, path: Path) -> Backup:
    """Write a data directory to a file for its owner alone, which appears only when it is whole and was read again.

    Args:
        home: the data directory; a server or any other process may be using it.
        path: the file; one that has the name already is replaced.

    Raises:
        InputError: there is no data directory.
        StorageBusyError: somebody kept a database locked for too long.
        StorageCorruptError: a database is damaged; no backup was made.
        StorageError: something cannot be read or written.
    """
    if not home.is_dir():
        raise InputError(f"There is no data directory {home}; --home names another.")
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            _write(home, file, path.parent)
            file.seek(0)
            found = _read(file, path, None)
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise os_error(error, path) from error
    finally:
        partial.unlink(missing_ok=True)
    return found


def restore(path: Path, home: Path) -> Backup:
    """Make a data directory from a backup. It appears only when all of it is there and was checked.

    Raises:
        InputError: there is no such file, or something is at `home` already.
        StorageCorruptError: the backup is damaged, or no backup.
        NewerVersionError: it was made by a newer Threadline.
        StorageError: something cannot be read or written.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise InputError(f"{home} is there already; name a folder that is not, or is empty, with --home.")
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    private_directory(home.parent)
    partial = home.with_name(f".{home.name}.{secrets.token_hex(4)}")
    try:
        partial.mkdir(mode=0o700)
        with path.open("rb") as file:
            found = _read(file, path, partial)
        for database in partial.rglob("*.db"):
            _check(database, path)
        if home.exists():
            home.rmdir()
        partial.replace(home)
    except OSError as error:
        raise os_error(error, home) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return found


def _write(home: Path, file: IO[bytes], scratch: Path) -> None:
    told: dict[str, dict[str, Any]] = {}
    with (
        tempfile.TemporaryDirectory(dir=scratch, prefix=".threadline-backup-") as folder,
        tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive,
    ):
        for root in (home, *_tenants(home)):
            with _frozen(root) as connections:
                for name, source in connections.items():
                    copy = Path(folder) / "copy.db"
                    _copy(source, copy, root / name)
                    _add(archive, told, home, root / name, copy)
                    copy.unlink()
            for each in _files(root):
                _add(archive, told, home, each, each)
        manifest = {
            "format": FORMAT,
            "threadline": threadline.__version__,
            "made_at": datetime.now(UTC).isoformat(),
            "files": told,
        }
        content = Path(folder) / _MANIFEST
        content.write_text(json.dumps(manifest, indent=1), "utf-8")
        archive.add(content, _MANIFEST, filter=_plain)


def _tenants(home: Path) -> list[Path]:
    folder = home / "tenants"
    return sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []


@contextlib.contextmanager
def _frozen(root: Path) -> Iterator[dict[str, apsw.Connection]]:
    """All databases of a tenant, each open at the same instant."""
    deadline = time.monotonic() + _LOCK_SECONDS
    with contextlib.ExitStack() as readers:
        while True:
            try:
                found = _at_one_instant(root, readers)
                break
            except apsw.BusyError as error:  # whoever writes to several at once, in another order, goes first
                readers.close()
                if time.monotonic() > deadline:
                    told = f"A database in {root} stayed locked; end what holds it, or try again."
                    raise StorageBusyError(told) from error
        yield found


def _at_one_instant(root: Path, readers: contextlib.ExitStack) -> dict[str, apsw.Connection]:
    found: dict[str, apsw.Connection] = {}
    with contextlib.ExitStack() as writers:
        # The journal comes first: a bank that is made after it was locked has nothing yet that it would rely on.
        locked: set[Path] = set()
        while new := [each for each in _databases(root) if each not in locked]:
            for path in new:
                locked.add(path)
                with _errors_but_busy(path):
                    writers.enter_context(contextlib.closing(_open(path))).execute("BEGIN IMMEDIATE")
        for path in sorted(locked):
            with _errors_but_busy(path):
                reader = readers.enter_context(contextlib.closing(_open(path)))
                reader.execute("BEGIN")
                list(reader.execute("SELECT 1 FROM sqlite_schema LIMIT 1"))
            found[path.relative_to(root).as_posix()] = reader
    return found


def _open(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(_LOCK_TRY_MS)
    return connection


@contextlib.contextmanager
def _errors_but_busy(path: Path) -> Iterator[None]:
    """As `storage_errors`; that somebody else is writing is for the caller."""
    try:
        with storage_errors(path):
            yield
    except StorageBusyError as error:
        if isinstance(error.__cause__, apsw.BusyError):
            raise error.__cause__ from None
        raise


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - _LEFT_OUT_FOLDERS)
        for name in sorted(names):
            path = Path(folder) / name
            if (
                not name.startswith(".")
                and not name.endswith(_LEFT_OUT_ENDINGS)
                and path.is_file()
                and not path.is_symlink()
            ):
                yield path


def _databases(root: Path) -> list[Path]:
    """By their names: to open one as a file, and close it, would drop the locks that this process has on it."""
    found = [path for path in _walk(root) if path.suffix == ".db"]
    return sorted(found, key=lambda path: (_ORDER.get(path.name, 2), path))


def _files(root: Path) -> list[Path]:
    return [path for path in _walk(root) if path.suffix != ".db"]


def _copy(source: apsw.Connection, copy: Path, path: Path) -> None:
    with (
        storage_errors(path),
        contextlib.closing(apsw.Connection(str(copy))) as target,
        target.backup("main", source, "main") as work,
    ):
        work.step(-1)
    _check(copy, path)


def _check(database: Path, told: Path) -> None:
    """Whether SQLite finds the file whole.

    Raises:
        StorageCorruptError: it does not.
    """
    with storage_errors(told), contextlib.closing(apsw.Connection(str(database))) as connection:
        (found,) = next(iter(connection.execute("PRAGMA quick_check(1)")))
    if found != "ok":
        raise StorageCorruptError(f"{told} is damaged ({found}). `threadline doctor` looks at everything.")


def _add(archive: tarfile.TarFile, told: dict[str, dict[str, Any]], home: Path, path: Path, content: Path) -> None:
    name = path.relative_to(home).as_posix()
    with content.open("rb") as file:
        told[name] = {"bytes": content.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    archive.add(content, name, recursive=False, filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what tells of the machine it was on."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _read(file: IO[bytes], path: Path, into: Path | None) -> Backup:
    """Read a backup and hold it against what it says of itself; with `into`, its files are written there.

    Raises:
        StorageCorruptError: they differ, or it is none.
    """
    found: dict[str, dict[str, Any]] = {}
    manifest: Mapping[str, Any] | None = None
    try:
        with tarfile.open(fileobj=file, mode="r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or not _is_safe(member.name) or manifest is not None or member.name in found:
                    raise StorageCorruptError(f"{path} is no backup of Threadline's: it holds {member.name!r}.")
                if member.name == _MANIFEST:
                    manifest = json.loads(content.read())
                else:
                    found[member.name] = _take(content, None if into is None else into / member.name)
    except (*_UNREADABLE, tarfile.ReadError) as error:
        raise StorageCorruptError(f"{path} is damaged, or no backup of Threadline's ({error}); use another.") from error
    except OSError as error:
        if error.errno is None:  # gzip's own
            raise StorageCorruptError(f"{path} is damaged, or no backup of Threadline's ({error}).") from error
        raise
    return _compare(path, manifest, found)


def _compare(path: Path, manifest: Mapping[str, Any] | None, found: dict[str, dict[str, Any]]) -> Backup:
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise StorageCorruptError(f"{path} is no whole backup of Threadline's: its list of contents is missing.")
    if manifest["format"] > FORMAT:
        raise NewerVersionError(
            f"{path} was made by a newer Threadline; upgrade with: pip install --upgrade threadline"
        )
    if manifest.get("files") != found:
        raise StorageCorruptError(f"{path} is damaged: its contents are not what it says of them; use another.")
    return Backup(
        path=path,
        files=len(found),
        databases=sum(name.endswith(".db") for name in found),
        bytes=sum(each["bytes"] for each in found.values()),
        made_at=datetime.fromisoformat(manifest["made_at"]),
    )


def _is_safe(name: str) -> bool:
    pure = PurePosixPath(name)
    return not pure.is_absolute() and ".." not in pure.parts and "\\" not in name and str(pure) == name


def _take(content: IO[bytes], target: Path | None) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with contextlib.ExitStack() as stack:
        file = None
        if target is not None:
            private_directory(target.parent)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            file = stack.enter_context(os.fdopen(descriptor, "wb"))
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if file is not None:
                file.write(chunk)
        if file is not None:
            file.flush()
            os.fsync(file.fileno())
    return {"bytes": size, "sha256": digest.hexdigest()}
