import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from threadline.database import Database
from threadline.server.store import banks, directives, open_store
from threadline.server.store.directives import Directive

NOW = "2026-01-01T00:00:00.000000+00:00"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_store(tmp_path / "server.db")
    yield opened
    opened.close()


@pytest.fixture
def bank(database: Database) -> str:
    return banks.ensure(database, "b").uid


def directive(name: str, priority: int = 0, *, active: bool = True, at: str = NOW) -> Directive:
    return Directive(name, name, "be brief", priority, active, ("x",), at, at)


def test_create_and_get(database: Database, bank: str) -> None:
    directives.create(database, bank, directive("d"))
    assert directives.get(database, bank, "d") == directive("d")
    assert directives.get(database, banks.ensure(database, "other").uid, "d") is None


def test_listed_by_priority(database: Database, bank: str) -> None:
    later = NOW.replace("2026", "2027")
    for one in (directive("a"), directive("b", 1, active=False), directive("c", at=later)):
        directives.create(database, bank, one)
    assert [one.id for one in directives.listed(database, bank)] == ["b", "c", "a"]
    assert [one.id for one in directives.listed(database, bank, active_only=True)] == ["c", "a"]


def test_edit(database: Database, bank: str) -> None:
    directives.create(database, bank, directive("d"))
    changed = directives.edit(database, bank, "d", lambda one: dataclasses.replace(one, is_active=False, tags=()))
    assert changed == dataclasses.replace(directive("d"), is_active=False, tags=())
    assert directives.get(database, bank, "d") == changed
    assert directives.edit(database, bank, "nobody", lambda one: one) is None


def test_remove(database: Database, bank: str) -> None:
    directives.create(database, bank, directive("d"))
    assert directives.remove(database, bank, "d")
    assert not directives.remove(database, bank, "d")
    directives.create(database, bank, directive("e"))
    banks.remove(database, bank)
    assert database.rows("SELECT 1 FROM directives") == []
