"""Banks and documents carried from one bank to another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, File, Query, Request, UploadFile

from threadline.errors import AccessError, RequestError, ThreadlineError, UnknownBankError
from threadline.server import files, operations, transferring
from threadline.server.access import AdminRoom, Caller, TheCaller, caller_of, house_of, room_to_admin, room_to_make
from threadline.server.archives import Archive
from threadline.server.house import Room, Tenant
from threadline.server.wire.base import WireRoute, partly, same
from threadline.server.wire.shapes.transfer import (
    BankTransferSubmitResponse,
    DocumentExportSubmitResponse,
    DocumentImportSubmitResponse,
)

router = APIRouter(route_class=WireRoute)

_BANK = "/v1/default/banks/{bank_id}"
_DOCUMENTS = _BANK + "/document-transfer"
_CONFLICTS = ("skip", "replace", "new-id")
_NO_HISTORY = "the audit log is not carried, nor are webhooks; what mental models say is made anew where they arrive"

Upload = Annotated[UploadFile, File(description="Transfer ZIP archive")]
DocumentIds = Annotated[list[str] | None, Query(description="Document id(s); omit for the whole bank")]
Data = Annotated[bool, Query(description="Carry the documents, the mental models and the knowledge base")]
Config = Annotated[bool, Query(description="Carry what is set for the bank, and its directives")]
History = Annotated[bool, Query(description="Nothing is carried of the audit log")]


@router.get(
    _DOCUMENTS,
    operation_id="export_documents_sync_removed",
    tags=["Document Transfer"],
    deprecated=True,
    **same(),
)
def export_documents_sync_removed(bank_id: str) -> Any:
    """Say where documents are exported now."""
    raise RequestError(
        "Synchronous document export has been removed because it could take down the shared API on large banks. Submit "
        f"an async export via POST /v1/default/banks/{bank_id}/document-transfer/export, poll GET /v1/default/banks/"
        f"{bank_id}/operations/{{operation_id}}, then download the archive from the download_url in the operation's "
        "result_metadata.",
        410,
    )


@router.post(
    _DOCUMENTS + "/export",
    operation_id="export_documents",
    tags=["Document Transfer"],
    status_code=202,
    deprecated=True,
    **partly("an archive is JSON lines in a ZIP of our own; there are no observations to carry"),
)
def export_documents(
    room: AdminRoom,
    document_id: Annotated[list[str] | None, Query(description="Document id(s) to export; omit for all")] = None,
    include_observations: Annotated[bool, Query(description="There are none")] = False,
    include_knowledge_base: Annotated[bool, Query(description="Also mental models and the knowledge base")] = False,
) -> DocumentExportSubmitResponse:
    """Have documents written into an archive, to be fetched from the operation's `download_url`."""
    if document_id and (include_observations or include_knowledge_base):
        raise RequestError(
            "include_observations and include_knowledge_base are only supported when exporting the whole bank "
            "(omit document_id)"
        )
    submitted = _export(room, "export_documents", document_id, knowledge_base=include_knowledge_base, bank_config=False)
    return DocumentExportSubmitResponse(operation_id=submitted)


@router.post(
    _DOCUMENTS,
    operation_id="import_documents",
    tags=["Document Transfer"],
    status_code=202,
    deprecated=True,
    **partly("of an archive that Hindsight wrote the texts are taken, not the facts it made of them"),
)
def import_documents(
    request: Request,
    bank_id: str,
    file: Upload,
    on_conflict: Annotated[str, Query(description="skip | replace | new-id")] = "skip",
) -> DocumentImportSubmitResponse:
    """Have the documents of an archive stored in a bank."""
    if on_conflict not in _CONFLICTS:
        raise RequestError(f"Invalid on_conflict '{on_conflict}' (expected skip|replace|new-id)")
    return DocumentImportSubmitResponse(operation_id=_merge(request, bank_id, file.file, on_conflict))


@router.post(
    _BANK + "/transfer/export",
    operation_id="export_bank_transfer",
    tags=["Bank Transfer"],
    status_code=202,
    **partly(_NO_HISTORY),
)
def export_bank_transfer(
    room: AdminRoom,
    include_data: Data = True,
    include_bank_config: Config = True,
    include_history: History = False,
    document_id: DocumentIds = None,
) -> BankTransferSubmitResponse:
    """Have a bank written into an archive, to be fetched from the operation's `download_url`."""
    _something("export", include_data, include_bank_config, include_history)
    if document_id and (include_bank_config or include_history):
        raise RequestError(
            "include_bank_config and include_history are only supported for a whole-bank export (omit document_id)"
        )
    if document_id:
        submitted = _export(room, "export_documents", document_id, knowledge_base=False, bank_config=False)
    else:
        submitted = _export(
            room, "export_bank", None, data=include_data, knowledge_base=include_data, bank_config=include_bank_config
        )
    return BankTransferSubmitResponse(operation_id=submitted)


