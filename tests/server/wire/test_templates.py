"""Bank templates: the answers of a real Hindsight 1.1.0 are the measure."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.server.house import House, Room
from threadline.server.store import mental_models
from threadline.server.wire import templates
from threadline.server.wire.config import room_to_configure

BANKS = "/v1/default/banks"

TEMPLATE: dict[str, Any] = {
    "version": "1",
    "bank": {"reflect_mission": "rm", "disposition_empathy": 5},
    "mental_models": [{"id": "mm-1", "name": "MM", "source_query": "What colour is the door?", "tags": ["a"]}],
    "directives": [{"name": "d1", "content": "c1", "priority": 2}],
}
DONE = {
    "bank_id": "t",
    "config_applied": False,
    "mental_models_created": [],
    "mental_models_updated": [],
    "directives_created": [],
    "directives_updated": [],
    "operation_ids": [],
    "dry_run": False,
}

REFUSED: list[tuple[Any, int, str]] = [
    ({}, 400, "Template schema validation failed: version: Field required"),
    (
        {"version": "2"},
        400,
        (
            "Template schema validation failed: version: Value error, version '2' is not supported by this server "
            "(max supported: 1). Please upgrade Hindsight."
        ),
    ),
    (
        {"version": "x"},
        400,
        "Template schema validation failed: version: Value error, version must be a numeric string, got 'x'",
    ),
    ({"version": "0"}, 400, "Template schema validation failed: version: Value error, version must be >= 1"),
    (
        {"version": "1", "bank": {"retain_extraction_mode": "z"}},
        400,
        (
            "Template validation failed: bank.retain_extraction_mode: must be one of "
            "('concise', 'verbose', 'custom', 'verbatim', 'chunks'), got 'z'"
        ),
    ),
    (
        {"version": "1", "bank": {"retain_custom_instructions": "z"}},
        400,
        "Template validation failed: bank.retain_custom_instructions: requires retain_extraction_mode='custom'",
    ),
    (
        {"version": "1", "mental_models": [{"id": "A B", "name": "", "source_query": ""}]},
        400,
        (
            "Template schema validation failed: mental_models.0.id: Value error, Mental model id 'A B' must be "
            "alphanumeric lowercase with hyphens, starting with a letter or digit."
        ),
    ),
    (
        {"version": "1", "mental_models": [{"id": "a", "name": "", "source_query": " "}]},
        400,
        (
            "Template validation failed: mental_models[0].name: must not be empty; "
            "mental_models[0].source_query: must not be empty"
        ),
    ),
    (
        {"version": "1", "directives": [{"name": " ", "content": ""}]},
        400,
        "Template validation failed: directives[0].name: must not be empty; directives[0].content: must not be empty",
    ),
    (
        {"version": "1", "directives": [{"name": "a", "content": "a"}, {"name": "a", "content": "b"}]},
        400,
        "Template schema validation failed: directives: Value error, Duplicate directive names: ['a']",
    ),
    ({"version": "1", "bank": {"retain_chunk_size": 0}}, 400, "retain_chunk_size must be >= 1, got 0"),
    (
        {"version": "1", "bank": {"memory_defense": {"rules": [{"on": ""}]}}},
        422,
        "invalid memory_defense policy: invalid on ''; must be a non-empty string",
    ),
    (
        [],
        400,
        ("Template schema validation failed: : Input should be a valid dictionary or instance of BankTemplateManifest"),
    ),
]


def _import(client: TestClient, template: Any, bank: str = "t", **params: Any) -> dict[str, Any]:
    answer = client.post(f"{BANKS}/{bank}/import", json=template, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_set_up_a_bank(client: TestClient) -> None:
    done = _import(client, TEMPLATE)
    assert len(done.pop("operation_ids")) == 1
    made = {"config_applied": True, "mental_models_created": ["mm-1"], "directives_created": ["d1"]}
    assert done == {name: value for name, value in (DONE | made).items() if name != "operation_ids"}
    overrides = client.get(f"{BANKS}/t/config").json()["overrides"]
    assert overrides == {"reflect_mission": "rm", "disposition_empathy": 5}
    assert client.get(f"{BANKS}/t/directives").json()["items"][0]["content"] == "c1"


def test_change_only_what_is_another(client: TestClient, house: House) -> None:
    _import(client, TEMPLATE)
    assert _import(client, TEMPLATE) == {**DONE, "config_applied": True}
    model = {**TEMPLATE["mental_models"][0], "source_query": "Another?", "tags": []}
    rules = [{"name": "d1", "content": "c2", "is_active": False}, {"name": "d2", "content": "c"}]
    done = _import(client, {"version": "1", "mental_models": [model], "directives": rules})
    assert len(done.pop("operation_ids")) == 1
    assert (done["mental_models_updated"], done["mental_models_created"]) == (["mm-1"], [])
    assert (done["directives_updated"], done["directives_created"]) == (["d1"], ["d2"])
    room = house.tenant().room("t")
    stored = mental_models.get(room.database, room.uid, "mm-1")
    assert stored is not None
    assert (stored.source_query, stored.tags) == ("Another?", ("a",)), "tags that are not given stay"
    active = {each["name"]: each["is_active"] for each in client.get(f"{BANKS}/t/export").json()["directives"]}
    assert active == {"d1": False, "d2": True}


def test_only_check_a_template(client: TestClient) -> None:
    dry = _import(client, TEMPLATE, dry_run=True)
    would = {"config_applied": True, "mental_models_created": ["mm-1"], "directives_created": ["d1"], "dry_run": True}
    assert dry == DONE | would
    assert client.get(f"{BANKS}/t/stats").status_code == 404


@pytest.mark.parametrize(("template", "status", "detail"), REFUSED)
def test_refuse_what_is_no_template(client: TestClient, template: Any, status: int, detail: str) -> None:
    for params in ({}, {"dry_run": True}):
        refused = client.post(f"{BANKS}/t/import", json=template, params=params)
        assert (refused.status_code, refused.json()) == (status, {"detail": detail})
    assert client.get(BANKS).json()["total"] == 0


@pytest.mark.parametrize("text", [b"{nope", b"", b"\xff", b"[" * 100_000])
def test_refuse_what_is_no_json(client: TestClient, text: bytes) -> None:
    refused = client.post(f"{BANKS}/t/import", content=text)
    assert (refused.status_code, list(refused.json())) == (400, ["detail"])


@pytest.mark.parametrize("part", ["bank", "mental_models", "directives"])
def test_say_that_a_bank_was_deleted_meanwhile(
    client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def find_and_delete(*args: Any) -> Room:
        room = room_to_configure(*args)
        house.tenant().remove(room.id)
        return room

    monkeypatch.setattr(templates, "room_to_configure", find_and_delete)
    refused = client.post(f"{BANKS}/t/import", json={"version": "1", part: TEMPLATE[part]})
    detail = "Bank 't' changed or was deleted during template import; retry the import."
    assert (refused.status_code, refused.json()) == (409, {"detail": detail})


def test_import_what_was_exported(client: TestClient) -> None:
    _import(client, TEMPLATE)
    labels = [{"key": "k", "multi_value": True}]
    client.patch(f"{BANKS}/t/config", json={"updates": {"entity_labels": labels, "mcp_enabled_tools": ["recall"]}})
    exported = client.get(f"{BANKS}/t/export").json()
    assert exported["version"] == "1"
    assert {name: value for name, value in exported["bank"].items() if value is not None} == {
        "reflect_mission": "rm",
        "disposition_empathy": 5,
        "mcp_enabled_tools": ["recall"],
        "entity_labels": [
            {
                "key": "k",
                "description": "",
                "type": "multi-values",
                "optional": True,
                "tag": False,
                "values": [],
                "fields": {},
            }
        ],
    }
    assert exported["directives"] == [{**TEMPLATE["directives"][0], "is_active": True, "tags": []}]
    [model] = exported["mental_models"]
    assert model["trigger"]["mode"] == "full"
    assert model == {**TEMPLATE["mental_models"][0], "max_tokens": 2048, "trigger": model["trigger"]}
    assert _import(client, exported, "u")["config_applied"] is True
    assert client.get(f"{BANKS}/u/export").json() == exported


def test_tell_directives_of_the_same_name_apart(client: TestClient) -> None:
    """Hindsight answers 500; a template knows directives by their names."""
    client.put(f"{BANKS}/twice", json={})
    for name in ("d", "d (2)", "d", "d"):
        client.post(f"{BANKS}/twice/directives", json={"name": name, "content": "c"})
    exported = client.get(f"{BANKS}/twice/export").json()
    assert sorted(each["name"] for each in exported["directives"]) == ["d", "d (2)", "d (3)", "d (4)"]
    assert client.post(f"{BANKS}/new/import", json=exported).status_code == 200


def test_export_a_bank_of_which_nothing_is_set(client: TestClient) -> None:
    client.put(f"{BANKS}/t", json={})
    empty = {"version": "1", "bank": None, "mental_models": None, "directives": None}
    assert client.get(f"{BANKS}/t/export").json() == empty
    client.patch(f"{BANKS}/t/config", json={"updates": {"entity_labels": {}}})
    assert client.get(f"{BANKS}/t/export").json() == empty, "a template cannot say that"
    refused = client.get(f"{BANKS}/nobank/export")
    assert (refused.status_code, refused.json()) == (404, {"detail": "Bank 'nobank' not found"})


def test_give_the_schema_of_a_template(client: TestClient) -> None:
    schema = client.get("/v1/bank-template-schema").json()
    assert schema["title"] == "BankTemplateManifest"
    assert schema["required"] == ["version"]
    assert set(schema["properties"]) == {"version", "bank", "mental_models", "directives"}
    named = {"BankTemplateConfig", "BankTemplateMentalModel", "BankTemplateDirective", "LabelGroup"}
    assert named <= set(schema["$defs"])
    config = schema["$defs"]["BankTemplateConfig"]["properties"]
    assert config["retain_chunk_size"]["description"] == "The most characters of a chunk of a document"
