"""Tools of memories and documents. What they do is what the routes of the same names do."""

from __future__ import annotations

import json
import secrets
from typing import Annotated, Any, Literal

from threadline.server import operations
from threadline.server.house import Room
from threadline.server.mcp.tools import said, tool
from threadline.server.retaining import placed, screen
from threadline.server.retaining import retain as store
from threadline.server.wire import documents, memories
from threadline.server.wire import recall as recalls
from threadline.server.wire import reflect as reflects
from threadline.server.wire import tags as listed_tags
from threadline.server.wire.base import WireShape
from threadline.server.wire.shapes.filters import TagsMatch
from threadline.server.wire.shapes.memories import UpdateMemoryRequest
from threadline.server.wire.shapes.recall import RecallRequest
from threadline.server.wire.shapes.reflect import ReflectRequest
from threadline.server.wire.shapes.retain import MemoryItem

_CONTENT = Annotated[str, said("What is to be remembered, with the details that make it understood alone.")]
_CONTEXT = Annotated[str, said("What it is about, such as 'work', 'preferences' or 'family'.")]
_WHEN = Annotated[str | None, said("When it happened: ISO 8601, such as '2026-01-15T10:30:00Z'; left out: now.")]
_TAGS = Annotated[list[str] | None, said("Tags; recall can be narrowed to them.")]
_METADATA = Annotated[dict[str, str] | None, said("Kept with it, such as {'source': 'mail'}.")]
_DOCUMENT = Annotated[str | None, said("The document it is of; left out: one of its own.")]
_STRATEGY = Annotated[str | None, said("A retain strategy of the bank's configuration.")]
_MATCH = Annotated[
    TagsMatch,
    said(
        "How tags are matched: 'any' or 'all' of them, where what has no tags passes too; 'any_strict' and "
        "'all_strict', where it does not; 'exact': these and no others."
    ),
]
_LIMIT = Annotated[int, said("The most that are returned.", ge=0)]
_OFFSET = Annotated[int, said("How many are passed over: to read on, as many as were read.", ge=0)]
_MEMORY = Annotated[str, said("The id of the memory, as recall and list_memories return it.")]
_DOCUMENT_ID = Annotated[str, said("The id of the document.")]


@tool("write", subject="made room")
def retain(
    room: Room,
    content: _CONTENT,
    context: _CONTEXT = "general",
    timestamp: _WHEN = None,
    tags: _TAGS = None,
    metadata: _METADATA = None,
    document_id: _DOCUMENT = None,
    strategy: _STRATEGY = None,
    update_mode: Annotated[
        str | None, said("'replace' (the default) what the document has, or 'append' to it.")
    ] = None,
) -> dict[str, Any]:
    """Remember something for good.

    Use it on your own account whenever the user says something about themselves, their people, plans, decisions,
    preferences or work that a later conversation could need. When this returns it is written, and will be recallable
    in a moment even if everything stops now; `operation_id` says which operation does it.
    """
    item = _item(content, context, timestamp, tags, metadata, document_id, strategy, update_mode)
    given = item.retaining(None)
    placed([given])  # what could never be stored is refused now
    [screened] = screen(room, [given])
    submitted = operations.submit(room, "batch_retain", {"items": [screened.as_json()]})
    return {"status": "accepted", "message": "Memory storage initiated", "operation_id": submitted.id}


@tool("write", subject="made room")
def sync_retain(
    room: Room,
    content: _CONTENT,
    context: _CONTEXT = "general",
    timestamp: _WHEN = None,
    tags: _TAGS = None,
    metadata: _METADATA = None,
    document_id: _DOCUMENT = None,
    strategy: _STRATEGY = None,
) -> dict[str, Any]:
    """Remember something for good, and wait for it: when this returns it can be recalled."""
    item = _item(content, context, timestamp, tags, metadata, document_id, strategy, None)
    (given,) = placed([item.retaining(None)])
    store(room, [given], key=f"mcp:{secrets.token_hex(16)}")
    listed = memories.list_memories(room, document_id=given.document)
    return {
        "status": "completed",
        "message": "Memory stored successfully",
        "document_id": given.document,
        "memory_ids": [each.id for each in listed.items],
    }


