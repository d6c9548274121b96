from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from threadline import Memory


@pytest.fixture
def said(memory: Memory) -> None:
    session = memory.session("s1")
    for number in range(3):
        session.add_turn(user=f"turn {number}: naïve café 🍵")
    session.branch("b1", at_turn=2).add_turn(user="in the branch")
    session.rewind()
    memory.retain("a note")
    memory.flush()


@pytest.mark.usefixtures("said")
def test_export_and_import_give_the_same_lines(run: Run, tmp_path: Path) -> None:
    lines = run("export").stdout
    (tmp_path / "export.jsonl").write_text(lines, "utf-8")
    other = tmp_path / "other"
    assert (
        "4 turns added, 0 already there, 1 note added"
        in run("--home", other, "import", tmp_path / "export.jsonl").stdout
    )
    assert run("--home", other, "export").stdout == lines
    assert "0 turns added, 4 already there" in run("--home", other, "import", tmp_path / "export.jsonl").stdout
    assert run("--home", other, "export").stdout == lines
    for question in ("café", "branch", "note"):
        found = [run(*home, "recall", question, "--json").stdout for home in ([], ["--home", other])]
        assert found[0] == found[1] != "[]\n"


@pytest.mark.usefixtures("said")
def test_an_export_file_is_private_and_takes_the_place_of_an_old_one(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "export.jsonl"
    target.write_text("old")
    target.chmod(0o644)
    told = json.loads(run("export", "--output", target, "--json").stdout)
    assert told == {"file": str(target), "bank": "default", "lines": len(target.read_text().splitlines())}
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_text() == run("export").stdout
    assert [path.name for path in tmp_path.iterdir() if "export" in path.name] == ["export.jsonl"]


@pytest.mark.usefixtures("said")
def test_an_export_that_fails_leaves_the_old_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "export.jsonl"
    target.write_text("old")

    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("threadline.cli.archives.write_all", full)
    assert "No space left to write" in run("export", "--output", target, code=1).stderr
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if "export" in path.name] == ["export.jsonl"]


@pytest.mark.usefixtures("said")
def test_a_folder_that_is_not_there_is_one_line(run: Run, tmp_path: Path) -> None:
    result = run("export", "--output", tmp_path / "no" / "such" / "x.jsonl", code=1)
    assert result.stderr.startswith("Error: ")


@pytest.mark.usefixtures("said")
def test_json_without_a_file_is_a_usage_error(run: Run) -> None:
    run("export", "--json", code=2)
