"""Files that a server keeps for a while: archives to be fetched, and what was sent to be worked on.

They lie in the tenant's own folder, readable by nobody else, under keys that cannot be guessed. A key is looked up in
the tenant's own table before it names a file, so that no path can be made of it; and it is worth nothing without access
to the bank it belongs to.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal

from threadline.errors import StorageError, StorageFullError, UnknownItemError
from threadline.server.house import Room, Tenant
from threadline.server.store import files as store
from threadline.server.store.files import FileRow

#: How long a file is kept.
KEPT = timedelta(hours=24)

_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_HALF = ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def new_key() -> str:
    """A key that cannot be guessed."""
    return secrets.token_urlsafe(32)


@contextlib.contextmanager
def written(room: Room, key: str, name: str, kind: Literal["export", "upload"]) -> Iterator[BinaryIO]:
    """A file to be written; it is there, whole, when the block ends well, and not at all when it does not.

    Raises:
        StorageError: it cannot be written.
    """
    where = folder(room.tenant)
    sweep(room.tenant)
    half = where / f".{_checked(key)}{_HALF}"
    try:
        with os.fdopen(os.open(half, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        size = half.stat().st_size
        store.add(room.database, FileRow(key, room.uid, kind, name, size, (_now() + KEPT).isoformat()))
        half.replace(where / key)
    except OSError as error:
        full = StorageFullError if error.errno in _FULL else StorageError
        raise full(f"A file cannot be written to {where}: {error.strerror}; mend that and try again.") from error
    finally:
        half.unlink(missing_ok=True)


def receive(room: Room, source: BinaryIO, name: str) -> str:
    """Keep what was sent; returns its key."""
    key = new_key()
    with written(room, key, name, "upload") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    return key


def find(tenant: Tenant, key: str) -> tuple[FileRow, Path]:
    """A file of a tenant, and where it lies.

    Raises:
        UnknownItemError: there is none of this key, or it has expired.
    """
    row = store.find(tenant.database, key, _now()) if _KEY.fullmatch(key) else None
    path = None if row is None else folder(tenant) / row.key
    if row is None or path is None or not path.is_file():
        raise UnknownItemError("File not found")
    return row, path


def remove(tenant: Tenant, key: str) -> None:
    """A file is not needed any more."""
    store.remove(tenant.database, key)
    (folder(tenant) / _checked(key)).unlink(missing_ok=True)


def drop(room: Room) -> None:
    """Remove all files of a bank: what is forgotten in it may be in them."""
    store.remove_of(room.database, room.uid)
    sweep(room.tenant)


def sweep(tenant: Tenant) -> None:
    """Remove the files that have expired, and those of banks that are gone."""
    where = tenant.home / "files"
    if not where.exists():
        return
    store.expire(tenant.database, _now())
    paths = list(where.iterdir())  # before the keys: a key is noted before its file is there
    kept = store.keys(tenant.database, _now())
    for path in paths:
        if path.name not in kept and not (path.name.endswith(_HALF) and _is_fresh(path)):
            path.unlink(missing_ok=True)


def _is_fresh(path: Path) -> bool:
    """Whether somebody may be writing it just now."""
    try:
        return _now().timestamp() - path.stat().st_mtime < KEPT.total_seconds()
    except FileNotFoundError:
        return True


def folder(tenant: Tenant) -> Path:
    """Where a tenant's files lie."""
    where = tenant.home / "files"
    where.mkdir(mode=0o700, exist_ok=True)
    return where


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise UnknownItemError("File not found")
    return key


def _now() -> datetime:
    return datetime.now(UTC)
