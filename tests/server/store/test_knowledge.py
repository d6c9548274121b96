import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from threadline.database import Database
from threadline.errors import ConflictError, InputError
from threadline.server.store import banks, knowledge, mental_models, open_store
from threadline.server.store.knowledge import Node, Patch
from threadline.server.store.mental_models import MentalModel

NOW = "2026-01-01T00:00:00.000000+00:00"
LATER = "2026-01-02T00:00:00.000000+00:00"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_store(tmp_path / "server.db")
    yield opened
    opened.close()


@pytest.fixture
def bank(database: Database) -> str:
    return banks.ensure(database, "b").uid


def folder(database: Database, bank: str, name: str, parent: str | None = None) -> str:
    knowledge.create(database, bank, Node(name, parent, "folder", name, None, NOW, NOW))
    return name


def page(database: Database, bank: str, name: str, parent: str | None = None, node_id: str = "") -> str:
    node_id = node_id or name
    model = MentalModel(f"mm-{node_id}", name, f"what is {name}?", created_at=NOW, last_refreshed_at=NOW)
    knowledge.create(database, bank, Node(node_id, parent, "page", name, model.id, NOW, NOW), model)
    return node_id


def names(database: Database, bank: str) -> list[str]:
    return [node.name for node in knowledge.nodes(database, bank)]


def test_create_and_list(database: Database, bank: str) -> None:
    page(database, bank, "page", folder(database, bank, "folder"))
    assert knowledge.nodes(database, bank) == [
        Node("folder", None, "folder", "folder", None, NOW, NOW),
        Node("page", "folder", "page", "page", "mm-page", NOW, NOW),
    ]
    model = mental_models.get(database, bank, "mm-page")
    assert model
    assert model.is_page
    assert mental_models.listed(database, bank, pages=False) == ([], 0)


def test_a_parent_is_a_folder_of_the_bank(database: Database, bank: str) -> None:
    with pytest.raises(InputError, match=r"^Parent folder 'none' not found$"):
        folder(database, bank, "f", "none")
    with pytest.raises(InputError, match=r"^Parent 'p' is not a folder$"):
        folder(database, bank, "f", page(database, bank, "p"))
    with pytest.raises(InputError, match="not found"):
        folder(database, banks.ensure(database, "other").uid, "g", folder(database, bank, "f"))


def test_a_page_has_its_name_alone_in_its_folder(database: Database, bank: str) -> None:
    page(database, bank, "p")
    with pytest.raises(ConflictError, match=r"^A page named 'p' already exists in this folder$"):
        page(database, bank, "p", node_id="q")
    assert mental_models.get(database, bank, "mm-q") is None
    page(database, bank, "p", folder(database, bank, "f"), node_id="q")
    with pytest.raises(ConflictError):
        knowledge.patch(database, bank, "q", Patch(LATER, parents=[None]))
    moved = knowledge.get(database, bank, "q")
    assert moved
    assert moved.parent == "f"


def test_move_and_rename(database: Database, bank: str) -> None:
    page(database, bank, "p")
    folder(database, bank, "f")
    moved = knowledge.patch(database, bank, "p", Patch(LATER, name="q", parents=["f"]))
    assert moved == Node("p", "f", "page", "q", "mm-p", NOW, LATER)
    assert knowledge.get(database, bank, "p") == moved
    model = mental_models.get(database, bank, "mm-p")
    assert model
    assert model.name == "q"
    assert knowledge.patch(database, bank, "p", Patch(LATER, parents=[None])) == dataclasses.replace(moved, parent=None)


def test_no_folder_within_itself(database: Database, bank: str) -> None:
    folder(database, bank, "a")
    folder(database, bank, "b", "a")
    folder(database, bank, "c", "b")
    with pytest.raises(InputError, match=r"^A node cannot be its own parent$"):
        knowledge.patch(database, bank, "a", Patch(LATER, parents=["a"]))
    for parent in ("b", "c"):
        with pytest.raises(InputError, match=r"^Cannot move a node into its own subtree$"):
            knowledge.patch(database, bank, "a", Patch(LATER, name="renamed", parents=[parent]))
    assert names(database, bank) == ["a", "b", "c"]
    assert knowledge.patch(database, bank, "c", Patch(LATER, parents=["a"]))


def test_a_patch_is_all_or_nothing(database: Database, bank: str) -> None:
    page(database, bank, "p")
    with pytest.raises(InputError):
        knowledge.patch(
            database,
            bank,
            "p",
            Patch(LATER, name="q", parents=["none"], page=lambda one: dataclasses.replace(one, max_tokens=1)),
        )
    assert names(database, bank) == ["p"]
    assert knowledge.patch(database, bank, folder(database, bank, "f"), Patch(LATER, "g", page=lambda one: one)) is None
    assert names(database, bank) == ["f", "p"]
    assert knowledge.patch(database, bank, "nobody", Patch(LATER, "x")) is None


def test_remove_takes_what_lies_within(database: Database, bank: str) -> None:
    folder(database, bank, "a")
    folder(database, bank, "b", "a")
    page(database, bank, "p", "b")
    page(database, bank, "q")
    assert knowledge.remove(database, bank, "a")
    assert names(database, bank) == ["q"]
    assert [one.id for one in mental_models.listed(database, bank)[0]] == ["mm-q"]
    assert knowledge.remove(database, bank, "q")
    assert not knowledge.remove(database, bank, "q")
    assert mental_models.listed(database, bank)[1] == 0


def test_a_page_goes_with_its_model(database: Database, bank: str) -> None:
    page(database, bank, "p")
    mental_models.remove(database, bank, "mm-p")
    assert names(database, bank) == []


def test_nesting_has_an_end(database: Database, bank: str) -> None:
    parent = None
    for number in range(100):
        parent = folder(database, bank, str(number), parent)
    with pytest.raises(InputError, match="nested 100 deep"):
        folder(database, bank, "x", parent)
    folder(database, bank, "x")
    folder(database, bank, "y", "x")
    with pytest.raises(InputError, match="nested 100 deep"):
        knowledge.patch(database, bank, "x", Patch(LATER, parents=["98"]))
    assert knowledge.patch(database, bank, "x", Patch(LATER, parents=["97"]))
