"""The door: detecting formats, reading, finding files."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importers.conftest import Write
from threadline.errors import TranscriptError
from threadline.importers import FORMATS, Imported, detect, find, read

USER = {"role": "user", "content": "hello"}
TURN = {"id": "0", "speaker": "User", "role": "user", "text": "hello", "time": None}
CLAUDE = {"type": "user", "sessionId": "s", "uuid": "u", "message": USER}
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
EXAMPLES: dict[str, list[tuple[str, Any]]] = {
    "messages": [
        ("a.json", [USER]),
        ("a.json", {"id": 1, "messages": [USER]}),
        ("a.json", [{"title": "x", "messages": [USER]}]),
    ],
    "plain": [("a.json", {"id": "c", "licence": "none", "sessions": [{"id": "s", "turns": [TURN]}]})],
    "locomo": [
        (
            "a.json",
            [
                {
                    "qa": [{"question": "?"}],
                    "conversation": {"speaker_a": "A", "session_1": [{"speaker": "A", "text": "hello"}]},
                }
            ],
        )
    ],
    "longmemeval": [("a.json", [{"question_id": "q", "haystack_dates": [], "haystack_sessions": [[USER]]}])],
}
LINES: dict[str, list[list[Any]]] = {
    "messages": [[USER], [{"messages": [USER]}], [{"messages": [USER]}, {"messages": [USER]}]],
    "claude_code": [[{"type": "summary", "summary": "x", "leafUuid": "u"}, CLAUDE], [CLAUDE]],
    "codex": [
        [{"type": "session_meta", "payload": {"id": "c"}}, {"type": "response_item", "payload": ITEM}],
        [{"id": "c", "timestamp": "2025-06-01T10:00:00Z", "instructions": None}, ITEM],
        [ITEM],
    ],
}


@pytest.mark.parametrize(("name", "file", "value"), [(n, f, v) for n, found in EXAMPLES.items() for f, v in found])
@pytest.mark.parametrize("indent", [None, 2])
def test_detects_json(tmp_path: Path, name: str, file: str, value: Any, indent: int | None) -> None:
    path = tmp_path / file
    path.write_text("\n" + json.dumps(value, indent=indent))
    assert detect(path) == name
    (turn,) = read(path)
    assert isinstance(turn, Imported)
    assert turn.messages[0].text == "hello"


@pytest.mark.parametrize(("name", "values"), [(n, v) for n, found in LINES.items() for v in found])
@pytest.mark.parametrize("broken_first", [False, True])
def test_detects_lines(write_lines: Write, name: str, values: list[Any], broken_first: bool) -> None:
    path = write_lines(*(["{broken"] if broken_first else []), *values)
    assert detect(path) == name
    assert any(isinstance(item, Imported) for item in read(path))


def test_detects_through_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(json.dumps([USER]).encode()))
    assert detect(path) == "messages"


@pytest.mark.parametrize("text", ["{}", "[]", "[1, 2]", "hello", '{"a": {"messages": 1}}', "[" * 5000])
def test_lists_the_formats_where_it_finds_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(TranscriptError, match="claude_code, codex, locomo, longmemeval, messages, plain"):
        detect(path)


def test_keeps_the_formats_sorted() -> None:
    assert list(FORMATS) == sorted(FORMATS)


def test_refuses_an_unknown_format(write_json: Write) -> None:
    with pytest.raises(TranscriptError, match="no format 'latin'; the formats are"):
        read(write_json([USER]), "latin")


@pytest.mark.parametrize("name", [None, *FORMATS])
def test_reads_nothing_from_an_empty_file(tmp_path: Path, name: str | None) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(" \n")
    assert list(read(path, name)) == []


@pytest.mark.parametrize("name", [None, *FORMATS])
def test_refuses_utf_16_in_every_format(tmp_path: Path, name: str | None) -> None:
    path = tmp_path / "a.json"
    path.write_text("[]", encoding="utf-16")
    with pytest.raises(TranscriptError, match="UTF-8"):
        list(read(path, name))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.sampled_from(["user", "assistant"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                [
                    *("role", "content", "messages", "type", "text", "sessions", "turns", "id", "payload"),
                    *("message", "uuid", "conversation", "session_1", "haystack_sessions", "tool_calls"),
                    *("function", "output", "speaker_a", "speaker"),
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=25,
)


@pytest.mark.parametrize("name", FORMATS)
@given(value=JSON, by_line=st.booleans(), cut=st.integers(0, 30))
def test_survives_any_json(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: Any, by_line: bool, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    text = "\n".join(json.dumps(item) for item in value) if by_line and isinstance(value, list) else json.dumps(value)
    path.write_text(text[: len(text) - cut] if cut < len(text) else text)
    for item in read(path, name):
        assert not isinstance(item, Imported) or item.messages


def test_finds_files_in_folders_in_order(tmp_path: Path) -> None:
    for name in ("b/2.jsonl", "b/1.json", "a/x.jsonl.gz", "a/notes.txt", "c.json", "z.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in find([tmp_path, tmp_path / "z.txt"])]
    assert found == ["c.json", "a/x.jsonl.gz", "b/1.json", "b/2.jsonl", "z.txt"]


def test_refuses_to_find_in_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="no such file or folder"):
        list(find([tmp_path / "gone"]))


def test_reads_a_large_file_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    element = json.dumps({"question_id": "q", "haystack_sessions": [[{"role": "user", "content": "x" * 100_000}] * 10]})
    with path.open("w") as file:
        file.write("[" + element + f", {element}" * 59 + "]")
    tracemalloc.start()
    try:
        count = sum(1 for _ in read(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 600
    assert peak < 10_000_000, "the file holds 60 MB, one question of it 1 MB"
