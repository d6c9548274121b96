"""Banks as Hindsight's clients make, list and delete them: the answers of a real Hindsight 1.1.0 are the measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest
from starlette.testclient import TestClient

from tests.server.guarded import bearer, guarded
from threadline.backends.embedded import bank_folder
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.store.sqlite import SCHEMA
from threadline.errors import StorageCorruptError, UnknownBankError
from threadline.server import overviews
from threadline.server.app import create_app
from threadline.server.house import House
from threadline.server.keys import Keys
from threadline.server.store import aliases, banks
from threadline.settings import Settings

BANKS = "/v1/default/banks"

PROFILE = {
    "bank_id": "probe",
    "name": "Probe",
    "disposition": {"skepticism": 2, "literalism": 3, "empathy": 4},
    "mission": "m",
    "background": "m",
}
LISTED = {
    "bank_id": "probe",
    "name": "Probe2",
    "disposition": {"skepticism": 2, "literalism": 3, "empathy": 4},
    "mission": "m",
    "fact_count": 0,
    "last_document_at": None,
    "last_write_at": None,
    "display_alias": None,
    "matched_aliases": [],
}
STATS = {
    "bank_id": "probe",
    "total_nodes": 2,
    "total_links": 0,
    "total_documents": 1,
    "nodes_by_fact_type": {"world": 2},
    "links_by_link_type": {},
    "links_by_fact_type": {},
    "links_breakdown": {},
    "pending_operations": 0,
    "failed_operations": 0,
    "operations_by_status": {},
    "last_consolidated_at": None,
    "pending_consolidation": 0,
    "failed_consolidation": 0,
    "total_observations": 0,
}
PLAIN = {"skepticism": 3, "literalism": 3, "empathy": 3}


def _put(client: TestClient, bank: str, **body: Any) -> dict[str, Any]:
    answer = client.put(f"{BANKS}/{bank}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _retain(client: TestClient, bank: str, text: str, **item: Any) -> None:
    answer = client.post(f"{BANKS}/{bank}/memories", json={"items": [{"content": text, **item}]})
    assert answer.status_code == 200, answer.text


def _names(client: TestClient, **params: Any) -> list[str]:
    return [each["bank_id"] for each in client.get(BANKS, params=params).json()["banks"]]


def test_make_change_and_list_as_hindsight_does(client: TestClient) -> None:
    disposition = {"skepticism": 2, "literalism": 3, "empathy": 4}
    assert _put(client, "probe", name="Probe", mission="m", disposition=disposition) == PROFILE
    changed = client.patch(f"{BANKS}/probe", json={"name": "Probe2"})
    assert (changed.status_code, changed.json()) == (200, {**PROFILE, "name": "Probe2"})
    page = client.get(BANKS, params={"q": "PROB"}).json()
    assert {name: value for name, value in page.items() if name != "banks"} == {"total": 1, "limit": 100, "offset": 0}
    [listed] = page["banks"]
    assert all(listed.pop(name).endswith("+00:00") for name in ("created_at", "updated_at"))
    assert listed == LISTED


def test_make_a_bank_of_nothing(client: TestClient) -> None:
    assert _put(client, "b1") == {
        "bank_id": "b1",
        "name": "b1",
        "disposition": PLAIN,
        "mission": "",
        "background": "",
    }
    assert _put(client, "b1", name="")["name"] == ""


@pytest.mark.parametrize(
    ("body", "mission", "skepticism"),
    [
        ({"reflect_mission": "r", "mission": "m", "background": "b"}, "r", 3),
        ({"reflect_mission": "", "mission": "m"}, "m", 3),
        ({"background": "b", "disposition_skepticism": 5}, "b", 5),
        ({"disposition": {**PLAIN, "skepticism": 1}, "disposition_skepticism": 4}, "", 4),
        ({"disposition_skepticism": 2.0}, "", 2),
    ],
)
def test_take_the_mission_and_the_traits_by_any_of_their_names(
    client: TestClient, body: dict[str, Any], mission: str, skepticism: int
) -> None:
    made = _put(client, "b", **body)
    assert (made["mission"], made["disposition"]["skepticism"]) == (mission, skepticism)


def test_set_what_a_client_sends_with_a_bank(client: TestClient) -> None:
    sent = {
        "retain_mission": "what matters",
        "retain_extraction_mode": "verbose",
        "retain_custom_instructions": "c",
        "retain_chunk_size": 200,
        "retain_structured_chunk_size": 300,
        "retain_max_attachments_per_chunk": 2,
        "enable_observations": True,
        "observations_mission": "o",
        "enable_text_search": False,
        "enable_temporal_retrieval": False,
        "enable_graph_retrieval": False,
        "enable_reranking": False,
    }
    _put(client, "b", **sent)
    assert client.get(f"{BANKS}/b/config").json()["overrides"] == sent


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"retain_chunk_size": 0}, 400, "retain_chunk_size must be >= 1, got 0"),
        (
            {"disposition": {"skepticism": 9, "literalism": 3, "empathy": 4}},
            422,
            [
                {
                    "type": "less_than_equal",
                    "loc": ["body", "disposition", "skepticism"],
                    "msg": "Input should be less than or equal to 5",
                    "input": 9,
                    "ctx": {"le": 5},
                }
            ],
        ),
    ],
)
def test_make_no_bank_of_a_bad_request(client: TestClient, body: dict[str, Any], status: int, detail: Any) -> None:
    refused = client.put(f"{BANKS}/b", json=body)
    assert (refused.status_code, refused.json()) == (status, {"detail": detail})
    assert _names(client) == []


def test_change_only_a_bank_that_is_there(client: TestClient) -> None:
    refused = client.patch(f"{BANKS}/nobank", json={"name": "x"})
    assert (refused.status_code, refused.json()) == (404, {"detail": "Bank 'nobank' not found"})
    assert _names(client) == []


def test_name_fields_that_are_unknown(client: TestClient) -> None:
    answer = client.put(f"{BANKS}/b", json={"foo": 1})
    assert (answer.status_code, answer.headers["x-ignored-params"]) == (200, "foo")


def test_list_the_last_written_first(client: TestClient) -> None:
    for bank in ("first", "second", "third"):
        _put(client, bank)
    _retain(client, "first", "The door is green.")
    assert _names(client) == ["first", "third", "second"]
    assert _names(client, limit=1, offset=1) == ["third"]
    assert _names(client, limit=0) == []
    refused = client.get(BANKS, params={"limit": -1})
    assert (refused.status_code, refused.json()["detail"][0]["type"]) == (422, "greater_than_equal")


def test_say_what_a_bank_holds_and_when_it_was_written(client: TestClient) -> None:
    _retain(client, "b", "The door is green.", document_id="d")
    [first] = client.get(BANKS).json()["banks"]
    assert (first["fact_count"], first["last_document_at"]) == (1, first["last_write_at"])
    _retain(client, "b", "The window is blue.", document_id="d", update_mode="append")
    [then] = client.get(BANKS).json()["banks"]
    assert (then["fact_count"], then["last_document_at"]) == (2, first["last_document_at"])
    assert then["last_write_at"] > first["last_write_at"]


def test_list_banks_without_opening_them(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", redact=False)
    for again in (False, True):
        house = House(settings, embedder=FakeEmbedder)
        with TestClient(create_app(house)) as client:
            if not again:
                for bank in ("one", "two"):
                    _retain(client, bank, "The door is green.")
            assert [each["fact_count"] for each in client.get(BANKS).json()["banks"]] == [1, 1]
        assert len(house.tenant().backend.banks()) == (0 if again else 2)
        house.close(5.0)


def test_count_a_bank(client: TestClient) -> None:
    _put(client, "probe")
    empty = client.get(f"{BANKS}/probe/stats").json()
    assert empty == {
        **STATS,
        "total_nodes": 0,
        "total_documents": 0,
        "nodes_by_fact_type": {},
        "last_memory_write_at": None,
    }
    _retain(client, "probe", "The door is green.", document_id="d")
    _retain(client, "probe", "The window is blue.", document_id="d", update_mode="append")
    stats = client.get(f"{BANKS}/probe/stats", params={"refresh": True}).json()
    assert stats.pop("last_memory_write_at").endswith("+00:00")
    assert stats == STATS


def test_count_no_bank_that_is_not_there(client: TestClient) -> None:
    refused = client.get(f"{BANKS}/nobank/stats")
    assert (refused.status_code, refused.json()) == (404, {"detail": "Bank 'nobank' not found"})


def test_count_a_bank_of_an_older_version(client: TestClient, house: House) -> None:
    file = house.settings.home / "banks" / bank_folder("old") / "memory.db"
    file.parent.mkdir(parents=True)
    connection = apsw.Connection(str(file))
    connection.execute((Path(__file__).parents[2] / "engine/store/schema-1.sql").read_text("utf-8"))
    connection.execute(
        f"""
        INSERT INTO documents (name) VALUES ('note:n');
        INSERT INTO passages (document, turn, position, role, occurred_at, text)
        VALUES (1, 1, 0, 'user', '2026-01-01T00:00:00+00:00', 'The door is green.');
        INSERT INTO memories (passage, start, end, tokens) VALUES (1, 0, 18, 5);
        PRAGMA application_id = {SCHEMA.application_id};
        PRAGMA user_version = 1;
        """
    )
    connection.close()
    stats = client.get(f"{BANKS}/old/stats").json()
    assert (stats["total_nodes"], stats["total_documents"]) == (1, 1)


def test_list_the_others_where_a_bank_is_damaged(client: TestClient, house: House) -> None:
    _retain(client, "whole", "The door is green.")
    client.put(f"{BANKS}/damaged", json={})
    file = house.settings.home / "banks" / bank_folder("damaged") / "memory.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database" * 100)
    listed = client.get(BANKS).json()["banks"]
    assert {each["bank_id"]: each["fact_count"] for each in listed} == {"whole": 1, "damaged": 0}


def test_say_that_a_bank_was_deleted_while_it_is_read(client: TestClient, house: House) -> None:
    client.put(f"{BANKS}/b", json={})
    room = house.tenant().room("b")
    file = house.settings.home / "banks" / bank_folder("b") / "memory.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no database" * 100)
    with pytest.raises(StorageCorruptError):
        overviews.holds(room)
    banks.remove(room.database, room.uid)
    with pytest.raises(UnknownBankError):
        overviews.holds(room)
    with pytest.raises(UnknownBankError):
        aliases.create(room.database, room.uid, "other")


def test_delete_a_bank_with_everything(client: TestClient) -> None:
    _retain(client, "probe", "The door is green.")
    client.patch(f"{BANKS}/probe/config", json={"updates": {"retain_mission": "x"}})
    client.post(f"{BANKS}/probe/aliases", json={"alias": "other"})
    deleted = client.delete(f"{BANKS}/probe")
    assert (deleted.status_code, deleted.json()) == (
        200,
        {
            "success": True,
            "message": "Bank 'probe' and all associated data deleted successfully",
            "deleted_count": 2,
        },
    )
    assert client.get(f"{BANKS}/other/stats").status_code == 404
    _put(client, "probe")
    assert client.get(f"{BANKS}/probe/config").json()["overrides"] == {}
    assert client.get(f"{BANKS}/probe/stats").json()["total_nodes"] == 0


def test_delete_a_bank_that_is_not_there(client: TestClient) -> None:
    deleted = client.delete(f"{BANKS}/nobank4")
    assert (deleted.status_code, deleted.json()) == (
        200,
        {
            "success": True,
            "message": "Bank 'nobank4' and all associated data deleted successfully",
            "deleted_count": 0,
        },
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "profile", None),
        ("PUT", "profile", {"disposition": PLAIN}),
        ("POST", "background", {"content": "x"}),
    ],
)
def test_say_what_took_the_place_of_a_removed_route(
    client: TestClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    removed = client.request(method, f"{BANKS}/nobank/{path}", json=body)
    assert removed.status_code == 410
    assert removed.json()["detail"].startswith("The bank ")
    assert "PATCH /v1/default/banks/{bank_id}/config" in removed.json()["detail"]


def test_check_the_body_of_a_removed_route(client: TestClient) -> None:
    refused = client.put(f"{BANKS}/b/profile", json={})
    assert (refused.status_code, refused.json()["detail"][0]["loc"]) == (422, ["body", "disposition"])


def test_say_that_there_is_no_language_model(client: TestClient) -> None:
    _put(client, "b")
    health = client.post(f"{BANKS}/b/health/llm").json()
    assert health["bank_id"] == "b"
    assert [(each["operation"], each["ok"], each["status"]) for each in health["operations"]] == [
        ("retain", False, "not_configured"),
        ("consolidation", False, "not_configured"),
        ("reflect", False, "not_configured"),
    ]


def test_show_a_key_only_its_own_banks(house: House) -> None:
    keys = Keys(house.settings.home)
    _, admin = keys.create()
    _, own = keys.create(banks=["mine"], scope="write")
    with guarded(house, keys) as client:
        for bank in ("mine", "theirs"):
            assert client.put(f"{BANKS}/{bank}", json={}, headers=bearer(admin)).status_code == 200
        named = client.post(f"{BANKS}/theirs/aliases", json={"alias": "nickname"}, headers=bearer(admin))
        assert named.status_code == 201
        page = client.get(BANKS, headers=bearer(own)).json()
        assert ([each["bank_id"] for each in page["banks"]], page["total"]) == (["mine"], 1)
        for bank in ("theirs", "nickname", "nowhere"):
            for path in ("stats", "config", "aliases", "export"):
                hidden = client.get(f"{BANKS}/{bank}/{path}", headers=bearer(own))
                assert (hidden.status_code, hidden.json()) == (404, {"detail": f"Bank '{bank}' not found"})
            assert client.put(f"{BANKS}/{bank}", json={}, headers=bearer(own)).status_code == 404
        named = client.post(f"{BANKS}/theirs/aliases", json={"alias": "mine-soon"}, headers=bearer(admin))
        assert named.status_code == 201
        _, soon = keys.create(banks=["mine-soon"], scope="write")
        for path, body in (("", {}), ("/memories", {"items": [{"content": "x"}]})):
            method = "POST" if path else "PUT"
            hidden = client.request(method, f"{BANKS}/mine-soon{path}", json=body, headers=bearer(soon))
            assert hidden.status_code == 404, "an alias leads to no bank that the key may not see"
        assert client.patch(f"{BANKS}/mine", json={"name": "M"}, headers=bearer(own)).status_code == 200
        for method, path in (("PATCH", "config"), ("DELETE", "config"), ("POST", "import"), ("POST", "aliases")):
            refused = client.request(
                method, f"{BANKS}/mine/{path}", json={"updates": {}, "alias": "x"}, headers=bearer(own)
            )
            assert refused.status_code == 403, path
    keys.close()
