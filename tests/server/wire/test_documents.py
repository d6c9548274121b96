"""Documents and their chunks as a Hindsight shows and changes them; sessions are documents like any other."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.wire.bank import BANK, get, recalled, refused, retain, shape, unit
from threadline.server.chunks import Place, chunk_id, places
from threadline.server.house import House

TEXT = "Alice Novak moved to Oslo on 3 March 2024.\nAlice bought a boat."

# Recorded from Hindsight 1.1.0.
LISTED = {
    "id": "doc1",
    "bank_id": "probe",
    "content_hash": "8bfd7f498e0ce4614436b729befc76b26f5b11255a11b3adcf3e106b2a50dbd0",
    "created_at": "2026-11-23T03:05:06.277899+00:00",
    "updated_at": "2026-11-23T03:05:09.506934+00:00",
    "text_length": 63,
    "memory_unit_count": 2,
    "retain_params": None,
    "document_metadata": None,
    "tags": [],
    "matched_fields": [],
}
SHOWN = {
    "id": "doc1",
    "bank_id": "probe",
    "original_text": TEXT,
    "content_hash": "8bfd7f498e0ce4614436b729befc76b26f5b11255a11b3adcf3e106b2a50dbd0",
    "created_at": "2026-11-23T03:05:06.277899+00:00",
    "updated_at": "2026-11-23T03:05:09.506934+00:00",
    "memory_unit_count": 2,
    "nodes_by_fact_type": {"world": 2, "experience": 0, "observation": 0},
    "tags": [],
    "document_metadata": None,
    "retain_params": None,
    "observation_scopes": None,
    "attachments": None,
}
CHUNK = {
    "chunk_id": "probe_doc1_0",
    "document_id": "doc1",
    "bank_id": "probe",
    "chunk_index": 0,
    "chunk_text": "Alice Novak moved to Oslo on 3 March 2024.",
    "created_at": "2026-11-23T03:05:06.277899+00:00",
    "attachments": None,
}
HAPPENED = {
    "document_id": "doc1",
    "kind": "fact_edited",
    "created_at": "2026-11-23T03:05:09.980722Z",
    "operation_id": "bbd9d42c-0a78-4017-8da1-88955eebf17e",
    "fact_id": "9ef6e727-9fb6-42e1-8d82-fdf22b65ca44",
    "facts_added": 0,
    "facts_removed": 0,
    "observations_created": {"count": 0, "ids": []},
    "observations_updated": {"count": 0, "ids": []},
    "observations_removed": {"count": 0, "ids": []},
}


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    """With the document of the recorded answers: retained, and appended to."""
    retain(client, {"content": CHUNK["chunk_text"], "document_id": "doc1"})
    retain(client, {"content": "Alice bought a boat.", "document_id": "doc1", "update_mode": "append"})
    return client


@pytest.fixture
def session(house: House, filled: TestClient) -> Iterator[str]:
    """The document of a session of two turns."""
    room = house.tenant().room("probe")
    with house.tenant().memory(room) as memory:
        talk = memory.session("s1")
        talk.add_turn(user="The code is swordfish.", assistant="I will remember it.")
        talk.add_turn(user="And the gate?", assistant="It is red.")
        memory.flush()
    yield "session:s1"


def _wait(client: TestClient, operation: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        answer: dict[str, Any] = get(client, f"/operations/{operation}")
        if answer["status"] in ("completed", "failed"):
            return answer
    raise AssertionError("the operation did not end")


class TestList:
    def test_as_hindsight_lists_them(self, filled: TestClient) -> None:
        body = get(filled, "/documents")
        assert {key: body[key] for key in body if key != "items"} == {
            "total": 1,
            "limit": 100,
            "offset": 0,
            "total_is_estimate": False,
        }
        changing = {"created_at", "updated_at"}
        [document] = body["items"]
        assert {key: document[key] for key in document if key not in changing} == {
            key: LISTED[key] for key in LISTED if key not in changing
        }
        assert shape(document) == shape(LISTED)

    def test_filters(self, filled: TestClient) -> None:
        retain(filled, {"content": "Bob likes jazz.", "document_id": "boat/2", "tags": ["x"]})

        def listed(**params: Any) -> list[str]:
            return [document["id"] for document in get(filled, "/documents", **params)["items"]]

        assert listed() == ["boat/2", "doc1"]
        assert listed(q="BOAT") == ["boat/2", "doc1"]
        assert get(filled, "/documents", q="BOAT")["items"][0]["matched_fields"] == ["id"]
        assert listed(tags=["x"]) == ["boat/2"]
        assert listed(tags=["y"], tags_match="any") == ["doc1"]
        assert listed(time_field="created_at", limit=1, offset=1) == ["doc1"]
        assert listed(end_date="2020-01-01") == []

    def test_a_session_is_one_of_them(self, filled: TestClient, session: str) -> None:
        [document] = [each for each in get(filled, "/documents")["items"] if each["id"] == session]
        assert (document["memory_unit_count"], document["tags"]) == (4, [])
        assert get(filled, f"/documents/{session}/chunks")["total"] == 2
        texts = [item["text"] for item in get(filled, "/memories/list", document_id=session)["items"]]
        assert sorted(texts) == ["And the gate?", "I will remember it.", "It is red.", "The code is swordfish."]


class TestOne:
    def test_as_hindsight_shows_it(self, filled: TestClient) -> None:
        body = get(filled, "/documents/doc1")
        changing = {"created_at", "updated_at"}
        assert {key: body[key] for key in body if key not in changing} == {
            key: SHOWN[key] for key in SHOWN if key not in changing
        }
        assert list(body) == list(SHOWN)
        assert body["content_hash"] == hashlib.sha256(TEXT.encode()).hexdigest()

    def test_its_chunks(self, filled: TestClient) -> None:
        body = get(filled, "/documents/doc1/chunks")
        assert [chunk["chunk_text"] for chunk in body["items"]] == TEXT.split("\n")
        assert shape(body["items"][0]) == shape(CHUNK)
        assert get(filled, "/documents/doc1/chunks", limit=1, offset=1)["items"] == body["items"][1:]
        assert filled.get(f"{BANK}/documents/doc1/chunks", params={"limit": 1001}).status_code == 422

    def test_its_history(self, filled: TestClient) -> None:
        name = unit(filled, "Alice bought a boat.")
        filled.patch(f"{BANK}/memories/{name}", json={"text": "Alice bought a ship."})
        filled.patch(f"{BANK}/documents/doc1", json={"tags": ["t"]})
        body = get(filled, "/documents/doc1/history")
        assert [event["kind"] for event in body["items"]] == ["retag", "fact_edited", "append", "retain"]
        edited = body["items"][1]
        assert (edited["fact_id"], list(edited)) == (name, list(HAPPENED))
        assert (body["document_id"], body["total"]) == ("doc1", 4)
        assert get(filled, "/documents/no/history")["items"] == []

    @pytest.mark.parametrize("path", ["", "/chunks"])
    def test_no_such_document(self, filled: TestClient, path: str) -> None:
        assert refused(filled.get(f"{BANK}/documents/none{path}")) == (404, "Document not found")

    def test_other_tags_for_it_and_its_memories(self, filled: TestClient) -> None:
        answer = filled.patch(f"{BANK}/documents/doc1", json={"tags": ["z", "z"], "observation_scopes": [["z"]]})
        assert answer.json() == {"success": True}
        body = get(filled, "/documents/doc1")
        assert (body["tags"], body["observation_scopes"]) == (["z"], [["z"]])
        assert {tuple(item["tags"]) for item in get(filled, "/memories/list")["items"]} == {("z",)}
        assert filled.patch(f"{BANK}/documents/doc1", json={"tags": []}).status_code == 200
        assert get(filled, "/documents/doc1")["tags"] == []

    def test_refuse_to_change_nothing(self, filled: TestClient) -> None:
        said = "At least one field (tags, observation_scopes) must be provided"
        assert refused(filled.patch(f"{BANK}/documents/doc1", json={})) == (422, said)
        assert refused(filled.patch(f"{BANK}/documents/no", json={"tags": []})) == (404, "Document not found")
        assert filled.patch(f"{BANK}/documents/doc1", json={"tags": ["\u0007"]}).status_code == 400


class TestReprocess:
    def test_its_memories_are_made_again_from_what_was_handed_in(self, filled: TestClient) -> None:
        before = unit(filled, "Alice bought a boat.")
        filled.patch(f"{BANK}/memories/{before}", json={"text": "Alice bought a ship."})
        body = filled.post(f"{BANK}/documents/doc1/reprocess").json()
        assert (body["success"], body["items_count"]) == (True, 1)
        assert _wait(filled, body["operation_id"])["status"] == "completed"
        assert get(filled, "/documents/doc1")["original_text"] == TEXT
        assert get(filled, "/memories/list")["total"] == 2
        assert recalled(filled, "ship") == []
        assert "Alice bought a boat." in recalled(filled, "boat")

    def test_of_a_session_in_its_place(self, filled: TestClient, session: str) -> None:
        before = get(filled, "/memories/list", document_id=session)
        body = filled.post(f"{BANK}/documents/{session}/reprocess").json()
        assert _wait(filled, body["operation_id"])["status"] == "completed"
        assert get(filled, "/memories/list", document_id=session) == before
        assert "The code is swordfish." in recalled(filled, "swordfish")

    def test_no_such_document(self, filled: TestClient) -> None:
        assert refused(filled.post(f"{BANK}/documents/no/reprocess")) == (404, "Document not found")


class TestDelete:
    def test_with_its_memories(self, filled: TestClient) -> None:
        assert filled.delete(f"{BANK}/documents/doc1").json() == {
            "success": True,
            "message": "Document 'doc1' and 2 associated memory units deleted successfully",
            "document_id": "doc1",
            "memory_units_deleted": 2,
        }
        assert refused(filled.delete(f"{BANK}/documents/doc1")) == (404, "Document not found")
        assert recalled(filled, "boat") == []

    def test_a_session_is_forgotten_by_the_journal_too(self, filled: TestClient, session: str, house: House) -> None:
        name = unit(filled, "It is red.")
        filled.patch(f"{BANK}/memories/{name}", json={"text": "The gate is green."})
        assert filled.delete(f"{BANK}/documents/{session}").json()["memory_units_deleted"] == 4
        assert recalled(filled, "green gate") == recalled(filled, "swordfish") == []
        with house.tenant().memory(house.tenant().room("probe")) as memory:
            assert memory.sessions() == []
        files = [file.read_bytes() for file in house.settings.home.rglob("*") if file.is_file()]
        assert not any(b"swordfish" in content for content in files)
        assert get(filled, "/documents")["total"] == 1


class TestChunk:
    def test_by_its_name(self, filled: TestClient) -> None:
        answer = filled.get("/v1/default/chunks/probe_doc1_0")
        assert shape(answer.json()) == shape(CHUNK)
        assert answer.json() == get(filled, "/documents/doc1/chunks")["items"][0]
        for name in ("probe_doc1_2", "probe_no_0", "no_doc1_0", "probe_doc1_x", "probe", "_", "probe_doc1_٣"):
            assert refused(filled.get(f"/v1/default/chunks/{name}")) == (404, "Chunk not found")

    @pytest.mark.parametrize(("bank", "document"), [("a", "b_c"), ("a_b", "c"), ("a~5Fb", "c~"), ("a", "x/_y_")])
    def test_underscores_part_no_ids(self, client: TestClient, bank: str, document: str) -> None:
        for each, text in ((("a", "b_c"), "one"), (("a_b", "c"), "two"), ((bank, document), "three")):
            items = [{"content": f"{text} of {each}", "document_id": each[1]}]
            assert client.post(f"/v1/default/banks/{each[0]}/memories", json={"items": items}).status_code == 200
        [chunk] = client.get(f"/v1/default/banks/{bank}/documents/{document}/chunks").json()["items"]
        assert chunk["chunk_text"] == f"three of {(bank, document)}"
        assert client.get(f"/v1/default/chunks/{chunk['chunk_id']}").json() == chunk

    def test_a_name_without_escapes_is_found_where_it_can_be(self) -> None:
        assert next(places(chunk_id("a_b", "c~_d", 7))) == Place("a_b", "c~_d", 7)
        assert Place("a_b", "c_d", 7) in places("a_b_c_d_7")
        assert list(places("a_b_" + "9" * 40)) == []
