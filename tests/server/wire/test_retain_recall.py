"""Retain and recall as Hindsight's clients call them: the answers of a real Hindsight 1.1.0 are the measure."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

MEMORIES = "/v1/default/banks/probe/memories"

STORED = {
    "success": True,
    "bank_id": "probe",
    "items_count": 1,
    "async": False,
    "operation_id": None,
    "operation_ids": None,
    "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "cached_tokens": 0, "thoughts_tokens": 0},
}
ALICE = {
    "content": "Alice Novak moved to Oslo on 3 March 2024.",
    "document_id": "doc1",
    "tags": ["a", "b"],
    "metadata": {"k": "v"},
    "context": "ctx",
    "timestamp": "2024-03-05T10:00:00Z",
    "entities": [{"text": "Alice Novak", "type": "PERSON"}],
}


def _retain(client: TestClient, *items: Any, **options: Any) -> dict[str, Any]:
    answer = client.post(MEMORIES, json={"items": list(items), **options})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _recall(client: TestClient, query: str, **options: Any) -> list[dict[str, Any]]:
    answer = client.post(f"{MEMORIES}/recall", json={"query": query, **options})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def _texts(client: TestClient, query: str, **options: Any) -> list[str]:
    return [found["text"] for found in _recall(client, query, **options)]


def test_answer_as_hindsight_does(client: TestClient) -> None:
    assert _retain(client, ALICE) == STORED
    [found] = _recall(client, "Where does Alice Novak live?")
    scores = found.pop("scores")
    assert len(found.pop("id")) == 36
    assert found == {
        "text": "Alice Novak moved to Oslo on 3 March 2024.",
        "type": "world",
        "entities": ["Alice Novak"],
        "context": "ctx",
        "occurred_start": None,
        "occurred_end": None,
        "mentioned_at": "2024-03-05T10:00:00+00:00",
        "document_id": "doc1",
        "metadata": {"k": "v"},
        "chunk_id": "probe_doc1_0",
        "tags": ["a", "b"],
        "source_fact_ids": None,
        "attachments": None,
    }
    assert scores.keys() == {"final", "reranker", "semantic", "keyword"}
    assert 0 < scores["final"] <= 1


def test_name_an_unknown_field_and_go_on(client: TestClient) -> None:
    answer = client.post(MEMORIES, json={"items": [{"content": "x y z", "bogus": 1}], "foo": 2})
    assert answer.status_code == 200
    assert answer.headers["x-ignored-params"] == "foo"
    answer = client.post(f"{MEMORIES}/recall", json={"query": "x", "colour": 1, "shape": 2})
    assert answer.headers["x-ignored-params"] == "colour, shape"
    answer = client.post(MEMORIES, json={"items": [], "async": True, "operation_id": "none"})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "operation_id"])
    assert "x-ignored-params" not in client.post(MEMORIES, json={"items": []}).headers


@pytest.mark.parametrize(
    ("request_body", "status", "said"),
    [
        ({"items": [{"content": ""}]}, 422, "content cannot be empty"),
        ({"items": [{"content": "q", "timestamp": "yesterday"}]}, 422, "Invalid timestamp/event_date format"),
        ({"items": [{"content": "q", "update_mode": "append"}]}, 400, "update_mode='append' requires a document_id"),
        ({"items": [{"content": [{"type": "text", "text": " "}]}]}, 422, "content cannot be empty"),
        ({"items": [{"content": "q", "document_id": "a\u0000b"}]}, 400, "control characters"),
        ({"items": [{"content": "q", "tags": [""]}]}, 400, "must not be empty"),
    ],
)
def test_refuse_a_retain_and_store_nothing(
    client: TestClient, request_body: dict[str, Any], status: int, said: str
) -> None:
    request_body["items"].insert(0, {"content": "sound enough"})
    answer = client.post(MEMORIES, json=request_body)
    assert answer.status_code == status
    assert said in answer.text
    recalled = client.post(f"{MEMORIES}/recall", json={"query": "sound"})
    assert recalled.status_code == 404 or recalled.json()["results"] == []


@pytest.mark.parametrize(
    ("request_body", "status", "said"),
    [
        ({"query": ""}, 422, "query must contain at least one word character after normalization"),
        ({"query": "x", "tags": ["a"], "tag_groups": [{"tags": ["a"]}]}, 422, "mutually exclusive"),
        ({"query": "x", "query_timestamp": "soon"}, 400, "Invalid query_timestamp format"),
        ({"query": "x", "budget": "endless"}, 422, "low"),
    ],
)
def test_refuse_a_recall(client: TestClient, request_body: dict[str, Any], status: int, said: str) -> None:
    _retain(client, ALICE)
    answer = client.post(f"{MEMORIES}/recall", json=request_body)
    assert answer.status_code == status
    assert said in answer.text


def test_recall_from_no_bank_but_a_missing_one_is_an_error(client: TestClient) -> None:
    answer = client.post("/v1/default/banks/nobank2/memories/recall", json={"query": "x"})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Bank 'nobank2' not found"})


def test_find_nothing_of_an_unknown_type(client: TestClient) -> None:
    _retain(client, ALICE)
    assert _texts(client, "Alice", types=["opinion"]) == []
    assert _texts(client, "Alice", types=["opinion", "world"]) == [ALICE["content"]]


def test_replace_a_document_and_append_to_it(client: TestClient) -> None:
    _retain(client, ALICE)
    _retain(client, {"content": "Alice bought a boat.", "document_id": "doc1", "update_mode": "append"})
    found = {each["text"]: each for each in _recall(client, "Alice Novak boat")}
    assert found["Alice bought a boat."]["chunk_id"] == "probe_doc1_1"
    assert found[str(ALICE["content"])]["tags"] == ["a", "b"], "what is appended takes nothing of what was there"
    _retain(client, {"content": "Alice sold all of it.", "document_id": "doc1"})
    assert _texts(client, "Alice Novak boat") == ["Alice sold all of it."]


def test_let_items_without_a_document_share_one(client: TestClient) -> None:
    _retain(client, {"content": "Bob likes jazz."}, {"content": "Bob plays the flute."})
    assert len({each["document_id"] for each in _recall(client, "Bob jazz flute")}) == 1
    _retain(client, {"content": "Carla likes rock.", "document_id": "c"}, {"content": "Dora likes folk."})
    documents = {each["text"]: each["document_id"] for each in _recall(client, "likes rock folk")}
    assert documents["Carla likes rock."] == "c" != documents["Dora likes folk."]


def test_filter_by_tags(client: TestClient) -> None:
    _retain(client, {"content": "red fruit", "tags": ["a"]}, {"content": "green fruit", "tags": ["b"]})
    _retain(client, {"content": "plain fruit"}, document_tags=None)
    assert sorted(_texts(client, "fruit", tags=["a"])) == ["plain fruit", "red fruit"]
    assert _texts(client, "fruit", tags=["a"], tags_match="any_strict") == ["red fruit"]
    either = [{"or": [{"tags": ["a"]}, {"tags": ["b"]}]}]
    assert sorted(_texts(client, "fruit", tag_groups=either)) == ["green fruit", "red fruit"]
    neither = [{"not": {"tags": ["a"]}}, {"not": {"tags": ["b"]}}]
    assert _texts(client, "fruit", tag_groups=neither) == ["plain fruit"]


def test_tell_chunks_and_entities(client: TestClient) -> None:
    _retain(client, ALICE)
    answer = client.post(f"{MEMORIES}/recall", json={"query": "Alice", "include": {"chunks": {}, "source_facts": {}}})
    body = answer.json()
    assert body["chunks"] == {
        "probe_doc1_0": {
            "id": "probe_doc1_0",
            "text": ALICE["content"],
            "chunk_index": 0,
            "truncated": False,
            "attachments": None,
        }
    }
    assert body["entities"]["Alice Novak"].keys() == {"entity_id", "canonical_name", "observations"}
    assert (body["source_facts"], body["source_facts_truncated"]) == (None, False)
    body = client.post(f"{MEMORIES}/recall", json={"query": "Alice", "include": {"entities": None}}).json()
    assert [body[name] for name in ("entities", "chunks", "trace", "source_facts_truncated")] == [None] * 4
    assert body["results"]
    assert all(each["entities"] is None for each in body["results"])


def test_cut_a_chunk_to_what_fits(client: TestClient) -> None:
    _retain(client, {"content": "A word of Alice. " * 100, "document_id": "long"})
    include = {"chunks": {"max_tokens": 50}}
    body = client.post(f"{MEMORIES}/recall", json={"query": "Alice", "include": include}).json()
    [chunk] = body["chunks"].values()
    assert chunk["truncated"]
    assert 0 < len(chunk["text"]) < 400


def test_keep_to_the_least_scores(client: TestClient) -> None:
    _retain(client, ALICE, {"content": "Alice bought a boat."})
    best, *rest = _recall(client, "Alice Novak Oslo")
    floor = {"final": best["scores"]["final"]}
    assert [each["id"] for each in _recall(client, "Alice Novak Oslo", min_scores=floor)] == [best["id"]]
    assert rest
    assert _recall(client, "Alice Novak Oslo", min_scores={"keyword": 99.0, "semantic": 99.0}) == []


def test_prefer_what_was_said_within_a_window(client: TestClient) -> None:
    for year in ("2022", "2023", "2024"):
        _retain(client, {"content": f"The boat race was fun, {year} or so.", "timestamp": f"{year}-06-01T10:00:00Z"})
    plain = {each["id"]: each["scores"]["final"] for each in _recall(client, "boat race")}
    for year in ("2022", "2023", "2024"):
        window = {"start": f"{year}-01-01T00:00:00Z", "end": f"{year}-12-31T00:00:00Z"}
        found = _recall(client, "boat race", temporal_window=window)
        assert len(found) == 3, "it ranks, and leaves nothing out"
        raised = [each["mentioned_at"][:4] for each in found if each["scores"]["final"] > plain[each["id"]]]
        assert raised == [year]
    window = {"start": "2024-01-01T00:00:00Z", "end": "2023-01-01T00:00:00Z"}
    answer = client.post(f"{MEMORIES}/recall", json={"query": "boat", "temporal_window": window})
    assert answer.status_code == 422


def test_store_what_has_no_time(client: TestClient) -> None:
    _retain(client, {"content": "The sky is blue.", "timestamp": "unset"})
    [found] = _recall(client, "sky")
    assert found["mentioned_at"] is None


def test_take_secrets_out_before_they_are_written(tmp_path: Any) -> None:
    from threadline.server.app import create_app
    from threadline.server.house import House
    from threadline.settings import Settings

    house = House(Settings(home=tmp_path), embedder=lambda: None)
    with TestClient(create_app(house)) as client:
        key = "ghp_" + "a1B2" * 9
        said = f"The token of the shop is {key}."
        _retain(client, {"content": said, "context": said, "metadata": {"note": said}})
        [text] = _texts(client, "token of the shop")
        house.workers.stop()  # what is accepted stays written
        later = {"items": [{"content": f"{said} Again.", "metadata": {"note": said}}], "async": True}
        assert client.post(MEMORIES, json=later).status_code == 200
    house.close()
    assert key not in text
    assert all(key.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
