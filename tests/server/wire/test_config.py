"""The configuration of banks: the answers of a real Hindsight 1.1.0 are the measure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.server.configs import FIELDS
from threadline.server.wire.shapes.templates import BankTemplateConfig

BANKS = "/v1/default/banks"

DEFAULTS: dict[str, Any] = {
    "audit_log_enabled": False,
    "consolidation_llm_batch_size": 8,
    "consolidation_llm_parallelism": 4,
    "consolidation_max_memories_per_round": 100,
    "consolidation_source_facts_max_tokens": 4096,
    "consolidation_source_facts_max_tokens_per_observation": 256,
    "consolidation_strategies": None,
    "consolidation_use_decision_model": True,
    "default_observation_scopes": None,
    "disposition_empathy": None,
    "disposition_literalism": None,
    "disposition_skepticism": None,
    "enable_auto_consolidation": True,
    "enable_graph_retrieval": True,
    "enable_observations": False,
    "enable_reranking": True,
    "enable_temporal_retrieval": True,
    "enable_text_search": True,
    "entities_allow_free_form": True,
    "entity_labels": None,
    "knowledge_page_default_trigger": None,
    "llm_gemini_safety_settings": None,
    "max_observations_per_scope": -1,
    "mcp_enabled_tools": None,
    "memory_defense": None,
    "mental_model_delta_use_decision_model": True,
    "mental_model_min_refresh_interval_seconds": 0,
    "mental_model_refresh_use_decision_model": True,
    "observation_scope_limits": None,
    "observations_mission": None,
    "recall_budget_adaptive_high": 0.25,
    "recall_budget_adaptive_low": 0.025,
    "recall_budget_adaptive_mid": 0.075,
    "recall_budget_fixed_high": 1000,
    "recall_budget_fixed_low": 100,
    "recall_budget_fixed_mid": 300,
    "recall_budget_function": "fixed",
    "recall_budget_max": 2000,
    "recall_budget_min": 20,
    "recall_chunks_max_tokens": 1000,
    "recall_include_chunks": True,
    "recall_max_tokens": 2048,
    "recall_prefer_observations": False,
    "reflect_default_options": None,
    "reflect_mission": None,
    "reflect_source_facts_max_tokens": -1,
    "reflect_use_decision_model": True,
    "retain_chunk_batch_size": 100,
    "retain_chunk_size": 3000,
    "retain_custom_instructions": None,
    "retain_default_strategy": None,
    "retain_extraction_mode": "chunks",
    "retain_max_attachments_per_chunk": 8,
    "retain_mission": None,
    "retain_strategies": None,
    "retain_structured_chunk_size": None,
    "store_document_text": True,
}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"retain_chunk_size": "x"}, "retain_chunk_size must be an integer, got str"),
    ({"retain_chunk_size": 0}, "retain_chunk_size must be >= 1, got 0"),
    ({"retain_chunk_size": True}, "retain_chunk_size must be an integer, got bool"),
    ({"retain_structured_chunk_size": 0}, "retain_structured_chunk_size must be >= 1, got 0"),
    ({"retain_max_attachments_per_chunk": 0}, "retain_max_attachments_per_chunk must be >= 1, got 0"),
    ({"enable_observations": "yes"}, "enable_observations must be a boolean, got str"),
    ({"disposition_empathy": 9}, "disposition_empathy must be an integer between 1 and 5, got 9"),
    ({"disposition_empathy": "a"}, "disposition_empathy must be an integer, got str"),
    ({"recall_budget_function": "foo"}, "recall_budget_function must be one of ['adaptive', 'fixed'], got 'foo'"),
    ({"recall_budget_fixed_low": 0}, "recall_budget_fixed_low must be a positive integer, got 0"),
    ({"recall_budget_adaptive_low": -1}, "recall_budget_adaptive_low must be a positive number, got -1"),
    ({"recall_budget_min": 5000}, "recall_budget_min (5000) must be <= recall_budget_max (2000)"),
    ({"recall_budget_min": 30, "recall_budget_max": 3}, "recall_budget_min (30) must be <= recall_budget_max (3)"),
    (
        {"llm_api_key": "x"},
        (
            "Cannot set credential fields via API: ['llm_api_key']. Credentials (API keys, base URLs) must be set at "
            "server level only."
        ),
    ),
    ({"observations_mission": {}}, "observations_mission must be a string, got dict"),
    ({"entity_labels": [{"description": "d"}]}, "Invalid entity_labels format: 0.key: Field required"),
    ({"knowledge_page_default_trigger": {"zzz": 1}}, "knowledge_page_default_trigger has unknown fields: zzz"),
    (
        {"knowledge_page_default_trigger": {"mode": "x"}},
        "Invalid knowledge_page_default_trigger: mode: Input should be 'full' or 'delta'",
    ),
    ({"reflect_default_options": {"a": 1}}, "reflect_default_options has unknown fields: a"),
    (
        {"reflect_default_options": {"reflect_search_observations_max_tokens": 0}},
        (
            "Invalid reflect_default_options: reflect_search_observations_max_tokens: "
            "Input should be greater than or equal to 1"
        ),
    ),
    (
        {"retain_strategies": {"": {}}},
        "Strategy names must not be empty strings. Remove entries with empty names before saving.",
    ),
    ({"retain_strategies": {"a": 1}}, "Invalid retain strategy 'a': must be an object"),
    (
        {"retain_strategies": {"a": {"retain_chunk_size": "x"}}},
        "Invalid retain strategy 'a': retain_chunk_size must be an integer, got str",
    ),
    (
        {"retain_strategies": {"a": {"retain_chunk_size": 0}}},
        "Invalid retain strategy 'a': retain_chunk_size must be >= 1, got 0",
    ),
    (
        {"consolidation_strategies": [1]},
        (
            "Invalid consolidation strategy at index 0: entry: Input should be a valid dictionary or instance of "
            "StrictConsolidationStrategySpec"
        ),
    ),
    (
        {"consolidation_strategies": [{"scope": []}]},
        "Invalid consolidation strategy at index 0: scope: Extra inputs are not permitted",
    ),
    (
        {"consolidation_strategies": [{"scopes": [{"tags": "a"}]}]},
        "Invalid consolidation strategy at index 0: scopes.0.tags: Input should be a valid list",
    ),
    (
        {"consolidation_strategies": [{"scopes": [{"tags": ["a"], "tags_match": "x"}]}]},
        "Invalid consolidation strategy at index 0: scopes.0.tags_match: Value error, must be one of all, exact",
    ),
    ({"consolidation_strategies": "x"}, "consolidation_strategies must be a list, got str"),
    (
        {"default_observation_scopes": "x"},
        (
            "default_observation_scopes must be one of combined, per_tag, all_combinations, shared or a list of tag "
            "lists (e.g. [[\"topic:*\"]]), got 'x'"
        ),
    ),
    ({"mcp_enabled_tools": "x"}, "mcp_enabled_tools must be a list, got str"),
]
DEFENSE: list[tuple[dict[str, Any], str]] = [
    ({"rules": [{"on": ""}]}, "invalid memory_defense policy: invalid on ''; must be a non-empty string"),
    (
        {"enabled": True, "rules": [{"on": "sensitive_data", "action": "zap"}]},
        "invalid memory_defense policy: invalid action 'zap'; must be one of ['allow', 'block', 'redact']",
    ),
    ({"rules": [1]}, "invalid memory_defense policy: rules must be a list of objects"),
]
LEAK = "The door opens with password: hunter2hunter2."


def _set(client: TestClient, updates: dict[str, Any], bank: str = "b") -> Any:
    return client.patch(f"{BANKS}/{bank}/config", json={"updates": updates})


def _texts(client: TestClient, bank: str = "b") -> list[str]:
    found = client.post(f"{BANKS}/{bank}/memories/recall", json={"query": "door"}).json()["results"]
    return [each["text"] for each in found]


def test_answer_as_hindsight_does(client: TestClient) -> None:
    client.put(f"{BANKS}/b", json={"mission": "m", "disposition": {"skepticism": 2, "literalism": 3, "empathy": 4}})
    overrides = {
        "reflect_mission": "m",
        "disposition_skepticism": 2,
        "disposition_literalism": 3,
        "disposition_empathy": 4,
    }
    got = client.get(f"{BANKS}/b/config")
    assert (got.status_code, got.json()) == (
        200,
        {"bank_id": "b", "config": {**DEFAULTS, **overrides}, "overrides": overrides},
    )
    changed = _set(client, {"retain_mission": "x"}).json()
    assert changed["overrides"] == {**overrides, "retain_mission": "x"}
    assert changed["config"] == {**DEFAULTS, **overrides, "retain_mission": "x"}
    assert client.delete(f"{BANKS}/b/config").json() == {"bank_id": "b", "config": DEFAULTS, "overrides": {}}


@pytest.mark.parametrize(("updates", "detail"), REFUSED)
def test_refuse_what_a_field_does_not_take(client: TestClient, updates: dict[str, Any], detail: str) -> None:
    refused = _set(client, updates)
    assert (refused.status_code, refused.json()) == (400, {"detail": detail})
    assert client.get(BANKS).json()["total"] == 0, "no bank is made of a bad request"


@pytest.mark.parametrize(("policy", "detail"), DEFENSE)
def test_refuse_a_policy_that_is_none(client: TestClient, policy: dict[str, Any], detail: str) -> None:
    for updates in ({"memory_defense": policy}, {"retain_strategies": {"a": {"memory_defense": policy}}}):
        refused = _set(client, updates)
        assert refused.status_code in (400, 422)
        assert refused.json()["detail"].endswith(detail)


def test_refuse_an_unknown_field(client: TestClient) -> None:
    refused = _set(client, {"nonsense": 1})
    assert refused.status_code == 400
    begins = "Unknown configuration fields: ['nonsense']. Valid configurable fields: ['audit_log_enabled', "
    assert refused.json()["detail"].startswith(begins)
    assert refused.json()["detail"].endswith("]...")


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"\\ud800"'])
def test_refuse_what_no_answer_could_carry(client: TestClient, value: str) -> None:
    for field in ("recall_budget_adaptive_low", "retain_strategies"):
        held = value if field != "retain_strategies" else f'{{"a": {{"x": {value}}}}}'
        text = f'{{"updates": {{"{field}": {held}}}}}'
        refused = client.patch(f"{BANKS}/b/config", content=text, headers={"content-type": "application/json"})
        assert refused.status_code in (400, 422), refused.text
    assert client.get(BANKS).json()["total"] == 0


@pytest.mark.parametrize(
    "updates",
    [
        {"entity_labels": {}},
        {"entity_labels": [{"key": "k", "free_values": True}]},
        {"retain_strategies": {"a": {"zzz": 0}}},
        {"default_observation_scopes": [["a"]]},
        {"mcp_enabled_tools": ["recall"]},
        {"retain_extraction_mode": "silly"},
        {"recall_budget_adaptive_low": 1},
        {"memory_defense": {"enabled": True, "rules": [{"on": "pii", "action": "redact"}]}},
        {"consolidation_strategies": [{"scopes": [{"tags": ["a:*"], "tags_match": None}]}]},
        {"knowledge_page_default_trigger": {"refresh_cron": "0 * * * *"}},
    ],
    ids=lambda updates: json.dumps(updates)[:40],
)
def test_keep_what_is_set_as_it_was_sent(client: TestClient, updates: dict[str, Any]) -> None:
    assert _set(client, updates).json()["overrides"] == updates
    assert client.get(f"{BANKS}/b/config").json()["config"] == {**DEFAULTS, **updates}


def test_take_fields_by_their_environment_variables(client: TestClient) -> None:
    assert _set(client, {"HINDSIGHT_API_RETAIN_MISSION": "env"}).json()["overrides"] == {"retain_mission": "env"}
    assert _set(client, {"RETAIN_MISSION": "up"}).json()["overrides"] == {"retain_mission": "up"}


def test_take_back_what_was_set_by_null(client: TestClient) -> None:
    _set(client, {"recall_budget_min": 50, "recall_budget_function": "adaptive", "retain_mission": "x"})
    after = _set(client, {"recall_budget_function": None, "retain_mission": None}).json()
    assert after["overrides"] == {"recall_budget_min": 50}
    assert after["config"]["recall_budget_function"] == "fixed"


def test_check_what_is_set_against_what_was(client: TestClient) -> None:
    assert _set(client, {"recall_budget_max": 5000}).status_code == 200
    assert _set(client, {"recall_budget_min": 3000}).status_code == 200
    refused = _set(client, {"recall_budget_max": None})
    assert (refused.status_code, refused.json()) == (
        400,
        {"detail": "recall_budget_min (3000) must be <= recall_budget_max (2000)"},
    )


def test_make_the_bank_whose_configuration_is_set(client: TestClient) -> None:
    assert _set(client, {"retain_mission": "z"}, "new").status_code == 200
    assert client.get(f"{BANKS}/new/config").json()["overrides"] == {"retain_mission": "z"}


def test_read_a_bank_that_is_not_there(client: TestClient) -> None:
    refused = client.get(f"{BANKS}/nobank/config")
    assert (refused.status_code, refused.json()) == (404, {"detail": "Bank 'nobank' not found"})
    assert client.delete(f"{BANKS}/nobank/config").json() == {"bank_id": "nobank", "config": DEFAULTS, "overrides": {}}
    missing = client.patch(f"{BANKS}/nobank/config", json={})
    assert (missing.status_code, missing.json()["detail"][0]["loc"]) == (422, ["body", "updates"])
    assert client.get(BANKS).json()["total"] == 0


def test_note_that_a_bank_was_changed(client: TestClient) -> None:
    _set(client, {"retain_mission": "a"})
    [before] = client.get(BANKS).json()["banks"]
    _set(client, {"retain_mission": "b"})
    [after] = client.get(BANKS).json()["banks"]
    assert after["updated_at"] > before["updated_at"] >= before["created_at"]


def test_cut_what_is_retained_as_the_bank_says(client: TestClient) -> None:
    _set(client, {"retain_chunk_size": 20, "retain_strategies": {"whole": {"retain_chunk_size": 3000}}})
    text = "The door is green. The door is blue."
    client.post(f"{BANKS}/b/memories", json={"items": [{"content": text}]})
    assert sorted(_texts(client)) == ["The door is blue.", "The door is green."]
    client.post(f"{BANKS}/whole/memories", json={"items": [{"content": text}]})
    assert _texts(client, "whole") == [text]
    client.put(f"{BANKS}/c", json={"retain_chunk_size": 20})
    _set(client, {"retain_strategies": {"whole": {"HINDSIGHT_API_RETAIN_CHUNK_SIZE": 3000}}}, "c")
    client.post(f"{BANKS}/c/memories", json={"items": [{"content": text, "strategy": "whole"}]})
    assert _texts(client, "c") == [text]
    _set(client, {"retain_default_strategy": "whole"}, "b")
    client.post(f"{BANKS}/b/memories", json={"items": [{"content": text}]})
    assert text in _texts(client)


def test_keep_secrets_out_of_a_bank_that_says_so(client: TestClient) -> None:
    def retain(bank: str) -> Any:
        return client.post(f"{BANKS}/{bank}/memories", json={"items": [{"content": LEAK}]})

    for action in ("redact", "block"):
        rules = [{"on": "sensitive_data", "action": action}]
        assert _set(client, {"memory_defense": {"enabled": True, "rules": rules}}, action).status_code == 200
    _set(client, {"memory_defense": {"enabled": False, "rules": rules}}, "off")
    for bank in ("redact", "off"):
        assert retain(bank).status_code == 200
    assert ["hunter2" in _texts(client, bank)[0] for bank in ("redact", "off")] == [False, True]
    refused = retain("block")
    assert (refused.status_code, "memory_defense" in refused.json()["detail"]) == (422, True)
    assert _texts(client, "block") == []
    assert client.post(f"{BANKS}/block/memories", json={"items": [{"content": "A door."}]}).status_code == 200


def test_offer_every_field_in_a_template() -> None:
    assert set(BankTemplateConfig.model_fields) == set(FIELDS) == set(DEFAULTS)
