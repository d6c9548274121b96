"""Mental models as Hindsight's clients call them: the answers of a real Hindsight 1.1.0 are the measure."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.engine.store.shelf import Shelf
from threadline.errors import StorageCorruptError
from threadline.server import refreshing
from threadline.server.house import House
from threadline.server.store import mental_models
from threadline.server.store.operations import ENDED

BANK = "/v1/default/banks/probe"
MODELS = f"{BANK}/mental-models"

EMPTY = {"items": [], "total": 0, "limit": 100, "offset": 0}
CREATED = {
    "mental_model_id": "mm-c369f717380c4b298fc00e01c72d670f",
    "operation_id": "a19817a1-b04b-4809-bef0-6cc2dd19f0b6",
}
TRIGGER = {
    "budget": None,
    "mode": "full",
    "refresh_after_consolidation": False,
    "refresh_cron": None,
    "full_refresh_cron": None,
    "min_refresh_interval_seconds": None,
    "fact_types": None,
    "exclude_mental_models": False,
    "exclude_mental_model_ids": None,
    "tags_match": None,
    "tag_groups": None,
    "include_chunks": None,
    "recall_max_tokens": None,
    "recall_chunks_max_tokens": None,
    "reflect_search_observations_max_tokens": None,
    "reflect_search_observations_include_entities": None,
    "response_schema": None,
    "keep_trace": False,
}


def settle(house: House) -> None:
    """Wait until every operation has ended."""
    states = f"SELECT 1 FROM operations WHERE state NOT IN ({', '.join('?' * len(ENDED))})"
    database = house.tenant().database
    assert house.workers.wait_until(lambda: not database.rows(states, ENDED), 10)


def retain(client: TestClient, text: str, *tags: str, document: str | None = None) -> None:
    answer = client.post(
        f"{BANK}/memories", json={"items": [{"content": text, "tags": list(tags), "document_id": document}]}
    )
    assert answer.status_code == 200, answer.text


def create(client: TestClient, query: str = "Where does Alice live?", **options: Any) -> str:
    answer = client.post(MODELS, json={"name": "m", "source_query": query, **options})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["mental_model_id"])


def get(client: TestClient, model: str, **query: str) -> dict[str, Any]:
    answer = client.get(f"{MODELS}/{model}", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture(autouse=True)
def bank(client: TestClient) -> None:
    retain(client, "Alice lives in Oslo.", "z", document="doc1")


def test_a_bank_without_any(client: TestClient) -> None:
    assert client.get(MODELS).json() == EMPTY
    assert client.get("/v1/default/banks/nobody/mental-models").status_code == 404


def test_create(client: TestClient, house: House) -> None:
    answer = client.post(MODELS, json={"name": "m", "source_query": "Where does Alice live?"})
    assert (answer.status_code, answer.json().keys()) == (200, CREATED.keys())
    assert re.fullmatch("mm-[0-9a-f]{32}", answer.json()["mental_model_id"])
    settle(house)
    model = get(client, answer.json()["mental_model_id"])
    assert model["content"].startswith("From memory (quoted, not composed):")
    assert "“Alice lives in Oslo.”" in model["content"]
    assert model["trigger"] == TRIGGER
    assert (model["max_tokens"], model["is_stale"], model["is_knowledge_page"]) == (2048, False, False)
    assert model["last_memory_seen_at"] < model["created_at"] < model["last_refreshed_at"]
    response = model["reflect_response"]
    assert (response["extractive"], response["outcome"], response["text"]) == (
        True,
        "content_written",
        model["content"],
    )
    (fact,) = response["based_on"]["world"]
    assert (fact["text"], fact["document_id"], fact["chunk_id"]) == ("Alice lives in Oslo.", "doc1", "probe_doc1_0")
    assert client.get(f"{BANK}/memories/{fact['id']}").status_code in (200, 404)


def test_the_operation_that_makes_the_content(client: TestClient, house: House) -> None:
    answer = client.post(MODELS, json={"name": "m", "source_query": "Where does Alice live?"}).json()
    settle(house)
    sql = "SELECT kind, state, metadata FROM operations WHERE id = ?"
    kind, state, metadata = house.tenant().database.rows(sql, (answer["operation_id"],))[0]
    assert (kind, state) == ("refresh_mental_model", "completed")
    assert json.loads(metadata) == {
        "mental_model_id": answer["mental_model_id"],
        "name": "m",
        "outcome": "content_written",
    }


def test_an_id_of_ones_own(client: TestClient) -> None:
    assert create(client, id="alice") == "alice"
    answer = client.post(MODELS, json={"id": "alice", "name": "m", "source_query": "q"})
    assert answer.status_code == 409
    assert answer.json() == {"detail": "Mental model 'alice' already exists in bank 'probe'"}


@pytest.mark.parametrize(
    "body",
    [
        {"name": "m"},
        {"name": "m", "source_query": "q", "max_tokens": 255},
        {"name": "m", "source_query": "q", "max_tokens": 8193},
        {"name": "m", "source_query": "q", "trigger": {"fact_types": []}},
        {"name": "m", "source_query": "q", "trigger": {"refresh_cron": "never"}},
        {
            "name": "m",
            "source_query": "q",
            "trigger": {"refresh_cron": "0 3 * * *", "refresh_after_consolidation": True},
        },
        {"name": "m", "source_query": "q", "trigger": {"tag_groups": [{"tags": ["a"], "resolve": "fuzzy"}]}},
        {"name": "m", "source_query": "q", "trigger": {"response_schema": {"type": "string"}}},
    ],
)
def test_what_cannot_be_made(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post(MODELS, json=body).status_code == 422
    assert client.get(MODELS).json() == EMPTY


def test_detail(client: TestClient, house: House) -> None:
    model = create(client)
    settle(house)
    full = get(client, model)
    content = get(client, model, detail="content")
    assert content == {**full, "reflect_response": None, "is_stale": None}
    metadata = get(client, model, detail="metadata")
    assert metadata == {**content, "source_query": None, "content": None, "max_tokens": None, "trigger": None}
    listed = client.get(MODELS).json()
    assert listed == {**EMPTY, "items": [{**metadata, "is_stale": False}], "total": 1}
    assert client.get(MODELS, params={"detail": "full"}).json()["items"] == [full]


def test_list_by_tags_and_in_pages(client: TestClient) -> None:
    for name in ("a", "b", "c"):
        create(client, id=name, tags=[name, "x"])
    found = client.get(MODELS, params={"tags": ["a", "b"], "limit": 1, "offset": 1}).json()
    assert (found["total"], found["limit"], found["offset"], len(found["items"])) == (2, 1, 1, 1)
    assert client.get(MODELS, params={"tags": ["a", "x"], "tags_match": "all"}).json()["total"] == 1
    assert client.get(MODELS, params={"tags": ["x"], "tags_match": "exact"}).json()["total"] == 0
    assert client.get(MODELS, params={"tags_match": "other"}).status_code == 422


def test_update_patches(client: TestClient, house: House) -> None:
    model = create(client, trigger={"refresh_after_consolidation": True, "fact_types": ["world"]})
    settle(house)
    changed = client.patch(f"{MODELS}/{model}", json={"name": "n", "trigger": {"refresh_cron": "0 3 * * *"}})
    assert changed.status_code == 200
    assert changed.json()["name"] == "n"
    assert changed.json()["trigger"] == {**TRIGGER, "fact_types": ["world"], "refresh_cron": "0 3 * * *"}
    assert get(client, model)["is_stale"] is False
    client.patch(f"{MODELS}/{model}", json={"source_query": "Who is Bob?"})
    assert get(client, model)["is_stale"] is True
    missing = client.patch(f"{MODELS}/nobody", json={"name": "n"})
    assert (missing.status_code, missing.json()) == (404, {"detail": "Mental model 'nobody' not found"})


def test_delete(client: TestClient) -> None:
    model = create(client)
    answer = client.delete(f"{MODELS}/{model}")
    assert (answer.status_code, answer.json()) == (200, {"status": "deleted"})
    for method, path in [
        ("DELETE", ""), ("GET", ""), ("GET", "/history"),
        ("POST", "/refresh"), ("POST", "/clear"), ("POST", "/dry-run-refresh"),
    ]:  # fmt: skip
        answer = client.request(method, f"{MODELS}/{model}{path}")
        assert (answer.status_code, answer.json()) == (404, {"detail": f"Mental model '{model}' not found"}), path


def test_refresh_and_history(client: TestClient, house: House) -> None:
    model = create(client)
    settle(house)
    before = get(client, model)
    retain(client, "Alice lives in Lima now.")
    assert get(client, model)["is_stale"] is True
    answer = client.post(f"{MODELS}/{model}/refresh", json={"mode": "full"})
    assert answer.json().keys() == {"operation_id", "status"}
    assert answer.json()["status"] == "queued"
    settle(house)
    after = get(client, model)
    assert "Lima" in after["content"]
    assert after["is_stale"] is False
    assert after["last_memory_seen_at"] > before["last_memory_seen_at"]
    latest, first = client.get(f"{MODELS}/{model}/history").json()
    assert latest["previous_content"] == before["content"]
    assert latest["previous_reflect_response"] == {"based_on": before["reflect_response"]["based_on"]}
    assert latest.keys() == {"previous_content", "previous_reflect_response", "changed_at"}
    assert (first["previous_content"], first["previous_reflect_response"]) == ("", None)


def test_refresh_that_changes_nothing(client: TestClient, house: House) -> None:
    model = create(client)
    settle(house)
    before = get(client, model)
    client.post(f"{MODELS}/{model}/refresh")
    settle(house)
    after = get(client, model)
    assert after["content"] == before["content"]
    assert after["last_refreshed_at"] > before["last_refreshed_at"]
    assert after["reflect_response"]["outcome"] == "content_unchanged"
    assert len(client.get(f"{MODELS}/{model}/history").json()) == 1


def test_nothing_to_be_found(client: TestClient, house: House) -> None:
    model = create(client, tags=["other"])
    settle(house)
    found = get(client, model)
    assert found["content"] == ""
    assert found["reflect_response"]["outcome"] == "content_preserved_no_new_facts"
    assert "Check the scope" in found["reflect_response"]["warnings"][0]
    assert client.get(f"{MODELS}/{model}/history").json() == []


def test_clear(client: TestClient, house: House) -> None:
    model = create(client)
    settle(house)
    cleared = client.post(f"{MODELS}/{model}/clear").json()
    assert (cleared["content"], cleared["reflect_response"]) == ("", None)
    assert get(client, model)["is_stale"] is True
    client.post(f"{MODELS}/{model}/refresh")
    settle(house)
    assert "Oslo" in get(client, model)["content"]


def test_dry_run(client: TestClient, house: House) -> None:
    model = create(client, tags=["z"], trigger={"mode": "delta", "fact_types": ["observation"]})
    settle(house)
    retain(client, "Alice lives in Lima now.", "z")
    before = get(client, model)
    told = client.post(f"{MODELS}/{model}/dry-run-refresh").json()
    assert get(client, model) == before
    assert (told["requested_mode"], told["effective_mode"], told["would_persist"]) == ("delta", "full", True)
    assert told["scope"] == {
        "tags": ["z"], "tags_match": "all_strict", "tag_groups": None, "fact_types": None,
        "exclude_mental_models": False, "exclude_mental_model_ids": [model],
    }  # fmt: skip
    assert told["facts"] == {"retrieved": {"world": 2}, "used": {"world": 2}}
    assert told["current_content"] == before["content"]
    assert "Lima" in told["preview_content"]
    assert told["diff"].startswith("--- current\n+++ preview\n")
    assert told["window"]["watermark"].endswith("Z")  # as Hindsight has it, here and nowhere else
    assert told["window"]["watermark"] > before["last_memory_seen_at"]
    assert len(told["warnings"]) == 2
    assert told.keys() == {
        "mental_model_id", "name", "requested_mode", "effective_mode", "mode_fallback_reason", "outcome",
        "would_persist", "scope", "window", "facts", "based_on", "current_content", "candidate_content",
        "preview_content", "diff", "delta_operations", "retraction", "trace", "usage", "duration_ms", "warnings",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"tags": ["z"]}, {"Oslo"}),
        ({"tags": ["z"], "trigger": {"tags_match": "any"}}, {"Oslo", "Rome"}),
        ({"tags": ["z"], "trigger": {"tag_groups": [{"not": {"tags": ["z"]}}]}}, {"Lima", "Rome"}),
        ({"trigger": {"tag_groups": [{"tags": ["z", "y"]}]}}, {"Oslo", "Lima"}),
        ({}, {"Oslo", "Lima", "Rome"}),
    ],
)
def test_scope(client: TestClient, house: House, options: dict[str, Any], expected: set[str]) -> None:
    retain(client, "Alice lives in Lima.", "y")
    retain(client, "Alice lives in Rome.")
    model = get(client, create(client, **options))
    settle(house)
    content = get(client, model["id"])["content"]
    assert {city for city in ("Oslo", "Lima", "Rome") if city in content} == expected


def test_groups_take_the_place_of_tags(client: TestClient) -> None:
    model = create(client, tags=["z"], trigger={"tag_groups": [{"tags": ["y"]}]})
    scope = client.post(f"{MODELS}/{model}/dry-run-refresh").json()["scope"]
    groups = [{"tags": ["y"], "match": "any_strict", "resolve": "exact"}]
    assert (scope["tags"], scope["tag_groups"]) == (None, groups)


def test_stale_within_its_scope(client: TestClient, house: House) -> None:
    tagged, untagged = create(client, tags=["z"], trigger={"tags_match": "any"}), create(client)
    settle(house)

    def stale() -> tuple[bool, bool]:
        found = {one["id"]: one["is_stale"] for one in client.get(MODELS).json()["items"]}
        assert found == {model: get(client, model)["is_stale"] for model in found}
        return found[tagged], found[untagged]

    assert stale() == (False, False)
    retain(client, "Bob likes jazz.")
    assert stale() == (False, True)
    retain(client, "Carla plays chess.", "z")
    assert stale() == (True, True)
    client.post(f"{MODELS}/{tagged}/refresh")
    settle(house)
    assert stale() == (False, True)


def test_follows_what_is_written(client: TestClient, house: House) -> None:
    follows = create(client, trigger={"refresh_after_consolidation": True})
    waits = create(
        client, trigger={"refresh_after_consolidation": True, "min_refresh_interval_seconds": 3600, "keep_trace": True}
    )
    settle(house)
    retain(client, "Alice lives in Lima now.")
    database = house.tenant().database
    open_ones = "SELECT payload FROM operations WHERE state = 'pending'"
    assert house.workers.wait_until(lambda: "Lima" in get(client, follows)["content"], 10)
    assert [waits in payload for (payload,) in database.rows(open_ones)] == [True]
    asked = client.post(f"{MODELS}/{waits}/refresh").json()["operation_id"]
    settle(house)
    assert "Lima" in get(client, waits)["content"]
    assert get(client, waits)["reflect_response"]["trace"]["effective_mode"] == "full"
    made = "SELECT count(*) FROM operations WHERE kind = 'refresh_mental_model' AND id = ?"
    assert database.rows(made, (asked,)) == [(1,)]


def test_structured_output_needs_a_model(client: TestClient, house: House) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    model = create(client, trigger={"response_schema": schema})
    settle(house)
    response = get(client, model)["reflect_response"]
    assert response["structured_output"] is None
    assert "set THREADLINE_LLM" in response["structured_output_error"]


def test_a_refresh_that_fails_leaves_the_content(
    client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = create(client, trigger={"refresh_after_consolidation": True})
    settle(house)
    before = get(client, model)

    def damaged(*_: object) -> Any:
        raise StorageCorruptError("memory.db is damaged.")

    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "units", damaged)
        client.post(f"{MODELS}/{model}/refresh")
        settle(house)
    after = get(client, model)
    assert after["content"] == before["content"]
    assert after["last_refresh_failed_at"] > before["last_refreshed_at"]
    failure = client.get(f"{MODELS}/{model}/history").json()[0]
    assert failure == {
        "previous_content": None, "previous_reflect_response": None, "changed_at": after["last_refresh_failed_at"],
        "kind": "refresh_failed", "outcome": "refresh_failed_error", "failure_reason": "retrieval_failed",
        "error_message": "StorageCorruptError: memory.db is damaged.",
    }  # fmt: skip
    retain(client, "Alice lives in Lima now.")
    settle(house)
    assert get(client, model)["content"] == before["content"]
    client.post(f"{MODELS}/{model}/refresh")
    settle(house)
    assert get(client, model)["last_refresh_failed_at"] is None


def test_tags_that_cannot_be_matched(client: TestClient) -> None:
    assert client.post(MODELS, json={"name": "m", "source_query": "q", "tags": [""]}).status_code == 400
    assert client.get(MODELS).json() == EMPTY


def test_what_is_gone_is_quoted_by_nothing(client: TestClient, house: House) -> None:
    retain(client, "Alice lives in Lima.", document="doc2")
    model = create(client)
    other = create(client, query="Who likes jazz?")
    settle(house)
    room = house.tenant().room("probe")
    room.shelf.delete("doc2")
    assert get(client, model)["is_stale"] is True
    withdrawn = refreshing.withdraw(room)
    assert [one.id for one in withdrawn.models] == [model]
    assert get(client, model)["content"] == ""
    withdrawn.renew(room)
    settle(house)
    assert "Oslo" in get(client, model)["content"]
    withdrawn = refreshing.withdraw(room, documents={"doc1"})
    assert ([one.id for one in withdrawn.models], withdrawn.changes) == ([model], 0)
    assert "Oslo" not in str(mental_models.history(room.database, room.uid, model))
    assert get(client, other)["reflect_response"]["outcome"] == "content_preserved_no_new_facts"


def test_an_edited_memory_is_quoted_as_it_is(client: TestClient, house: House) -> None:
    model = create(client)
    settle(house)
    memory = get(client, model)["reflect_response"]["based_on"]["world"][0]["id"]
    changed = client.patch(f"{BANK}/memories/{memory}", json={"text": "Alice lives in Bergen."})
    assert changed.status_code == 200, changed.text
    settle(house)
    content = get(client, model)["content"]
    assert "Bergen" in content
    assert "Oslo" not in content
    client.patch(f"{BANK}/memories/{memory}", json={"state": "invalidated"})
    settle(house)
    assert get(client, model)["content"] == ""


def test_a_deleted_document_is_quoted_by_nothing(client: TestClient, house: House) -> None:
    retain(client, "Alice lives in Lima.", document="doc2")
    model = create(client)
    settle(house)
    assert "Oslo" in get(client, model)["content"]
    assert client.delete(f"{BANK}/documents/doc1").status_code == 200
    settle(house)
    content = get(client, model)["content"]
    assert "Lima" in content
    assert "Oslo" not in content
    assert client.delete(f"{BANK}/memories").status_code == 200
    settle(house)
    assert get(client, model)["content"] == ""
    assert "Lima" not in str(client.get(f"{MODELS}/{model}/history").json())


def test_history_forgets_too(client: TestClient, house: House) -> None:
    retain(client, "Alice lives in Lima.", document="doc2")
    model = create(client)
    settle(house)
    client.patch(f"{MODELS}/{model}", json={"source_query": "Does Bob like jazz?"})
    retain(client, "Bob likes jazz.")
    client.post(f"{MODELS}/{model}/refresh")
    settle(house)
    assert "Lima" in str(client.get(f"{MODELS}/{model}/history").json())
    withdrawn = refreshing.withdraw(house.tenant().room("probe"), {"doc2"})
    assert (withdrawn.models, withdrawn.changes) == ((), 1)
    assert "Lima" not in str(client.get(f"{MODELS}/{model}/history").json())
    assert "jazz" in get(client, model)["content"]


def test_forgetting_a_session_is_proved_with_a_model_that_quotes_it(client: TestClient, house: House) -> None:
    at = {"bank": "probe", "session": "s1"}
    client.post("/v1/threadline/sessions", params={"bank": "probe"}, json={"session": "s1"})
    said = {"user": "Alice keeps xylophones in Reykjavik."}
    answer = client.post("/v1/threadline/session/turns", params=at, json=said)
    assert answer.status_code == 200, answer.text
    with house.tenant().memory(house.tenant().room("probe")) as memory:
        assert memory.flush(10)
    model = create(client, query="What does Alice keep?")
    settle(house)
    assert "Reykjavik" in get(client, model)["content"]
    proof = client.post("/v1/threadline/forget", params={"bank": "probe"}, json={"session": "s1"})
    assert proof.status_code == 200, proof.text
    assert (proof.json()["complete"], proof.json()["traces"]) == (True, [])
    settle(house)
    assert "Reykjavik" not in get(client, model)["content"]


def test_broken_unicode_is_replaced(client: TestClient, house: House) -> None:
    broken = "x\\ud800\\u0000y"
    trigger = f'{{"exclude_mental_model_ids": ["\\ud800"], "tag_groups": [{{"not": {{"tags": ["{broken}"]}}}}]}}'
    answer = client.post(
        MODELS,
        content=f'{{"name": "{broken}", "source_query": "Where does Alice live? {broken}", "trigger": {trigger}}}',
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    settle(house)
    model = get(client, answer.json()["mental_model_id"])
    assert model["name"] == "x\ufffd\ufffdy"
    assert model["trigger"]["exclude_mental_model_ids"] == ["\ufffd"]
    assert "Oslo" in model["content"]


def test_a_refresh_put_off_for_ever(client: TestClient, house: House) -> None:
    model = create(client, trigger={"refresh_after_consolidation": True, "min_refresh_interval_seconds": 10**30})
    settle(house)
    retain(client, "Alice lives in Lima now.")
    assert get(client, model)["is_stale"] is True
