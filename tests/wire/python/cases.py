"""What each method of the official Python client must do, by its name."""

from __future__ import annotations

import contextlib
import io
import tempfile
import uuid
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner import Wire, refused

CASES: dict[str, Callable[[Wire], None]] = {}


def case(check: Callable[[Wire], None]) -> Callable[[Wire], None]:
    """A case of the method that it is named after."""
    CASES[check.__name__] = check
    return check


def texts(found: Any) -> list[str]:
    return [result.text for result in found.results]


def told(item: Any, name: str) -> Any:
    """A field of an item of a list: older clients give the items as they came, newer ones as objects."""
    return item[name] if isinstance(item, dict) else getattr(item, name)


def model_of(wire: Wire, bank: str, **named: Any) -> str:
    made = wire("create_mental_model", bank, "Alice", "Where does Alice live?", **named)
    wire.settled(bank, made.operation_id)
    return str(made.mental_model_id)


def page_of(wire: Wire, bank: str, **named: Any) -> str:
    made = wire("create_knowledge_page", bank, "Alice", "Where does Alice live?", **named)
    if made.operation_id:
        wire.settled(bank, made.operation_id)
    return str(made.page_id)


# The client itself


@case
def get_version(wire: Wire) -> None:
    found = wire("get_version")
    assert found.api_version.count(".") == 2, found
    assert found.features.bank_config_api is True


@case
def close(wire: Wire) -> None:
    other = Wire(wire.url, wire.mode, wire.loop)
    other("create_bank", other.bank())
    other("close")
    wire("create_bank", wire.bank())


@case
def suspend_retains(wire: Wire) -> None:
    bank = wire.stocked()
    with wire.client.suspend_retains():
        assert wire("retain", bank, "Nobody is to know this.").items_count == 0
        assert wire("recall", bank, "tomatoes").results
    assert wire("list_memories", bank).total == 3


# Memories


@case
def retain(wire: Wire) -> None:
    bank = wire.bank()
    kept = wire(
        "retain",
        bank,
        "Alice Novak moved to Oslo.",
        timestamp=datetime(2024, 3, 3, 12, tzinfo=UTC),
        context="a letter",
        document_id="letter",
        metadata={"page": "1"},
        tags=["people"],
        entities=[{"text": "Alice Novak", "type": "PERSON"}],
    )
    assert (kept.success, kept.bank_id, kept.items_count, kept.var_async) == (True, bank, 1, False)
    (found,) = wire("recall", bank, "Where is Alice?", include_entities=True).results
    assert found.text == "Alice Novak moved to Oslo."
    assert (found.context, found.document_id, found.metadata, found.tags) == (
        "a letter",
        "letter",
        {"page": "1"},
        ["people"],
    )
    assert found.mentioned_at.startswith("2024-03-03T12:00:00"), found.mentioned_at
    assert "Alice Novak" in (found.entities or []), found
    wire("retain", bank, "She bought a boat there.", document_id="letter", update_mode="append")
    document = wire.wait(wire.client.documents.get_document(bank, "letter"))
    assert "boat" in document.original_text
    assert "moved to Oslo" in document.original_text
    wire("retain", bank, "She sold it all.", document_id="letter")
    assert [told(one, "text") for one in wire("list_memories", bank).items] == ["She sold it all."]


@case
def retain_batch(wire: Wire) -> None:
    bank = wire.bank()
    kept = wire(
        "retain_batch",
        bank,
        [{"content": "Carla plays chess.", "tags": ["a"]}, {"content": "Deniz grows tomatoes.", "document_id": "d"}],
        document_id="both",
        document_tags=["b"],
    )
    assert (kept.success, kept.items_count) == (True, 2)
    tags = {result.text: sorted(result.tags) for result in wire("recall", bank, "chess and tomatoes").results}
    assert tags == {"Carla plays chess.": ["a", "b"], "Deniz grows tomatoes.": ["b"]}
    documents = wire.wait(wire.client.documents.list_documents(bank))
    assert {told(one, "id") for one in documents.items} == {"both", "d"}
    queued = wire("retain_batch", bank, [{"content": "Emil sails."}], retain_async=True)
    assert queued.var_async is True
    assert wire.settled(bank, queued.operation_id).status == "completed"
    assert "Emil sails." in texts(wire("recall", bank, "Who sails?"))


