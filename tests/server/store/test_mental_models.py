import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from threadline.database import Database
from threadline.server.store import banks, mental_models, open_store
from threadline.server.store.mental_models import MentalModel

NOW = "2026-01-01T00:00:00.000000+00:00"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_store(tmp_path / "server.db")
    yield opened
    opened.close()


@pytest.fixture
def bank(database: Database) -> str:
    return banks.ensure(database, "b").uid


def model(name: str, *tags: str, at: str = NOW) -> MentalModel:
    return MentalModel(name, name, f"who is {name}?", created_at=at, last_refreshed_at=at, tags=tags)


def test_create_and_get(database: Database, bank: str) -> None:
    made = dataclasses.replace(
        model("ann", "x"), trigger={"mode": "delta"}, response={"text": "t"}, content="c", refreshed_query="q"
    )
    assert mental_models.create(database, bank, made)
    assert mental_models.get(database, bank, "ann") == made
    assert mental_models.get(database, banks.ensure(database, "other").uid, "ann") is None


def test_an_id_is_taken_once(database: Database, bank: str) -> None:
    assert mental_models.create(database, bank, model("ann"))
    assert not mental_models.create(database, bank, dataclasses.replace(model("ann"), content="other"))
    assert mental_models.get(database, bank, "ann") == model("ann")
    assert mental_models.create(database, banks.ensure(database, "other").uid, model("ann"))


@pytest.mark.parametrize(
    ("tags", "match", "expected"),
    [
        ((), "any", ["none", "xy", "x"]),
        (("x",), "any", ["xy", "x"]),
        (("x", "y"), "any", ["xy", "x"]),
        (("x", "y"), "all", ["xy"]),
        (("y", "x"), "exact", ["xy"]),
        (("x",), "exact", ["x"]),
        (("z",), "any", []),
    ],
)
def test_listed_by_tags(
    database: Database, bank: str, tags: tuple[str, ...], match: mental_models.Match, expected: list[str]
) -> None:
    for place, one in enumerate([("x", "x"), ("xy", "x", "y"), ("none",)]):
        mental_models.create(database, bank, model(*one, at=NOW.replace("00:00:00", f"00:00:0{place}")))
    found, total = mental_models.listed(database, bank, tags=tags, match=match)
    assert [one.id for one in found] == expected
    assert total == len(expected)


def test_listed_in_pages(database: Database, bank: str) -> None:
    for name in "abcde":
        mental_models.create(database, bank, dataclasses.replace(model(name), content=name, response={}))
    found, total = mental_models.listed(database, bank, limit=2, offset=1, whole=False)
    assert [(one.id, one.content, one.response) for one in found] == [("d", "", None), ("c", "", None)]
    assert total == 5
    assert mental_models.listed(database, bank, limit=2, offset=9) == ([], 5)


def test_edit_keeps_history(database: Database, bank: str) -> None:
    mental_models.create(database, bank, model("ann"))
    for number in range(60):
        at = NOW.replace("00:00:00", f"00:00:{number:02}")
        mental_models.edit(
            database,
            bank,
            "ann",
            lambda one, at=at: dataclasses.replace(one, content=at, last_refreshed_at=at),  # type: ignore[misc]
            version=lambda before, after, number=number: {"number": number, "was": before.content},  # type: ignore[misc]
        )
    mental_models.fail(database, bank, "ann", {"why": "no"}, NOW)
    changes = mental_models.history(database, bank, "ann")
    assert [change.kind for change in changes] == ["refresh_failed"] + ["version"] * 50
    assert changes[1].content == {"number": 59, "was": NOW.replace("00:00:00", "00:00:58")}
    failed = mental_models.get(database, bank, "ann")
    assert failed
    assert failed.last_refresh_failed_at == NOW


def test_edit_of_none(database: Database, bank: str) -> None:
    assert mental_models.edit(database, bank, "nobody", lambda one: one, version=lambda *_: {}) is None
    mental_models.fail(database, bank, "nobody", {}, NOW)
    assert mental_models.history(database, bank, "nobody") == []


def test_remove(database: Database, bank: str) -> None:
    mental_models.create(database, bank, model("ann"))
    mental_models.edit(database, bank, "ann", lambda one: one, version=lambda *_: {})
    assert mental_models.remove(database, bank, "ann")
    assert not mental_models.remove(database, bank, "ann")
    assert mental_models.history(database, bank, "ann") == []


def test_a_bank_takes_its_models_with_it(database: Database, bank: str) -> None:
    mental_models.create(database, bank, model("ann"))
    mental_models.edit(database, bank, "ann", lambda one: one, version=lambda *_: {})
    banks.remove(database, bank)
    assert database.rows("SELECT 1 FROM mental_models UNION ALL SELECT 1 FROM mental_model_history") == []


def test_tags(database: Database, bank: str) -> None:
    mental_models.create(database, bank, model("ann", "x", "y", "x"))
    mental_models.create(database, bank, model("bob", "x"))
    assert mental_models.tags(database, bank) == {"x": 2, "y": 1}
