"""Banks and documents carried from one bank to another, by an archive or at once."""

import io
import json
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.engine import copies
from threadline.errors import StorageBusyError, StorageFullError
from threadline.server import archives, files, transferring
from threadline.server.access import Caller
from threadline.server.house import House
from threadline.server.store import operations

BANKS = "/v1/default/banks"
ITEMS = [
    {
        "content": "Ada keeps bees on the roof.",
        "document_id": "bees",
        "tags": ["home", "roof"],
        "metadata": {"source": "mail"},
        "context": "a letter",
        "entities": [{"text": "Ada", "type": "PERSON"}],
        "timestamp": "2026-05-01T10:00:00Z",
    },
    {"content": "The harbour freezes in January.", "document_id": "harbour"},
]


def ended(client: TestClient, house: House, bank: str, operation: str) -> dict[str, Any]:
    """The operation once it has ended."""
    path = f"{BANKS}/{bank}/operations/{operation}"
    done = ("completed", "failed", "cancelled", "not_found")
    assert house.workers.wait_until(lambda: client.get(path).json()["status"] in done, 10.0)
    answer: dict[str, Any] = client.get(path).json()
    return answer


def fill(client: TestClient, bank: str = "one") -> None:
    client.post(f"{BANKS}/{bank}/memories", json={"items": ITEMS}).raise_for_status()


def exported(client: TestClient, house: House, bank: str = "one", **params: Any) -> bytes:
    answer = client.post(f"{BANKS}/{bank}/transfer/export", params=params)
    assert answer.status_code == 202, answer.text
    operation = ended(client, house, bank, answer.json()["operation_id"])
    assert operation["status"] == "completed", operation
    got = client.get(operation["result_metadata"]["download_url"])
    assert got.status_code == 200
    assert got.headers["content-type"] == "application/zip"
    return got.content


def imported(client: TestClient, house: House, archive: bytes, bank: str = "one", **params: Any) -> dict[str, Any]:
    answer = client.post(f"{BANKS}/{bank}/transfer/import", params=params, files={"file": ("t.zip", archive)})
    assert answer.status_code == 202, answer.text
    return ended(client, house, bank, answer.json()["operation_id"])


def memories(client: TestClient, bank: str) -> list[Mapping[str, Any]]:
    """The memories of a bank without what is another bank's in any case."""
    kept = ("text", "context", "fact_type", "mentioned_at", "tags", "entities", "document_id", "occurred_start")
    listed = client.get(f"{BANKS}/{bank}/memories/list", params={"limit": 100}).json()["items"]
    return sorted(({name: item.get(name) for name in kept} for item in listed), key=lambda item: item["text"])


def documents(client: TestClient, bank: str) -> list[Mapping[str, Any]]:
    listed = client.get(f"{BANKS}/{bank}/documents", params={"limit": 100}).json()["items"]
    whole = [client.get(f"{BANKS}/{bank}/documents/{item['id']}").json() for item in listed]
    kept = ("id", "original_text", "tags", "document_metadata", "retain_params", "created_at")
    return sorted(({name: item.get(name) for name in kept} for item in whole), key=lambda item: item["id"])


def edited(client: TestClient, bank: str, word: str, **change: Any) -> None:
    listed = client.get(f"{BANKS}/{bank}/memories/list").json()["items"]
    unit = next(item["id"] for item in listed if word in item["text"])
    client.patch(f"{BANKS}/{bank}/memories/{unit}", json=change).raise_for_status()


