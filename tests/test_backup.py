from __future__ import annotations

import io
import json
import tarfile
import threading
from pathlib import Path

import apsw
import pytest

from tests.conftest import OpenMemory
from tests.test_database import SCHEMA
from threadline import InputError, Memory, NewerVersionError, StorageBusyError, StorageCorruptError
from threadline.backup import back_up, restore
from threadline.database import Database


@pytest.fixture
def lived(home: Path, open_memory: OpenMemory) -> Path:
    """A data directory with two banks, which is still open."""
    for bank in ("one", "two"):
        memory = open_memory(bank)
        memory.session("s1").add_turn(user=f"The door of {bank} is green.")
        memory.flush()
    (home / "config.toml").write_text("idle_seconds = 7\n")
    return home


@pytest.fixture
def made(lived: Path, tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar.gz"
    back_up(lived, path)
    return path


def _rewrite(path: Path, change: object) -> None:
    """The archive with its members changed: `change` takes and returns a dict of their contents by name."""
    with tarfile.open(path) as archive:
        members = {each.name: archive.extractfile(each).read() for each in archive}  # type: ignore[union-attr]
    with tarfile.open(path, "w:gz") as archive:
        for name, content in change(members).items():  # type: ignore[operator]
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_restore_what_was_backed_up(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "restored"
    found = restore(made, target)
    assert (found.files, found.databases) == (4, 3)
    assert (target / "config.toml").read_text() == "idle_seconds = 7\n"
    for bank in ("one", "two"):
        with Memory.open(target, bank=bank, embedder="none") as memory:
            assert [each.text for each in memory.recall("door")] == [f"The door of {bank} is green."]
            assert memory.session("s1").add_turn(user="And the wall is blue.").number == 2
            assert memory.flush()
            assert memory.recall("wall")


def test_keep_it_to_its_owner(made: Path, tmp_path: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o600
    restore(made, tmp_path / "restored")
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "restored").rglob("*"))
    assert {path.name for path in tmp_path.iterdir()} == {"home", "backup.tar.gz", "restored"}, "nothing is left behind"


def test_leave_out_what_is_made_again(made: Path) -> None:
    with tarfile.open(made) as archive:
        names = set(archive.getnames())
    banks = {f"banks/{bank}/memory.db" for bank in ("one", "two")}
    assert names == {"journal.db", *banks, "config.toml", "threadline-backup.json"}


def test_take_every_tenant_with_it(lived: Path, tmp_path: Path) -> None:
    tenant = lived / "tenants" / "acme"
    with Memory.open(tenant, embedder="none") as memory:
        memory.retain("Acme is here.")
        memory.flush()
    (tenant / "tenant").write_text("acme")
    back_up(lived, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "restored")
    again = tmp_path / "restored" / "tenants" / "acme"
    assert (again / "tenant").read_text() == "acme"
    with Memory.open(again, embedder="none") as memory:
        assert memory.recall("Acme")


def test_take_everything_as_it_was_at_one_instant(home: Path, tmp_path: Path) -> None:
    """Whoever writes into one database after the other is never found to have done a later one and not the earlier."""
    names = ["journal.db", *(f"banks/{number}/memory.db" for number in range(9))]
    databases = [Database(home / name, SCHEMA) for name in names]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for database in databases:
                database.write("one", lambda connection: connection.execute("INSERT INTO t (x) VALUES (1)"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for count in range(5):
            back_up(home, tmp_path / "backup")
            restore(tmp_path / "backup", tmp_path / f"r{count}")
            counts = []
            for name in names:
                connection = apsw.Connection(str(tmp_path / f"r{count}" / name))
                counts.append(next(iter(connection.execute("SELECT count(*) FROM t")))[0])
                connection.close()
            assert counts == sorted(counts, reverse=True), counts
            assert counts[0] - counts[-1] in (0, 1), counts
    finally:
        stop.set()
        writer.join()
        for database in databases:
            database.close()


def test_wait_for_whoever_writes_and_say_who_never_ends(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threadline.backup._LOCK_SECONDS", 0.0)
    monkeypatch.setattr("threadline.backup._LOCK_TRY_MS", 1)
    holder = apsw.Connection(str(lived / "banks" / "two" / "memory.db"))
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageBusyError, match="stayed locked"):
        back_up(lived, tmp_path / "backup")
    holder.close()
    back_up(lived, tmp_path / "backup")


def test_overwrite_nothing(made: Path, lived: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        restore(made, lived)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is there already"):
        restore(made, tmp_path / "file")
    (tmp_path / "empty").mkdir()
    restore(made, tmp_path / "empty")


def test_replace_a_backup_only_by_a_whole_one(made: Path, lived: Path) -> None:
    before = made.read_bytes()
    database = lived / "banks" / "one" / "memory.db"
    content = database.read_bytes()[:100] + b"\xff" * 8092
    (lived / "banks" / "bad").mkdir()
    (lived / "banks" / "bad" / "memory.db").write_bytes(content)
    with pytest.raises(StorageCorruptError, match="damaged"):
        back_up(lived, made)
    assert made.read_bytes() == before


def test_refuse_a_data_directory_or_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data directory"):
        back_up(tmp_path / "none", tmp_path / "backup")
    with pytest.raises(InputError, match="no file"):
        restore(tmp_path / "none", tmp_path / "restored")


@pytest.mark.parametrize(
    "change",
    [
        lambda members: {**members, "journal.db": members["journal.db"][:-1] + b"x"},
        lambda members: {name: members[name] for name in members if name != "journal.db"},
        lambda members: {"extra": b"", **members},
        lambda members: {"../escape": b"", **members},
        lambda members: {"/escape": b"", **members},
        lambda members: {name: members[name] for name in members if not name.endswith(".json")},
        lambda members: {**members, "threadline-backup.json": b"{}"},
        lambda members: {**members, "threadline-backup.json": b"["},
        lambda members: {},
    ],
)
def test_restore_nothing_of_a_changed_backup(made: Path, tmp_path: Path, change: object) -> None:
    _rewrite(made, change)
    with pytest.raises(StorageCorruptError, match=str(made)):
        restore(made, tmp_path / "restored")
    assert {path.name for path in tmp_path.iterdir()} == {"home", "backup.tar.gz"}


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.99])
def test_restore_nothing_of_a_cut_or_foreign_file(made: Path, tmp_path: Path, cut: float) -> None:
    content = made.read_bytes()
    made.write_bytes(content[: int(len(content) * cut)] or b"not an archive")
    with pytest.raises(StorageCorruptError, match=str(made)):
        restore(made, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_say_that_a_backup_is_of_a_newer_version(made: Path, tmp_path: Path) -> None:
    newer = json.dumps({"format": 2, "made_at": "", "files": {}}).encode()
    _rewrite(made, lambda members: {**members, "threadline-backup.json": newer})
    with pytest.raises(NewerVersionError, match="upgrade"):
        restore(made, tmp_path / "restored")
