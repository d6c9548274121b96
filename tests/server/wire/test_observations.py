"""Observations, without a language model: the answers of a real Hindsight 1.1.0 are the measure."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.server.house import House
from threadline.server.store import operations

BANK = "/v1/default/banks/b"
MEMORY = "00000000-0000-0000-0000-000000000009"


@pytest.fixture(autouse=True)
def _bank(client: TestClient) -> None:
    assert client.put(BANK, json={}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "b/observations/scopes", 200, {"scopes": [], "total": 0, "limit": 100, "offset": 0}),
        ("DELETE", "b/observations", 200, {"success": True, "message": "Cleared 0 observations", "deleted_count": 0}),
        ("DELETE", f"b/memories/{MEMORY}/observations", 200, {"deleted_count": 0}),
        ("DELETE", "b/memories/zzz/observations", 400, {"detail": "Invalid memory_id format: zzz"}),
        ("POST", "b/consolidation/recover", 200, {"retried_count": 0}),
        ("GET", "nobank/observations/scopes", 404, {"detail": "Bank 'nobank' not found"}),
        (
            "DELETE",
            "nobank/observations",
            200,
            {"success": True, "message": "Cleared 0 observations", "deleted_count": 0},
        ),
        ("DELETE", f"nobank/memories/{MEMORY}/observations", 404, {"detail": "Bank 'nobank' not found"}),
        ("POST", "nobank/consolidation/recover", 200, {"retried_count": 0}),
        ("POST", "nobank/consolidate", 404, {"detail": "Bank 'nobank' not found"}),
    ],
)
def test_answer_as_hindsight_does(client: TestClient, method: str, path: str, status: int, body: Any) -> None:
    answer = client.request(method, f"/v1/default/banks/{path}")
    assert (answer.status_code, answer.json()) == (status, body)


def test_refuse_too_many_scopes(client: TestClient) -> None:
    refused = client.get(f"{BANK}/observations/scopes", params={"limit": 2000})
    assert (refused.status_code, refused.json()["detail"][0]["type"]) == (422, "less_than_equal")


def test_carry_a_consolidation_out(client: TestClient, house: House) -> None:
    answer = client.post(f"{BANK}/consolidate")
    assert (answer.status_code, answer.json()["deduplicated"]) == (200, False)
    scoped = client.post(f"{BANK}/consolidate", json={"observation_scopes": [["a"]]}).json()
    assert scoped["operation_id"] != answer.json()["operation_id"]
    room = house.tenant().room("b")
    found = operations.get(room.database, room.uid, answer.json()["operation_id"])
    assert found is not None
    assert found.kind == "consolidation"


def test_say_what_strategies_would_be_for(client: TestClient) -> None:
    strategies = [
        {"scopes": [{"tags": ["a"]}], "max_observations_per_scope": 3},
        {"scopes": []},
        {"scopes": [{"tags": []}], "observations_mission": "x"},
        {"scopes": [{"tags": ["a"]}], "observations_mission": " "},
    ]
    preview = client.post(f"{BANK}/consolidation-strategies/preview", json={"strategies": strategies}).json()
    rule = {"match_count": 0, "taken_count": 0, "observation_count": 0, "samples": []}
    assert preview == {
        "strategies": [
            {"active": True, "claimed_count": 0, "rules": [rule]},
            {"active": False, "claimed_count": 0, "rules": []},
            {"active": False, "claimed_count": 0, "rules": [rule]},
            {"active": False, "claimed_count": 0, "rules": [rule]},
        ],
        "default": {"match_count": 0, "observation_count": 0, "samples": []},
        "scopes_scanned": 0,
        "complete": True,
    }
