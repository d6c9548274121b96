from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.importers.conftest import Write
from threadline.importers.base import Fault, Ignored, Imported
from threadline.importers.codex import read

META = {"id": "019a", "timestamp": "2025-10-29T00:59:38.308Z", "cwd": "/repo", "git": {"branch": "main"}}


def wrapped(kind: str, payload: Any, second: int = 40) -> dict[str, Any]:
    return {"timestamp": f"2025-10-29T00:59:{second}.000Z", "type": kind, "payload": payload}


def message(role: str, text: str) -> dict[str, Any]:
    kind = "input_text" if role == "user" else "output_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


CALL = {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "c"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": '{"output":"a.py\\n","metadata":{"exit_code":0}}'}
PATCH = {"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin Patch", "call_id": "d"}
EXPECTED = [
    ("user", "list files"),
    ("assistant", '[calls shell {"command":["ls"]}]'),
    ("tool", "a.py\n"),
    ("assistant", "[calls apply_patch *** Begin Patch]"),
    ("assistant", "One file."),
]


def test_reads_a_session(write_lines: Write) -> None:
    path = write_lines(
        wrapped("session_meta", META),
        wrapped("response_item", message("developer", "<permissions instructions>")),
        wrapped("response_item", message("user", "<environment_context>\n  <cwd>/repo</cwd>")),
        wrapped("response_item", message("user", "# AGENTS.md instructions for /repo\n<INSTRUCTIONS>")),
        wrapped("response_item", message("user", "list files"), 41),
        wrapped("event_msg", {"type": "user_message", "message": "list files"}),
        wrapped("turn_context", {"cwd": "/repo"}),
        wrapped("response_item", {"type": "reasoning", "summary": [], "encrypted_content": "x"}),
        wrapped("response_item", CALL, 42),
        wrapped("response_item", OUTPUT, 43),
        wrapped("response_item", PATCH, 44),
        wrapped("response_item", message("assistant", "One file."), 45),
        wrapped("session_meta", {**META, "id": "the parent's"}),
        wrapped("response_item", message("user", "bye"), 50),
    )
    first, second = read(path)
    assert isinstance(first, Imported)
    assert isinstance(second, Imported)
    assert [(said.role, said.text) for said in first.messages] == EXPECTED
    assert first.occurred_at == datetime(2025, 10, 29, 0, 59, 41, tzinfo=UTC)
    assert (first.session, second.session) == ("019a", "019a")
    assert first.metadata == {"format": "codex", "cwd": "/repo", "git_branch": "main"}


def test_reads_the_older_layout_without_wrappers(write_lines: Write) -> None:
    path = write_lines(
        {"id": "old", "timestamp": "2025-06-01T10:00:00Z", "instructions": None},
        {"record_type": "state"},
        message("user", "list files"),
        *(CALL, OUTPUT, PATCH),
        message("assistant", "One file."),
    )
    (turn,) = read(path)
    assert isinstance(turn, Imported)
    assert [(said.role, said.text) for said in turn.messages] == EXPECTED
    assert (turn.session, turn.occurred_at) == ("old", datetime(2025, 6, 1, 10, tzinfo=UTC))


def test_counts_unknown_records_and_faults_apart(write_lines: Write) -> None:
    path = write_lines(
        wrapped("response_item", {"type": "hologram"}),
        wrapped("response_item", 3),
        wrapped("response_item", {"type": "message", "role": "user", "content": 3}),
        wrapped("response_item", message("user", "go")),
        name="rollout-1.jsonl",
    )
    ignored, *faults, turn = read(path)
    assert isinstance(ignored, Ignored)
    assert [fault.place for fault in faults if isinstance(fault, Fault)] == [f"{path}:2", f"{path}:3"]
    assert isinstance(turn, Imported)
    assert turn.session == "rollout-1"
