"""Banks and documents carried from one bank to another: by an archive that is fetched and sent, or at once.

Vectors are not carried, nor what mental models say: both are made anew where they arrive. A restore or a clone makes
its bank when it is accepted, so that nobody else takes the name, and takes it away again if it fails.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal, TypeVar

from threadline.engine import copies
from threadline.engine.copies import Copied
from threadline.errors import RequestError, ThreadlineError, UnknownBankError
from threadline.server import configuring, files, refreshing, retaining
from threadline.server.archives import Archive, Kind, Packer, Scope
from threadline.server.house import Room, Tenant
from threadline.server.operations import Operation
from threadline.server.store import banks, directives, knowledge, mental_models
from threadline.server.store.directives import Directive
from threadline.server.store.knowledge import Node
from threadline.server.store.mental_models import MentalModel
from threadline.server.workers import PASSING
from threadline.session.checks import check_bank, check_id

Conflict = Literal["skip", "replace", "new-id"]

_T = TypeVar("_T")


@dataclass(slots=True)
class Imported:
    """What arrived."""

    documents: int = 0
    memories: int = 0
    models: int = 0
    pages: int = 0
    directives: int = 0
    skipped: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)

    def of_documents(self) -> dict[str, Any]:
        """The counts of an import of documents, by Hindsight's names."""
        return {
            "documents_imported": self.documents,
            "documents_skipped": len(self.skipped),
            "facts_imported": self.memories,
            "observations_imported": 0,
            "observations_skipped": 0,
            "mental_models_imported": self.models,
            "knowledge_pages_imported": self.pages,
            "skipped_document_ids": self.skipped,
            "remapped_document_ids": self.renamed,
        }

    def of_bank(self, bank: str) -> dict[str, Any]:
        """The counts of a restore or a clone, by Hindsight's names."""
        return {
            "target_bank_id": bank,
            "documents_imported": self.documents,
            "facts_imported": self.memories,
            "observations_imported": 0,
            "mental_models_imported": self.models,
            "knowledge_pages_imported": self.pages,
            "directives_imported": self.directives,
            "webhooks_imported": 0,
        }


def reserve(tenant: Tenant, target: str, noun: str) -> Room:
    """Make the bank of a restore or a clone.

    Raises:
        RequestError: there is one of that name.
        InvalidBankError: the name cannot be used.
    """
    try:
        tenant.room(target)
    except UnknownBankError:
        made = banks.make(tenant.database, check_bank(target))
        if made is not None:
            return Room(tenant, made)
    raise RequestError(
        f"Target bank '{target}' already exists; a {noun} writes into a fresh bank (it is not a merge). Delete it "
        "first, or choose a different target bank id."
    )


# Carrying out


def carry(room: Room, operation: Operation) -> Mapping[str, Any]:
    """Carry out an operation of any of these kinds."""
    return CARRIES[operation.kind](room, operation)


def _export(room: Room, operation: Operation) -> Mapping[str, Any]:
    """Write an archive into the file that the operation names. Done again it is the same file, written anew."""
    asked = operation.payload or {}
    kind: Kind = "bank" if operation.kind == "export_bank" else "documents"
    key, name = asked["key"], f"{room.id}-{'bank' if kind == 'bank' else 'documents'}.zip"
    scope = Scope(**asked["scope"])
    with files.written(room, key, name, "export") as file:
        _pack(room, file, kind, scope, asked.get("document_ids"))
    row, _ = files.find(room.tenant, key)
    return {
        "storage_key": key,
        "download_url": f"/v1/default/files/download/{key}",
        "byte_size": row.size,
        "filename": name,
        "expires_at": row.expires_at,
    }


def _import_documents(room: Room, operation: Operation) -> Mapping[str, Any]:
    asked = operation.payload or {}
    with _sent(room, asked["key"]) as archive:
        done = _unpack_documents(room, archive, operation.id, asked["on_conflict"])
        if not archive.is_bank:
            _unpack_knowledge(room, archive, done)
    files.remove(room.tenant, asked["key"])
    return done.of_documents()


def _import_bank(room: Room, operation: Operation) -> Mapping[str, Any]:
    asked = operation.payload or {}

    def fill(target: Room) -> Imported:
        with _sent(room, asked["key"]) as archive:
            return _unpack_bank(target, archive, Scope(**asked["scope"]), operation.id)

    result = _filled(room, asked["target"], fill)
    files.remove(room.tenant, asked["key"])
    return result


