"""The journal's SQL, read once from the files beside this one."""

from __future__ import annotations

from importlib.resources import files
from types import MappingProxyType
from typing import Any

import apsw

from threadline.database import Schema, named_queries

_FOLDER = files(__package__)

#: The named queries of `queries.sql`.
SQL = MappingProxyType(named_queries(_FOLDER.joinpath("queries.sql").read_text("utf-8")))

#: What `journal.db` must look like, and how an older one comes to look like it.
SCHEMA = Schema(
    application_id=0x54484A31,
    version=2,
    create=_FOLDER.joinpath("schema.sql").read_text("utf-8"),
    migrations={2: _FOLDER.joinpath("migrations", "2.sql").read_text("utf-8")},
)


def first_row(connection: apsw.Connection, query: str, **bindings: Any) -> Any:
    """The first row of a named query, or None."""
    return next(iter(connection.execute(SQL[query], bindings)), None)
