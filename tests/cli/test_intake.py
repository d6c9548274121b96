from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import messages
from threadline import Memory, TranscriptError, archive
from threadline.cli.intake import Intake, Report
from threadline.journal.journal import Journal


@contextlib.contextmanager
def taking(home: Path, stop: bool = False) -> Iterator[Intake]:
    with (
        Memory.open(home, embedder="none") as memory,
        contextlib.closing(Journal(home)) as journal,
    ):
        yield Intake(memory, journal, journal.bank(memory.bank), stop, "", lambda: None)


def take(home: Path, path: Path, stop: bool = False) -> Report:
    with taking(home, stop) as intake:
        return intake.take(path, None, path.name)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    home = tmp_path / "source"
    with Memory.open(home, embedder="none") as memory:
        session = memory.session("s1")
        for number in range(3):
            session.add_turn(user=f"turn {number}")
        session.rewind()
        memory.retain("a note")
    with contextlib.closing(Journal(home)) as journal:
        path = tmp_path / "export.jsonl"
        path.write_text("".join(archive.write(journal, journal.bank("default"))), "utf-8")
    return path


def test_an_export_is_known_by_its_first_line(export: Path, tmp_path: Path) -> None:
    report = take(tmp_path / "home", export)
    assert (report.format, report.sessions, report.turns, report.notes, report.faults) == ("threadline", 1, 3, 1, [])


def test_a_compressed_export_is_read_too(export: Path, tmp_path: Path) -> None:
    packed = tmp_path / "export.jsonl.gz"
    packed.write_bytes(gzip.compress(export.read_bytes()))
    assert take(tmp_path / "home", packed).turns == 3


def test_an_export_that_was_cut_off_is_told(export: Path, tmp_path: Path) -> None:
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(lines[:-1]) + lines[-1][:4])
    report = take(tmp_path / "home", export)
    assert [fault.place for fault in report.faults] == [f"export.jsonl:{len(lines)}", "export.jsonl"]
    assert report.turns == 3

    export.write_text("".join(lines[:2] + lines[3:]))  # a line in the middle is gone
    assert "lines of it are missing" in take(tmp_path / "another", export).faults[-1].reason


def test_a_bad_line_of_an_export_has_its_place(export: Path, tmp_path: Path) -> None:
    lines = export.read_text().splitlines(keepends=True)
    lines[2] = '{"turn": {"session": "s1", "number": "one"}}\n'
    export.write_text("".join(lines))
    (fault,) = take(tmp_path / "home", export).faults
    assert fault.place == "export.jsonl:3"
    with pytest.raises(TranscriptError, match=r"^export.jsonl:3: "):
        take(tmp_path / "another", export, stop=True)


def test_an_export_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text('{"threadline":2,"bank":"default"}\n')
    with pytest.raises(Exception, match="newer Threadline"):
        take(tmp_path / "home", path)


def test_a_turn_that_cannot_be_taken_is_a_fault(tmp_path: Path) -> None:
    chat = messages(tmp_path / "chat.jsonl", "fine", "x" * 2_000_000, "fine too")
    with (
        Memory.open(tmp_path / "home", embedder="none", max_turn_megabytes=1) as memory,
        contextlib.closing(Journal(tmp_path / "home")) as journal,
    ):
        report = Intake(memory, journal, journal.bank("default"), False, "", lambda: None).take(chat, None, "chat")
    assert report.turns == 2
    assert "session chat" in report.faults[0].place
    assert "max_turn_megabytes" in report.faults[0].reason


def test_sessions_that_alternate_are_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    rows = [
        {"id": name, "messages": [{"role": "user", "content": f"{name} {number}"}]}
        for number in range(2)
        for name in ("a", "b")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = take(tmp_path / "home", path)
    assert (report.sessions, report.turns + report.known) == (2, 4)


def test_a_title_is_kept_without_its_secrets(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    row = {"id": "a", "title": "password: hunter2xyz9", "messages": [{"role": "user", "content": "hello"}]}
    path.write_text(json.dumps(row) + "\n")
    take(tmp_path / "home", path)
    with contextlib.closing(Journal(tmp_path / "home")) as journal:
        record = journal.get_session(journal.bank("default"), "a")
    assert record.metadata["title"] == "password: [redacted:password]"


def test_a_conversation_that_comes_twice_in_a_file_is_taken_once(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    rows = [{"id": name, "messages": [{"role": "user", "content": "hello"}]} for name in ("a", "b", "a")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = take(tmp_path / "home", path)
    assert (report.turns, report.known) == (2, 1)


def test_a_turn_that_was_still_going_on_is_completed(tmp_path: Path) -> None:
    """Read in three states of growth, then once more: every message is there once, in order."""
    path = tmp_path / "live.jsonl"
    rows = [
        {"role": "user", "content": "count to three", "id": "m1"},
        {"role": "assistant", "content": "one", "id": "m2"},
        {"role": "assistant", "content": "two", "id": "m3"},
        {"role": "assistant", "content": "three", "id": "m4"},
        {"role": "user", "content": "thanks", "id": "m5"},
    ]
    added = []
    for length in (1, 2, 4, 5, 5):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[:length]))
        added.append(take(tmp_path / "home", path).turns)
    assert added == [1, 1, 1, 1, 0]
    with Memory.open(tmp_path / "home", embedder="none") as memory:
        said = [message.text for turn in memory.find_session("live").turns() for message in turn.messages]
    assert said == ["count to three", "one", "two", "three", "thanks"]
