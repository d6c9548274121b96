"""The host's own log, `$HERMES_HOME/state.db`: read only, and whatever of it is there.

The host's versions add columns and tables as they go, so a column that is missing is read as what it stands for there.
`api_content` is never read: recalled memory is in it.

It is read with Python's own `sqlite3`, which the host uses, and not with the SQLite of the rest of Threadline: two
copies of SQLite in one process undo each other's locks on a file (https://www.sqlite.org/howtocorrupt.html, 2.2.1).
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

#: How long a read waits for the host, in seconds. In WAL mode it never has to.
BUSY_SECONDS = 0.25

_COLUMNS = "SELECT name FROM pragma_table_info(?)"
_STRINGS = {"id", "source", "parent_session_id", "end_reason", "model_config", "title", "user_id", "chat_id"}
_STRINGS |= {"chat_type", "thread_id", "profile_name", "display_name"}
#: Column -> how it is read where the table has none.
_SESSION = {
    "id": None,
    **dict.fromkeys(("source", "parent_session_id", "model_config", "end_reason", "title"), "NULL"),
    **dict.fromkeys(("started_at", "ended_at"), "NULL"),
    **dict.fromkeys(("user_id", "chat_id", "chat_type", "thread_id", "profile_name", "display_name"), "NULL"),
    **dict.fromkeys(("message_count", "rewind_count"), "0"),
}
_MESSAGE = {
    **dict.fromkeys(("id", "role"), None),
    **dict.fromkeys(("content", "tool_call_id", "tool_calls", "tool_name", "finish_reason"), "NULL"),
    "timestamp": "NULL",
    **dict.fromkeys(("observed", "compacted"), "0"),
    "active": "1",
}


@dataclass(frozen=True, slots=True)
class HostSession:
    """A session as the host has it.

    Attributes:
        config: its `model_config`, in which a branch and a delegate are marked.
        messages: how many messages the host counts; its own count of what its model has.
        rewinds: how often turns of it were taken back.
    """

    id: str
    source: str | None
    parent: str | None
    config: Mapping[str, Any]
    end_reason: str | None
    title: str | None
    started_at: float | None
    ended_at: float | None
    user: str | None
    chat: str | None
    chat_type: str | None
    thread: str | None
    profile: str | None
    chat_name: str | None
    messages: int
    rewinds: int


@dataclass(frozen=True, slots=True)
class Row:
    """A message as the host wrote it.

    Attributes:
        timestamp: seconds since 1970; 0 where there is none.
        observed: overheard in a group, not addressed to the agent.
        active: the host's model has it.
        compacted: a compression in place summarised it away. What is neither active nor compacted was taken back.
    """

    id: int
    role: str
    content: object
    tool_call_id: str | None
    tool_calls: object
    tool_name: str | None
    finish_reason: str | None
    timestamp: float
    observed: bool
    compacted: bool
    active: bool

    @property
    def undone(self) -> bool:
        """The user took it back."""
        return not self.active and not self.compacted


class StateDb:
    """The log of one host. Any thread may use it. No method raises for what the file is like.

    Attributes:
        problem: why it cannot be read, and what to do about it; None where it can.
    """

    def __init__(self, hermes_home: Path) -> None:
        self.path = hermes_home / "state.db"
        self.problem: str | None = None
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._selects: dict[str, str] = {}

    def sessions(self) -> list[HostSession] | None:
        """All sessions, in the order in which they began; None where the log cannot be read."""
        found = self._rows("sessions", "", "ORDER BY started_at, rowid")
        return None if found is None else [_session(row) for row in found]

    def session(self, session: str) -> HostSession | None:
        """One session; None where there is none, or the log cannot be read."""
        found = self._rows("sessions", "WHERE id = ?", "", session)
        return _session(found[0]) if found else None

    def rows(self, session: str, after: int = 0) -> list[Row] | None:
        """The messages of a session behind a row, in the order in which they were written; None where it cannot be."""
        found = self._rows("messages", "WHERE session_id = ? AND id > ?", "ORDER BY id", session, after)
        return None if found is None else [_row(row) for row in found]

    def row(self, session: str, number: int) -> Row | None:
        """One message of a session."""
        found = self._rows("messages", "WHERE id = ? AND session_id = ?", "", number, session)
        return _row(found[0]) if found else None

    def last_row(self, session: str) -> Row | None:
        """The message of a session that was written last."""
        found = self._rows("messages", "WHERE session_id = ?", "ORDER BY id DESC LIMIT 1", session)
        return _row(found[0]) if found else None

    def close(self) -> None:
        """Let go of the file. The next read opens it again."""
        with self._lock:
            self._drop()

    def _rows(self, table: str, where: str, order: str, *bindings: str | int) -> list[tuple[Any, ...]] | None:
        found: list[tuple[Any, ...]] | None = None
        with self._lock, self._reading() as connection:
            if connection is not None and table in self._selects:
                # Read to the end at once: an open cursor would keep the host from emptying its WAL.
                found = list(connection.execute(f"{self._selects[table]} {where} {order}", bindings))
        return found

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The connection, or None; what SQLite says against it becomes `problem`."""
        try:
            connection = self._connect()
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            connection = None
        try:
            yield connection
        except (sqlite3.Error, OSError) as error:
            self._fail(error)

    def _fail(self, error: sqlite3.Error | OSError) -> None:
        self._drop()
        if isinstance(error, OSError):
            self.problem = f"{self.path} cannot be looked at ({error.strerror}); check who may read it."
        else:
            self.problem = _advice(error, self.path)

    def _connect(self) -> sqlite3.Connection | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._drop()
            self.problem = (
                f"There is no {self.path}, so nothing that Hermes did not hand over itself can be caught up; "
                "it makes the file at its first conversation, unless it is set not to keep sessions."
            )
            return None
        # A file put in its place, as by a restore, is another one.
        if self._connection is None or self._opened != (status.st_dev, status.st_ino):
            self._drop()
            self._connection = self._open()
            self._opened = (status.st_dev, status.st_ino)
        self.problem = None if self._selects else _foreign(self.path)
        return self._connection

    def _open(self) -> sqlite3.Connection:
        name = quote(str(self.path.absolute()))
        try:
            connection = self._attach(f"file:{name}?mode=ro")
        except sqlite3.OperationalError:
            # On a disk that is read only, SQLite cannot make the file by which readers and writers agree.
            if os.access(self.path.parent, os.W_OK):
                raise
            connection = self._attach(f"file:{name}?mode=ro&immutable=1")
        return connection

    def _attach(self, uri: str) -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.text_factory = _lenient
        try:
            self._selects = _selects(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._opened = None, None


def _selects(connection: sqlite3.Connection) -> dict[str, str]:
    """Table -> the beginning of a query of it, in which what it lacks is filled in; of tables that can be used."""
    selects = {}
    for table, columns, key in (("sessions", _SESSION, "id"), ("messages", _MESSAGE, "session_id")):
        there = {str(name) for (name,) in connection.execute(_COLUMNS, (table,))}
        if key not in there or any(name not in there for name, missing in columns.items() if missing is None):
            continue
        listed = ", ".join(name if name in there else f"{missing} AS {name}" for name, missing in columns.items())
        selects[table] = f"SELECT {listed} FROM {table}"  # noqa: S608  every name is one of the constants above
    return selects if len(selects) == 2 else {}


def _session(row: tuple[Any, ...]) -> HostSession:
    found = dict(zip(_SESSION, row, strict=True))
    text = {name: _text(found[name]) for name in _STRINGS}
    return HostSession(
        id=text["id"] or "",
        source=text["source"],
        parent=text["parent_session_id"],
        config=_config(found["model_config"]),
        end_reason=text["end_reason"],
        title=text["title"],
        started_at=_seconds(found["started_at"]),
        ended_at=_seconds(found["ended_at"]),
        user=text["user_id"],
        chat=text["chat_id"],
        chat_type=text["chat_type"],
        thread=text["thread_id"],
        profile=text["profile_name"],
        chat_name=text["display_name"],
        messages=_count(found["message_count"]),
        rewinds=_count(found["rewind_count"]),
    )


def _row(row: tuple[Any, ...]) -> Row:
    found = dict(zip(_MESSAGE, row, strict=True))
    return Row(
        id=int(found["id"]),
        role=_text(found["role"]) or "",
        content=found["content"],
        tool_call_id=_text(found["tool_call_id"]),
        tool_calls=found["tool_calls"],
        tool_name=_text(found["tool_name"]),
        finish_reason=_text(found["finish_reason"]),
        timestamp=_seconds(found["timestamp"]) or 0.0,
        observed=bool(found["observed"]),
        compacted=bool(found["compacted"]),
        active=found["active"] is None or bool(found["active"]),  # a row of before the column has NULL: it is there
    )


def _config(value: object) -> Mapping[str, Any]:
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _foreign(path: Path) -> str:
    return (
        f"{path} has no tables `sessions` and `messages` as Hermes is known to write them, so nothing is caught "
        "up from it; update Threadline if Hermes was updated. What Hermes hands over itself is recorded as ever."
    )


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _advice(error: sqlite3.Error, path: Path) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the kind of an error; the rest says more closely which
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{path} is locked by another process just now; it is read again at the next turn."
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_FORMAT:
            return (
                f"{path} is damaged ({error}), so nothing can be caught up from it; start `hermes` once, which repairs "
                "it, or restore it from a backup that `hermes backup` made."
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return f"{path} cannot be opened ({error}); check that this user may read it and its folder."
        case _:
            return f"{path} cannot be read ({error}); `threadline hermes doctor` looks at it again."
