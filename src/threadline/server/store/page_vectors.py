"""The vectors of a bank's knowledge pages."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from threadline.database import Database
from threadline.server.store.mental_models import MentalModel


def every(database: Database, bank: str, embedder: str) -> dict[str, bytes]:
    """Those that this embedder made, by the ids of the mental models."""
    found = database.rows("SELECT model, vector FROM page_vectors WHERE bank = ? AND embedder = ?", (bank, embedder))
    return dict(found)


def keep(database: Database, bank: str, embedder: str, made: Sequence[tuple[MentalModel, bytes]]) -> None:
    """Store what was made of these models, but of those whose text is another one by now."""

    def work(connection: apsw.Connection) -> None:
        connection.executemany(
            "INSERT OR REPLACE INTO page_vectors (bank, model, embedder, vector) "
            "SELECT bank, id, ?, ? FROM mental_models WHERE bank = ? AND id = ? AND name = ? AND content = ?",
            [(embedder, vector, bank, model.id, model.name, model.content) for model, vector in made],
        )

    database.write("page_vectors.keep", work)
