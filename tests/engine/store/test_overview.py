from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest
from tests.engine.banks import say

from threadline.engine.bank import Bank
from threadline.engine.store.base import Entity, Item
from threadline.engine.store.overview import Overview, overview
from threadline.errors import StorageCorruptError

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def _item(source: str, text: str, minutes: int = 0, **fields: object) -> Item:
    stored_at = BEGAN + timedelta(minutes=minutes)
    return Item(source, ((text,),), BEGAN, stored_at, **fields)  # type: ignore[arg-type]  # a test's own


def test_say_what_a_bank_holds(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    ann = (Entity("Ann"),)
    bank.put([_item("d", "a red apple", entities=ann), _item("e", "a green pear", 1, entities=ann)], "k1")
    bank.put([_item("d", "an old fig tree", 2, role="assistant")], "k2")
    held = overview(tmp_path / "memory.db")
    assert held == Overview(
        types={"world": 2, "experience": 1},
        documents=2,
        entities=1,
        document_at=BEGAN + timedelta(minutes=1),
        written_at=BEGAN + timedelta(minutes=2),
    )
    assert held is not None
    assert held.memories == 3
    bank.close()


def test_tell_documents_of_a_journal_from_those_of_a_caller(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    say(bank, "a red apple", document="note:n")
    bank.put([_item("note:n", "a green pear")], "k")
    held = overview(tmp_path / "memory.db")
    assert held is not None
    assert (held.documents, held.memories) == (2, 2)
    bank.close()


def test_find_nothing_where_there_is_no_file(tmp_path: Path) -> None:
    assert overview(tmp_path / "memory.db") == Overview()


def test_leave_an_older_file_to_its_bank(tmp_path: Path) -> None:
    Bank(tmp_path).close()
    connection = apsw.Connection(str(tmp_path / "memory.db"))
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    assert overview(tmp_path / "memory.db") is None


def test_say_that_a_file_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "memory.db").write_bytes(b"no database" * 100)
    with pytest.raises(StorageCorruptError):
        overview(tmp_path / "memory.db")