@router.post(
    _BANK + "/transfer/import",
    operation_id="import_bank_transfer",
    tags=["Bank Transfer"],
    status_code=202,
    **partly(_NO_HISTORY),
)
def import_bank_transfer(
    request: Request,
    bank_id: str,
    file: Upload,
    mode: Annotated[str, Query(description="restore (into a fresh bank) | merge (into this bank)")] = "restore",
    target_bank_id: Annotated[
        str | None, Query(description="restore mode: the bank to create; defaults to the archive's source bank")
    ] = None,
    document_conflict: Annotated[str, Query(description="merge mode: skip | replace | new-id")] = "skip",
    include_data: Annotated[
        bool | None, Query(description="restore mode: the documents and the knowledge base")
    ] = None,
    include_bank_config: Annotated[bool | None, Query(description="restore mode: what is set for the bank")] = None,
    include_history: Annotated[bool | None, Query(description="restore mode: nothing is carried of it")] = None,
) -> BankTransferSubmitResponse:
    """Have a bank made of an archive, or the documents of one stored in a bank that is there."""
    if mode not in ("restore", "merge"):
        raise RequestError(f"Invalid mode '{mode}' (expected restore|merge)")
    if document_conflict not in _CONFLICTS:
        raise RequestError(f"Invalid document_conflict '{document_conflict}' (expected skip|replace|new-id)")
    flags = (include_data, include_bank_config, include_history)
    if mode == "restore":
        wanted = tuple(
            default if flag is None else flag for flag, default in zip(flags, (True, True, False), strict=True)
        )
        _something("import", *wanted)
        return BankTransferSubmitResponse(operation_id=_restore(request, bank_id, file.file, target_bank_id, wanted))
    if target_bank_id:
        raise RequestError("target_bank_id is only valid in restore mode; merge imports into {bank_id}")
    if any(flag is not None for flag in flags):
        raise RequestError(
            "include_data / include_bank_config / include_history apply to mode=restore; a merge imports the archive's "
            "documents only"
        )
    return BankTransferSubmitResponse(operation_id=_merge(request, bank_id, file.file, document_conflict))


@router.post(
    _BANK + "/clone", operation_id="clone_bank", tags=["Bank Transfer"], status_code=202, **partly(_NO_HISTORY)
)
def clone_bank(
    room: AdminRoom,
    caller: TheCaller,
    target_bank_id: Annotated[str, Query(description="Bank to create; must not already exist")],
    include_data: Data = True,
    include_bank_config: Config = True,
    include_history: History = False,
) -> BankTransferSubmitResponse:
    """Have a bank copied into a new one, which goes its own way from then on."""
    _something("clone", include_data, include_bank_config, include_history)
    if target_bank_id == room.id:
        raise RequestError("A bank cannot be cloned onto itself; choose a different target_bank_id")
    target = _reserve(room.tenant, caller, target_bank_id, "clone")
    payload = {"target": target.uid, "scope": _scope(include_data, include_bank_config)}
    with _given_back(target):
        submitted = operations.submit(room, "clone_bank", payload, metadata={"target_bank_id": target.id})
    return BankTransferSubmitResponse(operation_id=submitted.id)


def _export(
    room: Room,
    kind: str,
    documents: list[str] | None,
    *,
    data: bool = True,
    knowledge_base: bool,
    bank_config: bool,
) -> str:
    payload = {
        "key": files.new_key(),
        "scope": {"data": data, "knowledge_base": knowledge_base, "bank_config": bank_config},
        "document_ids": list(documents) if documents else None,
    }
    return operations.submit(room, kind, payload).id


def _merge(request: Request, bank_id: str, source: BinaryIO, conflict: str) -> str:
    caller_of(request).demand("admin")
    _checked(source)
    room = room_to_make(request, bank_id)
    payload = {"key": files.receive(room, source, "transfer.zip"), "on_conflict": conflict}
    return operations.submit(room, "import_documents", payload).id


def _restore(
    request: Request, bank_id: str, source: BinaryIO, target_bank_id: str | None, wanted: tuple[bool, ...]
) -> str:
    """Restore into a bank that is made now. Where that is the bank of the path itself, it need not be there."""
    caller = caller_of(request)
    caller.demand("admin")
    archive_of = _checked(source, whole=True)
    name = target_bank_id or archive_of
    try:
        room: Room | None = room_to_admin(request, bank_id)
    except UnknownBankError:
        if name != bank_id:
            raise
        room = None
    target = _reserve(house_of(request).tenant(caller.tenant), caller, name, "bank restore")
    room = room or target
    with _given_back(target):
        payload = {
            "key": files.receive(room, source, "transfer.zip"),
            "target": target.uid,
            "scope": _scope(wanted[0], wanted[1]),
        }
        return operations.submit(room, "import_bank", payload, metadata={"target_bank_id": target.id}).id


@contextmanager
def _given_back(target: Room) -> Iterator[None]:
    """A bank that was reserved goes away again where what it was for is not accepted."""
    try:
        yield
    except ThreadlineError:
        target.tenant.remove(target.id)
        raise


def _checked(source: BinaryIO, *, whole: bool = False) -> str:
    """Look at what was sent before it is accepted; returns the bank that it is of."""
    with Archive(source) as archive:
        if whole and not archive.is_bank:
            kind = archive.manifest.get("archive_type", "documents")
            raise RequestError(f"Not a whole-bank archive (archive_type={kind!r}); use import_documents instead")
        name = archive.source
    source.seek(0)
    return name


def _reserve(tenant: Tenant, caller: Caller, target: str, noun: str) -> Room:
    if not caller.sees(target):
        raise AccessError(f"This key is for other banks: it may not make bank '{target}'.", status=403)
    return transferring.reserve(tenant, target, noun)


def _scope(data: bool, bank_config: bool) -> dict[str, bool]:
    return {"data": data, "knowledge_base": data, "bank_config": bank_config}


def _something(verb: str, *wanted: bool) -> None:
    if not any(wanted):
        raise RequestError(f"Nothing to {verb}: set at least one of include_data, include_bank_config, include_history")
