"""Previews of prompts and of retains: the answers of a real Hindsight 1.1.0 are the measure."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

BANK = "/v1/default/banks/b"
USAGE = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "cached_tokens": 0, "thoughts_tokens": 0}


def _fact(text: str, chunk: int = 0) -> dict[str, Any]:
    nothing: dict[str, Any] = {"occurred_start": None, "occurred_end": None, "entities": [], "attachments": []}
    return {"text": text, "fact_type": "world", "chunk_index": chunk, **nothing}


def _preview(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post(f"{BANK}/prompts/preview", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _extract(client: TestClient, content: Any, **body: Any) -> Any:
    return client.post(f"{BANK}/memories/dry-run-extract", json={"content": content, **body})


def test_show_that_a_retain_sends_no_prompt(client: TestClient) -> None:
    client.put(BANK, json={})
    updates = {"retain_strategies": {"long": {"retain_chunk_size": 9000}}, "retain_structured_chunk_size": 50}
    client.patch(f"{BANK}/config", json={"updates": updates})
    preview = _preview(client, strategy="long")
    assert "no prompt is sent" in preview.pop("skipped_reason")
    setting = {"kind": "text", "editable": True}
    assert preview == {
        "messages": [
            {
                "role": "system",
                "blocks": [
                    {
                        "text": "",
                        "source": "config",
                        "field": "retain_extraction_mode",
                        "section": "",
                        "heading": "",
                        "active": False,
                        "value": "chunks",
                        "kind": "choice",
                        "choices": ["concise", "verbose", "custom", "verbatim", "chunks"],
                        "editable": True,
                    }
                ],
            }
        ],
        "strategy": "long",
        "strategies": ["long"],
        "run_settings": [
            {"field": "retain_chunk_size", "value": "9000", **setting},
            {"field": "retain_structured_chunk_size", "value": "50", **setting},
        ],
        "response_schema": None,
    }


@pytest.mark.parametrize("operation", ["consolidation", "reflect"])
def test_show_that_nothing_else_sends_one(client: TestClient, operation: str) -> None:
    client.put(BANK, json={})
    preview = _preview(client, operation=operation)
    assert (preview["messages"], "THREADLINE_LLM" in preview["skipped_reason"]) == ([], True)


def test_preview_only_what_is_there(client: TestClient) -> None:
    missing = client.post(f"{BANK}/prompts/preview", json={})
    assert (missing.status_code, missing.json()) == (404, {"detail": "Bank 'b' not found"})
    client.put(BANK, json={})
    unknown = client.post(f"{BANK}/prompts/preview", json={"operation": "zzz"})
    assert (unknown.status_code, unknown.json()["detail"][0]["type"]) == (422, "literal_error")


def test_show_what_would_be_stored(client: TestClient) -> None:
    answer = _extract(client, "One. Two three four five six.", retain_chunk_size=12)
    pieces = ["One.", "Two three", "four five", "six."]
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "facts": [_fact(text, chunk) for chunk, text in enumerate(pieces)],
            "chunks": [{"text": text, "fact_count": 1} for text in pieces],
            "usage": USAGE,
        },
    )
    assert client.get("/v1/default/banks").json()["total"] == 0


def test_show_just_what_a_retain_then_stores(client: TestClient) -> None:
    text = " ".join(f"The door of house {number} is green." for number in range(60))
    client.put(BANK, json={"retain_chunk_size": 1500})
    shown = _extract(client, text, timestamp="2024-05-05T00:00:00Z", context="a street").json()
    client.post(f"{BANK}/memories", json={"items": [{"content": text}]})
    recall = {"query": "door house green", "max_tokens": 100_000}
    found = client.post(f"{BANK}/memories/recall", json=recall).json()["results"]
    assert sorted(each["text"] for each in found) == sorted(each["text"] for each in shown["facts"])
    chunks = [chunk["fact_count"] for chunk in shown["chunks"]]
    assert (len(chunks), sum(chunks)) == (2, len(shown["facts"]))


def test_take_blocks_and_a_strategy_of_no_name(client: TestClient) -> None:
    blocks = [{"type": "text", "text": "hello world"}]
    assert _extract(client, blocks, strategy="nope").json()["facts"] == [_fact("hello world")]
    assert _extract(client, "One.", retain_extraction_mode="chunks").json()["facts"] == [_fact("One.")]
    assert _extract(client, "One.", entity_labels=[{"key": "k", "free_values": True}]).status_code == 200


def test_ask_for_a_model_where_one_is_needed(client: TestClient) -> None:
    refused = _extract(client, "One.", retain_extraction_mode="concise")
    assert refused.status_code == 400
    assert "set THREADLINE_LLM" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("content", "body", "status"),
    [
        ("", {}, 422),
        ([], {}, 422),
        ([{"type": "text", "text": " "}], {}, 422),
        ("One.", {"retain_chunk_size": 0}, 400),
        ("One.", {"entity_labels": [{}]}, 422),
        ([{"type": "image", "source": {"media_type": "image/png", "data": ""}}], {}, 422),
    ],
)
def test_refuse_what_cannot_be_stored(client: TestClient, content: Any, body: dict[str, Any], status: int) -> None:
    refused = _extract(client, content, **body)
    assert (refused.status_code, list(refused.json())) == (status, ["detail"])