@tool("read")
def recall(
    room: Room,
    query: Annotated[str, said("What to look for, in plain words, such as 'what does the user like to eat'.")],
    max_tokens: Annotated[int, said("The most tokens that the texts may take together.")] = 4096,
    budget: Annotated[str, said("'low', 'mid' or 'high': how much time better answers may take.")] = "high",
    types: Annotated[
        list[str] | None, said("Only memories of these types: 'world' (what people said), 'experience' (what you did).")
    ] = None,
    prefer_observations: Annotated[bool | None, said("There are no observations: it changes nothing.")] = None,
    tags: Annotated[list[str] | None, said("Only memories with these tags; not together with tag_groups.")] = None,
    tags_match: _MATCH = "any",
    tag_groups: Annotated[
        list[dict[str, Any]] | None,
        said(
            'Conditions that must all hold: {"tags": [...], "match": "any_strict"}, or {"and": [...]}, {"or": [...]}, '
            '{"not": {...}} of such. Not together with tags.'
        ),
    ] = None,
    query_timestamp: Annotated[
        str | None, said("The moment from which 'yesterday' and 'last May' are seen: ISO 8601.")
    ] = None,
    min_scores: Annotated[
        dict[str, Any] | None, said("The least that scores may be: any of 'semantic', 'keyword', 'final'.")
    ] = None,
    temporal_window: Annotated[
        dict[str, Any] | None, said("A time whose memories rank higher: {'start': ISO, 'end': ISO}.")
    ] = None,
    include_chunks: Annotated[bool, said("Also the text around each memory, word for word.")] = False,
    max_chunk_tokens: Annotated[int, said("The most tokens of these texts.")] = 8192,
    include_entities: Annotated[bool, said("Also whom and what the memories are about.")] = False,
    max_entity_tokens: Annotated[int, said("The most tokens of that.")] = 500,
    include_source_facts: Annotated[bool, said("There are no observations: it changes nothing.")] = False,
    max_source_facts_tokens: Annotated[int, said("The most tokens of that.")] = 4096,
) -> dict[str, Any]:
    """Look something up in memory, best match first.

    Use it on your own account before you answer what may have been talked about before: what the user likes, has
    decided, plans or works on.
    """
    asked = RecallRequest.model_validate(
        {
            "query": query,
            "max_tokens": max_tokens,
            "budget": _budget(budget, "high"),
            "types": types,
            "prefer_observations": prefer_observations,
            "tags": tags,
            "tags_match": tags_match,
            "tag_groups": tag_groups,
            "query_timestamp": query_timestamp,
            "min_scores": min_scores,
            "temporal_window": temporal_window,
            "include": {
                "entities": {"max_tokens": max_entity_tokens} if include_entities else None,
                "chunks": {"max_tokens": max_chunk_tokens} if include_chunks else None,
                "source_facts": {"max_tokens": max_source_facts_tokens} if include_source_facts else None,
            },
        }
    )
    found: dict[str, Any] = json.loads(bytes(recalls.recall_memories(room, asked).body))
    return {name: _without_nulls(value) for name, value in found.items() if value is not None}


@tool("read")
def reflect(
    room: Room,
    query: Annotated[str, said("The question.")],
    context: Annotated[str | None, said("Why it is asked.")] = None,
    budget: Annotated[str, said("'low', 'mid' or 'high': how much time a better answer may take.")] = "low",
    max_tokens: Annotated[int, said("The most tokens of the answer.")] = 4096,
    response_schema: Annotated[dict[str, Any] | None, said("Needs a language model.")] = None,
    tags: Annotated[list[str] | None, said("Only from memories with these tags.")] = None,
    tags_match: _MATCH = "any",
    apply_all_directives: Annotated[bool, said("Directives are for a language model.")] = False,
    include_based_on: Annotated[bool, said("Also the memories that the answer is from.")] = False,
    include_trace: Annotated[bool, said("Also how it was found.")] = False,
) -> dict[str, Any]:
    """Have a question answered from all that memory has on it, in quotes: who said what, and when."""
    asked = ReflectRequest.model_validate(
        {
            "query": query,
            "context": context,
            "budget": _budget(budget, "low"),
            "max_tokens": max_tokens,
            "response_schema": response_schema,
            "tags": tags,
            "tags_match": tags_match,
            "apply_all_directives": apply_all_directives,
            "include": {
                "facts": {} if include_based_on else None,
                "tool_calls": {} if include_trace else None,
            },
        }
    )
    answer = reflects.reflect_on(room, asked).model_dump(mode="json", by_alias=True)
    return {name: _without_nulls(value) for name, value in answer.items() if value is not None}


@tool("read")
def list_memories(
    room: Room,
    type: Annotated[str | None, said("Only of a type: 'world', 'experience' or 'observation'.")] = None,  # noqa: A002
    q: Annotated[str | None, said("Only those with this text in them.")] = None,
    limit: _LIMIT = 100,
    offset: _OFFSET = 0,
    tags: Annotated[list[str] | None, said("Only those with these tags.")] = None,
    tags_match: _MATCH = "any",
) -> WireShape:
    """List memories, those said last first. To find what bears on a question use recall."""
    return memories.list_memories(room, type=type, q=q, limit=limit, offset=offset, tags=tags, tags_match=tags_match)


