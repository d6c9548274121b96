"""Reflect as Hindsight's clients call it: the answers of a real Hindsight 1.1.0 with a model are the measure."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.documents import Query
from threadline.server import reflecting
from threadline.server.house import House

BANK = "/v1/default/banks/probe"

FACT: dict[str, Any] = {
    "id": "cc37d9dd-6894-4c47-8402-89ea3c6a1171",
    "text": "Alice Novak moved to Oslo on 3 March 2024.",
    "type": "world",
    "context": "ctx",
    "occurred_start": None,
    "occurred_end": None,
    "mentioned_at": "2024-03-05T10:00:00+00:00",
    "document_id": "doc1",
    "chunk_id": "probe_doc1_0",
    "tags": ["z"],
    "metadata": {},
    "attachments": None,
}
USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "cached_tokens": 0, "thoughts_tokens": 0}


def reflect(client: TestClient, query: str, **options: Any) -> dict[str, Any]:
    answer = client.post(f"{BANK}/reflect", json={"query": query, **options})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture(autouse=True)
def bank(client: TestClient) -> None:
    items = [
        {
            "content": FACT["text"],
            "document_id": "doc1",
            "tags": ["z"],
            "context": "ctx",
            "timestamp": "2024-03-05T10:00:00Z",
        },
        {"content": "Alice Novak moved to Lima in 2020.", "document_id": "doc2", "tags": ["y"]},
        {"content": "Alice Novak moved to Rome in 2010."},
    ]
    assert client.post(f"{BANK}/memories", json={"items": items}).status_code == 200


def cities(text: str) -> set[str]:
    return {city for city in ("Oslo", "Lima", "Rome") if city in text}


def test_the_answer_quotes(client: TestClient) -> None:
    answer = reflect(client, "Where did Alice Novak move in March 2024?")
    assert answer["text"].startswith("From memory (quoted, not composed):")
    assert "2024-03-05: “Alice Novak moved to Oslo on 3 March 2024.”" in answer["text"]
    assert "user, doc1, 2024-03-05 10:00" in answer["text"]
    assert {**answer, "text": ""} == {
        "text": "", "based_on": None, "structured_output": None, "structured_output_error": None,
        "usage": USAGE, "trace": None,
    }  # fmt: skip


def test_what_it_is_based_on(client: TestClient) -> None:
    answer = reflect(client, "Where did Alice Novak move?", include={"facts": {}, "tool_calls": {}}, tags=["z"])
    assert answer["trace"] == {"tool_calls": [], "llm_calls": []}
    assert answer["based_on"].keys() == {"memories", "mental_models", "directives"}
    (fact, *others) = [one for one in answer["based_on"]["memories"] if one["document_id"] == "doc1"]
    assert others == []
    assert {**fact, "id": FACT["id"]} == FACT
    assert fact["id"] != FACT["id"]
    recalled = client.post(f"{BANK}/memories/recall", json={"query": "Where did Alice Novak move?"}).json()["results"]
    assert fact["id"] in {one["id"] for one in recalled}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"Oslo", "Lima", "Rome"}),
        ({"tags": ["z"]}, {"Oslo", "Rome"}),
        ({"tags": ["z"], "tags_match": "any_strict"}, {"Oslo"}),
        ({"tags": [], "tags_match": "exact"}, {"Rome"}),
        ({"tag_groups": [{"or": [{"tags": ["z"]}, {"tags": ["y"]}]}]}, {"Oslo", "Lima"}),
        ({"tag_groups": [{"not": {"tags": ["z"]}}]}, {"Lima", "Rome"}),
        ({"fact_types": ["world"], "budget": "high"}, {"Oslo", "Lima", "Rome"}),
    ],
)
def test_scope(client: TestClient, options: dict[str, Any], expected: set[str]) -> None:
    assert cities(reflect(client, "Where did Alice Novak move?", **options)["text"]) == expected


def test_nothing_bears_on_it(client: TestClient) -> None:
    answer = reflect(client, "Which whales sing?", fact_types=["observation"], include={"facts": {}})
    assert answer["text"] == "Nothing in memory bears on this question."
    assert answer["based_on"] == {"memories": [], "mental_models": [], "directives": []}


def test_max_tokens(client: TestClient) -> None:
    assert len(cities(reflect(client, "Where did Alice Novak move?", max_tokens=60)["text"])) < 3
    for few in (0, -5, 1):
        assert reflect(client, "Where did Alice Novak move?", max_tokens=few)["text"] == ""
    assert reflect(client, "Where did Alice Novak move?", max_tokens=2**70)["text"]


def test_more_is_read_than_is_answered(client: TestClient, house: House) -> None:
    answer = reflecting.reflect(house.tenant().room("probe"), Query("Where did Alice Novak move?", max_tokens=12))
    assert (answer.text, answer.units, answer.read) == ("", (), {"world": 3})


def test_directives_change_nothing_without_a_model(client: TestClient) -> None:
    before = reflect(client, "Where did Alice Novak move?", include={"facts": {}})
    client.post(f"{BANK}/directives", json={"name": "d", "content": "never name a city"})
    after = reflect(client, "Where did Alice Novak move?", include={"facts": {}}, apply_all_directives=True)
    assert after == before


def test_context_is_a_part_of_the_question(client: TestClient) -> None:
    assert "Oslo" in reflect(client, " ", context="Oslo in March")["text"]


def test_structured_output_needs_a_model(client: TestClient) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    answer = client.post(f"{BANK}/reflect", json={"query": "Where?", "response_schema": schema})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Structured output (response_schema) needs a language model")
    assert "THREADLINE_LLM" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": "  "},
        {"query": "q", "fact_types": []},
        {"query": "q", "fact_types": ["opinion"]},
        {"query": "q", "budget": "max"},
        {"query": "q", "tags": ["a"], "tag_groups": []},
        {"query": "q", "response_schema": {"type": "array"}},
        {"query": "q", "response_schema": {}},
        {"query": "q", "response_schema": {"properties": {"a": {"type": "city"}}}},
        {"query": "q", "reflect_search_observations_max_tokens": 0},
    ],
)
def test_what_cannot_be_asked(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post(f"{BANK}/reflect", json=body).status_code == 422


def test_a_bank_that_is_not_there(client: TestClient) -> None:
    answer = client.post("/v1/default/banks/nobody/reflect", json={"query": "q"})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Bank 'nobody' not found"})


def test_unknown_fields_are_named(client: TestClient) -> None:
    answer = client.post(f"{BANK}/reflect", json={"query": "q", "mood": "good"})
    assert answer.headers["x-ignored-params"] == "mood"