def test_carry_a_bank_by_an_archive(client: TestClient, house: House) -> None:
    fill(client)
    client.patch(f"{BANKS}/one/config", json={"updates": {"reflect_mission": "Be brief."}}).raise_for_status()
    client.post(f"{BANKS}/one/directives", json={"name": "calm", "content": "Stay calm."}).raise_for_status()
    archive = exported(client, house)
    operation = imported(client, house, archive, target_bank_id="two")
    assert operation["status"] == "completed", operation
    assert operation["result_metadata"]["documents_imported"] == 2
    assert operation["result_metadata"]["directives_imported"] == 1
    assert memories(client, "two") == memories(client, "one")
    assert documents(client, "two") == documents(client, "one")
    assert client.get(f"{BANKS}/two/config").json()["overrides"]["reflect_mission"] == "Be brief."
    assert [each["name"] for each in client.get(f"{BANKS}/two/directives").json()["items"]] == ["calm"]
    found = client.post(f"{BANKS}/two/memories/recall", json={"query": "bees"}).json()["results"]
    assert found[0]["text"] == "Ada keeps bees on the roof."


def test_carry_what_was_edited_and_what_was_invalidated(client: TestClient, house: House) -> None:
    fill(client)
    edited(client, "one", "bees", text="Ada keeps bees on the balcony.", entities=["Ada", "bees"])
    edited(client, "one", "harbour", state="invalidated", reason="it did not")
    operation = imported(client, house, exported(client, house), target_bank_id="two")
    assert operation["status"] == "completed", operation
    assert [item["text"] for item in memories(client, "two")] == ["Ada keeps bees on the balcony."]
    assert memories(client, "two") == memories(client, "one")
    assert documents(client, "two") == documents(client, "one")
    gone = client.get(f"{BANKS}/two/memories/list", params={"state": "invalidated"}).json()["items"]
    assert [item["text"] for item in gone] == ["The harbour freezes in January."]


def test_carry_what_a_session_said(client: TestClient, house: House) -> None:
    with house.tenant().memory(house.tenant().make_room("one")) as memory:
        memory.session("s1", tags=["chat"]).add_turn("I moved to Lyon.", "Noted, Lyon.")
        memory.flush()
    operation = imported(client, house, exported(client, house), target_bank_id="two")
    assert operation["status"] == "completed", operation
    said = [(item["text"], item["fact_type"], item["tags"]) for item in memories(client, "two")]
    assert said == [("I moved to Lyon.", "world", ["chat"]), ("Noted, Lyon.", "experience", ["chat"])]


def test_clone_a_bank_that_goes_its_own_way(client: TestClient, house: House) -> None:
    fill(client)
    answer = client.post(f"{BANKS}/one/clone", params={"target_bank_id": "copy"})
    assert answer.status_code == 202
    operation = ended(client, house, "one", answer.json()["operation_id"])
    assert operation["status"] == "completed", operation
    assert memories(client, "copy") == memories(client, "one")
    client.delete(f"{BANKS}/one/documents/bees").raise_for_status()
    assert len(memories(client, "copy")) == 2
    again = client.post(f"{BANKS}/one/clone", params={"target_bank_id": "copy"})
    assert again.status_code == 400
    assert again.json()["detail"].startswith("Target bank 'copy' already exists; a clone writes into a fresh bank")
    itself = client.post(f"{BANKS}/one/clone", params={"target_bank_id": "one"})
    assert itself.json()["detail"] == "A bank cannot be cloned onto itself; choose a different target_bank_id"
    assert client.post(f"{BANKS}/none/clone", params={"target_bank_id": "x"}).status_code == 404


def test_carry_mental_models_and_pages_and_make_their_content_anew(client: TestClient, house: House) -> None:
    fill(client)
    models = f"{BANKS}/one/mental-models"
    client.post(models, json={"name": "Bees", "source_query": "Who keeps bees?", "id": "bees"}).raise_for_status()
    folder = client.post(f"{BANKS}/one/knowledge-base/folders", json={"name": "Places"}).json()["id"]
    page = {"name": "Harbour", "source_query": "When does the harbour freeze?", "parent_id": folder}
    client.post(f"{BANKS}/one/knowledge-base/pages", json=page).raise_for_status()
    operation = imported(client, house, exported(client, house), target_bank_id="two")
    assert operation["status"] == "completed", operation
    assert operation["result_metadata"]["mental_models_imported"] == 1
    assert operation["result_metadata"]["knowledge_pages_imported"] == 1
    tree = client.get(f"{BANKS}/two/knowledge-base/tree").json()
    assert json.dumps(tree).count('"Harbour"') == 1
    assert house.workers.wait_until(
        lambda: "bees" in (client.get(f"{BANKS}/two/mental-models/bees").json().get("content") or ""), 10.0
    )


