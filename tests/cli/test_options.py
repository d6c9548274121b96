from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run, process


@pytest.mark.parametrize("before", [True, False])
def test_the_shared_options_go_before_or_after_the_name(run: Run, tmp_path: Path, before: bool) -> None:
    shared = ["--home", tmp_path / "other", "--bank", "alice", "--embedder", "none", "--json"]
    name = ["retain", "Alice drinks green tea."]
    note = run(*(shared + name if before else name + shared)).stdout
    assert '"redactions": 0' in note
    assert "green tea" in run("recall", "tea", "--home", tmp_path / "other", "--bank", "alice").stdout
    assert not (tmp_path / "home").exists()


def test_the_shared_options_go_anywhere_with_a_command_of_a_group(run: Run, tmp_path: Path) -> None:
    run("retain", "x", "--home", tmp_path / "other", "--bank", "alice")
    shared = ["--home", tmp_path / "other", "--bank", "alice", "--json"]
    for args in (
        [*shared, "outbox", "list"],
        ["outbox", *shared, "list"],
        ["outbox", "list", *shared],
        ["outbox", *shared],
    ):
        assert run(*args).stdout == "[]\n"


def test_an_option_after_the_name_wins_over_the_same_before_it(run: Run, home: Path) -> None:
    run("--bank", "one", "retain", "said here", "--bank", "two")
    assert sorted(folder.name for folder in (home / "banks").iterdir()) == ["two"]


@pytest.mark.parametrize(
    "args",
    [
        ["status"],
        ["status", "--probe", "--all"],
        ["show", "s1"],
        ["export"],
        ["rebuild"],
        ["forget", "--everything", "--yes"],
        ["outbox"],
        ["outbox", "retry", "--dead"],
        ["outbox", "drop", "1", "--yes"],
        ["outbox", "export"],
    ],
    ids=" ".join,
)
def test_looking_makes_no_data_directory(run: Run, home: Path, args: list[str]) -> None:
    result = run(*args, code=1)
    assert f"There is no memory in {home} yet" in result.stderr
    assert result.stdout == ""
    assert not home.exists()


@pytest.mark.parametrize(("name", "nothing"), [("recall", "Nothing found."), ("sessions", "No sessions.")])
def test_an_empty_answer_is_an_answer(run: Run, home: Path, name: str, nothing: str) -> None:
    args = [name, "tea"] if name == "recall" else [name]
    result = run(*args)
    assert result.stdout == f"{nothing}\n"
    assert "There is no memory" in result.stderr
    assert run(*args, "--json").stdout == "[]\n"
    assert not home.exists()


def test_an_unknown_bank_is_named_with_those_there_are(run: Run) -> None:
    run("retain", "something")
    assert "There is no bank 'aliec'" in run("status", "--bank", "aliec", code=1).stderr
    assert "--bank names one of default." in run("status", "--bank", "aliec", code=1).stderr


def test_a_text_comes_from_stdin(run: Run) -> None:
    run("retain", stdin="piped in: the ferry leaves at nine")
    run("retain", "-", stdin="piped in: the train leaves at ten")
    assert "nine" in run("recall", "ferry").stdout
    assert "ten" in run("recall", "train").stdout


def test_text_from_stdin_that_is_not_utf8_is_refused(run: Run) -> None:
    assert "not UTF-8" in run("retain", stdin=b"caf\xe9", code=1).stderr


def test_a_bad_setting_is_one_line(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("no_such = 1\n")
    result = process(home, "retain", "x")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "no_such" in result.stderr