def _clone_bank(room: Room, operation: Operation) -> Mapping[str, Any]:
    asked = operation.payload or {}
    scope = Scope(**asked["scope"])

    def fill(target: Room) -> Imported:
        with TemporaryFile(dir=files.folder(room.tenant)) as file:
            _pack(room, file, "bank", scope)
            with Archive(file) as archive:
                return _unpack_bank(target, archive, scope, operation.id)

    return _filled(room, asked["target"], fill)


CARRIES: Mapping[str, Callable[[Room, Operation], Mapping[str, Any]]] = {
    "export_documents": _export,
    "export_bank": _export,
    "import_documents": _import_documents,
    "import_bank": _import_bank,
    "clone_bank": _clone_bank,
}


def _sent(room: Room, key: str) -> Archive:
    _, path = files.find(room.tenant, key)
    return Archive(path)


def _filled(room: Room, uid: str, fill: Callable[[Room], Imported]) -> Mapping[str, Any]:
    """Fill a bank that was reserved; where that fails for good it goes away again.

    Args:
        room: the bank that the operation is recorded with. If it is the same one it stays: it says what went wrong.
    """
    target = room.tenant.room_of(uid)
    if target is None:
        raise UnknownBankError("The bank that was to be filled was deleted meanwhile.")
    try:
        return fill(target).of_bank(target.id)
    except PASSING:
        raise  # it is tried again
    except ThreadlineError:
        if target.uid != room.uid:
            room.tenant.remove(target.id)
        raise


# Packing


def _pack(room: Room, file: BinaryIO, kind: Kind, scope: Scope, documents: Sequence[str] | None = None) -> None:
    packer = Packer(file, room.id, kind, scope)
    if scope.data:
        chosen = copies.names(room.shelf) if documents is None else documents
        packer.many("documents", (each.as_json() for each in copies.iterate(room.shelf, chosen)))
    if scope.knowledge_base:
        models, _ = mental_models.listed(room.database, room.uid, whole=False)
        packer.many("mental_models", (_of_model(each) for each in reversed(models)))
        packer.many("knowledge", (asdict(each) for each in knowledge.nodes(room.database, room.uid)))
    if scope.bank_config:
        packer.one("bank", {"name": room.bank.name, "config": configuring.overrides(room)})
        packer.many("directives", map(asdict, directives.listed(room.database, room.uid)))
    packer.close()


def _of_model(model: MentalModel) -> dict[str, Any]:
    """What is carried of a mental model: what makes its content, and not the content."""
    return {name: getattr(model, name) for name in _OF_MODEL}


_OF_MODEL = ("id", "name", "source_query", "tags", "max_tokens", "trigger", "created_at")


# Unpacking


def _unpack_bank(room: Room, archive: Archive, scope: Scope, operation_id: str) -> Imported:
    if scope.bank_config:
        settings = archive.one("bank")
        updates = configuring.validate(settings.get("config") or {})
        if updates:
            configuring.update(room, updates)
        banks.rename(room.database, room.uid, settings.get("name"))
    done = _unpack_documents(room, archive, operation_id, "skip") if scope.data else Imported()
    if scope.bank_config:
        for each in archive.many("directives"):
            directive = _made(Directive, {**each, "tags": tuple(each.get("tags") or ())}, "directive")
            if directives.get(room.database, room.uid, directive.id) is None:
                directives.create(room.database, room.uid, directive)
            done.directives += 1
    if scope.knowledge_base:
        _unpack_knowledge(room, archive, done)
    return done


def _unpack_documents(room: Room, archive: Archive, operation_id: str, conflict: Conflict) -> Imported:
    """Store the documents of an archive, each in a transaction of its own and under a key of its own."""
    done = Imported()
    config = room.config
    for document in archive.documents(lambda given: _of_hindsight(given, config)):
        name = document.id
        theirs = copies.existing(room.shelf, [name]) and not room.shelf.applied(_key(operation_id, name))
        if theirs and conflict == "skip":
            done.skipped.append(name)
            continue
        if theirs and conflict == "new-id":
            document.id = done.renamed[name] = str(uuid.uuid5(uuid.UUID(operation_id), name))
        _screen(room, document, config)
        copies.write(room.engine, [document], _key(operation_id, document.id), replaced=[document.id])
        done.documents += 1
        done.memories += document.size
    if done.documents:
        refreshing.after_write(room)
    return done