@tool("read")
def get_memory(room: Room, memory_id: _MEMORY) -> WireShape:
    """Show one memory with everything that is known of it."""
    return memories.get_memory(room, memory_id)


@tool("write")
def update_memory(
    room: Room,
    memory_id: _MEMORY,
    text: Annotated[str | None, said("What it says from now on.")] = None,
    context: Annotated[str | None, said("What it is about; '' takes that away.")] = None,
    occurred_start: Annotated[str | None, said("When it began: ISO 8601; '' takes it away.")] = None,
    occurred_end: Annotated[str | None, said("When it ended: ISO 8601; '' takes it away.")] = None,
    mentioned_at: Annotated[str | None, said("When it was said: ISO 8601; '' takes it away.")] = None,
    fact_type: Annotated[str | None, said("'world' or 'experience'.")] = None,
    entities: Annotated[list[str] | None, said("Whom or what it is about; [] for nothing.")] = None,
    resolve_entities: Annotated[bool, said("Names are taken as they are: it changes nothing.")] = True,
) -> WireShape:
    """Correct a memory. What is left out stays; it keeps its id, and is found by what it says now."""
    given = {
        "text": text,
        "context": context,
        "occurred_start": occurred_start,
        "occurred_end": occurred_end,
        "mentioned_at": mentioned_at,
        "fact_type": fact_type,
        "entities": entities,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return memories.update_memory(room, memory_id, UpdateMemoryRequest(**changes, resolve_entities=resolve_entities))


@tool("write", destroys=True)
def invalidate_memory(
    room: Room,
    memory_id: _MEMORY,
    reason: Annotated[str | None, said("Why it does not hold any more.")] = None,
    restore: Annotated[bool, said("Make it valid again.")] = False,
) -> WireShape:
    """Have a memory not recalled any more, because it is wrong or out of date; it is kept, and can be restored."""
    state = "valid" if restore else "invalidated"
    return memories.update_memory(room, memory_id, UpdateMemoryRequest(state=state, reason=reason))


@tool("write", destroys=True)
def clear_memories(
    room: Room,
    type: Annotated[str | None, said("Only those of a type; left out: all.")] = None,  # noqa: A002
) -> dict[str, Any]:
    """Delete all memories of the bank, or those of a type, for good. The bank stays, with what is set for it."""
    cleared = memories.clear_bank_memories(room, type)
    return {"status": "cleared", "bank_id": room.id, "deleted_count": cleared.deleted_count}


@tool("read")
def list_documents(
    room: Room,
    q: Annotated[str | None, said("Only those with this in their id or text.")] = None,
    limit: _LIMIT = 100,
    offset: _OFFSET = 0,
) -> WireShape:
    """List documents, those written last first. A document is what was retained under one id."""
    return documents.list_documents(room, q=q, limit=limit, offset=offset)


@tool("read")
def get_document(room: Room, document_id: _DOCUMENT_ID) -> WireShape:
    """Show a document with its whole text."""
    return documents.get_document(room, document_id)


@tool("write", destroys=True)
def delete_document(room: Room, document_id: _DOCUMENT_ID) -> dict[str, Any]:
    """Delete a document with all its memories, for good."""
    deleted = documents.delete_document(room, document_id)
    return {"status": "deleted", "document_id": document_id, "memory_units_deleted": deleted.memory_units_deleted}


@tool("read")
def list_tags(
    room: Room,
    q: Annotated[str | None, said("A pattern, such as 'project:*'.")] = None,
    limit: _LIMIT = 100,
    offset: _OFFSET = 0,
) -> WireShape:
    """List the tags of the bank with how often each is used, the most used first."""
    return listed_tags.list_tags(room, q=q, limit=limit, offset=offset)


def _item(
    content: str,
    context: str,
    timestamp: str | None,
    tags: list[str] | None,
    metadata: dict[str, str] | None,
    document_id: str | None,
    strategy: str | None,
    update_mode: str | None,
) -> MemoryItem:
    return MemoryItem.model_validate(
        {
            "content": content,
            "context": context,
            "timestamp": timestamp,
            "tags": tags,
            "metadata": metadata,
            "document_id": document_id,
            "strategy": strategy,
            "update_mode": update_mode,
        }
    )


def _budget(named: str, default: Literal["low", "high"]) -> str:
    """What is no budget counts as the default: a model that writes 'medium' wants an answer."""
    return named.lower() if named.lower() in ("low", "mid", "high") else default


def _without_nulls(value: Any) -> Any:
    """Without what says nothing: a model reads every word of it."""
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
