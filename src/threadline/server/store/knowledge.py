"""The knowledge base of a bank: a tree of folders and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import apsw

from threadline.database import Database
from threadline.errors import ConflictError, InputError
from threadline.server.store import mental_models
from threadline.server.store.mental_models import MentalModel

_COLUMNS = "id, parent, kind, name, model, created_at, updated_at"


@dataclass(frozen=True, slots=True)
class Node:
    """A folder or a page. Times are ISO 8601 in UTC.

    Attributes:
        parent: the folder it lies in; None at the root.
        model: the mental model that holds a page's content; None of a folder.
    """

    id: str
    parent: str | None
    kind: Literal["folder", "page"]
    name: str
    model: str | None
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Patch:
    """What is to change of a node.

    Attributes:
        name: its new name; None: as it is.
        parents: its new folder, or None for the root, as the only element; empty: where it is.
        page: what becomes of the mental model behind it; None: nothing.
        at: when it is changed.
    """

    at: str
    name: str | None = None
    parents: Sequence[str | None] = ()
    page: Callable[[MentalModel], MentalModel] | None = None


def create(database: Database, bank: str, node: Node, model: MentalModel | None = None) -> None:
    """Store a new folder, or a new page with the mental model behind it.

    Raises:
        InputError: its parent is no folder of this bank.
        ConflictError: its folder has a page of that name.
    """

    def work(connection: apsw.Connection) -> None:
        if model is not None:
            mental_models.insert(connection, bank, model)
        values = _values(node)
        with _refusals(node.name):
            connection.execute(
                f"INSERT INTO knowledge_nodes (bank, {_COLUMNS}) VALUES (:bank, "  # noqa: S608
                f"{', '.join(f':{name}' for name in values)})",
                {"bank": bank, **values},
            )

    database.write("knowledge.create", work)


def get(database: Database, bank: str, node_id: str) -> Node | None:
    """The node with this id."""
    found = database.row(
        f"SELECT {_COLUMNS} FROM knowledge_nodes WHERE bank = ? AND id = ?",  # noqa: S608
        (bank, node_id),
    )
    return Node(*found) if found else None


def nodes(database: Database, bank: str) -> list[Node]:
    """All of them, by name."""
    found = database.rows(
        f"SELECT {_COLUMNS} FROM knowledge_nodes WHERE bank = ? ORDER BY name, created_at, id",  # noqa: S608
        (bank,),
    )
    return [Node(*row) for row in found]


def patch(database: Database, bank: str, node_id: str, how: Patch) -> Node | None:
    """Change a node, all of it or nothing; None where there is none, or it is no page and `how.page` wants one.

    Raises:
        InputError: its new parent is no folder, or lies within the node.
        ConflictError: its folder has a page of that name.
    """

    def work(connection: apsw.Connection) -> Node | None:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM knowledge_nodes WHERE bank = ? AND id = ?",  # noqa: S608
            (bank, node_id),
        ).get
        node = Node(*row) if row else None
        if node is None or (how.page and node.model is None):
            return None
        for parent in how.parents:
            node = replace(node, parent=parent)
        if how.name is not None or how.parents:
            node = replace(node, name=node.name if how.name is None else how.name, updated_at=how.at)
            with _refusals(node.name):
                connection.execute(
                    "UPDATE knowledge_nodes SET name = :name, parent = :parent, updated_at = :updated_at "
                    "WHERE bank = :bank AND id = :id",
                    {"bank": bank, **_values(node)},
                )
        if node.model is not None:
            mental_models.edited(connection, bank, node.model, _renamed(how))
        return node

    return database.write("knowledge.patch", work)


def remove(database: Database, bank: str, node_id: str) -> bool:
    """Remove a node with all that lies within it and the mental models behind its pages; False where there is none."""

    def work(connection: apsw.Connection) -> bool:
        connection.execute(
            "DELETE FROM mental_models WHERE bank = :bank AND id IN ("
            "WITH RECURSIVE within (id, model) AS ("
            "SELECT id, model FROM knowledge_nodes WHERE bank = :bank AND id = :id UNION "
            "SELECT node.id, node.model FROM knowledge_nodes node JOIN within ON node.parent = within.id "
            "WHERE node.bank = :bank) SELECT model FROM within WHERE model IS NOT NULL)",
            {"bank": bank, "id": node_id},
        )
        pages = connection.changes()
        connection.execute("DELETE FROM knowledge_nodes WHERE bank = ? AND id = ?", (bank, node_id))
        return bool(pages or connection.changes())

    return database.write("knowledge.remove", work)


def _renamed(how: Patch) -> Callable[[MentalModel], MentalModel]:
    def edit(model: MentalModel) -> MentalModel:
        named = model if how.name is None else replace(model, name=how.name)
        return how.page(named) if how.page else named

    return edit


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Turn what the tables refuse into the error that says it."""
    try:
        yield
    except apsw.ConstraintError as error:
        match error.extendedresult:  # type: ignore[attr-defined]  # the stubs do not know it
            case apsw.SQLITE_CONSTRAINT_UNIQUE:
                raise ConflictError(f"A page named '{name}' already exists in this folder") from error
            case apsw.SQLITE_CONSTRAINT_TRIGGER:
                raise InputError(str(error)) from error
            case _:
                raise


def _values(node: Node) -> Mapping[str, Any]:
    return {one.name: getattr(node, one.name) for one in fields(node)}