def _key(operation_id: str, document: str) -> str:
    """What tells a document that an operation stored before the process died from one that was there."""
    return f"transfer:{operation_id}:{document}"


def _screen(room: Room, document: Copied, config: Mapping[str, Any]) -> None:
    """Look at a document as at any that is retained: an archive is no way around what a bank does not take."""
    check_id(document.id, "document id")
    redacts = room.tenant.house.settings.redact is not False

    def text(value: str, what: str) -> str:
        return retaining.screened(value, what, config, redacts=redacts)

    for item in document.items:
        for tag in item["tags"]:
            check_id(tag, "tag")
        item["chunks"] = [[text(each, "content") for each in chunk if each] for chunk in item["chunks"]]
        item["context"] = item["context"] and text(item["context"], "context")
    for edit in document.edits:
        edit["said"]["text"] = text(edit["said"]["text"], "content")


def _of_hindsight(given: Mapping[str, Any], config: Mapping[str, Any]) -> Copied:
    """A document of an archive of Hindsight: its text, cut as this bank cuts; what was extracted of it is not used."""
    params: Mapping[str, Any] = given.get("retain_params") or {}
    facts: Sequence[Mapping[str, Any]] = given.get("facts") or ()
    chunks = sorted(given.get("chunks") or (), key=lambda chunk: chunk["chunk_index"])
    text = given.get("original_text") or "".join(chunk["chunk_text"] for chunk in chunks)
    text = text or "\n".join(fact["text"] for fact in facts)
    created = given.get("created_at") or refreshing.now()
    said = [fact["mentioned_at"] for fact in facts if fact.get("mentioned_at")]
    item = {
        "role": "user",
        "occurred_at": min(said, default=None) or created,
        "stored_at": created,
        "chunks": [list(chunk) for chunk in retaining.cut(text, config)],
        "tags": list(given.get("tags") or ()),
        "metadata": dict(facts[0].get("metadata") or {}) if facts else {},
        "context": next((fact["context"] for fact in facts if fact.get("context")), None),
        "entities": [[name, None] for name in sorted({name for fact in facts for name in fact.get("entities") or ()})],
        "extra": {"params": dict(params)},
    }
    return Copied(str(given["id"]), [item] if text else [])


def _unpack_knowledge(room: Room, archive: Archive, done: Imported) -> None:
    """Make mental models, folders and pages; what is there already stays as it is. Their content is made anew."""
    nodes = [_made(Node, each, "folder or page") for each in archive.many("knowledge")]
    pages = {node.model for node in nodes if node.model}
    for each in archive.many("mental_models"):
        told = {name: each[name] for name in _OF_MODEL if name in each}
        made = {**told, "tags": tuple(told.get("tags") or ()), "last_refreshed_at": refreshing.now()}
        model = _made(MentalModel, made, "mental model")
        if mental_models.create(room.database, room.uid, model):
            refreshing.submit(room, model)
        done.models += model.id not in pages
    for node in _parents_first(nodes):
        if knowledge.get(room.database, room.uid, node.id) is None:
            knowledge.create(room.database, room.uid, node)
        done.pages += node.kind == "page"


def _parents_first(nodes: Sequence[Node]) -> Iterable[Node]:
    known = {node.id: node for node in nodes}
    told: set[str] = set()

    def tell(node: Node) -> Iterable[Node]:
        if node.id in told:
            return
        told.add(node.id)
        if node.parent in known:
            yield from tell(known[node.parent])
        yield node if node.parent in known else replace(node, parent=None)

    for node in nodes:
        yield from tell(node)


def _made(kind: Callable[..., _T], values: Mapping[str, Any], noun: str) -> _T:
    """A row of the archive as what it is."""
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]  # all of them are dataclasses
    try:
        return kind(**{name: value for name, value in values.items() if name in names})
    except TypeError as error:
        raise RequestError(f"Invalid transfer archive: a {noun} in it is not whole ({error})") from error
