"""A host's log as Hermes Agent 0.19.0 writes it: the statements of `hermes_state.py`, and the flows that use them.

The tests run without the host, so this is written after it; `data/` has logs that the host itself wrote, and
`test_statedb.py` holds that both look alike.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (22);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, user_id TEXT, session_key TEXT, chat_id TEXT, chat_type TEXT,
    thread_id TEXT, display_name TEXT, model_config TEXT, parent_session_id TEXT REFERENCES sessions(id),
    started_at REAL NOT NULL, ended_at REAL, end_reason TEXT, message_count INTEGER DEFAULT 0,
    tool_call_count INTEGER DEFAULT 0, title TEXT, profile_name TEXT, rewind_count INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL REFERENCES sessions(id), role TEXT NOT NULL,
    content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, timestamp REAL NOT NULL, finish_reason TEXT,
    platform_message_id TEXT, observed INTEGER DEFAULT 0, active INTEGER NOT NULL DEFAULT 1,
    compacted INTEGER NOT NULL DEFAULT 0, api_content TEXT);
CREATE INDEX idx_messages_session_active ON messages(session_id, active, timestamp);
"""
SUMMARY = "[CONTEXT COMPACTION — REFERENCE ONLY] Earlier turns were compacted into the summary below. What was said"
SUMMARY_END = "--- END OF CONTEXT SUMMARY — respond to the message below, not the summary above ---"
TASKS = "[Your active task list was preserved across context compression]\n- [ ] 1. water the plants (pending)"

Said = dict[str, Any]


