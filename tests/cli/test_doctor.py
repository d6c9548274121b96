from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from threadline import BackendRefusedError, Memory
from threadline.backends.embedded import EmbeddedBackend
from threadline.journal.owner import Claim
from threadline.server.keys import Keys


@pytest.fixture
def lived(home: Path) -> Path:
    """A data directory in which something was said."""
    with Memory.open(home, embedder="none") as memory:
        memory.session("s1").add_turn(user="hello")
        memory.flush()
    return home


def _wrong(run: Run, code: int = 1) -> list[str]:
    told = json.loads(run("doctor", "--json", code=code).stdout)
    return [check["name"] for check in told["checks"] if check["ok"] is False]


def test_find_nothing_wrong(lived: Path, run: Run) -> None:
    shown = run("doctor").stdout
    assert "WRONG" not in shown
    for part in (
        "settings",
        "folder",
        "GB are free",
        "by their words alone",
        "2 databases, all whole",
        "1 delivery done",
    ):
        assert part in shown, part
    assert "none ever ran on it" in shown


def test_find_nothing_wrong_where_nothing_is(home: Path, run: Run) -> None:
    assert "not there yet" in run("doctor").stdout
    assert not home.exists()


def test_find_a_setting_that_cannot_be(lived: Path, run: Run) -> None:
    (lived / "config.toml").write_text("colour = 'red'")
    assert _wrong(run) == ["settings"]


def test_find_a_folder_that_others_can_enter(lived: Path, run: Run) -> None:
    lived.chmod(0o755)
    assert _wrong(run) == ["folder"]
    assert f"Run: chmod 700 {lived}" in run("doctor", code=1).stdout


def test_find_a_damaged_database(lived: Path, run: Run) -> None:
    database = lived / "banks" / "default" / "memory.db"
    content = bytearray(database.read_bytes())
    content[5000:9000] = b"\xff" * 4000
    database.write_bytes(content)
    assert _wrong(run) == ["database"]
    assert "from a backup" in run("doctor", code=1).stdout


def test_find_a_database_of_others(lived: Path, run: Run) -> None:
    (lived / "notes.db").write_bytes(b"")
    assert _wrong(run) == ["database"]


def test_find_what_was_refused(home: Path, run: Run) -> None:
    class Refusing(EmbeddedBackend):
        def retain(self, batch: object) -> None:
            raise BackendRefusedError("No, thank you.")

    with Memory.open(home, backend=Refusing(home)) as memory:
        memory.session("s1").add_turn(user="said")
        memory.flush()
    assert _wrong(run) == ["deliveries"]


def test_find_an_embedder_that_does_not_run(lived: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLINE_EMBEDDER", "nobody")
    assert "embedder" in _wrong(run)


def test_find_a_full_disk(lived: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadline.cli.doctor._LOW_BYTES", 1 << 62)
    assert _wrong(run) == ["space"]


def test_find_that_no_key_holds(lived: Path, run: Run) -> None:
    keys = Keys(lived)
    keys.create()
    keys.create(expires_at=datetime.now(UTC) + timedelta(days=1))
    assert "2 keys of 2 can be used" in run("doctor").stdout
    for each in keys.list():
        keys.revoke(each.id)
    keys.close()
    assert _wrong(run) == ["keys"]


def test_tell_whether_a_server_runs(lived: Path, run: Run) -> None:
    claim = Claim(lived / "server.lock", "taken")
    assert "one is running on it" in run("doctor").stdout
    claim.close()
    assert "none is running on it" in run("doctor").stdout
