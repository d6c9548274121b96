"""Further ids of banks: the answers of a real Hindsight 1.1.0 are the measure."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

BANKS = "/v1/default/banks"


@pytest.fixture(autouse=True)
def _banks(client: TestClient) -> None:
    for bank in ("b1", "b2"):
        assert client.put(f"{BANKS}/{bank}", json={}).status_code == 200


def _add(client: TestClient, alias: str, bank: str = "b1", **body: Any) -> Any:
    return client.post(f"{BANKS}/{bank}/aliases", json={"alias": alias, **body})


def test_answer_as_hindsight_does(client: TestClient) -> None:
    assert client.get(f"{BANKS}/b1/aliases").json() == {"bank_id": "b1", "aliases": []}
    made = _add(client, "uno")
    assert (made.status_code, made.json()) == (
        201,
        {"bank_id": "b1", "aliases": [{"alias": "uno", "primary": False}]},
    )
    both = [{"alias": "eins", "primary": True}, {"alias": "uno", "primary": False}]
    assert _add(client, "eins", primary=True).json() == {"bank_id": "b1", "aliases": both}
    assert client.get(f"{BANKS}/uno/aliases").json() == {"bank_id": "b1", "aliases": both}


def test_reach_the_bank_by_its_alias(client: TestClient) -> None:
    _add(client, "uno")
    retained = client.post(f"{BANKS}/uno/memories", json={"items": [{"content": "The door is green."}]})
    assert (retained.status_code, retained.json()["bank_id"]) == (200, "b1")
    found = client.post(f"{BANKS}/b1/memories/recall", json={"query": "door"}).json()["results"]
    assert [each["text"] for each in found] == ["The door is green."]
    assert client.put(f"{BANKS}/uno", json={"name": "One"}).json()["bank_id"] == "b1"
    assert client.patch(f"{BANKS}/uno/config", json={"updates": {}}).json()["bank_id"] == "b1"
    assert client.get(f"{BANKS}/uno/stats").json()["total_nodes"] == 1
    assert client.get(BANKS).json()["total"] == 2


@pytest.mark.parametrize(
    ("bank", "alias", "status", "detail"),
    [
        ("b2", "uno", 409, "'uno' is already taken by another bank or alias"),
        ("b2", "b1", 409, "'b1' is already taken by another bank or alias"),
        ("b2", "b2", 400, "A bank cannot be an alias of itself"),
        ("b2", "", 400, "A bank name must not be empty."),
        ("nobank", "q", 404, "Bank 'nobank' not found"),
    ],
)
def test_refuse_a_name_that_cannot_be_had(client: TestClient, bank: str, alias: str, status: int, detail: str) -> None:
    _add(client, "uno")
    refused = _add(client, alias, bank)
    assert (refused.status_code, refused.json()) == (status, {"detail": detail})
    assert client.get(f"{BANKS}/uno/aliases").json()["bank_id"] == "b1"


def test_show_one_alias_at_most(client: TestClient) -> None:
    _add(client, "uno")
    _add(client, "eins", primary=True)
    path = f"{BANKS}/b1/aliases/uno"
    assert client.patch(path, json={"primary": True}).json()["aliases"] == [
        {"alias": "uno", "primary": True},
        {"alias": "eins", "primary": False},
    ]
    [listed] = client.get(BANKS, params={"q": "EIN"}).json()["banks"]
    assert (listed["bank_id"], listed["display_alias"], listed["matched_aliases"]) == ("b1", "uno", ["eins"])
    [listed] = client.get(BANKS, params={"q": "b1"}).json()["banks"]
    assert (listed["display_alias"], listed["matched_aliases"]) == ("uno", [])
    client.patch(path, json={"primary": False})
    [listed] = client.get(BANKS, params={"q": "b1"}).json()["banks"]
    assert listed["display_alias"] is None


def test_take_an_alias_away(client: TestClient) -> None:
    _add(client, "uno")
    _add(client, "eins")
    removed = client.delete(f"{BANKS}/b1/aliases/uno")
    assert (removed.status_code, removed.json()["aliases"]) == (200, [{"alias": "eins", "primary": False}])
    gone = client.get(f"{BANKS}/uno/stats")
    assert (gone.status_code, gone.json()) == (404, {"detail": "Bank 'uno' not found"})


def test_touch_only_the_aliases_of_the_bank(client: TestClient) -> None:
    _add(client, "uno")
    for bank, alias in (("b1", "zwei"), ("b2", "uno")):
        unknown = {"detail": f"Bank '{bank}' has no alias '{alias}'"}
        for method in ("DELETE", "PATCH"):
            refused = client.request(method, f"{BANKS}/{bank}/aliases/{alias}", json={"primary": True})
            assert (refused.status_code, refused.json()) == (404, unknown)
    assert client.get(f"{BANKS}/uno/aliases").json()["bank_id"] == "b1"


def test_delete_a_bank_by_its_alias(client: TestClient) -> None:
    _add(client, "uno")
    assert client.delete(f"{BANKS}/uno").json()["message"].startswith("Bank 'b1' and")
    assert client.get(f"{BANKS}/uno/stats").status_code == 404
    assert _add(client, "uno", "b2").status_code == 201
