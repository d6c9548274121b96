from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, messages
from threadline import Memory
from threadline.cli import transcripts
from threadline.cli.output import progress
from threadline.errors import BackendUnavailableError


def test_import_a_file_twice_adds_nothing(run: Run, tmp_path: Path) -> None:
    chat = messages(tmp_path / "chat.jsonl", "I moved to Lisbon.", "I sold the car.")
    first = run("import", chat).stdout
    assert f"{chat} (messages): 1 session, 2 turns added, 0 already there\n" in first
    assert first.endswith("Total: 1 file, 1 session, 2 turns added, 0 already there.\n")
    assert "Total: 1 file, 1 session, 0 turns added, 2 already there.\n" in run("import", chat).stdout
    assert "Lisbon" in run("recall", "Lisbon").stdout


def test_import_a_file_that_has_grown_adds_what_is_new(run: Run, tmp_path: Path) -> None:
    run("import", messages(tmp_path / "chat.jsonl", "one"))
    grown = messages(tmp_path / "chat.jsonl", "one", "two", "three")
    assert "2 turns added, 1 already there" in run("import", grown).stdout


def test_import_a_folder(run: Run, tmp_path: Path) -> None:
    deep = tmp_path / "chats" / "deep"
    deep.mkdir(parents=True)
    messages(deep / "one.jsonl", "one")
    messages(tmp_path / "chats" / "two.jsonl", "two")
    (deep / "settings.json").write_text('{"theme": "dark"}')
    result = run("import", tmp_path / "chats")  # what is no transcript, in a folder, is no failure
    assert "settings.json: not read: no transcript in a known format" in result.stdout
    assert "Total: 3 files, 2 sessions, 2 turns added" in result.stdout


def test_import_a_folder_without_any_says_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "nothing was read" in run("import", tmp_path / "empty").stderr
    assert "nothing was read" not in run("import", messages(tmp_path / "chat.jsonl", "one")).stderr


def test_import_a_named_file_that_is_no_transcript_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"theme": "dark"}')
    good = messages(tmp_path / "good.jsonl", "still read")
    result = run("import", tmp_path / "x.json", good, code=1)
    assert "not read" in result.stdout
    assert "1 turn added" in result.stdout


def test_import_from_stdin(run: Run, tmp_path: Path) -> None:
    chat = messages(tmp_path / "chat.jsonl", "said in a pipe")
    assert "- (messages): 1 session, 1 turn added" in run("import", "-", stdin=chat.read_bytes()).stdout
    assert "1 already there" in run("import", "-", stdin=chat.read_bytes()).stdout


def test_faults_are_skipped_and_told_with_their_places(run: Run, tmp_path: Path) -> None:
    chat = messages(tmp_path / "chat.jsonl", "before")
    chat.write_text(chat.read_text() + "{broken\n" + '{"role": "user", "content": "after"}\n')
    result = run("import", chat)
    assert "2 turns added, 0 already there, 1 fault" in result.stdout
    assert f"  {chat}:3: " in result.stdout


def test_stop_at_the_first_fault(run: Run, tmp_path: Path) -> None:
    chat = messages(tmp_path / "chat.jsonl", "before", "in between")
    chat.write_text(chat.read_text() + "{broken\n" + '{"role": "user", "content": "after"}\n')
    result = run("import", chat, "--on-error", "stop", code=1)
    assert result.stderr.startswith(f"Error: {chat}:5: ")
    assert "before" in run("show", "chat").stdout
    assert "after" not in run("show", "chat").stdout


def test_import_as_json(run: Run, tmp_path: Path) -> None:
    chat = messages(tmp_path / "chat.jsonl", "my password: hunter2xyz9")
    told = json.loads(run("import", chat, "--json").stdout)
    assert told["delivered"] is True
    assert told["undelivered"] == 0
    assert told["total"] == {
        "files": 1,
        "sessions": 1,
        "turns": 1,
        "known": 0,
        "forgotten": 0,
        "notes": 0,
        "redactions": 1,
        "ignored": 0,
        "faults": 0,
    }
    (file,) = told["files"]
    assert (file["file"], file["format"], file["faults"]) == (str(chat), "messages", [])


def test_secrets_are_counted_and_gone(run: Run, tmp_path: Path, home: Path) -> None:
    chat = messages(tmp_path / "chat.jsonl", "password: hunter2xyz9")
    assert "1 secret taken out" in run("import", chat).stdout
    assert "hunter2xyz9" not in run("show", "chat").stdout
    assert not any(b"hunter2xyz9" in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_what_was_forgotten_does_not_come_back(run: Run, tmp_path: Path) -> None:
    chat = messages(tmp_path / "chat.jsonl", "keep this", "forget this")
    other = messages(tmp_path / "other.jsonl", "all of it", "goes")
    run("import", chat, other)
    run("forget", "--session", "chat", "--turn", "2", "--yes")
    run("forget", "--session", "other", "--yes")
    result = run("import", chat, other)
    assert "0 turns added, 1 already there, 1 forgotten before" in result.stdout
    assert "0 turns added, 0 already there, 2 forgotten before" in result.stdout
    assert "Nothing found" in run("recall", "goes").stdout


def test_a_prefix_keeps_sessions_of_one_name_apart(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        chat = messages(tmp_path / name / "chat.jsonl", f"said in {name}")
        run("import", chat, "--session-prefix", f"{name}:")
    assert "said in a" in run("show", "a:chat").stdout
    assert "said in b" in run("show", "b:chat").stdout


def test_an_unknown_format_is_a_usage_error(run: Run, tmp_path: Path, home: Path) -> None:
    result = run("import", messages(tmp_path / "chat.jsonl", "x"), "--format", "csv", code=2)
    assert "claude_code" in result.stderr
    assert not home.exists()


def test_a_missing_file_is_a_usage_error(run: Run, home: Path) -> None:
    run("import", "no-such-file.json", code=2)
    assert not home.exists()


def test_an_empty_file_has_no_turns(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    assert "0 turns added" in run("import", tmp_path / "empty.jsonl").stdout


def test_not_waiting_says_what_is_on_the_way(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLINE_SHUTDOWN_SECONDS", "0")
    chat = messages(tmp_path / "chat.jsonl", *[f"turn {number} {'long ' * 200}" for number in range(200)])
    told = json.loads(run("import", chat, "--no-wait", "--json").stdout)
    assert told["delivered"] is False
    assert told["total"]["turns"] == 200
    assert "200 already there" in run("import", chat).stdout
    assert json.loads(run("status", "--json").stdout)["undelivered"] == 0


def test_a_delivery_that_does_not_go_on_ends_the_wait(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadline.backends.embedded import EmbeddedBackend

    class Down(EmbeddedBackend):
        def retain(self, batch: object) -> None:
            raise BackendUnavailableError("The memory is out for lunch.")

    monkeypatch.setattr(transcripts, "PATIENCE", 0.5)
    with (
        Memory.open(home, backend=Down(home), shutdown_seconds=0) as memory,
        progress(quiet=True) as bar,
    ):
        memory.session("s1").add_turn(user="said")
        with pytest.raises(BackendUnavailableError, match=r"1 turn cannot be recalled yet: .*out for lunch"):
            transcripts._deliver(memory, bar)
