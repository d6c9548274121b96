from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.importers.conftest import Write
from threadline.importers.base import Fault, Ignored, Imported
from threadline.importers.claude_code import read


def record(kind: str, content: Any, number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "sessionId": "s-1",
        "uuid": f"u{number}",
        "parentUuid": None,
        "timestamp": f"2025-05-26T07:27:{number:02}.000Z",
        "cwd": "/home/ann/project",
        "gitBranch": "main",
        "message": {"role": kind, "content": content},
        **more,
    }


CALL = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a.py"}]}


def test_reads_a_session(write_lines: Write) -> None:
    path = write_lines(
        {"type": "summary", "summary": "Listing files", "leafUuid": "u4"},
        {"type": "file-history-snapshot", "messageId": "u1", "snapshot": {}},
        record("user", "what is here?", 1),
        record("assistant", [{"type": "thinking", "thinking": "hm", "signature": "x"}], 2),
        record("assistant", [{"type": "text", "text": "I look."}, CALL], 3),
        record("user", [RESULT], 4, toolUseResult={}),
        record("assistant", [{"type": "text", "text": "A file."}], 5),
        record("user", [{"type": "text", "text": "thanks"}, {"type": "image", "source": {}}], 6),
    )
    first, second = read(path)
    assert isinstance(first, Imported)
    assert isinstance(second, Imported)
    assert [(message.role, message.text, message.ref) for message in first.messages] == [
        ("user", "what is here?", "u1"),
        ("assistant", 'I look.\n[calls Bash {"command": "ls"}]', "u3"),
        ("tool", "a.py", "u4"),
        ("assistant", "A file.", "u5"),
    ]
    assert first.session == "s-1"
    assert first.occurred_at == datetime(2025, 5, 26, 7, 27, 1, tzinfo=UTC)
    assert first.messages[3].occurred_at == datetime(2025, 5, 26, 7, 27, 5, tzinfo=UTC)
    assert first.metadata == {
        "format": "claude_code",
        "title": "Listing files",
        "cwd": "/home/ann/project",
        "git_branch": "main",
    }
    assert [message.text for message in second.messages] == ["thanks\n[image]"]


def test_leaves_out_what_nobody_said(write_lines: Write) -> None:
    path = write_lines(
        record("user", "Caveat: the messages below", isMeta=True),
        record("user", "warm up", isSidechain=True),
        record("user", "This session is being continued", isCompactSummary=True),
        record("user", "<command-name>/clear</command-name>"),
        record("user", "<local-command-stdout>done</local-command-stdout>"),
        {"type": "system", "content": "compacted", "subtype": "compact_boundary"},
    )
    assert list(read(path)) == []


def test_keeps_long_results_whole(write_lines: Write) -> None:
    result = "x" * 3_000_000
    path = write_lines(record("user", "go", 1), record("user", [{**RESULT, "content": result}], 2))
    (turn,) = read(path)
    assert isinstance(turn, Imported)
    assert turn.messages[1].text == result


def test_names_the_session_after_the_file_where_it_has_no_id(write_lines: Write) -> None:
    (turn,) = read(write_lines(record("user", "go", sessionId=None), name="abc.jsonl"))
    assert isinstance(turn, Imported)
    assert turn.session == "abc"


def test_counts_unknown_records_and_faults_apart(write_lines: Write) -> None:
    path = write_lines({"type": "telepathy"}, record("user", 7), record("assistant", ["x"]), "{", record("user", "go"))
    ignored, *faults, turn = read(path)
    assert isinstance(ignored, Ignored)
    assert ignored.place == f"{path}:1"
    assert [fault.place for fault in faults if isinstance(fault, Fault)] == [f"{path}:{n}" for n in (2, 3, 4)]
    assert isinstance(turn, Imported)
