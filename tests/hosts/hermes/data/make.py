"""Writes logs with the host's own code, and beside each what was truly said in it.

    .venv-hermes/bin/python tests/hosts/hermes/data/make.py

Messages are flushed by `AIAgent._flush_messages_to_session_db`, compressed by `ContextCompressor.compress` (only the
model that would write the summary is left out), written by `SessionDB`, and loaded as the gateway and /resume load
them. Each file is the tables `sessions` and `messages` as SQL, with what was said as JSON in its first line.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TABLES = ("sessions", "messages")


class Agent:
    """What the functions of the host need of an agent, and nothing more."""

    def __init__(self, db: Any, session: str, said: dict[str, list[list[str]]]) -> None:
        compressors = import_module("agent.context_compressor")
        self.session_id = session
        self._session_db = db
        self._session_db_created = True
        self._last_flushed_db_idx = 0
        self._todo_store = import_module("tools.todo_tool").TodoStore()
        self.said = said
        self.live: list[dict[str, Any]] = []
        self.compressor = compressors.ContextCompressor(
            "model", protect_first_n=2, quiet_mode=True, config_context_length=64_000
        )
        self.compressor.tail_token_budget = 60
        self.compressor._generate_summary = lambda *_, **__: f"{compressors.SUMMARY_PREFIX}\nThey talked."
        if db.get_session(session) is None:
            db.create_session(session, "cli")

    def flush(self, history: list[dict[str, Any]] | None = None) -> None:
        import_module("run_agent").AIAgent._flush_messages_to_session_db_unlocked(self, self.live, history)

    def say(self, text: str, *rest: dict[str, Any], reply: str | None = None, history: Any = None) -> None:
        asked = {"role": "user", "content": text, "api_content": f"<memory-context>old</memory-context>{text}"}
        answered = [] if reply is None else [{"role": "assistant", "content": reply, "finish_reason": "stop"}]
        self.live += [asked, *rest, *answered]
        self.flush(history)
        calls = ['[calls shell {"command": "ls"}]' if one["role"] == "assistant" else one["content"] for one in rest]
        self.said.setdefault(self.session_id, []).append([text, *calls, *([reply] if reply is not None else [])])

    def resume(self) -> None:
        self.live = self._session_db.get_messages_as_conversation(self.session_id, repair_alternation=True)
        for message in self.live:
            message["_db_persisted"] = True

    def compressed(self) -> list[dict[str, Any]]:
        self._todo_store.write([{"id": "1", "content": "Water the plants", "status": "pending"}])
        block: list[dict[str, Any]] = self.compressor.compress(self.live, force=True)
        assert block != self.live, "nothing was compressed"
        block.append({"role": "user", "content": self._todo_store.format_for_injection()})
        import_module("agent.conversation_compression")._ensure_compressed_has_user_turn(self.live, block)
        return block

    def compress_in_place(self) -> None:
        self.live = self.compressed()
        self._session_db.archive_and_compact(self.session_id, self.live)
        for message in self.live:
            message["_db_persisted"] = True

    def rotate(self, child: str) -> None:
        self.flush()
        block = self.compressed()
        self._session_db.end_session(self.session_id, "compression")
        self._session_db.create_session(child, "cli", parent_session_id=self.session_id)
        self._session_db.replace_messages(child, block)
        self.session_id, self.live = child, block
        for message in self.live:
            message["_db_persisted"] = True

    def branch(self, child: str) -> Agent:
        """As `_handle_branch_command` of the command line does."""
        self.flush()
        self._session_db.end_session(self.session_id, "branched")
        config = {"_branched_from": self.session_id}
        self._session_db.create_session(child, "cli", model_config=config, parent_session_id=self.session_id)
        for message in self.live:
            self._session_db.append_message(
                session_id=child,
                role=message.get("role", "user"),
                content=message.get("content"),
                tool_name=message.get("tool_name"),
                tool_calls=message.get("tool_calls"),
                tool_call_id=message.get("tool_call_id"),
                api_content=message.get("api_content"),
            )
        other = Agent(self._session_db, child, self.said)
        other.live = list(self.live)
        for message in other.live:
            message["_db_persisted"] = True
        return other

    def undo(self, turns: int) -> None:
        at = [place for place, message in enumerate(self.live) if message["role"] == "user"][-turns]
        self.live = self.live[:at]
        recent = self._session_db.list_recent_user_messages(self.session_id, limit=10)
        self._session_db.rewind_to_message(self.session_id, recent[turns - 1]["id"])

    def retry_in_gateway(self) -> str:
        """As `_handle_retry_command` of the gateway does: what is said again may be several messages, made into one."""
        loaded = self._session_db.get_messages_as_conversation(self.session_id, repair_alternation=True)
        at = [place for place, message in enumerate(loaded) if message["role"] == "user"][-1]
        self._session_db.replace_messages(self.session_id, loaded[:at])
        del self.said[self.session_id][-1 - loaded[at]["content"].count("\n\n") :]
        self.resume()
        return str(loaded[at]["content"])


def tools(number: int) -> list[dict[str, Any]]:
    told = {"id": f"call_{number}", "type": "function", "function": {"name": "shell", "arguments": '{"command": "ls"}'}}
    return [
        {"role": "assistant", "content": "", "tool_calls": [told], "finish_reason": "tool_calls"},
        {"role": "tool", "content": "a.py b.py " * 40, "tool_call_id": f"call_{number}", "tool_name": "shell"},
    ]


def talk(agent: Agent, first: int, last: int) -> None:
    for number in range(first, last):
        between = tools(number) if number % 3 == 1 else []
        agent.say("continue" if number % 2 else f"Question {number}?", *between, reply=f"Answer {number % 4}. " * 5)


def compressed_twice(agent: Agent) -> None:
    talk(agent, 0, 6)
    agent.compress_in_place()
    talk(agent, 6, 12)
    agent.resume()
    agent.compress_in_place()
    talk(agent, 12, 14)


def undone_after_compression(agent: Agent) -> None:
    talk(agent, 0, 8)
    agent.compress_in_place()
    agent.undo(2)  # the task list, and the last turn: of it there is a copy
    agent.said[agent.session_id].pop()
    agent.say("Something else", reply="As you like")


def compressed_before_a_turn(agent: Agent) -> None:
    talk(agent, 0, 8)
    agent.live.append({"role": "user", "content": "continue"})  # not in the log yet
    agent.said[agent.session_id].append(["continue"])
    agent.compress_in_place()
    agent.live.append({"role": "assistant", "content": "On it", "finish_reason": "stop"})
    agent.flush()
    agent.said[agent.session_id][-1].append("On it")


def rotated_and_branched(agent: Agent) -> None:
    talk(agent, 0, 8)
    agent.rotate("b")
    talk(agent, 8, 10)
    agent.rotate("c")
    talk(agent, 10, 12)
    branch = agent.branch("d")
    talk(branch, 11, 13)


def interrupted_and_retried(agent: Agent) -> None:
    agent.say("Look at the tests", *tools(1))
    agent.say("No, the docs")
    agent.say("Go", reply="Gone")
    agent.resume()
    agent.say(agent.retry_in_gateway(), reply="Gone again")
    agent.say("Look at the docs")
    agent.say("And at the tests", reply="Both are fine")
    agent.say("Go", reply="Gone")
    agent.resume()
    agent.say(agent.retry_in_gateway(), reply="Gone once more")
    agent.said["a"][-3:-1] = [["Look at the docs\n\nAnd at the tests", "Both are fine"]]


SCENARIOS = (
    compressed_twice,
    undone_after_compression,
    compressed_before_a_turn,
    rotated_and_branched,
    interrupted_and_retried,
)


def dump(path: Path, name: str, said: dict[str, list[list[str]]]) -> None:
    connection = sqlite3.connect(path)
    lines = [f"-- {json.dumps(said)}", f"-- Written by hermes-agent {version('hermes-agent')}; see make.py."]
    for table in TABLES:
        (created,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        lines.append(f"{created};")
        columns = [column for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")]
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid"):
            kept = {column: value for column, value in zip(columns, row, strict=True) if value is not None}
            quoted = [connection.execute("SELECT quote(?)", (value,)).fetchone()[0] for value in kept.values()]
            # SQLite quotes a double to 15 digits or 17, as it needs; what is a microsecond apart must stay so.
            values = [
                repr(value) if isinstance(value, float) else text
                for value, text in zip(kept.values(), quoted, strict=True)
            ]
            lines.append(f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({', '.join(values)});")
    (HERE / f"{name}.sql").write_text("\n".join(lines) + "\n", "utf-8")


def main() -> None:
    for scenario in SCENARIOS:
        with tempfile.TemporaryDirectory() as home:
            os.environ["HERMES_HOME"] = home
            db = import_module("hermes_state").SessionDB(Path(home) / "state.db")
            said: dict[str, list[list[str]]] = {}
            scenario(Agent(db, "a", said))
            db.close()
            dump(Path(home) / "state.db", scenario.__name__, said)


if __name__ == "__main__":
    main()
