"""Which format a transcript is in, told by what its first records hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from threadline.errors import TranscriptError
from threadline.importers import claude_code
from threadline.importers.base import Fault
from threadline.importers.files import lines, opened

_RECORDS = 50
_CODEX = {"session_meta", "response_item", "event_msg", "turn_context"}
_CODEX_FLAT = {"function_call", "function_call_output", "reasoning", "local_shell_call"}


def detect(path: Path, formats: tuple[str, ...]) -> str:
    """Tell the format of a transcript.

    Args:
        formats: the names of all formats, for the message of the error.

    Raises:
        TranscriptError: it is in no format that can be read, or cannot be opened.
    """
    for record in _records(path):
        if found := _format(record):
            return found
    raise TranscriptError(
        f"no transcript in a known format; name the format if you know it. The formats are {', '.join(formats)}.",
        str(path),
    )


def _format(record: Mapping[str, Any]) -> str | None:
    kind = record.get("type")
    for found, name in (
        ("haystack_sessions" in record, "longmemeval"),
        ("conversation" in record and ("sample_id" in record or "qa" in record), "locomo"),
        ("sessions" in record, "plain"),
        (kind in _CODEX and "payload" in record, "codex"),
        (_is_flat_codex(record), "codex"),
        ("sessionId" in record and ("uuid" in record or "parentUuid" in record), "claude_code"),
        (kind in claude_code.SILENT and "role" not in record, "claude_code"),
        ("messages" in record or {"role", "content"} <= record.keys(), "messages"),
        ("role" in record and "tool_calls" in record, "messages"),
    ):
        if found:
            return name
    return None


def _is_flat_codex(record: Mapping[str, Any]) -> bool:
    if "type" not in record:
        return {"id", "timestamp", "instructions"} <= record.keys() or "record_type" in record
    return record["type"] in _CODEX_FLAT or (record["type"] == "message" and "role" in record)


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    """The first records: the file's own object, the elements of its array, or the objects on its lines.

    Only names and plain values are in them; arrays and objects are None, so that a huge one costs nothing.
    """
    yield from itertools.islice(_outlines(path), _RECORDS)
    # A first line that is broken says nothing of the others.
    for value in itertools.islice(lines(path), _RECORDS):
        if not isinstance(value, Fault):
            yield value.json


def _outlines(path: Path) -> Iterator[Mapping[str, Any]]:
    import ijson

    record: dict[str, Any] = {}
    name = ""
    depth = outer = 0
    with opened(path) as file:
        try:
            for event, value in ijson.basic_parse(file, use_float=True, multiple_values=True):
                if event.startswith("end_"):
                    depth -= 1
                    if event == "end_map" and depth == outer:
                        yield record
                        record = {}
                    continue
                if event == "map_key":
                    name = value if depth == outer + 1 else name
                    continue
                if depth == outer + 1 and name:
                    record[name] = value
                if event.startswith("start_"):
                    outer += event == "start_array" and depth == 0
                    depth += 1
                    name = "" if depth == outer + 1 else name
                if _format(record) in {"longmemeval", "plain"}:
                    yield record
                    return
        except (ijson.JSONError, UnicodeDecodeError):
            if record:
                yield record
