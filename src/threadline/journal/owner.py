"""Which process is which, and whether it still lives.

A process that opens a journal holds an operating-system lock on a small file of its own. The system lets go of
the lock when the process dies, however it dies, so nobody has to trust a clock, a time-out or a process number
that may have been given to somebody else.
"""

from __future__ import annotations

import os
import secrets
import sys
import weakref
from pathlib import Path

from threadline.database import os_error, private_directory
from threadline.errors import StorageBusyError

if sys.platform == "win32":  # pragma: no cover - exercised on Windows only
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Claim:
    """A lock on a file that one process at a time can have. The system lets go of it when the process dies.

    Args:
        path: the file, made when missing.
        refusal: what the error says.

    Raises:
        StorageBusyError: another process has it.
        StorageError: it cannot be opened.
    """

    def __init__(self, path: Path, refusal: str) -> None:
        private_directory(path.parent)
        try:
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise os_error(error, path) from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            self.close()
            raise StorageBusyError(refusal) from error

    def close(self) -> None:
        """Let others have it. Calling it twice is no error."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class Owner:
    """This process, as one holder of leases.

    Args:
        folder: where the lock files of all processes that share a journal are.

    Raises:
        StorageError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        private_directory(folder)
        self._folder = folder
        self.id = f"{os.getpid()}-{secrets.token_hex(8)}"
        path = folder / self.id
        try:
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            _lock(self._descriptor)
        except OSError as error:
            raise os_error(error, path) from error
        _let_go_in_children(self)

    def lives(self, owner: str) -> bool:
        """Whether the process of that id still holds its lock. What the dead left behind is removed."""
        if owner == self.id:
            return True
        path = self._folder / owner
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            _lock(descriptor)
        except OSError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Let go: from now on this owner counts as dead. Calling it twice is no error."""
        if self._descriptor is not None:
            (self._folder / self.id).unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _let_go_in_children(owner: Owner) -> None:
    """A forked child must not hold the lock: its parent would seem to live on after its death."""
    reference = weakref.ref(owner)

    def let_go() -> None:
        found = reference()
        if found is not None:
            found._close()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=let_go)
