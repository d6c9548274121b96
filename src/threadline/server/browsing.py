"""What a server shows of a bank's documents and memories, and what it does to them: edit, make again, delete."""

from __future__ import annotations

import re
from typing import Any

from threadline.engine.store.listing import Listing
from threadline.engine.store.pages import Page, Span, folded
from threadline.engine.store.sources import Document, Sources
from threadline.errors import UnknownItemError
from threadline.server import operations, refreshing, retaining
from threadline.server.house import Room
from threadline.server.operations import Operation, Submitted
from threadline.server.retaining import Retaining
from threadline.server.store import mental_models

#: The operation that makes the memories of a document again.
REMAKE = "reprocess"


def listing(room: Room) -> Listing:
    """The memories, tags and entities of a bank, page by page."""
    return Listing(room.shelf)


def sources(room: Room) -> Sources:
    """The documents of a bank, without what its sessions took back."""
    return Sources(room.shelf, room.tenant.scope(room).hidden)


def model_tags(room: Room, pattern: str | None, span: Span) -> Page[tuple[str, int]]:
    """Tags with the number of mental models that carry each, the most used first.

    Args:
        pattern: `*` stands for anything, in whatever case.
    """
    parts = (folded(pattern) or "*").split("*")
    wanted = re.compile(".*".join(map(re.escape, parts)), re.DOTALL)
    counts = mental_models.tags(room.database, room.uid)
    found = [(tag, count) for tag, count in counts.items() if wanted.fullmatch(folded(tag) or "")]
    found.sort(key=lambda item: (-item[1], item[0]))
    return Page(tuple(found[span.offset : span.offset + span.limit]), len(found))


def find_document(room: Room, document: str) -> Document:
    """A document.

    Raises:
        UnknownItemError: there is no such document.
    """
    found = sources(room).get(document)
    if found is None:
        raise UnknownItemError("Document not found")
    return found


def delete_document(room: Room, document: str) -> int:
    """Delete a document with everything that was made of it, a session or a note in the journal too.

    Returns:
        How many memories it had.

    Raises:
        UnknownItemError: there is no such document.
    """
    memories = sum(find_document(room, document).memories.values())
    of_journal = room.shelf.of_journal(document)
    room.shelf.delete(document)
    operations.forget_document(room, document)
    if of_journal:
        with room.tenant.memory(room) as memory:
            memory.forget(document=document)
        room.engine.forget(document)  # also where the journal was replaced and does not know it
    refreshing.withdraw(room, {document}).renew(room)
    return memories


def clear(room: Room, kind: str | None) -> int:
    """Delete all memories of a bank, or those of a type; returns how many there were. The bank itself stays.

    Args:
        kind: `world`, `experience` or `observation`; None: all, with their documents and sessions.
    """
    if kind is not None:
        memories = room.shelf.clear(kind)
    else:
        memories = sum(listing(room).counts().memories.values())
        room.tenant.clear(room)
    refreshing.withdraw(room).renew(room)
    return memories


def reprocess(room: Room, document: str) -> Submitted:
    """Have the memories of a document made again from its text, as it was handed in; edits of them go.

    Raises:
        UnknownItemError: there is no such document.
    """
    find_document(room, document)
    return operations.submit(room, REMAKE, {"document": document}, metadata={"document_id": document})


def _remake(room: Room, operation: Operation) -> dict[str, Any]:
    """Make the memories of a document again; of one that was deleted meanwhile there are none."""
    document = str((operation.payload or {})["document"])
    if room.shelf.of_journal(document):
        return {"document_id": document, "unit_ids_count": room.engine.remake(document)}
    items = [
        Retaining(
            text=item.text(),
            document=document,
            occurred_at=item.occurred_at,
            timeless=bool(item.extra.get("timeless")),
            context=item.context,
            metadata=item.metadata,
            tags=item.tags,
            entities=item.entities,
            mode="append" if number else "replace",
            role=item.role,
            params=_params(item.extra.get("params")),
        )
        for number, item in enumerate(sources(room).items(document))
    ]
    retained = retaining.retain(room, items, key=f"operation:{operation.id}")
    return {"document_id": document, "unit_ids_count": retained.units}


operations.KINDS[REMAKE] = _remake


def _params(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