@pytest.mark.parametrize(
    ("conflict", "texts", "skipped", "renamed"),
    [
        ("skip", ["Bees are gone.", "The harbour freezes in January."], ["bees"], 0),
        ("replace", ["Ada keeps bees on the roof.", "The harbour freezes in January."], [], 0),
        ("new-id", ["Ada keeps bees on the roof.", "Bees are gone.", "The harbour freezes in January."], [], 1),
    ],
)
def test_fold_documents_into_a_bank_that_has_some(
    client: TestClient, house: House, conflict: str, texts: list[str], skipped: list[str], renamed: int
) -> None:
    fill(client)
    archive = exported(client, house)
    theirs = {"items": [{"content": "Bees are gone.", "document_id": "bees"}]}
    client.post(f"{BANKS}/two/memories", json=theirs).raise_for_status()
    operation = imported(client, house, archive, "two", mode="merge", document_conflict=conflict)
    assert operation["status"] == "completed", operation
    assert [item["text"] for item in memories(client, "two")] == texts
    assert operation["result_metadata"]["skipped_document_ids"] == skipped
    assert len(operation["result_metadata"]["remapped_document_ids"]) == renamed


def test_doing_an_import_again_changes_nothing(client: TestClient, house: House) -> None:
    """As it is where the process dies in the middle: what was stored stays, and the rest follows."""
    fill(client)
    edited(client, "one", "bees", text="Ada keeps bees on the balcony.")
    archive = exported(client, house)
    operation = imported(client, house, archive, "two", mode="merge", document_conflict="new-id")
    room = house.tenant().room("two")
    done = operations.get(house.tenant().database, room.uid, operation["operation_id"])
    assert done is not None
    key = files.receive(room, io.BytesIO(archive), "transfer.zip")
    before = memories(client, "two")
    again = transferring.carry(room, replace(done, payload={"key": key, "on_conflict": "new-id"}))
    assert memories(client, "two") == before
    assert again["documents_imported"] == 2
    assert again["remapped_document_ids"] == {}


