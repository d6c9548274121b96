"""Directives as Hindsight's clients call them: the answers of a real Hindsight 1.1.0 are the measure."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from starlette.testclient import TestClient

DIRECTIVES = "/v1/default/banks/probe/directives"

EMPTY = {"items": [], "total": 0, "limit": 100, "offset": 0}
CREATED = {
    "id": "ed3a287c-f5d7-49d5-82fb-fefb3e55957f",
    "bank_id": "probe",
    "name": "d",
    "content": "be brief",
    "priority": 0,
    "is_active": True,
    "tags": [],
    "created_at": "2026-11-23T03:05:10.188664+00:00",
    "updated_at": "2026-11-23T03:05:10.188664+00:00",
}


def create(client: TestClient, name: str = "d", **options: Any) -> dict[str, Any]:
    answer = client.post(DIRECTIVES, json={"name": name, "content": "be brief", **options})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def names(client: TestClient, **query: Any) -> list[str]:
    answer = client.get(DIRECTIVES, params=query)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


def test_create(client: TestClient) -> None:
    made = create(client)
    assert {**made, "id": 0, "created_at": 0, "updated_at": 0} == {**CREATED, "id": 0, "created_at": 0, "updated_at": 0}
    assert str(uuid.UUID(made["id"])) == made["id"]
    assert len(made["created_at"]) == len(CREATED["created_at"])  # type: ignore[arg-type]
    assert client.get(f"{DIRECTIVES}/{made['id']}").json() == made
    assert client.get(DIRECTIVES).json() == {**EMPTY, "items": [made], "total": 1}


def test_a_bank_without_any(client: TestClient) -> None:
    assert client.get(DIRECTIVES).status_code == 404
    client.delete(f"{DIRECTIVES}/{create(client)['id']}")
    assert client.get(DIRECTIVES).json() == EMPTY


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["high", "tagged", "low"]),
        ({"active_only": "false"}, ["off", "high", "tagged", "low"]),
        ({"tags": ["x"]}, ["high", "tagged", "low"]),
        ({"tags": ["z"]}, ["high", "low"]),
        ({"tags": ["x", "z"], "tags_match": "all"}, ["high", "low"]),
        ({"tags": ["y", "x"], "tags_match": "exact"}, ["high", "tagged", "low"]),
        ({"limit": 1, "offset": 1}, ["tagged"]),
    ],
)
def test_list(client: TestClient, query: dict[str, Any], expected: list[str]) -> None:
    create(client, "low", priority=-1)
    create(client, "tagged", tags=["x", "y"])
    create(client, "high", priority=5)
    create(client, "off", priority=9, is_active=False)
    assert names(client, **query) == expected
    page = client.get(DIRECTIVES, params={"limit": 1}).json()
    assert (page["total"], len(page["items"])) == (3, 1)


def test_update(client: TestClient) -> None:
    made = create(client, tags=["x"])
    path = f"{DIRECTIVES}/{made['id']}"
    changed = client.patch(path, json={"priority": 3, "tags": []}).json()
    assert changed == {**made, "priority": 3, "tags": [], "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > made["updated_at"]
    assert client.get(path).json() == changed


def test_one_that_is_not_there(client: TestClient) -> None:
    create(client)
    for method in ("GET", "PATCH", "DELETE"):
        answer = client.request(method, f"{DIRECTIVES}/nobody", json={})
        assert (answer.status_code, answer.json()) == (404, {"detail": "Directive 'nobody' not found"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "d"}, 422),
        ({"name": "d", "content": "c", "priority": 2**63}, 422),
        ({"name": "d", "content": "c", "tags": [""]}, 400),
    ],
)
def test_what_cannot_be_made(client: TestClient, body: dict[str, Any], status: int) -> None:
    create(client)
    assert client.post(DIRECTIVES, json=body).status_code == status
    assert names(client) == ["d"]


def test_delete(client: TestClient) -> None:
    made = create(client)
    answer = client.delete(f"{DIRECTIVES}/{made['id']}")
    assert (answer.status_code, answer.json()) == (200, {"status": "deleted"})
    assert client.delete(f"{DIRECTIVES}/{made['id']}").status_code == 404
