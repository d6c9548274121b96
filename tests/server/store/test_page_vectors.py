from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from threadline.database import Database
from threadline.server.store import banks, mental_models, open_store, page_vectors
from threadline.server.store.mental_models import MentalModel

NOW = "2026-01-01T00:00:00.000000+00:00"
MODEL = MentalModel("m", "Music", "q", NOW, NOW, content="Bob likes jazz.")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_store(tmp_path / "server.db")
    yield opened
    opened.close()


@pytest.fixture
def bank(database: Database) -> str:
    uid = banks.ensure(database, "b").uid
    mental_models.create(database, uid, MODEL)
    page_vectors.keep(database, uid, "fake", [(MODEL, b"v")])
    return uid


def test_kept_by_embedder(database: Database, bank: str) -> None:
    assert page_vectors.every(database, bank, "fake") == {"m": b"v"}
    assert page_vectors.every(database, bank, "other") == {}
    page_vectors.keep(database, bank, "other", [(MODEL, b"w")])
    assert page_vectors.every(database, bank, "fake") == {}


@pytest.mark.parametrize("change", [{"name": "Jazz"}, {"content": ""}])
def test_a_vector_goes_with_its_text(database: Database, bank: str, change: dict[str, str]) -> None:
    mental_models.edit(database, bank, "m", lambda model: replace(model, max_tokens=512))
    assert page_vectors.every(database, bank, "fake") == {"m": b"v"}
    mental_models.edit(database, bank, "m", lambda model: replace(model, **change))  # type: ignore[arg-type]
    assert page_vectors.every(database, bank, "fake") == {}
    page_vectors.keep(database, bank, "fake", [(MODEL, b"v")])
    assert page_vectors.every(database, bank, "fake") == {}


def test_a_vector_goes_with_its_model(database: Database, bank: str) -> None:
    mental_models.remove(database, bank, "m")
    assert page_vectors.every(database, bank, "fake") == {}
