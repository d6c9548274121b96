"""The mental models of a bank, and what they were before each refresh."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import apsw

from threadline.database import Database

#: How a listing matches tags: any or all of those asked for, or exactly these.
Match = Literal["any", "all", "exact"]

# Versions and failures are kept separately, so that failing again and again loses no version.
_KEPT = 50

_COLUMNS = (
    "id, name, source_query, content, tags, max_tokens, trigger, created_at, last_refreshed_at, last_memory_seen_at, "
    "seen, last_refresh_failed_at, last_full_refreshed_at, refreshed_query, response"
)
_LIGHT = _COLUMNS.replace("content,", "'',").replace("response", "NULL")
_BACKS_A_PAGE = "EXISTS (SELECT 1 FROM knowledge_nodes WHERE bank = mental_models.bank AND model = mental_models.id)"

_MATCHES = {
    "any": "EXISTS (SELECT 1 FROM json_each(tags) has JOIN json_each(:tags) asked USING (value))",
    "all": "NOT EXISTS (SELECT value FROM json_each(:tags) EXCEPT SELECT value FROM json_each(tags))",
}
_MATCHES["exact"] = " AND NOT ".join(
    (_MATCHES["all"], "EXISTS (SELECT value FROM json_each(tags) EXCEPT SELECT value FROM json_each(:tags))")
)


@dataclass(frozen=True, slots=True)
class MentalModel:
    """A mental model. Times are ISO 8601 in UTC.

    Attributes:
        source_query: the question that a refresh asks.
        seen: the last passage of the bank that a refresh saw.
        trigger: the settings of its refresh that somebody made; the others are as by default.
        refreshed_query: the question that the content answers; None without content.
        response: the answer of the last refresh, with what it is based on.
        is_page: it holds the content of a knowledge page.
    """

    id: str
    name: str
    source_query: str
    created_at: str
    last_refreshed_at: str
    content: str = ""
    tags: tuple[str, ...] = ()
    max_tokens: int = 2048
    trigger: Mapping[str, Any] = field(default_factory=dict)
    last_memory_seen_at: str | None = None
    seen: int = 0
    last_refresh_failed_at: str | None = None
    last_full_refreshed_at: str | None = None
    refreshed_query: str | None = None
    response: Mapping[str, Any] | None = None
    is_page: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a model's history.

    Attributes:
        kind: `version`: the content before a refresh wrote another; `refresh_failed`: why one did not.
        content: what is kept of it.
    """

    kind: Literal["version", "refresh_failed"]
    content: Mapping[str, Any]
    changed_at: str


Edit = Callable[[MentalModel], MentalModel]
Version = Callable[[MentalModel, MentalModel], Mapping[str, Any] | None]


def create(database: Database, bank: str, model: MentalModel) -> bool:
    """Store a new model; False where its id is taken."""
    return database.write("mental_models.create", lambda connection: insert(connection, bank, model))


def insert(connection: apsw.Connection, bank: str, model: MentalModel) -> bool:
    """`create`, within a transaction."""
    values = _values(model)
    names = ", ".join(values)
    holders = ", ".join(f":{name}" for name in values)
    connection.execute(
        f"INSERT INTO mental_models (bank, {names}) VALUES (:bank, {holders}) ON CONFLICT DO NOTHING",  # noqa: S608
        {"bank": bank, **values},
    )
    return connection.changes() == 1


def get(database: Database, bank: str, model_id: str) -> MentalModel | None:
    """The model with this id."""
    found = database.row(
        f"SELECT {_COLUMNS}, {_BACKS_A_PAGE} FROM mental_models WHERE bank = ? AND id = ?",  # noqa: S608
        (bank, model_id),
    )
    return _model(found) if found else None


def listed(
    database: Database,
    bank: str,
    *,
    tags: Sequence[str] = (),
    match: Match = "any",
    pages: bool = True,
    whole: bool = True,
    limit: int = -1,
    offset: int = 0,
) -> tuple[list[MentalModel], int]:
    """A page of the models, the last refreshed first, and how many there are in all.

    Args:
        tags: only models with them, as `match` says; none: every model.
        pages: also models that hold the content of a knowledge page.
        whole: with content and response; else both are left empty.
        limit: the most of them; -1: all.
    """
    where = "bank = :bank"
    if tags:
        where += f" AND {_MATCHES[match]}"
    if not pages:
        where += f" AND NOT {_BACKS_A_PAGE}"
    bindings: dict[str, Any] = {"bank": bank, "limit": limit, "offset": offset}
    if tags:
        bindings["tags"] = json.dumps(list(tags))
    found = database.rows(
        f"SELECT {_COLUMNS if whole else _LIGHT}, {_BACKS_A_PAGE} FROM mental_models WHERE {where} "  # noqa: S608
        "ORDER BY last_refreshed_at DESC, id DESC LIMIT :limit OFFSET :offset",
        bindings,
    )
    if not offset and (limit < 0 or len(found) < limit):
        return [_model(row) for row in found], len(found)
    count = {name: value for name, value in bindings.items() if name in ("bank", "tags")}
    total = database.row(f"SELECT count(*) FROM mental_models WHERE {where}", count)  # noqa: S608
    return [_model(row) for row in found], total[0] if total else 0


def following(database: Database, bank: str) -> list[MentalModel]:
    """The models that are to be refreshed when something was written, without their content."""
    found = database.rows(
        f"SELECT {_LIGHT}, 0 FROM mental_models WHERE bank = ? "  # noqa: S608
        "AND trigger ->> '$.refresh_after_consolidation' = 1",
        (bank,),
    )
    return [_model(row) for row in found]