@case
def retain_files(wire: Wire) -> None:
    bank = wire.bank()
    wire("create_bank", bank)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "note.txt")
        path.write_text("Farah keeps bees behind the mill.")
        kept = wire("retain_files", bank, [path], context="her notes")
    assert len(kept.operation_ids) == 1
    ended = wire.settled(bank, kept.operation_ids[0])
    assert ended.status == "completed", ended
    (found,) = wire("recall", bank, "Who keeps bees?").results
    assert "Farah keeps bees" in found.text
    assert found.context == "her notes"


@case
def recall(wire: Wire) -> None:
    bank = wire.stocked()
    found = wire("recall", bank, "Where does Alice live?", trace=True, include_entities=True, include_chunks=True)
    assert texts(found)[0] == "Alice Novak moved to Oslo in March."
    assert found.results[0].type == "world"
    assert found.results[0].document_id == "moves"
    assert str(uuid.UUID(found.results[0].id)) == found.results[0].id
    assert found.trace
    assert found.chunks[found.results[0].chunk_id].text == "Alice Novak moved to Oslo in March."
    assert texts(wire("recall", bank, "Alice and Carla", tags=["people"], tags_match="all_strict")) == [
        "Alice Novak moved to Oslo in March."
    ]
    assert set(texts(wire("recall", bank, "chess", tags=["people"]))) >= {"Carla plays chess in Lima."}
    assert texts(wire("recall", bank, "chess", types=["observation"])) == []
    assert texts(wire("recall", bank, "chess in Lima", max_tokens=8)) == ["Carla plays chess in Lima."]
    with contextlib.suppress(ModuleNotFoundError):  # 0.6.1 sends no tag groups: it lacks a module of its own
        grouped = wire("recall", bank, "Alice, chess and tomatoes", tag_groups=[{"not": {"tags": ["people"]}}])
        assert sorted(texts(grouped)) == ["Carla plays chess in Lima.", "Deniz grows tomatoes on the roof."]
    with refused(404):
        wire("recall", wire.bank(), "anything")
    with refused(422):
        wire("recall", bank, "")


@case
def reflect(wire: Wire) -> None:
    bank = wire.stocked()
    found = wire("reflect", bank, "Where does Alice Novak live?", include_facts=True, budget="low")
    assert "Oslo" in found.text, found.text
    assert any("Oslo" in fact.text for fact in found.based_on.memories), found.based_on


@case
def list_memories(wire: Wire) -> None:
    bank = wire.stocked()
    found = wire("list_memories", bank, limit=2, offset=0)
    assert (found.total, found.limit, found.offset, len(found.items)) == (3, 2, 0, 2)
    rest = wire("list_memories", bank, limit=2, offset=2)
    assert len({told(one, "id") for one in [*found.items, *rest.items]}) == 3
    assert [told(one, "text") for one in wire("list_memories", bank, search_query="chess").items] == [
        "Carla plays chess in Lima."
    ]
    assert wire("list_memories", bank, type="world").total == 3
    assert wire("list_memories", bank, type="observation").total == 0
    with refused(404):
        wire("list_memories", wire.bank())


# Banks


@case
def create_bank(wire: Wire) -> None:
    bank = wire.bank()
    made = wire("create_bank", bank, name="The house", disposition_skepticism=5, retain_mission="Facts only.")
    assert (made.bank_id, made.name, made.disposition.skepticism) == (bank, "The house", 5)
    config = wire("get_bank_config", bank)
    assert config["overrides"]["retain_mission"] == "Facts only."
    listed = wire.wait(wire.client.banks.list_banks())
    assert bank in {one.bank_id for one in listed.banks}
    again = wire("create_bank", bank, mission="To serve.")
    assert (again.name, again.mission) == ("The house", "To serve.")
    with refused(422):
        wire("create_bank", bank, disposition_skepticism=9)