class HostDb:
    """`SessionDB`: what of it writes sessions and messages."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.path = home / "state.db"
        new = not self.path.exists()
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode=WAL")
        if new:
            self.connection.executescript(SCHEMA)
        self.now = time.time() - 100_000

    def create_session(self, session: str, source: str = "cli", parent: str | None = None, **config: Any) -> None:
        self.now += 0.05
        row = (session, source, json.dumps(config) if config else None, parent, self.now)
        self.connection.execute(
            "INSERT INTO sessions (id, source, model_config, parent_session_id, started_at) VALUES (?, ?, ?, ?, ?)", row
        )

    def end_session(self, session: str, reason: str) -> None:
        self.now += 0.05
        self.connection.execute(
            "UPDATE sessions SET ended_at = ?, end_reason = ? WHERE id = ? AND ended_at IS NULL",
            (self.now, reason, session),
        )

    def append_message(self, session: str, message: Said, seconds: float = 0.02) -> None:
        self.now += seconds
        self._insert(session, message, message.get("timestamp") or self.now)
        self.connection.execute("UPDATE sessions SET message_count = message_count + 1 WHERE id = ?", (session,))

    def replace_messages(self, session: str, messages: Sequence[Said], active_only: bool = False) -> None:
        clause = " AND active = 1" if active_only else ""
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute(f"DELETE FROM messages WHERE session_id = ?{clause}", (session,))
            self._insert_rows(session, messages)

    def archive_and_compact(self, session: str, messages: Sequence[Said]) -> None:
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute(
                "UPDATE messages SET active = 0, compacted = 1 WHERE session_id = ? AND active = 1", (session,)
            )
            self._insert_rows(session, messages)

    def rewind(self, session: str, turns: int) -> int:
        """`list_recent_user_messages` and `rewind_to_message`, as all of /undo do. How many user rows are gone."""
        recent = self.connection.execute(
            "SELECT id FROM messages WHERE session_id = ? AND role = 'user' AND active = 1 ORDER BY id DESC LIMIT ?",
            (session, max(turns, 10)),
        ).fetchall()
        if not recent:
            return 0
        at = min(turns - 1, len(recent) - 1)
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute(
                "UPDATE messages SET active = 0 WHERE session_id = ? AND id >= ? AND active = 1",
                (session, recent[at]["id"]),
            )
            self.connection.execute("UPDATE sessions SET rewind_count = rewind_count + 1 WHERE id = ?", (session,))
        return at + 1

    def restore(self, session: str, since: int = 0) -> None:
        self.connection.execute(
            "UPDATE messages SET active = 1 WHERE session_id = ? AND id >= ? AND active = 0", (session, since)
        )

    def load(self, session: str) -> list[Said]:
        """`get_messages_as_conversation` with `repair_alternation`, as the gateway and /resume load it."""
        rows = self.connection.execute(
            "SELECT * FROM messages WHERE session_id = ? AND active = 1 ORDER BY id", (session,)
        ).fetchall()
        return repaired([_loaded(row) for row in rows])

    def rows(self, session: str) -> list[sqlite3.Row]:
        return self.connection.execute("SELECT * FROM messages WHERE session_id = ? ORDER BY id", (session,)).fetchall()

    def close(self) -> None:
        self.connection.close()

    def _insert_rows(self, session: str, messages: Iterable[Said]) -> None:
        self.now += 0.05
        now, count = self.now, 0
        for message in messages:
            at = message.get("timestamp") or now
            self._insert(session, message, at)
            now, count = max(now, at) + 1e-6, count + 1
        self.connection.execute("UPDATE sessions SET message_count = ? WHERE id = ?", (count, session))

    def _insert(self, session: str, message: Said, at: float) -> None:
        content, calls = message.get("content"), message.get("tool_calls")
        self.connection.execute(
            "INSERT INTO messages (session_id, role, content, tool_call_id, tool_calls, tool_name, timestamp, "
            "finish_reason, platform_message_id, observed, active) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            (
                session,
                message["role"],
                "\0json:" + json.dumps(content) if isinstance(content, list) else content,
                message.get("tool_call_id"),
                json.dumps(calls) if calls else None,
                message.get("tool_name"),
                at,
                message.get("finish_reason"),
                message.get("message_id"),
                int(bool(message.get("observed"))),
            ),
        )


def _loaded(row: sqlite3.Row) -> Said:
    content = row["content"]
    if isinstance(content, str) and content.startswith("\0json:"):
        content = json.loads(content[6:])
    message: Said = {"role": row["role"], "content": content, "timestamp": row["timestamp"]}
    for name in ("tool_call_id", "tool_name"):
        if row[name]:
            message[name] = row[name]
    if row["tool_calls"]:
        message["tool_calls"] = json.loads(row["tool_calls"])
    if row["platform_message_id"]:
        message["message_id"] = row["platform_message_id"]
    if row["observed"]:
        message["observed"] = True
    return message


def repaired(messages: list[Said]) -> list[Said]:
    """`repair_message_sequence`: neighbours in the user's name are one message."""
    merged: list[Said] = []
    for message in messages:
        both = merged and message["role"] == "user" == merged[-1]["role"]
        if both and isinstance(message["content"], str) and isinstance(merged[-1]["content"], str):
            merged[-1]["content"] += "\n\n" + message["content"]
            merged[-1]["message_id"] = " ".join(filter(None, (one.get("message_id") for one in (merged[-1], message))))
        else:
            merged.append(message)
    return merged


def user(text: str) -> Said:
    return {"role": "user", "content": text}


def answer(text: str, finish: str | None = "stop") -> Said:
    return {"role": "assistant", "content": text, "finish_reason": finish}


