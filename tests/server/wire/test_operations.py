"""Operations on the wire: the shapes, statuses and texts that the real server was seen to answer with."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.server import operations
from threadline.server.house import House, Room
from threadline.server.operations import Operation

_BANK = "/v1/default/banks/probe"
_NOBODY = "00000000-0000-0000-0000-000000000005"

#: What the real server answers of a completed `batch_retain`.
_STATUS = {
    "operation_id": "0443ec25-ca49-47c4-9386-a6381fb6ea2f",
    "status": "completed",
    "operation_type": "batch_retain",
    "id": "0443ec25-ca49-47c4-9386-a6381fb6ea2f",
    "task_type": "batch_retain",
    "mental_model_id": None,
    "created_at": "2026-11-23T03:05:06.344561+00:00",
    "updated_at": "2026-11-23T03:05:06.407316+00:00",
    "completed_at": "2026-11-23T03:05:06.407316+00:00",
    "error_message": None,
    "retry_count": 0,
    "next_retry_at": None,
    "progress": None,
    "result_metadata": {
        "is_parent": True,
        "document_id": "doc2",
        "items_count": 1,
        "total_tokens": 7,
        "unit_ids_count": 1,
        "num_sub_batches": 1,
        "extraction_errors_count": 0,
    },
    "details": None,
    "child_operations": [
        {
            "operation_id": "494e10a5-e5e8-4816-9f14-225349d92178",
            "status": "completed",
            "sub_batch_index": 1,
            "items_count": 1,
            "error_message": None,
        }
    ],
    "task_payload": None,
}
_UNKNOWN = dict.fromkeys(_STATUS) | {"operation_id": _NOBODY, "id": _NOBODY, "status": "not_found"}

#: And how it lists the part of it.
_LISTED = {
    "id": "494e10a5-e5e8-4816-9f14-225349d92178",
    "task_type": "retain",
    "operation_id": "494e10a5-e5e8-4816-9f14-225349d92178",
    "operation_type": "retain",
    "items_count": 1,
    "document_id": "doc2",
    "filename": None,
    "mental_model_id": None,
    "details": None,
    "created_at": "2026-11-23T03:05:06.344561+00:00",
    "updated_at": "2026-11-23T03:05:06.407316+00:00",
    "status": "completed",
    "error_message": None,
    "retry_count": 0,
    "next_retry_at": None,
    "progress": {
        "stage": "storing",
        "at": "2026-11-23T03:05:06.393928+00:00",
        "processed": 1,
        "total": 1,
        "detail": {"facts_committed": 1},
    },
}


def _shape(value: Any) -> Any:
    """What a JSON value is made of, without what it says."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(each) for each in value]
    return type(value).__name__


def _retain(client: TestClient, **more: Any) -> str:
    body = {"items": [{"content": "Carla plays chess in Lima.", "document_id": "doc2"}], "async": True, **more}
    answer = client.post(f"{_BANK}/memories", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["operation_id"])


def _ended(client: TestClient, house: House, operation_id: str) -> dict[str, Any]:
    path = f"{_BANK}/operations/{operation_id}"
    assert house.workers.wait_until(lambda: client.get(path).json()["status"] in operations.ENDED, 10)
    return dict(client.get(path).json())


def test_answer_as_the_real_server(client: TestClient, house: House) -> None:
    operation = _ended(client, house, _retain(client))
    assert _shape(operation) == _shape(_STATUS)
    assert operation["result_metadata"] == _STATUS["result_metadata"]
    listed = client.get(f"{_BANK}/operations").json()
    assert {name: listed[name] for name in listed if name != "operations"} == {
        "bank_id": "probe",
        "total": 2,
        "limit": 20,
        "offset": 0,
    }
    parent, child = listed["operations"]
    assert _shape(child) == _shape(_LISTED)
    assert (parent["operation_type"], parent["progress"]) == ("batch_retain", None)
    assert child["id"] == operation["child_operations"][0]["operation_id"]


def test_find_what_is_reported_completed(client: TestClient, house: House) -> None:
    _ended(client, house, _retain(client))
    found = client.post(f"{_BANK}/memories/recall", json={"query": "Carla chess"}).json()["results"]
    assert [memory["text"] for memory in found] == ["Carla plays chess in Lima."]


def test_filter_and_page_a_list(client: TestClient, house: House) -> None:
    made = [_retain(client) for _ in range(3)]
    for operation_id in made:
        _ended(client, house, operation_id)

    def ids(**parameters: Any) -> list[str]:
        answer = client.get(f"{_BANK}/operations", params=parameters).json()
        return [operation["id"] for operation in answer["operations"]]

    assert ids(type="batch_retain") == made[::-1]
    assert ids(type="batch_retain", limit=1, offset=1) == [made[1]]
    assert not set(ids(exclude_parents=True)) & set(made)
    assert len(ids(exclude_parents=True)) == 3
    assert (len(ids(status="completed")), ids(status="failed"), ids(type="none")) == (6, [], [])
    assert client.get(f"{_BANK}/operations", params={"limit": 0}).status_code == 422


