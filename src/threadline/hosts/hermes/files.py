"""Small files of a home of the host: read whole, and written so that they are whole at every moment."""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

from threadline.database import os_error
from threadline.errors import InputError


def read_text(path: Path) -> str | None:
    """What a file says; None: there is none.

    Raises:
        InputError: it is not UTF-8.
        StorageError: it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8")  # not as text: that would lose which line ends it has
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8 first.") from error
    except OSError as error:
        raise os_error(error, path) from error


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file of JSON; None: there is no file.

    Raises:
        InputError: it is no object of JSON.
        StorageError: it cannot be read.
    """
    text = read_text(path)
    if text is None:
        return None
    try:
        found = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error}). Mend it or move it away.") from error
    if not isinstance(found, dict):
        raise InputError(f'{path} is no object of JSON (`{{"name": value}}`). Mend it or move it away.')
    return found


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write an object for its owner alone.

    Raises:
        StorageError: it cannot be written; what had its name is as it was.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", 0o600)


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file in one step; one that is there keeps its mode and owner, and a link goes on pointing to it.

    Raises:
        StorageError: it cannot be written; what had its name is as it was.
    """
    target = Path(os.path.realpath(path))
    try:
        try:
            before = target.stat()
        except FileNotFoundError:
            before = None
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            _dress(partial, before, mode)
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise os_error(error, path) from error


def _dress(partial: Path, before: os.stat_result | None, mode: int) -> None:
    """Give it the mode and the owner of what it takes the place of."""
    partial.chmod(mode if before is None else stat.S_IMODE(before.st_mode))
    if before is not None and hasattr(os, "chown") and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(partial, before.st_uid, before.st_gid)


def read_env(path: Path) -> dict[str, str]:
    """The variables of a `.env` as the host reads them; none where it cannot be read."""
    try:
        lines = path.read_bytes().decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    quote = value[:1]
    if len(value) < 2 or quote not in "\"'" or value[-1] != quote:
        return value
    inner = value[1:-1]
    return inner if quote == "'" else inner.replace('\\"', '"').replace("\\\\", "\\")


def write_env(path: Path, variables: dict[str, str]) -> None:
    """Set variables in a `.env`; every other line stays.

    Raises:
        InputError: it is not UTF-8.
        StorageError: it cannot be read or written.
    """
    lines = (read_text(path) or "").splitlines()
    left = dict(variables)
    for at, line in enumerate(lines):
        name = line.strip().removeprefix("export ").partition("=")[0].strip()
        if name in left:
            lines[at] = f"{name}={_quoted(left.pop(name))}"
    lines += [f"{name}={_quoted(value)}" for name, value in left.items()]
    write_text(path, "".join(f"{line}\n" for line in lines), 0o600)


def _quoted(value: str) -> str:
    if not set(value) & set(" #'\"\\$"):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
