"""The knowledge base as Hindsight's clients call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.wire.test_mental_models import TRIGGER, retain, settle
from threadline.engine.models.base import Embedder
from threadline.server.house import House

BASE = "/v1/default/banks/probe/knowledge-base"

FOLDER: dict[str, Any] = {
    "kind": "folder", "name": "f", "parent_id": None, "mental_model_id": None, "managed": False, "description": None,
    "tags": [], "is_stale": None, "last_refresh_failed_at": None, "trigger": None, "children": [],
}  # fmt: skip


def folder(client: TestClient, name: str = "f", parent: str | None = None) -> str:
    answer = client.post(f"{BASE}/folders", json={"name": name, "parent_id": parent})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def page(client: TestClient, name: str = "p", parent: str | None = None, **options: Any) -> dict[str, str]:
    body = {"name": name, "source_query": "Where does Alice live?", "parent_id": parent, **options}
    answer = client.post(f"{BASE}/pages", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def tree(client: TestClient, **query: Any) -> list[Any]:
    """The names: of a page alone, of a folder with what lies within it."""
    answer = client.get(f"{BASE}/tree", params=query)
    assert answer.status_code == 200, answer.text

    def named(node: dict[str, Any]) -> Any:
        return node["name"] if node["kind"] == "page" else {node["name"]: [named(one) for one in node["children"]]}

    return [named(root) for root in answer.json()["roots"]]


@pytest.fixture
def embedder() -> Callable[[], Embedder | None]:
    """None: what is alike to the fake one would hang on the ids in the contents."""
    return lambda: None


@pytest.fixture(autouse=True)
def bank(client: TestClient) -> None:
    retain(client, "Alice lives in Oslo.", "z")


def test_a_bank_without_any(client: TestClient) -> None:
    assert client.get(f"{BASE}/tree").json() == {"roots": []}
    assert client.get("/v1/default/banks/nobody/knowledge-base/tree").status_code == 404
    (index,) = client.get(f"{BASE}/export").json()["files"]
    assert index["content"].endswith("# Knowledge base\n\n_No knowledge pages yet._\n")


def test_folder(client: TestClient) -> None:
    made = client.post(f"{BASE}/folders", json={"name": "f"})
    assert made.status_code == 201
    assert made.json() == {**FOLDER, "id": made.json()["id"], "timestamp": made.json()["timestamp"]}
    assert made.json()["id"].startswith("kf-")
    folder(client, "g", made.json()["id"])
    assert tree(client) == [{"f": [{"g": []}]}]


def test_page(client: TestClient, house: House) -> None:
    made = page(client, tags=["type:person", "z"])
    assert made.keys() == {"page_id", "mental_model_id", "operation_id"}
    settle(house)
    (node,) = client.get(f"{BASE}/tree").json()["roots"]
    assert (node["id"], node["kind"], node["mental_model_id"]) == (made["page_id"], "page", made["mental_model_id"])
    assert (node["description"], node["tags"]) == ("Where does Alice live?", ["type:person", "z"])
    assert node["trigger"] == {
        **TRIGGER, "mode": "delta", "fact_types": ["observation"], "exclude_mental_models": True,
        "refresh_after_consolidation": True,
    }  # fmt: skip
    model = client.get(f"/v1/default/banks/probe/mental-models/{made['mental_model_id']}").json()
    assert (model["is_knowledge_page"], model["max_tokens"], model["name"]) == (True, 4096, "p")
    listed = client.get("/v1/default/banks/probe/mental-models", params={"exclude_knowledge_pages": "true"}).json()
    assert listed["total"] == 0


def test_page_as_markdown(client: TestClient, house: House) -> None:
    made = page(client, 'The "page"', tags=["type:person", "z"], trigger={"tags_match": "any"})
    settle(house)
    told = client.get(f"{BASE}/pages/{made['page_id']}").json()
    assert (told["type"], told["tags"], told["description"]) == ("person", ["z"], "Where does Alice live?")
    assert "“Alice lives in Oslo.”" in told["body"]
    assert told["markdown"] == (
        f'---\nid: "{made["page_id"]}"\ntype: "person"\ntitle: "The \\"page\\""\n'
        f'description: "Where does Alice live?"\ntags:\n  - "z"\ntimestamp: "{told["timestamp"]}"\n---\n\n'
        f"{told['body']}\n"
    )
    empty = page(client, "empty", tags=["other"])
    settle(house)
    told = client.get(f"{BASE}/pages/{empty['page_id']}").json()
    assert (told["body"], told["type"]) == ("", "knowledge-page")
    assert told["markdown"].endswith("---\n\nNo content yet.\n")
    for missing in ("nobody", folder(client)):
        answer = client.get(f"{BASE}/pages/{missing}")
        assert (answer.status_code, answer.json()) == (404, {"detail": f"Knowledge page '{missing}' not found"})


def test_a_page_follows_what_is_written(client: TestClient, house: House) -> None:
    made = page(client)
    settle(house)
    retain(client, "Alice lives in Lima now.")
    settle(house)
    assert "Lima" in client.get(f"{BASE}/pages/{made['page_id']}").json()["body"]


def test_a_name_is_taken_once_in_a_folder(client: TestClient) -> None:
    within = folder(client)
    page(client)
    taken = client.post(f"{BASE}/pages", json={"name": "p", "source_query": "q"})
    assert (taken.status_code, taken.json()) == (409, {"detail": "A page named 'p' already exists in this folder"})
    assert client.get("/v1/default/banks/probe/mental-models").json()["total"] == 1
    inner = page(client, parent=within)
    moved = client.patch(f"{BASE}/nodes/{inner['page_id']}", json={"parent_id": None})
    assert moved.status_code == 409
    assert tree(client) == [{"f": ["p"]}, "p"]


def test_a_parent_that_is_none(client: TestClient) -> None:
    inner = page(client)["page_id"]
    for path, body in (("folders", {"name": "g"}), ("pages", {"name": "q", "source_query": "q"})):
        answer = client.post(f"{BASE}/{path}", json={**body, "parent_id": "nobody"})
        assert (answer.status_code, answer.json()) == (400, {"detail": "Parent folder 'nobody' not found"})
        answer = client.post(f"{BASE}/{path}", json={**body, "parent_id": inner})
        assert (answer.status_code, answer.json()) == (400, {"detail": f"Parent '{inner}' is not a folder"})
    assert client.get("/v1/default/banks/probe/mental-models").json()["total"] == 1


def test_move_and_rename(client: TestClient) -> None:
    outer = folder(client, "outer")
    inner = folder(client, "inner", outer)
    made = page(client)
    moved = client.patch(f"{BASE}/nodes/{made['page_id']}", json={"name": "q", "parent_id": inner})
    assert moved.status_code == 200
    assert (moved.json()["name"], moved.json()["parent_id"]) == ("q", inner)
    assert tree(client) == [{"outer": [{"inner": ["q"]}]}]
    for node, parent, detail in (
        (outer, inner, "Cannot move a node into its own subtree"),
        (outer, outer, "A node cannot be its own parent"),
    ):
        refused = client.patch(f"{BASE}/nodes/{node}", json={"name": "other", "parent_id": parent})
        assert (refused.status_code, refused.json()) == (400, {"detail": detail})
    client.patch(f"{BASE}/nodes/{inner}", json={"parent_id": None})
    assert tree(client) == [{"inner": ["q"]}, {"outer": []}]


def test_update_a_page(client: TestClient, house: House) -> None:
    made = page(client)
    settle(house)
    path = f"{BASE}/nodes/{made['page_id']}"
    changed = client.patch(path, json={"trigger": {"refresh_cron": "0 3 * * *"}, "tags": ["z"]}).json()
    assert changed["tags"] == ["z"]
    assert changed["trigger"]["refresh_cron"] == "0 3 * * *"
    assert changed["trigger"]["refresh_after_consolidation"] is False
    assert changed["trigger"]["fact_types"] == ["observation"]
    retain(client, "Bob likes jazz.", "z")
    assert client.patch(path, json={"source_query": "What does Bob like?"}).status_code == 200
    settle(house)
    assert "jazz" in client.get(f"{BASE}/pages/{made['page_id']}").json()["body"]


@pytest.mark.parametrize("body", [{}, {"name": None}, {"source_query": None, "tags": None, "trigger": None}])
def test_a_patch_of_nothing(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.patch(f"{BASE}/nodes/{folder(client)}", json=body)
    assert answer.status_code == 400
    assert answer.json() == {
        "detail": "Provide name, parent_id, source_query, tags, max_tokens, and/or trigger to update"
    }


def test_a_node_that_is_not_there(client: TestClient) -> None:
    for method, body in (("PATCH", {"name": "n"}), ("DELETE", None)):
        answer = client.request(method, f"{BASE}/nodes/nobody", json=body)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Knowledge node 'nobody' not found"})
    assert client.patch(f"{BASE}/nodes/{folder(client)}", json={"tags": ["z"]}).status_code == 404


def test_delete_takes_what_lies_within(client: TestClient) -> None:
    outer = folder(client)
    page(client, "q", folder(client, "g", outer))
    page(client)
    answer = client.delete(f"{BASE}/nodes/{outer}")
    assert (answer.status_code, answer.json()) == (200, {"status": "deleted"})
    assert tree(client) == ["p"]
    assert client.get("/v1/default/banks/probe/mental-models").json()["total"] == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"tags": ["z"]}, [{"outer": ["a"]}, "c"]),
        ({"tags": ["z"], "tags_match": "any_strict"}, [{"outer": ["a"]}]),
        ({"tags": ["y"], "tags_match": "all_strict"}, [{"inner": ["b"]}]),
        ({"tag_groups": '[{"or": [{"tags": ["y"]}, {"tags": ["z"]}]}]'}, [{"inner": ["b"]}, {"outer": ["a"]}]),
        ({"tags": ["z"], "tag_groups": '[{"not": {"tags": ["z"]}}]'}, ["c"]),
        ({}, [{"empty": []}, {"inner": ["b"]}, {"outer": ["a"]}, "c"]),
    ],
)
def test_tree_by_tags(client: TestClient, query: dict[str, Any], expected: list[Any]) -> None:
    folder(client, "empty")
    page(client, "a", folder(client, "outer"), tags=["z"])
    page(client, "b", folder(client, "inner"), tags=["y"])
    page(client, "c")
    assert sorted(tree(client, **query), key=str) == sorted(expected, key=str)


def test_groups_that_are_none(client: TestClient) -> None:
    for path in ("tree", "search?q=x"):
        assert client.get(f"{BASE}/{path}", params={"q": "x", "tag_groups": "[{]"}).status_code in (400, 422)


def test_search(client: TestClient, house: House) -> None:
    retain(client, "Bob likes jazz.")
    cities = page(client, "Cities", tags=["z"])
    music = page(client, "Music", source_query="What does Bob like?")
    folder(client, "Bob")
    settle(house)

    def search(**query: Any) -> list[dict[str, Any]]:
        answer = client.get(f"{BASE}/search", params=query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["total"] == len(answer.json()["results"])
        return list(answer.json()["results"])

    (found,) = search(q="who likes jazz?")
    assert found == {
        "id": music["page_id"], "name": "Music", "mental_model_id": music["mental_model_id"],
        "source_query": "What does Bob like?", "snippet": found["snippet"], "score": 1.0,
        "updated_at": found["updated_at"],
    }  # fmt: skip
    assert "“Bob likes jazz.”" in found["snippet"]
    assert [one["id"] for one in search(q="music in the cities of Alice")] == [cities["page_id"], music["page_id"]]
    assert [one["id"] for one in search(q="music in the cities of Alice", limit=1)] == [cities["page_id"]]
    assert [one["id"] for one in search(q="music cities", tags=["z"], tags_match="any_strict")] == [cities["page_id"]]
    assert search(q="whales") == []
    assert client.get(f"{BASE}/search").status_code == 422


def test_export(client: TestClient, house: House) -> None:
    within = folder(client)
    made = page(client, parent=within)
    settle(house)
    files = {one["path"]: one["content"] for one in client.get(f"{BASE}/export").json()["files"]}
    name = made["page_id"]
    assert files.keys() == {"index.md", f"{name}.md", f"{name}.log.md"}
    assert files["index.md"] == (
        '---\ntype: "index"\ntitle: "Knowledge base"\n---\n\n# Knowledge base\n\n'
        f"- **f/**\n  - [p](./{name}.md) — Where does Alice live?\n"
    )
    assert files[f"{name}.md"] == client.get(f"{BASE}/pages/{name}").json()["markdown"]
    assert files[f"{name}.log.md"].startswith('---\ntype: "log"\ntitle: "p — history"\n---\n\n# p — history\n\n## 20')
    assert files[f"{name}.log.md"].endswith("\n\n_(empty)_\n")


def test_folders_within_folders(client: TestClient) -> None:
    parent: str | None = None
    for number in range(100):
        parent = folder(client, str(number), parent)
    answer = client.post(f"{BASE}/folders", json={"name": "x", "parent_id": parent})
    assert (answer.status_code, answer.json()) == (400, {"detail": "Folders can be nested 100 deep, and no deeper"})
    assert client.get(f"{BASE}/tree").status_code == 200
    assert client.get(f"{BASE}/export").status_code == 200
