"""The audit log: who asked for what and when, where the bank wants it, and never what was said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.errors import StorageFullError
from threadline.server import audit, operations
from threadline.server.access import Caller
from threadline.server.house import House
from threadline.server.mcp.calling import answer
from threadline.server.mcp.tools import Visitor
from threadline.server.store import audit as store
from threadline.server.store.audit import Entry

_BANK = "/v1/default/banks/probe"
_LOGS = f"{_BANK}/audit-logs"
_NOBODY = "00000000-0000-0000-0000-000000000005"

#: As the OpenAPI document of the real server has it.
_ENTRY = {
    "id": str,
    "action": str,
    "transport": str,
    "bank_id": str,
    "started_at": str,
    "ended_at": str,
    "duration_ms": int,
    "metadata": dict,
}


@pytest.fixture
def audited(client: TestClient) -> TestClient:
    """A client of a bank whose audit log is on."""
    client.put(_BANK, json={})
    assert client.patch(f"{_BANK}/config", json={"updates": {"audit_log_enabled": True}}).status_code == 200
    return client


def _actions(client: TestClient, **parameters: Any) -> list[str]:
    answer = client.get(_LOGS, params=parameters)
    assert answer.status_code == 200, answer.text
    return [item["action"] for item in answer.json()["items"]]


def test_note_nothing_unless_it_is_wanted(client: TestClient, house: House) -> None:
    client.put(_BANK, json={})
    client.post(f"{_BANK}/memories", json={"items": [{"content": "Carla plays chess."}]})
    room = house.tenant().room("probe")
    audit.record(room, "batch_retain", "system", datetime.now(UTC))
    assert client.get(_LOGS).json() == {"bank_id": "probe", "total": 0, "limit": 50, "offset": 0, "items": []}
    assert client.get("/v1/default/banks/none/audit-logs").status_code == 404


def test_note_who_asked_for_what_and_never_what_was_said(audited: TestClient, house: House) -> None:
    audited.post(f"{_BANK}/memories", json={"items": [{"content": "Zebedee plays chess."}]})
    audited.post(f"{_BANK}/memories/recall", json={"query": "Zebedee"})
    audited.get(f"{_BANK}/memories/list")
    found = audited.get(_LOGS).json()
    assert [item["action"] for item in found["items"]] == ["recall", "retain", "update_bank_config"]
    assert found["total"] == 3
    for item in found["items"]:
        assert {name: type(value) for name, value in item.items()} == _ENTRY
        assert (item["transport"], item["bank_id"], item["metadata"]["status"]) == ("http", "probe", 200)
        assert item["started_at"] <= item["ended_at"]
    assert "Zebedee" not in str(house.tenant().database.rows("SELECT * FROM audit_log"))


def test_note_what_was_refused(audited: TestClient) -> None:
    audited.delete(f"{_BANK}/operations/{_NOBODY}")
    item = audited.get(_LOGS).json()["items"][0]
    assert (item["action"], item["metadata"]["status"]) == ("cancel_operation", 404)


def test_filter_and_page(audited: TestClient) -> None:
    for _ in range(3):
        audited.post(f"{_BANK}/memories/recall", json={"query": "chess"})
    assert _actions(audited, action="update_bank_config") == ["update_bank_config"]
    assert _actions(audited, limit=1, offset=3) == ["update_bank_config"]
    assert _actions(audited, transport="mcp") == []
    middle = audited.get(_LOGS).json()["items"][1]["started_at"]
    assert len(_actions(audited, start_date=middle)) == 2
    assert len(_actions(audited, end_date=middle)) == 2
    assert _actions(audited, start_date="2999-01-01") == []
    assert audited.get(_LOGS, params={"start_date": "soon"}).status_code == 400
    assert audited.get(_LOGS, params={"limit": 501}).status_code == 422


def test_show_one_entry(audited: TestClient) -> None:
    item = audited.get(_LOGS).json()["items"][0]
    assert audited.get(f"{_LOGS}/{item['id']}").json() == {**item, "request": None, "response": None}
    for name in (_NOBODY, "zzz"):
        answer = audited.get(f"{_LOGS}/{name}")
        assert (answer.status_code, answer.json()) == (404, {"detail": f"Audit log entry '{name}' not found"})


def test_count_by_day(audited: TestClient, house: House) -> None:
    room = house.tenant().room("probe")
    now = datetime.now(UTC)
    for days in (1, 3, 20, 40):
        moment = now - timedelta(days=days)
        store.record(room.database, room.uid, Entry("recall", "http", moment, moment))
    stats = audited.get(f"{_LOGS}/stats").json()
    assert (stats["bank_id"], stats["period"], stats["trunc"]) == ("probe", "7d", "day")
    assert [bucket["actions"] for bucket in stats["buckets"]] == [
        {"recall": 1},
        {"recall": 1},
        {"update_bank_config": 1},
    ]
    assert stats["buckets"][-1]["time"] == f"{now:%Y-%m-%d}T00:00:00+00:00"
    assert stats["buckets"][-1]["total"] == 1
    assert len(audited.get(f"{_LOGS}/stats", params={"period": "30d"}).json()["buckets"]) == 4
    assert len(audited.get(f"{_LOGS}/stats", params={"action": "recall"}).json()["buckets"]) == 2


def test_note_what_the_server_does_by_itself(audited: TestClient, house: House) -> None:
    audited.post(f"{_BANK}/memories", json={"items": [{"content": "x"}], "async": True})
    operation = audited.get(f"{_BANK}/operations").json()["operations"][0]["id"]
    path = f"{_BANK}/operations/{operation}"
    assert house.workers.wait_until(lambda: audited.get(path).json()["status"] in operations.ENDED, 10)
    assert _actions(audited, transport="system") == ["batch_retain"]


def test_note_tools_of_mcp(audited: TestClient, house: House) -> None:
    visitor = Visitor(house.tenant(), Caller(), "probe", many=False)
    _, failed = answer(visitor, "recall", {"query": "chess"})
    assert not failed
    assert _actions(audited, transport="mcp") == ["recall"]


def test_answer_also_where_nothing_can_be_noted(audited: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StorageFullError("No space left.")

    monkeypatch.setattr(store, "record", full)
    assert audited.post(f"{_BANK}/memories/recall", json={"query": "chess"}).status_code == 200


def test_go_with_the_bank(audited: TestClient, house: House) -> None:
    audited.delete(_BANK)
    assert house.tenant().database.rows("SELECT * FROM audit_log") == []


def test_know_only_routes_that_there_are(client: TestClient) -> None:
    known = {
        operation["operationId"]
        for path in client.get("/openapi.json").json()["paths"].values()
        for operation in path.values()
    }
    assert set(audit.ACTIONS) <= known


def test_list_no_calls_of_a_model(client: TestClient) -> None:
    client.put(_BANK, json={})
    found = client.get(f"{_BANK}/llm-requests", params={"call_type": "embedding", "group": True}).json()
    assert found == {"bank_id": "probe", "total": 0, "limit": 50, "offset": 0, "items": []}
    stats = client.get(f"{_BANK}/llm-requests/stats", params={"period": "1d"}).json()
    assert {**stats, "start": ""} == {"bank_id": "probe", "period": "1d", "trunc": "day", "start": "", "buckets": []}
    assert client.get(f"{_BANK}/llm-requests", params={"call_type": "other"}).status_code == 422
    assert client.get("/v1/default/banks/none/llm-requests/stats").status_code == 404
