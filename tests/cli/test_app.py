from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli.conftest import Run, environment, messages, process
from threadline import Memory, __version__
from threadline.cli import app as app_module
from threadline.cli.app import app
from threadline.errors import StorageFullError


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").stdout == f"threadline {__version__}\n"


def test_every_command_has_a_summary_a_paragraph_and_two_examples() -> None:
    context = click.Context(app)
    groups = [command for command in app.commands.values() if isinstance(command, click.Group)]
    assert groups
    for name, command in [pair for group in (app, *groups) for pair in group.commands.items()]:
        help_text = command.help or ""
        summary, _, paragraph = help_text.partition("\n\n")
        assert summary.endswith("."), name
        assert len(summary) <= 64, f"the summary of {name} is cut off in the list of commands"
        assert len(paragraph) > 80, name
        assert (command.epilog or "").count("\n  threadline ") == 2, name
        assert "..." not in command.get_short_help_str(64), name
    assert list(app.list_commands(context)) == list(app.commands)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--help"], 0),
        (["recall", "--help"], 0),
        (["no-such-command"], 2),
        (["recall"], 2),
        (["recall", "x", "--limit", "0"], 2),
        (["forget"], 2),
        (["show", "nobody"], 1),
    ],
)
def test_exit_codes(memory: Memory, run: Run, args: list[str], code: int) -> None:
    run(*args, code=code)


def test_an_error_is_one_line_on_stderr(memory: Memory, run: Run) -> None:
    result = run("show", "nobody", code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: There is no session 'nobody'")
    assert result.stderr.count("\n") == 1


def test_an_error_is_an_object_with_json(memory: Memory, run: Run) -> None:
    result = run("show", "nobody", "--json", code=1)
    error = json.loads(result.stdout)["error"]
    assert error["type"] == "UnknownSessionError"
    assert error["message"].startswith("There is no session 'nobody'")
    assert result.stderr == ""


def test_the_type_of_an_error_is_always_a_public_one(run: Run) -> None:
    assert json.loads(run("status", "--json", code=1).stdout)["error"]["type"] == "InvalidBankError"


def test_a_full_disk_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise StorageFullError("No space left to write\n/somewhere; free some and try again.")

    monkeypatch.setattr("threadline.cli.options.Memory", full)
    result = run("retain", "x", code=1)
    assert result.stderr == "Error: No space left to write /somewhere; free some and try again.\n"


def test_an_interrupt_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("threadline.cli.options.Memory", interrupted)
    result = run("retain", "x", code=app_module.INTERRUPTED)
    assert "Interrupted" in result.stderr


def test_a_program_bug_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("threadline.cli.options.Memory", broken)
    with pytest.raises(ZeroDivisionError):
        app.main(["retain", "x"], standalone_mode=False)


def test_the_module_is_the_command(tmp_path: Path) -> None:
    result = process(tmp_path / "home", "--version")
    assert (result.returncode, result.stdout) == (0, f"threadline {__version__}\n")


def test_no_colour_and_no_control_characters_in_a_pipe(tmp_path: Path) -> None:
    home = tmp_path / "home"
    chat = messages(tmp_path / "chat.jsonl", "the \x1b[31mred\x1b[0m \x9b2J door", "[bold]not markup[/bold]")
    results = [
        process(home, "import", chat),
        process(home, "sessions"),
        process(home, "show", "chat"),
        process(home, "recall", "red door"),
        process(home, "recall", "markup"),
        process(home, "status"),
    ]
    for result in results:
        assert result.returncode == 0, result.stderr
        assert not set(result.stdout + result.stderr) & set("\x1b\x9b\r"), result.args
        assert result.stderr == "", result.args
    assert "[bold]not markup[/bold]" in results[4].stdout


def test_a_pipe_nobody_reads_any_more_is_quiet(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Memory.open(home, embedder="none") as memory:
        session = memory.session("s1")
        for number in range(2000):
            session.add_turn(user=f"{number} {'words ' * 40}")
    for args in (["show", "s1"], ["export"], ["show", "s1", "--json"]):
        with subprocess.Popen(
            [sys.executable, "-m", "threadline", *args],
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            child.stdout.read(10)
            child.stdout.close()
            assert child.stderr.read() == b"", args
            assert child.wait(timeout=30) == 1, args


def test_control_c_during_an_import_keeps_what_was_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = messages(tmp_path / "first.jsonl", "the first thing said")
    process_ = subprocess.Popen(
        [sys.executable, "-m", "threadline", "import", str(first), "-"],
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process_ as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert "1 turn added" in child.stdout.readline()  # and now it waits for stdin
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 130
        said = child.stderr.read()
        assert "run the same command again" in said
        assert "Traceback" not in said
    assert "1 already there" in process(home, "import", first).stdout


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("rich", "numpy", "onnxruntime", "tokenizers", "ijson", "detect_secrets", "asyncio", "threadline.importers")
    code = f"import sys, threadline.cli.app; print([name for name in {heavy!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "[]\n"