def test_go_on_after_an_interruption(client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(client)
    calls = []

    def interrupted(*args: Any, **kwargs: Any) -> bool:
        calls.append(args)
        if len(calls) == 2:
            raise StorageBusyError("not now")
        return write(*args, **kwargs)

    write = copies.write
    monkeypatch.setattr(copies, "write", interrupted)
    answer = client.post(f"{BANKS}/one/clone", params={"target_bank_id": "copy"})
    path = f"{BANKS}/one/operations/{answer.json()['operation_id']}"
    assert house.workers.wait_until(lambda: client.get(path).json()["error_message"] == "not now", 10.0)
    assert len(memories(client, "copy")) == 1
    client.post(f"{path}/retry")
    operation = ended(client, house, "one", answer.json()["operation_id"])
    assert operation["status"] == "completed", operation
    assert operation["result_metadata"]["documents_imported"] == 2
    assert memories(client, "copy") == memories(client, "one")


def test_take_the_texts_of_an_archive_of_hindsight(client: TestClient, house: House) -> None:
    document = {
        "id": "old",
        "original_text": "Grace sails on Sundays.",
        "tags": ["sea"],
        "created_at": "2025-01-01T00:00:00Z",
        "facts": [
            {"text": "Grace sails", "fact_type": "world", "entities": ["Grace"], "mentioned_at": "2025-01-02T00:00:00Z"}
        ],
    }
    manifest = {"schema_version": 1, "source_bank_id": "theirs", "archive_type": "documents"}
    archive = packed({"manifest.json": manifest, "documents/000000.json": document})
    answer = client.post(f"{BANKS}/new/document-transfer", files={"file": ("t.zip", archive)})
    assert answer.status_code == 202, answer.text
    operation = ended(client, house, "new", answer.json()["operation_id"])
    assert operation["status"] == "completed", operation
    (memory,) = memories(client, "new")
    assert (memory["text"], memory["tags"]) == ("Grace sails on Sundays.", ["sea"])
    assert memory["mentioned_at"] == "2025-01-02T00:00:00+00:00"
    assert "Grace" in str(memory["entities"])


def test_restore_where_nothing_is_yet(client: TestClient, house: House) -> None:
    fill(client)
    archive = exported(client, house)
    client.delete(f"{BANKS}/one").raise_for_status()
    operation = imported(client, house, archive, "one")
    assert operation["status"] == "completed", operation
    assert len(memories(client, "one")) == 2
    taken = client.post(f"{BANKS}/one/transfer/import", files={"file": ("t.zip", archive)})
    assert taken.status_code == 400
    assert "already exists; a bank restore writes into a fresh bank" in taken.json()["detail"]


def test_a_restore_that_is_not_accepted_takes_no_name(
    client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(client)
    archive = exported(client, house)

    def full(*args: Any) -> str:
        del args
        raise StorageFullError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(files, "receive", full)
        params = {"target_bank_id": "two"}
        answer = client.post(f"{BANKS}/one/transfer/import", params=params, files={"file": ("t.zip", archive)})
    assert answer.status_code == 507
    assert imported(client, house, archive, target_bank_id="two")["status"] == "completed"


def test_export_some_documents(client: TestClient, house: House) -> None:
    fill(client)
    answer = client.post(f"{BANKS}/one/document-transfer/export", params={"document_id": ["bees"]})
    operation = ended(client, house, "one", answer.json()["operation_id"])
    content = client.get(operation["result_metadata"]["download_url"]).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == ["documents.jsonl", "manifest.json"]
        lines = archive.read("documents.jsonl").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["bees"]
    assert operation["result_metadata"]["byte_size"] == len(content)


def packed(entries: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in entries.items():
            archive.writestr(name, value if isinstance(value, str | bytes) else json.dumps(value))
    return file.getvalue()


MANIFEST = {"format": "threadline-transfer", "version": 1, "source_bank_id": "x", "archive_type": "bank"}


@pytest.mark.parametrize(
    ("archive", "detail"),
    [
        (b"no zip", "Invalid transfer archive: the uploaded file is not a readable .zip"),
        (packed({"a.txt": "x"}), "Invalid transfer archive: manifest.json is missing."),
        (packed({"manifest.json": "{"}), "Invalid transfer archive: manifest is not JSON"),
        (packed({"manifest.json": {**MANIFEST, "version": 9}}), "Unsupported transfer archive schema version 9"),
        (packed({"manifest.json": {"schema_version": 7}}), "Unsupported transfer archive schema version 7"),
        (packed({"manifest.json": {**MANIFEST, "archive_type": "documents"}}), "Not a whole-bank archive"),
    ],
)
def test_refuse_what_is_no_archive(client: TestClient, archive: bytes, detail: str) -> None:
    client.put(f"{BANKS}/one", json={}).raise_for_status()
    answer = client.post(f"{BANKS}/one/transfer/import", files={"file": ("t.zip", archive)})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(detail)


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "a"}', '{"id": "a", "items": [{}], "edits": []}'])
def test_a_restore_that_fails_leaves_no_bank(client: TestClient, house: House, line: str) -> None:
    client.put(f"{BANKS}/one", json={}).raise_for_status()
    archive = packed({"manifest.json": MANIFEST, "documents.jsonl": line})
    operation = imported(client, house, archive, target_bank_id="broken")
    assert operation["status"] == "failed"
    assert operation["error_message"].startswith("Invalid transfer archive:")
    assert client.get(f"{BANKS}/broken/stats").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "params", "detail"),
    [
        ("POST", "transfer/export", {"include_data": False, "include_bank_config": False}, "Nothing to export: set"),
        ("POST", "transfer/export", {"document_id": "a"}, "include_bank_config and include_history are only supported"),
        ("POST", "document-transfer/export", {"document_id": "a", "include_knowledge_base": True}, "include_observat"),
        ("POST", "transfer/import", {"mode": "x"}, "Invalid mode 'x' (expected restore|merge)"),
        ("POST", "transfer/import", {"document_conflict": "x"}, "Invalid document_conflict 'x'"),
        ("POST", "transfer/import", {"mode": "merge", "target_bank_id": "b"}, "target_bank_id is only valid in res"),
        ("POST", "transfer/import", {"mode": "merge", "include_data": True}, "include_data / include_bank_config /"),
        ("POST", "document-transfer", {"on_conflict": "x"}, "Invalid on_conflict 'x' (expected skip|replace|new-id)"),
    ],
)
def test_refuse_what_contradicts_itself(
    client: TestClient, method: str, path: str, params: dict[str, Any], detail: str
) -> None:
    client.put(f"{BANKS}/one", json={}).raise_for_status()
    sent = {"file": ("t.zip", packed({"manifest.json": MANIFEST}))} if path.endswith(("import", "transfer")) else None
    answer = client.request(method, f"{BANKS}/one/{path}", params=params, files=sent)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(detail)


