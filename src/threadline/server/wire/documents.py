"""Documents: what memories were made of."""

from __future__ import annotations

from typing import Annotated, Any, cast, get_args

from fastapi import APIRouter, Query

from threadline.documents import MemoryType
from threadline.engine.store.sources import Chunk, Document, DocumentTime, Event
from threadline.errors import RequestError, UnknownItemError
from threadline.server import browsing
from threadline.server.access import ReadRoom, WriteRoom
from threadline.server.chunks import chunk_id
from threadline.server.house import Room
from threadline.server.wire.base import WireRoute, partly, same
from threadline.server.wire.queries import EndDate, FewLimit, Limit, Offset, StartDate, iso, span, tags_of
from threadline.server.wire.shapes.documents import (
    ChunkResponse,
    DeleteDocumentResponse,
    DocumentEvent,
    DocumentEventKind,
    DocumentHistoryResponse,
    DocumentListItem,
    DocumentResponse,
    ListChunksResponse,
    ListDocumentsResponse,
    ReprocessDocumentResponse,
    UpdateDocumentRequest,
    UpdateDocumentResponse,
)
from threadline.server.wire.shapes.filters import QueryTags, QueryTagsMatch
from threadline.session.checks import check_id

router = APIRouter(route_class=WireRoute, tags=["Documents"])

_PATH = "/v1/default/banks/{bank_id}/documents"
_ONE = _PATH + "/{document_id:path}"


