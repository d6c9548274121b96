"""Files: those that are sent to be retained, and those that are fetched."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Response, UploadFile
from fastapi.responses import FileResponse
from pydantic import ValidationError

from threadline.errors import RequestError, UnknownItemError
from threadline.server import configuring, converting, files, operations
from threadline.server.access import MakeRoom, ReadRoom, ReadTenant, TheCaller
from threadline.server.house import Room
from threadline.server.retaining import screen
from threadline.server.wire.base import WireRoute, partly, same
from threadline.server.wire.shapes.retain import MemoryItem
from threadline.server.wire.shapes.transfer import FileRetainMetadata, FileRetainRequest, FileRetainResponse

router = APIRouter(route_class=WireRoute)

#: As many files may be sent at once, of so many bytes together.
MOST_FILES = 10
MOST_BYTES = 100 << 20

_BYTES = {"type": "string", "format": "binary"}


@router.post(
    "/v1/default/banks/{bank_id}/files/retain",
    operation_id="file_retain",
    tags=["Files"],
    **partly("text, Markdown, CSV, JSON, XML and HTML are read; the operation of any other file fails and says so"),
)
def file_retain(
    room: MakeRoom,
    sent: Annotated[list[UploadFile], File(alias="files", description="Files to upload and convert")],
    request: Annotated[str, Form(description="JSON string with FileRetainRequest model")],
) -> FileRetainResponse:
    """Retain what files say, each as a document. Answered: the files are kept, and each has an operation."""
    asked = _asked(request)
    if len(sent) > MOST_FILES:
        raise RequestError(f"Too many files. Maximum {MOST_FILES} files per request.")
    told = asked.files_metadata or [FileRetainMetadata() for _ in sent]
    if len(told) != len(sent):
        raise RequestError(f"files_metadata count ({len(told)}) must match files count ({len(sent)})")
    _check_parser(asked.parser, "request-level parser")
    for file, each in zip(sent, told, strict=True):
        _check_parser(each.parser, f"file '{file.filename}'")
    size = sum(file.size or 0 for file in sent)
    if size > MOST_BYTES:
        raise RequestError(f"Total batch size ({size / (1 << 20):.1f}MB) exceeds maximum of {MOST_BYTES >> 20}MB")
    items = [_item(room, each) for each in told]  # all of them can be used, or none is accepted
    accepted = [
        operations.submit(
            room,
            "file_convert_retain",
            {
                "key": files.receive(room, file.file, file.filename or "file"),
                "media_type": file.content_type or "application/octet-stream",
                "item": item,
            },
            metadata={"original_filename": file.filename, "document_id": item["document"]},
        )
        for file, item in zip(sent, items, strict=True)
    ]
    return FileRetainResponse(operation_ids=[each.id for each in accepted])


@router.get(
    "/v1/default/files/download/{key:path}",
    operation_id="download_file",
    tags=["Document Transfer"],
    response_class=Response,
    responses={200: {"content": {"application/zip": {"schema": _BYTES}}, "description": "Stored file"}},
    **same(),
)
def download_file(key: str, tenant: ReadTenant, caller: TheCaller) -> Response:
    """Fetch an archive. It is kept for a day."""
    caller.demand("admin")  # there is everything of a bank in it
    row, path = files.find(tenant, key)
    room = tenant.room_of(row.bank)
    if room is None or not caller.sees(room.id) or row.kind != "export":
        raise UnknownItemError("File not found")
    return FileResponse(path, media_type="application/zip", filename=row.name)


@router.get(
    "/v1/default/banks/{bank_id}/attachments/{attachment_id}",
    operation_id="get_bank_attachment",
    tags=["Memory"],
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": _BYTES}}, "description": "Attachment bytes"}},
    **partly("there are none: an image or a file in what is retained is refused, for it takes a language model to see"),
)
def get_bank_attachment(room: ReadRoom, attachment_id: str) -> Any:  # noqa: ARG001 - there is none
    """Fetch an attachment of a bank."""
    raise UnknownItemError("Attachment not found")


def _asked(request: str) -> FileRetainRequest:
    try:
        return FileRetainRequest.model_validate_json(request)
    except ValidationError as error:
        raise RequestError(f"Invalid request JSON: {configuring.problems(error)}") from error


def _check_parser(named: str | Sequence[str] | None, where: str) -> None:
    names = [named] if isinstance(named, str) else list(named or ())
    unknown = [name for name in names if name not in converting.PARSERS]
    if unknown:
        raise RequestError(f"Parser(s) not available ({where}): {unknown}. Available: {list(converting.PARSERS)}")


def _item(room: Room, told: FileRetainMetadata) -> dict[str, Any]:
    """What is said of a file, as the item that it becomes."""
    try:
        item = MemoryItem(
            content=".",
            timestamp=told.timestamp,
            context=told.context,
            metadata=told.metadata,
            document_id=told.document_id or f"file_{uuid.uuid4()}",
            tags=told.tags,
            strategy=told.strategy,
        )
    except ValidationError as error:
        raise RequestError(f"Invalid request JSON: {configuring.problems(error)}") from error
    [screened] = screen(room, [item.retaining(None)])
    return screened.as_json()