@case
def set_mission(wire: Wire) -> None:
    assert wire("set_mission", (bank := wire.bank()), "To serve.").mission == "To serve."
    assert wire("get_bank_config", bank)["overrides"]["reflect_mission"] == "To serve."


@case
def set_reflect_mission(wire: Wire) -> None:
    assert wire("set_reflect_mission", (bank := wire.bank()), "To answer.").mission == "To answer."
    assert wire("get_bank_config", bank)["config"]["reflect_mission"] == "To answer."


@case
def get_bank_config(wire: Wire) -> None:
    bank = wire.bank()
    wire("create_bank", bank)
    found = wire("get_bank_config", bank)
    assert (found["bank_id"], found["overrides"]) == (bank, {})
    assert found["config"]["retain_chunk_size"] == 3000


@case
def update_bank_config(wire: Wire) -> None:
    bank = wire.bank()
    wire("create_bank", bank)
    found = wire("update_bank_config", bank, reflect_mission="To answer.", retain_chunk_size=1000)
    assert found["overrides"] == {"reflect_mission": "To answer.", "retain_chunk_size": 1000}
    assert found["config"]["retain_chunk_size"] == 1000


@case
def reset_bank_config(wire: Wire) -> None:
    bank = wire.bank()
    wire("update_bank_config", bank, retain_chunk_size=1000)
    found = wire("reset_bank_config", bank)
    assert (found["overrides"], found["config"]["retain_chunk_size"]) == ({}, 3000)


@case
def delete_bank(wire: Wire) -> None:
    bank = wire.stocked()
    gone = wire("delete_bank", bank)
    assert gone.success is True
    with refused(404):
        wire("list_memories", bank)


# Mental models


@case
def create_mental_model(wire: Wire) -> None:
    bank = wire.stocked()
    made = wire("create_mental_model", bank, "Alice", "Where does Alice live?", tags=["people"], id="alice")
    assert made.mental_model_id == "alice"
    assert wire.settled(bank, made.operation_id).status == "completed"
    found = wire("get_mental_model", bank, "alice")
    assert (found.name, found.source_query, found.tags) == ("Alice", "Where does Alice live?", ["people"])
    assert "Oslo" in found.content, found.content


@case
def list_mental_models(wire: Wire) -> None:
    bank = wire.stocked()
    one, other = model_of(wire, bank), model_of(wire, bank, tags=["x"])
    found = wire("list_mental_models", bank)
    assert {model.id for model in found.items} == {one, other}
    assert other in {model.id for model in wire("list_mental_models", bank, tags=["x"]).items}


@case
def get_mental_model(wire: Wire) -> None:
    bank = wire.stocked()
    model = model_of(wire, bank)
    found = wire("get_mental_model", bank, model)
    assert (found.id, found.bank_id, found.name) == (model, bank, "Alice")
    with refused(404):
        wire("get_mental_model", bank, "none")


@case
def refresh_mental_model(wire: Wire) -> None:
    bank = wire.stocked()
    model = model_of(wire, bank)
    wire("retain", bank, "Alice moved on: she lives in Porto now.")
    submitted = wire("refresh_mental_model", bank, model)
    assert wire.settled(bank, submitted.operation_id).status == "completed"
    assert wire("get_mental_model", bank, model).content


@case
def dry_run_refresh_mental_model(wire: Wire) -> None:
    bank = wire.stocked()
    model = model_of(wire, bank)
    before = wire("get_mental_model", bank, model).content
    found = wire("dry_run_refresh_mental_model", bank, model)
    assert (found.mental_model_id, found.name, found.current_content) == (model, "Alice", before.strip())
    assert wire("get_mental_model", bank, model).content == before