def call(number: str, name: str = "shell", arguments: str = '{"command": "ls"}', text: str = "") -> Said:
    told = {"id": number, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": text, "tool_calls": [told], "finish_reason": "tool_calls"}


def result(number: str, text: str, name: str = "shell") -> Said:
    return {"role": "tool", "content": text, "tool_call_id": number, "tool_name": name}


class Agent:
    """An agent of the host in one process: the list that its model sees, and what of it is in the log."""

    def __init__(self, db: HostDb, session: str, source: str = "cli") -> None:
        self.db = db
        self.session = session
        self.source = source
        self.live: list[Said] = []
        if not db.connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session,)).fetchone():
            db.create_session(session, source)

    def add(self, *messages: Said) -> None:
        """Take messages up into the list and write them, as every flush does."""
        self.live += [dict(message) for message in messages]
        self.flush()

    def flush(self) -> None:
        for message in self.live:
            if not message.get("_db_persisted"):
                self.db.append_message(self.session, {**message, "content": flat(message["content"])})
                message["_db_persisted"] = True

    def say(self, text: str, reply: str, *between: Said) -> None:
        self.add(user(text), *between, answer(reply))

    def resume(self) -> None:
        """The list of an agent that is made anew for the session."""
        self.live = [{**message, "_db_persisted": True} for message in self.db.load(self.session)]

    def undo(self, turns: int = 1) -> None:
        places = [at for at, message in enumerate(self.live) if message["role"] == "user"]
        if places:
            self.live = self.live[: places[-min(turns, len(places))]]
        self.db.rewind(self.session, turns)

    def retry(self) -> str:
        """/retry of the command line: the rows stay."""
        at = max(place for place, message in enumerate(self.live) if message["role"] == "user")
        text = str(self.live[at]["content"])
        self.live = self.live[:at]
        return text

    def retry_in_gateway(self) -> str:
        loaded = self.db.load(self.session)
        at = max(place for place, message in enumerate(loaded) if message["role"] == "user")
        self.db.replace_messages(self.session, loaded[:at])
        self.resume()
        return str(loaded[at]["content"])

    def compressed(self, head: int, tail: int, todo: bool = False, merge: bool = False) -> list[Said]:
        """`ContextCompressor.compress`, with the first and the last messages that it keeps."""
        fresh = [{name: value for name, value in one.items() if name != "_db_persisted"} for one in self.live]
        last = fresh[max(head, len(fresh) - tail) :]
        block = fresh[:head]
        if merge and last and last[0]["role"] in ("user", "assistant"):
            first = last[0]
            first["content"] = (
                "[PRIOR CONTEXT — for reference only; not a new message]\n"
                + str(first["content"] or "")
                + f"\n\n[END OF PRIOR CONTEXT — COMPACTION SUMMARY BELOW]\n\n{SUMMARY}\n\n{SUMMARY_END}"
            )
        else:
            role = "user" if not head or fresh[head - 1]["role"] in ("assistant", "tool") else "assistant"
            block = [*block, {"role": role, "content": f"{SUMMARY}\n\n{SUMMARY_END}"}]
        return [*block, *last, *([user(TASKS)] if todo else [])]

    def compress_in_place(self, head: int = 0, tail: int = 2, **how: bool) -> None:
        self.live = self.compressed(head, tail, **how)
        self.db.archive_and_compact(self.session, self.live)
        for message in self.live:
            message["_db_persisted"] = True

    def rotate(self, child: str, head: int = 0, tail: int = 2, **how: bool) -> None:
        self.flush()
        self.live = self.compressed(head, tail, **how)
        self.db.end_session(self.session, "compression")
        self.db.create_session(child, self.source, self.session)
        self.db.replace_messages(child, self.live)
        self.session = child
        for message in self.live:
            message["_db_persisted"] = True

    def branch(self, child: str, *, ends: bool = True, texts_only: bool = False) -> Agent:
        """/branch: of the command line; of the terminal interface the parent goes on, and only texts are copied."""
        self.flush()
        if ends:
            self.db.end_session(self.session, "branched")
        self.db.create_session(child, self.source, self.session, _branched_from=self.session)
        for message in self.live:
            kept = ["role", "content", "message_id"]
            kept += [] if texts_only else ["tool_calls", "tool_call_id", "tool_name"]
            self.db.append_message(child, {name: message[name] for name in kept if name in message}, 0.001)
        other = Agent(self.db, child, self.source)
        other.live = [{**message, "_db_persisted": True} for message in self.live]
        return other


def flat(content: Any) -> Any:
    """What `_flush_messages_to_session_db` writes for a list of parts."""
    if not isinstance(content, list):
        return content
    texts = [str(part.get("text", "")) if part.get("type") == "text" else "[screenshot]" for part in content]
    return "\n".join(texts) if texts else None