def test_the_export_that_answers_at_once_is_gone(client: TestClient) -> None:
    answer = client.get(f"{BANKS}/one/document-transfer")
    assert answer.status_code == 410
    assert "/v1/default/banks/one/document-transfer/export" in answer.json()["detail"]


@pytest.mark.parametrize("key", ["x", "..%2F..%2Fserver.db", "../../config.toml", "a" * 43, "banks/one/exports/t.zip"])
def test_a_key_that_is_none_finds_nothing(client: TestClient, house: House, key: str) -> None:
    fill(client)
    exported(client, house)
    answer = client.get(f"/v1/default/files/download/{key}")
    assert answer.status_code == 404


def test_a_file_is_private_and_goes_with_its_bank(client: TestClient, house: House, tmp_path: Path) -> None:
    fill(client)
    exported(client, house)
    folder = tmp_path / "home" / "files"
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    client.delete(f"{BANKS}/one").raise_for_status()
    assert list(folder.iterdir()) == []


def test_a_file_of_another_tenant_or_bank_is_not_found(client: TestClient, house: House) -> None:
    fill(client)
    answer = client.post(f"{BANKS}/one/transfer/export")
    operation = ended(client, house, "one", answer.json()["operation_id"])
    url = operation["result_metadata"]["download_url"]
    for caller in (Caller(tenant="other"), Caller(banks=frozenset({"two"}))):
        asked = TestClient(_as(client.app, caller)).get(url)
        assert (asked.status_code, asked.json()) == (404, {"detail": "File not found"})
    assert TestClient(_as(client.app, Caller(scope="write"))).get(url).status_code == 403
    assert client.get(url).status_code == 200


def _as(app: Any, caller: Caller) -> Any:
    """The app as somebody else sees it."""

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "state": {**scope.get("state", {}), "caller": caller}}, receive, send)

    return asked


def test_a_file_expires(client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(client)
    answer = client.post(f"{BANKS}/one/transfer/export")
    operation = ended(client, house, "one", answer.json()["operation_id"])
    tomorrow = datetime.now(UTC) + files.KEPT + timedelta(minutes=1)
    monkeypatch.setattr(files, "_now", lambda: tomorrow)
    assert client.get(operation["result_metadata"]["download_url"]).status_code == 404
    files.sweep(house.tenant())
    assert list((house.tenant().home / "files").iterdir()) == []


@pytest.mark.usefixtures("house")
def test_an_archive_cannot_unpack_to_everything(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 1000)
    archive = packed({"manifest.json": MANIFEST, "documents.jsonl": "x" * 1001})
    answer = client.post(f"{BANKS}/one/document-transfer", files={"file": ("t.zip", archive)})
    assert answer.status_code == 413