@case
def clear_mental_model(wire: Wire) -> None:
    bank = wire.stocked()
    model = model_of(wire, bank)
    assert wire("clear_mental_model", bank, model).id == model
    assert not wire("get_mental_model", bank, model).content


@case
def update_mental_model(wire: Wire) -> None:
    bank = wire.stocked()
    model = model_of(wire, bank)
    found = wire("update_mental_model", bank, model, name="Her", tags=["t"], max_tokens=1024)
    assert (found.name, found.tags, found.max_tokens) == ("Her", ["t"], 1024)
    assert found.source_query == "Where does Alice live?"


@case
def delete_mental_model(wire: Wire) -> None:
    bank = wire.stocked()
    model = model_of(wire, bank)
    wire("delete_mental_model", bank, model)
    with refused(404):
        wire("get_mental_model", bank, model)


@case
def get_mental_model_history(wire: Wire) -> None:
    bank = wire.stocked()
    model = model_of(wire, bank)
    wire("retain", bank, "Alice moved on: she lives in Porto now.")
    wire.settled(bank, wire("refresh_mental_model", bank, model).operation_id)
    history = wire("get_mental_model_history", bank, model)
    assert isinstance(history, list)
    assert all({"previous_content", "changed_at"} <= entry.keys() for entry in history)


# The knowledge base


@case
def get_knowledge_base_tree(wire: Wire) -> None:
    bank = wire.stocked()
    assert wire("get_knowledge_base_tree", bank).roots == []
    folder = wire("create_knowledge_folder", bank, "People")
    page = page_of(wire, bank, parent_id=folder.id)
    (root,) = wire("get_knowledge_base_tree", bank).roots
    assert (root.id, root.kind, root.name) == (folder.id, "folder", "People")
    assert [(child.id, child.kind) for child in root.children] == [(page, "page")]


@case
def create_knowledge_folder(wire: Wire) -> None:
    bank = wire.stocked()
    folder = wire("create_knowledge_folder", bank, "People")
    inner = wire("create_knowledge_folder", bank, "Friends", parent_id=folder.id)
    assert (inner.kind, inner.name, inner.parent_id) == ("folder", "Friends", folder.id)


@case
def create_knowledge_page(wire: Wire) -> None:
    bank = wire.stocked()
    made = wire("create_knowledge_page", bank, "Alice", "Where does Alice live?", max_tokens=512)
    assert made.page_id
    assert made.mental_model_id
    if made.operation_id:
        assert wire.settled(bank, made.operation_id).status == "completed"
    assert wire("get_knowledge_page", bank, made.page_id).name == "Alice"


@case
def get_knowledge_page(wire: Wire) -> None:
    bank = wire.stocked()
    page = page_of(wire, bank)
    found = wire("get_knowledge_page", bank, page)
    assert (found.id, found.name) == (page, "Alice")
    assert found.markdown.startswith("---"), found.markdown
    with refused(404):
        wire("get_knowledge_page", bank, str(uuid.uuid4()))


@case
def search_knowledge_base(wire: Wire) -> None:
    bank = wire.stocked()
    page = page_of(wire, bank)
    found = wire("search_knowledge_base", bank, "Alice", limit=3)
    assert [result.id for result in found.results] == [page]
    assert found.total == 1


@case
def update_knowledge_node(wire: Wire) -> None:
    bank = wire.stocked()
    folder, page = wire("create_knowledge_folder", bank, "People"), page_of(wire, bank)
    moved = wire("update_knowledge_node", bank, page, name="Her", parent_id=folder.id)
    assert (moved.name, moved.parent_id) == ("Her", folder.id)
    assert wire("update_knowledge_node", bank, page, parent_id=None).parent_id is None
    assert wire("update_knowledge_node", bank, folder.id, name="Friends").name == "Friends"


