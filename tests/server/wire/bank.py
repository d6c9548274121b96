"""A bank as the recorded answers of a real Hindsight 1.1.0 were taken from it, and how shapes are compared."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

BANK = "/v1/default/banks/probe"

ITEMS = [
    {
        "content": "Alice Novak moved to Oslo on 3 March 2024.",
        "document_id": "doc1",
        "tags": ["a", "b"],
        "metadata": {"k": "v"},
        "context": "ctx",
        "timestamp": "2024-03-05T10:00:00Z",
        "entities": [{"text": "Alice Novak", "type": "PERSON"}],
    },
    {"content": "Bob likes jazz.", "document_id": "doc0", "tags": ["dt"]},
]


def retain(client: TestClient, *items: Any) -> None:
    """Retain items, or those that were retained for the recorded answers."""
    answer = client.post(f"{BANK}/memories", json={"items": list(items) or ITEMS})
    assert answer.status_code == 200, answer.text


def get(client: TestClient, path: str, **params: Any) -> Any:
    """A part of the bank."""
    answer = client.get(BANK + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer: Any) -> tuple[int, str]:
    """Why something was refused."""
    return answer.status_code, answer.json()["detail"]


def recalled(client: TestClient, query: str) -> list[str]:
    """What a recall finds."""
    answer = client.post(f"{BANK}/memories/recall", json={"query": query})
    return [found["text"] for found in answer.json()["results"]]


def unit(client: TestClient, text: str) -> str:
    """The id of the memory with a text."""
    items = get(client, "/memories/list")["items"]
    return next(str(item["id"]) for item in items if item["text"] == text)


def shape(value: Any) -> Any:
    """What a body looks like: its keys in order, and the types of their values; of a list the first one's."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__