def edit(
    database: Database, bank: str, model_id: str, how: Edit, *, version: Version = lambda _before, _after: None
) -> MentalModel | None:
    """Change a model to what `how` makes of it; None where there is none.

    Args:
        how: called with the model as it is, within the transaction.
        version: what the model's history is to keep, of the model before and after; None: nothing.
    """

    def work(connection: apsw.Connection) -> MentalModel | None:
        before = _read(connection, bank, model_id)
        if before is None:
            return None
        after = how(before)
        _write(connection, bank, after)
        kept = version(before, after)
        if kept is not None:
            _remember(connection, bank, model_id, Change("version", kept, after.last_refreshed_at))
        return after

    return database.write("mental_models.edit", work)


def edited(connection: apsw.Connection, bank: str, model_id: str, how: Edit) -> None:
    """`edit`, within a transaction and without history."""
    before = _read(connection, bank, model_id)
    if before is not None:
        _write(connection, bank, how(before))


def remove(database: Database, bank: str, model_id: str) -> bool:
    """Remove a model, its history, and the knowledge page it holds the content of; False where there is none."""

    def work(connection: apsw.Connection) -> bool:
        connection.execute("DELETE FROM mental_models WHERE bank = ? AND id = ?", (bank, model_id))
        return connection.changes() == 1

    return database.write("mental_models.remove", work)


def history(database: Database, bank: str, model_id: str) -> list[Change]:
    """What happened to the model, the latest first."""
    found = database.rows(
        "SELECT kind, content, changed_at FROM mental_model_history WHERE bank = ? AND model = ? ORDER BY id DESC",
        (bank, model_id),
    )
    return [Change(kind, json.loads(content), changed_at) for kind, content, changed_at in found]


def drop(database: Database, bank: str, model_id: str, keep: Callable[[Mapping[str, Any]], bool]) -> int:
    """Remove from the model's history what is not to be kept, as `keep` says of the content of each change.

    Returns:
        How much that was.
    """

    def work(connection: apsw.Connection) -> int:
        found = connection.execute(
            "SELECT id, content FROM mental_model_history WHERE bank = ? AND model = ?", (bank, model_id)
        )
        gone = [number for number, content in found if not keep(json.loads(content))]
        connection.executemany("DELETE FROM mental_model_history WHERE id = ?", [(number,) for number in gone])
        return len(gone)

    return database.write("mental_models.drop", work)


def fail(database: Database, bank: str, model_id: str, failure: Mapping[str, Any], at: str) -> None:
    """Note that a refresh failed, on the model and in its history."""

    def work(connection: apsw.Connection) -> None:
        connection.execute(
            "UPDATE mental_models SET last_refresh_failed_at = ? WHERE bank = ? AND id = ?", (at, bank, model_id)
        )
        if connection.changes():
            _remember(connection, bank, model_id, Change("refresh_failed", failure, at))

    database.write("mental_models.fail", work)


def tags(database: Database, bank: str) -> dict[str, int]:
    """How many models carry each tag."""
    found = database.rows("SELECT tags FROM mental_models WHERE bank = ?", (bank,))
    return dict(Counter(tag for (some,) in found for tag in set(json.loads(some))))


def _read(connection: apsw.Connection, bank: str, model_id: str) -> MentalModel | None:
    found = connection.execute(
        f"SELECT {_COLUMNS}, {_BACKS_A_PAGE} FROM mental_models WHERE bank = ? AND id = ?",  # noqa: S608
        (bank, model_id),
    ).get
    return None if found is None else _model(found)


def _write(connection: apsw.Connection, bank: str, model: MentalModel) -> None:
    values = _values(model)
    connection.execute(
        f"UPDATE mental_models SET {', '.join(f'{name} = :{name}' for name in values)} "  # noqa: S608
        "WHERE bank = :bank AND id = :id",
        {**values, "bank": bank},
    )


def _remember(connection: apsw.Connection, bank: str, model_id: str, change: Change) -> None:
    of_kind = (bank, model_id, change.kind)
    connection.execute(
        "INSERT INTO mental_model_history (bank, model, kind, content, changed_at) VALUES (?, ?, ?, ?, ?)",
        (*of_kind, json.dumps(change.content), change.changed_at),
    )
    connection.execute(
        "DELETE FROM mental_model_history WHERE bank = ? AND model = ? AND kind = ? AND id NOT IN ("
        "SELECT id FROM mental_model_history WHERE bank = ? AND model = ? AND kind = ? ORDER BY id DESC LIMIT ?)",
        (*of_kind, *of_kind, _KEPT),
    )


def _values(model: MentalModel) -> dict[str, Any]:
    """A model's columns."""
    values = {one.name: getattr(model, one.name) for one in fields(model) if one.name != "is_page"}
    return values | {
        "tags": json.dumps(list(model.tags)),
        "trigger": json.dumps(dict(model.trigger)),
        "response": None if model.response is None else json.dumps(dict(model.response)),
    }


def _model(row: tuple[Any, ...]) -> MentalModel:
    names = [name.strip() for name in _COLUMNS.split(",")]
    values = dict(zip(names, row, strict=False))
    values["tags"] = tuple(json.loads(values["tags"]))
    values["trigger"] = json.loads(values["trigger"])
    values["response"] = json.loads(values["response"]) if values["response"] else None
    return MentalModel(**values, is_page=bool(row[len(names)]))
