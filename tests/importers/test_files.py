from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from threadline.errors import TranscriptError
from threadline.importers.base import Fault
from threadline.importers.files import Value, elements, is_empty, layout, lines, scalars, stem


def values(stream: object) -> list[object]:
    assert hasattr(stream, "__iter__")
    return [item.json if isinstance(item, Value) else item for item in stream]


def place(item: object) -> str:
    assert isinstance(item, Fault)
    return item.place


def test_reads_on_behind_a_broken_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n\n{"a": \n"text"\n{"b": "\xff"}\n{"a": 2}')
    one, *faults, two = lines(path)
    assert values([one, two]) == [{"a": 1}, {"a": 2}]
    assert [place(fault) for fault in faults] == [f"{path}:3", f"{path}:4", f"{path}:5"]


@pytest.mark.parametrize("line", ["[" * 100_000, '{"a": ' + "9" * 5000 + "}", "null", "{}}"])
def test_makes_a_fault_of_a_line_beyond_reading(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line + '\n{"a": 2}\n')
    fault, value = lines(path)
    assert place(fault) == f"{path}:1"
    assert values([value]) == [{"a": 2}]


def test_reads_elements_before_the_break_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"a": [1, {"b": 2.5}]}, "x", null, {"a": 2}, {"a": ')
    *found, fault = elements(path)
    assert values(found) == [{"a": [1, {"b": 2.5}]}, "x", None, {"a": 2}]
    assert place(fault) == f"{path}:$[4]"


def test_reads_the_array_asked_for_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"x": {"m": [1]}, "o": [[2]], "m": [[3], {"m": [4]}], "n": [5]}))
    assert values(elements(path, "m")) == [[3], {"m": [4]}]
    assert values(elements(path)) == []


def test_stops_at_bottomless_nesting(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"a": 1}, ' + "[" * 1_000_000)
    found, fault = elements(path)
    assert values([found]) == [{"a": 1}]
    assert isinstance(fault, Fault)
    assert "nested" in fault.reason


def test_reads_outer_scalars_and_nothing_deeper(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": {"id": "no"}, "l": ["id", "no"], "id": "yes", "t": 1.5, "broken')
    assert scalars(path, "id", "t", "gone") == {"id": "yes", "t": 1.5}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.json", "[]", "array"),
        ("a.jsonl", " [1]", "array"),
        ("a.json", '{"a": [{"b": 1}]}', "object"),
        ("a.json", '{\n "a": 1\n}\n', "object"),
        ("a.json", '{"a": 1}\n{"b": 1}\n', "lines"),
        ("a.jsonl", '{"a": 1}', "lines"),
        ("a.jsonl.gz", '{"a": ', "lines"),
        ("a.json", '{"a": ', "object"),
    ],
)
def test_tells_layouts_apart(tmp_path: Path, name: str, text: str, expected: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert layout(path) == expected


def test_reads_behind_a_byte_order_mark_and_out_of_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'\xef\xbb\xbf{"a": "\xc3\xa4"}\n'))
    assert values(lines(path)) == [{"a": "ä"}]
    assert stem(path) == "a"


def test_makes_a_fault_of_a_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"a": %d}\n' % number for number in range(20_000)), compresslevel=0)
    path.write_bytes(whole[: len(whole) // 2])
    *found, fault = lines(path)
    assert len(found) > 1000
    assert place(fault) == f"{path}:{len(found) + 1}"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_refuses_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"role": "user"}]', encoding=encoding)
    with pytest.raises(TranscriptError, match="convert it to UTF-8"):
        list(elements(path))


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match=r"a\.json: the file cannot be read"):
        list(lines(tmp_path / "a.json"))


def test_tells_empty_files(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf \n\n")
    assert is_empty(path)
    path.write_text("\n" * 100_000 + "x")
    assert not is_empty(path)