def test_say_that_an_operation_is_not_there(client: TestClient) -> None:
    client.put(_BANK, json={})
    answer = client.get(f"{_BANK}/operations/{_NOBODY}")
    assert (answer.status_code, answer.json()) == (200, _UNKNOWN)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/retry"), ("DELETE", "/delete")):
        answer = client.request(method, f"{_BANK}/operations/zzz{path}")
        assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid operation_id format: zzz"})
        if method != "GET":
            answer = client.request(method, f"{_BANK}/operations/{_NOBODY}{path}")
            assert answer.status_code == 404
            assert answer.json() == {"detail": f"Operation {_NOBODY} not found for bank probe"}


def test_refuse_what_has_ended(client: TestClient, house: House) -> None:
    done = _retain(client)
    child = _ended(client, house, done)["child_operations"][0]["operation_id"]
    answer = client.delete(f"{_BANK}/operations/{done}")
    assert answer.status_code == 409
    assert answer.json() == {
        "detail": f"Operation {done} cannot be cancelled: status is 'completed', only 'pending' and 'processing' "
        "operations can be cancelled"
    }
    answer = client.post(f"{_BANK}/operations/{done}/retry")
    assert answer.status_code == 409
    assert answer.json() == {
        "detail": f"Operation {done} is a batch_retain parent with no incomplete sub-batches to retry (its children "
        "have all completed, or it has none). Resubmit the source documents to re-ingest them, then delete this "
        f"record via DELETE /operations/{done}/delete."
    }
    answer = client.post(f"{_BANK}/operations/{child}/retry")
    assert answer.status_code == 409
    assert answer.json() == {
        "detail": f"Operation {child} cannot be retried: status is 'completed', expected 'failed', 'cancelled' or "
        "deferred"
    }


def test_cancel_retry_and_delete(client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    going, go = threading.Event(), threading.Event()

    def wait(room: Room, operation: Operation) -> Mapping[str, Any]:
        del room, operation
        going.set()
        assert go.wait(10)
        return {}

    monkeypatch.setitem(operations.KINDS, "wait", wait)
    client.put(_BANK, json={})
    room = house.tenant().room("probe")
    first = operations.submit(room, "wait", {}, queue="retain").id
    assert going.wait(10)
    waiting = _retain(client)
    path = f"{_BANK}/operations/{waiting}"
    payload = client.get(f"{_BANK}/operations", params={"type": "retain"}).json()["operations"][0]["id"]
    shown = client.get(f"{_BANK}/operations/{payload}", params={"include_payload": True}).json()["task_payload"]
    assert shown["items"][0]["text"] == "Carla plays chess in Lima."
    answer = client.delete(f"{path}/delete")
    assert answer.status_code == 409
    assert answer.json() == {
        "detail": f"Operation {waiting} cannot be deleted: status is 'pending', expected 'failed', 'cancelled' or "
        "'completed'"
    }
    assert client.delete(path).json() == {
        "success": True,
        "message": f"Operation {waiting} cancelled",
        "operation_id": waiting,
    }
    assert client.get(path).json()["status"] == "cancelled"
    assert client.post(f"{path}/retry").json() == {
        "success": True,
        "message": f"Operation {waiting} queued for retry",
        "operation_id": waiting,
    }
    go.set()
    assert _ended(client, house, waiting)["status"] == "completed"
    assert _ended(client, house, first)["status"] == "completed"
    assert client.get(f"{_BANK}/operations/{payload}", params={"include_payload": True}).json()["task_payload"] is None
    assert client.delete(f"{path}/delete").json() == {
        "success": True,
        "message": f"Operation {waiting} deleted",
        "operation_id": waiting,
    }
    assert client.get(path).json()["status"] == "not_found"
    assert client.get(f"{_BANK}/operations").json()["total"] == 1


def test_take_an_operation_that_is_sent_again_once(client: TestClient, house: House) -> None:
    name = "7f3e2b1c-0000-4000-8000-000000000001"
    assert [_retain(client, operation_id=name.upper()), _retain(client, operation_id=name)] == [name, name]
    assert _ended(client, house, name)["status"] == "completed"
    assert _retain(client, operation_id=name) == name
    assert client.get(f"{_BANK}/operations").json()["total"] == 2
    body = {"items": [{"content": "Something else."}], "async": True, "operation_id": name}
    answer = client.post(f"{_BANK}/memories", json=body)
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith(f"operation_id {name} is already in use")