@case
def delete_knowledge_node(wire: Wire) -> None:
    bank = wire.stocked()
    folder = wire("create_knowledge_folder", bank, "People")
    page = page_of(wire, bank, parent_id=folder.id)
    wire("delete_knowledge_node", bank, folder.id)
    assert wire("get_knowledge_base_tree", bank).roots == []
    with refused(404):
        wire("get_knowledge_page", bank, page)


@case
def export_knowledge_base(wire: Wire) -> None:
    bank = wire.stocked()
    page_of(wire, bank)
    files = wire("export_knowledge_base", bank).files
    assert any(one.path == "index.md" for one in files), files
    assert len(files) >= 2


# Moving documents and banks


@case
def export_documents(wire: Wire) -> None:
    bank = wire.stocked()
    archive = wire("export_documents", bank, poll_interval=0.05)
    assert zipfile.ZipFile(io.BytesIO(archive)).testzip() is None
    target = wire.bank()
    wire("create_bank", target)
    submitted = wire.wait(wire.client.document_transfer.import_documents(target, ("bank.zip", archive)))
    assert wire.settled(target, submitted.operation_id).status == "completed"
    assert wire("list_memories", target).total == 3
    some = wire("export_documents", bank, document_ids=["games"], poll_interval=0.05)
    assert b"Carla" in _unzipped(some)
    assert b"Alice" not in _unzipped(some)


def _unzipped(archive: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return b"\n".join(opened.read(name) for name in opened.namelist())


@case
def export_bank(wire: Wire) -> None:
    bank = wire.stocked()
    archive = wire("export_bank", bank, poll_interval=0.05)
    assert b"Carla plays chess in Lima." in _unzipped(archive)


@case
def import_bank(wire: Wire) -> None:
    bank, target = wire.stocked(), wire.bank()
    wire("update_bank_config", bank, retain_chunk_size=1000)
    archive = wire("export_bank", bank, poll_interval=0.05)
    operation = wire("import_bank", bank, archive, target_bank_id=target)
    assert wire.settled(bank, operation).status == "completed"
    assert "Carla plays chess in Lima." in texts(wire("recall", target, "chess"))
    assert wire("get_bank_config", target)["overrides"] == {"retain_chunk_size": 1000}


@case
def clone_bank(wire: Wire) -> None:
    bank, target = wire.stocked(), wire.bank()
    operation = wire("clone_bank", bank, target)
    assert wire.settled(bank, operation).status == "completed"
    assert wire("list_memories", target).total == 3
    wire("retain", target, "Only the copy knows this.")
    assert wire("list_memories", bank).total == 3


# Directives


def _directive(wire: Wire) -> tuple[str, Any]:
    bank = wire.bank()
    wire("create_bank", bank)
    return bank, wire("create_directive", bank, "tone", "Be brief.", priority=3, tags=["t"])


@case
def create_directive(wire: Wire) -> None:
    bank, made = _directive(wire)
    assert (made.bank_id, made.name, made.content, made.priority, made.is_active, made.tags) == (
        bank,
        "tone",
        "Be brief.",
        3,
        True,
        ["t"],
    )


@case
def list_directives(wire: Wire) -> None:
    bank, made = _directive(wire)
    assert [one.id for one in wire("list_directives", bank).items] == [made.id]


@case
def get_directive(wire: Wire) -> None:
    bank, made = _directive(wire)
    assert wire("get_directive", bank, made.id).content == "Be brief."
    with refused(404):
        wire("get_directive", bank, str(uuid.uuid4()))


@case
def update_directive(wire: Wire) -> None:
    bank, made = _directive(wire)
    found = wire("update_directive", bank, made.id, content="Be kind.", is_active=False)
    assert (found.name, found.content, found.is_active, found.priority) == ("tone", "Be kind.", False, 3)


@case
def delete_directive(wire: Wire) -> None:
    bank, made = _directive(wire)
    wire("delete_directive", bank, made.id)
    with refused(404):
        wire("get_directive", bank, made.id)