@router.get(_PATH, operation_id="list_documents", summary="List documents", **same())
def list_documents(
    room: ReadRoom,
    q: Annotated[str | None, Query(description="What their id or their text has in it, in any case.")] = None,
    tags: QueryTags = None,
    tags_match: QueryTagsMatch = "any_strict",
    time_field: Annotated[DocumentTime | None, Query(description="The time to order by, and of the window.")] = None,
    start_date: StartDate = None,
    end_date: EndDate = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> ListDocumentsResponse:
    """List documents, those written last first. Sessions are among them."""
    window = span(limit, offset, start_date, end_date)
    page = browsing.sources(room).page(
        window, text=q or None, tags=tags_of(tags, tags_match, None), time_field=time_field
    )
    return ListDocumentsResponse(
        items=[_listed(room, document) for document in page.items], total=page.total, limit=limit, offset=offset
    )


@router.get(_ONE + "/chunks", operation_id="list_document_chunks", summary="List document chunks", **same())
def list_document_chunks(
    room: ReadRoom, document_id: str, limit: FewLimit = 100, offset: Offset = 0
) -> ListChunksResponse:
    """List the chunks of a document, in order; of a session its turns."""
    page = browsing.sources(room).chunks(document_id, span(limit, offset))
    if page is None:
        raise _unknown()
    return ListChunksResponse(
        items=[shown_chunk(room, chunk) for chunk in page.items], total=page.total, limit=limit, offset=offset
    )


@router.get(
    _ONE + "/history",
    operation_id="get_document_history",
    summary="Get document change history",
    **partly("also what changed without an operation; it goes with its document, and counts changes"),
)
def get_document_history(
    room: ReadRoom, document_id: str, limit: FewLimit = 100, offset: Offset = 0
) -> DocumentHistoryResponse:
    """What happened to a document, the latest first."""
    page = browsing.sources(room).events(document_id, span(limit, offset))
    return DocumentHistoryResponse(
        document_id=document_id,
        total=page.total,
        limit=limit,
        offset=offset,
        items=[_happened(document_id, event) for event in page.items],
    )


@router.post(
    _ONE + "/reprocess",
    operation_id="reprocess_document",
    summary="Reprocess document",
    **partly("memories are cut from the text, and extracted by no language model"),
)
def reprocess_document(room: WriteRoom, document_id: str) -> ReprocessDocumentResponse:
    """Make the memories of a document again from its text, in the background; what was edited by hand goes."""
    submitted = browsing.reprocess(room, document_id)
    return ReprocessDocumentResponse(success=True, operation_id=submitted.id, items_count=1)


@router.get(_ONE, operation_id="get_document", summary="Get document details", **same())
def get_document(room: ReadRoom, document_id: str) -> DocumentResponse:
    """A document with its text."""
    document = browsing.find_document(room, document_id)
    return DocumentResponse(
        id=document.id,
        bank_id=room.id,
        original_text=browsing.sources(room).text(document_id),
        content_hash=document.hash,
        created_at=iso(document.created_at) or "",
        updated_at=iso(document.updated_at) or "",
        memory_unit_count=sum(document.memories.values()),
        nodes_by_fact_type={kind: document.memories.get(kind, 0) for kind in get_args(MemoryType)},
        tags=list(document.tags),
        document_metadata=dict(document.metadata) or None,
        retain_params=dict(document.params) or None,
        observation_scopes=cast(Any, document.params.get("observation_scopes")),
    )


@router.patch(
    _ONE,
    operation_id="update_document",
    summary="Update document",
    **partly("observation scopes are kept for when there are observations"),
)
def update_document(room: WriteRoom, document_id: str, body: UpdateDocumentRequest) -> UpdateDocumentResponse:
    """Give a document and its memories other tags, without making them again."""
    if body.tags is None and body.observation_scopes is None:
        raise RequestError("At least one field (tags, observation_scopes) must be provided", status=422)
    tags = None if body.tags is None else [check_id(tag, "tag") for tag in body.tags]
    scopes = body.observation_scopes
    for tag in (tag for scope in scopes for tag in scope) if isinstance(scopes, list) else ():
        check_id(tag, "tag")
    params = {} if scopes is None else {"observation_scopes": cast(Any, scopes)}
    if not room.shelf.retag(document_id, tags, params):
        raise _unknown()
    return UpdateDocumentResponse()


@router.delete(_ONE, operation_id="delete_document", summary="Delete a document", **same())
def delete_document(room: WriteRoom, document_id: str) -> DeleteDocumentResponse:
    """Delete a document with all of its memories; a session is forgotten by the journal, too."""
    deleted = browsing.delete_document(room, document_id)
    return DeleteDocumentResponse(
        success=True,
        message=f"Document '{document_id}' and {deleted} associated memory units deleted successfully",
        document_id=document_id,
        memory_units_deleted=deleted,
    )


def shown_chunk(room: Room, chunk: Chunk) -> ChunkResponse:
    """A chunk as the wire has it."""
    return ChunkResponse(
        chunk_id=chunk_id(room.id, chunk.document, chunk.index),
        document_id=chunk.document,
        bank_id=room.id,
        chunk_index=chunk.index,
        chunk_text=chunk.text,
        created_at=iso(chunk.created_at) or "",
    )


def _unknown() -> UnknownItemError:
    return UnknownItemError("Document not found")


def _listed(room: Room, document: Document) -> DocumentListItem:
    return DocumentListItem(
        id=document.id,
        bank_id=room.id,
        content_hash=document.hash,
        created_at=iso(document.created_at) or "",
        updated_at=iso(document.updated_at) or "",
        text_length=document.length,
        memory_unit_count=sum(document.memories.values()),
        retain_params=dict(document.params) or None,
        document_metadata=dict(document.metadata) or None,
        tags=list(document.tags),
        matched_fields=list(document.matched),
    )


def _happened(document_id: str, event: Event) -> DocumentEvent:
    details = cast("dict[str, Any]", event.details)
    return DocumentEvent(
        document_id=document_id,
        kind=DocumentEventKind(event.kind),
        created_at=(iso(event.happened_at) or "").replace("+00:00", "Z"),
        operation_id=details.get("operation_id"),
        fact_id=details.get("fact_id"),
        facts_added=details.get("facts_added", 0),
        facts_removed=details.get("facts_removed", 0),
    )
