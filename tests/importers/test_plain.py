from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.importers.conftest import Write
from threadline.importers.base import Fault, Imported
from threadline.importers.plain import read


def turn(id_: str, role: str, text: str, time: str | None = None) -> dict[str, Any]:
    return {"id": id_, "speaker": role.title(), "role": role, "text": text, "time": time}


def test_reads_sessions_and_turns(write_json: Write) -> None:
    sessions = [
        {"id": "s1", "date": "March-15-2024", "turns": [turn("0", "user", "hi"), turn("1", "assistant", "hello")]},
        {"id": "s2", "date": "March-16-2024", "turns": [turn("2", "user", "again", "2024-03-17T08:00:00")]},
    ]
    first, second = read(write_json({"sessions": sessions, "id": "c"}))
    assert isinstance(first, Imported)
    assert isinstance(second, Imported)
    assert (first.session, second.session) == ("c:s1", "c:s2")
    assert [(said.role, said.speaker, said.ref, said.text) for said in first.messages] == [
        ("user", "User", "0", "hi"),
        ("assistant", "Assistant", "1", "hello"),
    ]
    assert first.occurred_at == datetime(2024, 3, 15, tzinfo=UTC)
    assert second.occurred_at == datetime(2024, 3, 17, 8, tzinfo=UTC)


def test_makes_faults_of_malformed_elements(write_json: Write) -> None:
    path = write_json({"id": "c", "sessions": [3, {"id": "s", "turns": [turn("0", "nobody", "x"), 3]}]})
    places = [item.place for item in read(path) if isinstance(item, Fault)]
    inner = f"{path}:$.sessions"
    assert places == [f"{inner}[0]", f"{inner}[1].turns[0]", f"{inner}[1].turns[1]"]
