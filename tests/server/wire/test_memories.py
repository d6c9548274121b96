"""Memories listed, shown, edited and deleted as a Hindsight does it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.wire.bank import BANK, get, recalled, refused, retain, shape, unit
from threadline.server.house import House

ALICE = "Alice Novak moved to Oslo on 3 March 2024."

# Recorded from Hindsight 1.1.0.
LISTED: dict[str, Any] = {
    "id": "7364e5e0-23d9-425b-b01a-8f57f514251d",
    "text": ALICE,
    "context": "ctx",
    "date": "2024-03-05T10:00:00+00:00",
    "fact_type": "world",
    "document_id": "doc1",
    "mentioned_at": "2024-03-05T10:00:00+00:00",
    "occurred_start": None,
    "occurred_end": None,
    "entities": "Alice Novak",
    "chunk_id": "probe_doc1_0",
    "proof_count": 1,
    "tags": [],
    "metadata": {},
    "consolidated_at": None,
    "consolidation_failed_at": None,
    "state": "valid",
    "invalidation_reason": None,
    "invalidated_at": None,
    "edited_at": None,
    "updated_at": "2026-11-23T03:05:09.506934+00:00",
    "source_memory_ids": [],
}
SHOWN: dict[str, Any] = {
    "id": "9ef6e727-9fb6-42e1-8d82-fdf22b65ca44",
    "text": "Alice Novak moved to Bergen.",
    "context": "",
    "date": "2026-11-23T03:05:09.490351+00:00",
    "type": "world",
    "mentioned_at": "2026-11-23T03:05:09.490351+00:00",
    "occurred_start": None,
    "occurred_end": None,
    "entities": [],
    "document_id": "doc1",
    "chunk_id": "probe_doc1_1",
    "tags": [],
    "metadata": {},
    "observation_scopes": None,
    "state": "valid",
    "invalidation_reason": None,
    "invalidated_at": None,
    "edited_at": "2026-11-23T03:05:09.970753+00:00",
    "consolidated_at": None,
    "consolidation_failed_at": None,
}


class TestList:
    def test_as_hindsight_lists_them(self, client: TestClient) -> None:
        retain(client)
        body = get(client, "/memories/list")
        assert [item["text"] for item in body["items"]] == ["Bob likes jazz.", ALICE]
        assert {key: body[key] for key in ("total", "limit", "offset")} == {"total": 2, "limit": 100, "offset": 0}
        alice = body["items"][1]
        changing = ("id", "updated_at", "tags", "metadata")
        assert {key: alice[key] for key in alice if key not in changing} == {
            key: LISTED[key] for key in LISTED if key not in changing
        }
        assert list(alice) == list(LISTED)
        assert (alice["tags"], alice["metadata"]) == (["a", "b"], {"k": "v"})

    @pytest.mark.parametrize(
        ("params", "texts"),
        [
            ({"q": "ALICE"}, [ALICE]),
            ({"q": "CTX"}, [ALICE]),
            ({"document_id": "doc0"}, ["Bob likes jazz."]),
            ({"type": "world", "limit": 1, "offset": 1}, [ALICE]),
            ({"type": "experience"}, []),
            ({"type": "observation"}, []),
            ({"tags": ["a", "x"], "tags_match": "any_strict"}, [ALICE]),
            ({"tags": ["a", "x"], "tags_match": "all"}, []),
            ({"tags_match": "exact", "tags": ["dt"]}, ["Bob likes jazz."]),
            ({"time_field": "mentioned_at", "end_date": "2024-03-05T10:00:00.001Z"}, [ALICE]),
            ({"time_field": "mentioned_at", "end_date": "2024-03-05T10:00:00Z"}, []),
            ({"time_field": "occurred_start"}, []),
            ({"start_date": "2025-01-01"}, ["Bob likes jazz.", ALICE]),
            ({"consolidation_state": "failed"}, []),
            ({"limit": 0}, []),
        ],
    )
    def test_filters(self, client: TestClient, params: dict[str, object], texts: list[str]) -> None:
        retain(client)
        assert [item["text"] for item in get(client, "/memories/list", **params)["items"]] == texts

    def test_those_that_mention_an_entity(self, client: TestClient) -> None:
        retain(client)
        entity = get(client, "/entities")["items"][0]["id"]
        assert [item["text"] for item in get(client, "/memories/list", entity_id=entity)["items"]] == [ALICE]
        nobody = "00000000-0000-0000-0000-000000000007"
        assert get(client, "/memories/list", entity_id=nobody)["total"] == 0

    @pytest.mark.parametrize(
        ("params", "status", "detail"),
        [
            ({"state": "odd"}, 400, "Invalid state 'odd': expected 'valid' or 'invalidated'."),
            ({"entity_id": "zzz"}, 400, "Invalid entity_id: 'zzz' is not a valid UUID"),
            (
                {"consolidation_state": "x"},
                400,
                "Invalid consolidation_state 'x': expected 'failed', 'pending', or 'done'.",
            ),
            ({"start_date": "soon"}, 400, "Invalid start_date: 'soon' is not an ISO-8601 datetime."),
            (
                {"start_date": "2024-01-02", "end_date": "2024-01-01"},
                400,
                "Invalid time window: end_date must be after start_date.",
            ),
        ],
    )
    def test_refuse(self, client: TestClient, params: dict[str, str], status: int, detail: str) -> None:
        retain(client)
        assert refused(client.get(f"{BANK}/memories/list", params=params)) == (status, detail)

    @pytest.mark.parametrize("params", [{"limit": -1}, {"offset": 10**30}, {"time_field": "x"}, {"tags_match": "x"}])
    def test_what_is_no_such_value(self, client: TestClient, params: dict[str, str]) -> None:
        retain(client)
        assert client.get(f"{BANK}/memories/list", params=params).status_code == 422

    def test_a_bank_that_is_not_there(self, client: TestClient) -> None:
        answer = client.get("/v1/default/banks/nobank3/memories/list")
        assert refused(answer) == (404, "Bank 'nobank3' not found")


class TestOne:
    def test_as_hindsight_shows_it(self, client: TestClient) -> None:
        retain(client)
        name = unit(client, ALICE)
        body = get(client, f"/memories/{name}")
        assert list(body) == list(SHOWN)
        assert (body["text"], body["type"], body["entities"]) == (ALICE, "world", ["Alice Novak"])
        assert get(client, f"/memories/{name.upper()}") == body

    def test_refuse(self, client: TestClient) -> None:
        retain(client)
        missing = "00000000-0000-0000-0000-000000000007"
        for path in ("", "/history"):
            one = f"{BANK}/memories/{missing}{path}"
            assert refused(client.get(one)) == (404, f"Memory unit '{missing}' not found")
            bad = f"{BANK}/memories/zzz{path}"
            assert refused(client.get(bad)) == (400, "Invalid memory_id: 'zzz' is not a valid UUID")


class TestEdit:
    def test_a_new_text_is_recalled_at_once_and_the_old_one_no_more(self, client: TestClient) -> None:
        retain(client)
        name = unit(client, ALICE)
        answer = client.patch(f"{BANK}/memories/{name}", json={"text": "Alice Novak moved to Bergen."})
        assert answer.status_code == 200
        assert shape(answer.json() | {"entities": [], "tags": [], "metadata": {}}) == shape(SHOWN)
        assert answer.json()["id"] == name
        assert "Alice Novak moved to Bergen." in recalled(client, "Bergen")
        assert ALICE not in recalled(client, "Oslo 3 March 2024")
        assert get(client, f"/memories/{name}") == answer.json()
        history = get(client, f"/memories/{name}/history")
        assert [entry["previous_text"] for entry in history] == [ALICE]
        assert get(client, "/documents/doc1")["original_text"] == ALICE

    def test_what_is_invalid_is_not_recalled_until_it_is_valid_again(self, client: TestClient) -> None:
        retain(client)
        name = unit(client, ALICE)
        one = f"{BANK}/memories/{name}"
        body = client.patch(one, json={"state": "invalidated", "reason": "She did not."}).json()
        assert (body["state"], body["invalidation_reason"], body["text"]) == ("invalidated", "She did not.", ALICE)
        assert body["invalidated_at"] is not None
        assert ALICE not in recalled(client, "Alice Novak in Oslo")
        assert get(client, "/memories/list")["total"] == 1
        assert [item["id"] for item in get(client, "/memories/list", state="invalidated")["items"]] == [name]
        edit = client.patch(one, json={"text": "She stayed."})
        assert refused(edit) == (400, "Cannot edit an invalidated memory; revert it to 'valid' first.")
        back = client.patch(one, json={"state": "valid"}).json()
        assert (back["state"], back["invalidation_reason"], back["invalidated_at"]) == ("valid", None, None)
        assert ALICE in recalled(client, "Alice Novak in Oslo")

    def test_every_field(self, client: TestClient) -> None:
        retain(client)
        one = f"{BANK}/memories/{unit(client, ALICE)}"
        changes = {
            "context": "",
            "occurred_start": "2024-03-03",
            "occurred_end": "2024-03-04T00:00:00+01:00",
            "mentioned_at": None,
            "fact_type": "experience",
            "entities": [" Oslo ", "oslo", "", "Alice Novak"],
        }
        body = client.patch(one, json=changes).json()
        assert {key: body[key] for key in (*changes, "type", "date") if key != "fact_type"} == {
            "context": "",
            "occurred_start": "2024-03-03T00:00:00+00:00",
            "occurred_end": "2024-03-03T23:00:00+00:00",
            "mentioned_at": None,
            "entities": ["Alice Novak", "oslo"],
            "type": "experience",
            "date": "2024-03-03T00:00:00+00:00",
        }
        assert client.patch(one, json={"occurred_start": ""}).json()["occurred_start"] is None

    @pytest.mark.parametrize(
        ("change", "status", "detail"),
        [
            ({"text": "  "}, 400, "text must not be empty."),
            ({"occurred_start": "soon"}, 400, "Invalid occurred_start: 'soon' is not an ISO-8601 datetime."),
            ({"mentioned_at": "0001-01-02"}, 400, "Date year 1 is a placeholder, not a date; send '' to clear it."),
            ({"entities": ["\u0000"]}, 400, "contains control characters"),
            ({}, 422, "Provide at least one field to update."),
            ({"reason": "because"}, 422, "Provide at least one field to update."),
            ({"state": "gone"}, 422, "state must be 'valid' or 'invalidated'."),
            ({"fact_type": "observation"}, 422, "fact_type must be 'world' or 'experience'."),
        ],
    )
    def test_refuse(self, client: TestClient, change: dict[str, object], status: int, detail: str) -> None:
        retain(client)
        answer = client.patch(f"{BANK}/memories/{unit(client, ALICE)}", json=change)
        assert answer.status_code == status
        assert detail in str(answer.json()["detail"])

    def test_no_such_memory(self, client: TestClient) -> None:
        retain(client)
        missing = "00000000-0000-0000-0000-000000000007"
        answer = client.patch(f"{BANK}/memories/{missing}", json={"text": "x"})
        assert refused(answer) == (404, f"Memory unit '{missing}' not found")

    def test_what_no_storage_keeps_is_replaced(self, client: TestClient) -> None:
        retain(client)
        one = f"{BANK}/memories/{unit(client, ALICE)}"
        assert client.patch(one, json={"text": "half \0 of it"}).json()["text"] == "half \ufffd of it"
        assert client.patch(one, content=b'{"text": "half \\ud800 of it"}').status_code == 422


class TestClear:
    def test_all(self, client: TestClient, house: House) -> None:
        retain(client)
        room = house.tenant().room("probe")
        with house.tenant().memory(room) as memory:
            memory.session("s").add_turn(user="The code is swordfish.")
            memory.flush()
        body = client.delete(f"{BANK}/memories").json()
        assert body == {
            "success": True,
            "message": "Cleared 3 memory unit(s) from bank 'probe'",
            "deleted_count": 3,
        }
        assert get(client, "/memories/list")["total"] == get(client, "/documents")["total"] == 0
        with house.tenant().memory(house.tenant().room("probe")) as memory:
            assert memory.sessions() == []
        retain(client)
        assert ALICE in recalled(client, "Alice Novak in Oslo")

    def test_those_of_a_type(self, client: TestClient) -> None:
        retain(client)
        client.patch(f"{BANK}/memories/{unit(client, ALICE)}", json={"fact_type": "experience"})
        assert client.delete(f"{BANK}/memories", params={"type": "observation"}).json()["deleted_count"] == 0
        body = client.delete(f"{BANK}/memories", params={"type": "experience"}).json()
        assert body["message"] == "Cleared 1 memory unit(s) of type 'experience' from bank 'probe'"
        assert [item["text"] for item in get(client, "/memories/list")["items"]] == ["Bob likes jazz."]
