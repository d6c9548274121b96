"""Batches as Hindsight's documents, and Hindsight's memories as Threadline's. Plain functions of their arguments.

Each batch is a document of its own, under an id that is the same in every attempt: writing it again overwrites it. What
it was made from stands in its metadata, which the server hands back with every memory; so it is known of each memory
which turns it tells of, and a recall leaves out exactly what its scope does not see.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from threadline.backends.filters import passes
from threadline.backends.hindsight.options import HindsightOptions
from threadline.documents import Batch, MemoryType, Passage, Query, Reason, Recalled, Scope, Span
from threadline.engine.models.wordpiece import count_tokens
from threadline.turns import Json

#: Where a memory comes from, in the metadata of its document.
DOCUMENT, TURNS = "threadline_document", "threadline_turns"

#: Our names of an identity's parts, and those that Hindsight's integrations use.
_NAMES = {"user": "user_id", "chat": "chat_id", "thread": "thread_id", "agent": "agent_identity"}
_OURS = {theirs: ours for ours, theirs in _NAMES.items()}
_ADDED = {DOCUMENT, TURNS, "session_id", "retained_at", "message_count", "turn_index", "source"}
_NAMESPACE = uuid.UUID("2f0d4e5e-8f43-5d8a-9f5e-3f0c1b7a6d21")
#: A recall asks for this many times its budget where a part of what comes back may lie outside its scope.
_MARGIN = 4
_LONGEST_BANK = 192  # bytes; as the server has it


def bank_id(bank: str) -> str:
    """A bank's name as Hindsight takes it: slashes, dots alone, a leading `_` and long names will not do there."""
    escaped = bank.replace("%", "%25").replace("/", "%2F").replace("\\", "%5C")
    if not escaped.strip("."):
        escaped = escaped.replace(".", "%2E")
    if escaped.startswith("_"):
        escaped = f"%5F{escaped[1:]}"
    if len(escaped.encode()) <= _LONGEST_BANK:
        return escaped
    return f"{escaped[:40]}%{uuid.uuid5(_NAMESPACE, bank).hex}"


def document_id(document: str, first: int) -> str:
    """The id of a batch's document."""
    return f"{document}#{first}" if document.startswith("session:") else document


def is_of(name: str, document: str) -> bool:
    """Whether a document of this id holds a batch of the document."""
    stem, mark, number = name.rpartition("#")
    return name == document or (mark == "#" and number.isdigit() and stem == document)


def is_ours(name: str) -> bool:
    """Whether a document of this id was written by Threadline, and not by another program that shares the bank."""
    return re.fullmatch(r"session:.+#\d+|note:.+", name, re.DOTALL) is not None


def operation_id(bank: str, item: Mapping[str, Any]) -> str:
    """The same for the same write, also from another process or after a crash; another for other contents."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps([bank, item], sort_keys=True, ensure_ascii=False)))


def to_item(batch: Batch, options: HindsightOptions) -> dict[str, Any]:
    """A batch as an item of Hindsight's retain. Nothing in it differs from one attempt to the next."""
    item: dict[str, Any] = {
        "content": _content(batch),
        "document_id": document_id(batch.document, batch.first),
        "context": batch.context or options.context,
        "timestamp": batch.passages[0].occurred_at.isoformat(),
        "tags": _tags(batch),
        "metadata": _metadata(batch, options),
    }
    if options.observation_scopes is not None:
        scopes = options.observation_scopes
        item["observation_scopes"] = scopes if isinstance(scopes, str) else [list(tags) for tags in scopes]
    return item


def _content(batch: Batch) -> str:
    """A list of messages: Hindsight cuts it between them, never within one that fits."""
    if not batch.document.startswith("session:"):
        return "\n".join(passage.text for passage in batch.passages)
    return json.dumps([_message(passage) for passage in batch.passages], ensure_ascii=False)


def _message(passage: Passage) -> dict[str, Json]:
    message: dict[str, Json] = {
        "turn": passage.turn,
        "role": passage.role,
        "content": passage.text,
        "timestamp": passage.occurred_at.isoformat(),
    }
    if passage.speaker is not None:
        message["name"] = passage.speaker
    if passage.ref is not None:
        message["ref"] = passage.ref
    return message


def _tags(batch: Batch) -> list[str]:
    added = [session_tag(batch.session)] if batch.session is not None else []
    if batch.parent is not None:
        added.append(f"parent:{batch.parent}")
    return list(dict.fromkeys([*added, *batch.tags]))


def session_tag(session: str) -> str:
    """The tag of everything that belongs to a session."""
    return f"session:{session}"


def _metadata(batch: Batch, options: HindsightOptions) -> dict[str, str]:
    """Hindsight's metadata are texts. Its own names win where the user's are the same."""
    metadata = {
        _NAMES.get(name, name): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in batch.metadata.items()
        if name != "session"
    }
    turns = sorted({passage.turn for passage in batch.passages})
    metadata[DOCUMENT] = batch.document
    metadata[TURNS] = ",".join(map(str, turns))
    metadata["retained_at"] = batch.retained_at.isoformat()
    metadata["message_count"] = str(len(batch.passages))
    metadata["turn_index"] = str(batch.last)
    if batch.session is not None:
        metadata["session_id"] = batch.session
    if options.source is not None:
        metadata["source"] = options.source
    return metadata


def to_request(query: Query, options: HindsightOptions) -> dict[str, Any]:
    """A query as Hindsight's recall. The scope is narrowed to its sessions here, and to its turns afterwards."""
    scoped = query.scope.documents is not None or bool(query.scope.hidden)
    request: dict[str, Any] = {
        "query": query.text,
        "budget": options.budget if query.budget is None else query.budget,
        "max_tokens": query.max_tokens * (_MARGIN if scoped else 1),
        "include_source_facts": True,
    }
    types = query.types or options.types
    if types:
        request["types"] = list(types)
    if query.asked_at is not None:
        request["query_timestamp"] = query.asked_at.isoformat()
    groups: list[dict[str, Any]] = []
    sessions = _sessions(query.scope)
    if sessions:
        groups.append({"tags": sessions, "match": "any_strict"})
    if query.tags is not None:
        groups.append(query.tags.as_group())
    if groups:
        request["tag_groups"] = groups
    return request


def _sessions(scope: Scope) -> list[str]:
    """The tags of a scope's sessions. Its notes carry the tag of theirs."""
    if scope.documents is None:
        return []
    return [document for document in scope.documents if document.startswith("session:")]


@dataclass(frozen=True, slots=True)
class _Source:
    """What a memory was made from."""

    document: str
    turns: frozenset[int]


def sources(result: Mapping[str, Any], facts: Mapping[str, Mapping[str, Any]]) -> list[_Source] | None:
    """Which turns a memory tells of; None where that cannot be told, as of what another program wrote."""
    if result.get("type") == "observation" or result.get("source_fact_ids"):
        made_from = [facts.get(fact) for fact in result.get("source_fact_ids") or ()]
        found = [None if fact is None else _source(fact) for fact in made_from]
        return None if not found or None in found else [source for source in found if source is not None]
    source = _source(result)
    return None if source is None else [source]


def _source(result: Mapping[str, Any]) -> _Source | None:
    metadata = result.get("metadata") or {}
    document, turns = metadata.get(DOCUMENT), metadata.get(TURNS)
    if not document or not turns:
        return None
    told = {message["turn"] for message in _messages(result)} or {int(turn) for turn in str(turns).split(",")}
    return _Source(str(document), frozenset(told))


def is_seen(result: Mapping[str, Any], facts: Mapping[str, Mapping[str, Any]], scope: Scope) -> bool:
    """Whether a recall of this scope may return a memory: all that it tells of must lie within.

    What another program wrote to the bank is the bank's: it is seen where the whole bank is.
    """
    found = sources(result, facts)
    if found is None:
        return scope.documents is None and not result.get("source_fact_ids") and result.get("type") != "observation"
    return all(_within(scope, source) for source in found)


def _within(scope: Scope, source: _Source) -> bool:
    if scope.documents is None:
        return not source.turns & scope.hidden.get(source.document, frozenset())
    span: Span | None = scope.documents.get(source.document)
    if span is None:
        return False
    return not source.turns & span.hidden and (span.last_turn is None or max(source.turns) <= span.last_turn)


def to_recalled(results: Sequence[Mapping[str, Any]], query: Query) -> list[Recalled]:
    """Hindsight's memories as Threadline's, within the query's budget and limit."""
    memories = [_recalled(rank, result) for rank, result in enumerate(results, start=1)]
    counts = count_tokens([memory.text for memory in memories])
    found: list[Recalled] = []
    left = query.max_tokens
    for memory, tokens in zip(memories, counts, strict=True):
        if tokens <= left and len(found) < query.limit and passes(query, memory):
            found.append(replace(memory, tokens=tokens))
            left -= tokens
    return found


def _recalled(rank: int, result: Mapping[str, Any]) -> Recalled:
    metadata = {str(name): value for name, value in (result.get("metadata") or {}).items()}
    source = _source(result)
    document = source.document if source else str(result.get("document_id") or "")
    messages = _messages(result)
    scores = result.get("scores") or {}
    said = document.startswith("session:") and source is not None
    one = messages[0] if len(messages) == 1 else {}
    session = metadata.get("session_id")
    return Recalled(
        text=_text(messages) if messages else str(result["text"]),
        role=str(one.get("role") or ("note" if document.startswith("note:") else str(result.get("type") or "memory"))),
        speaker=one.get("name"),
        occurred_at=_time(one.get("timestamp") or result.get("occurred_start") or result.get("mentioned_at")),
        document=document,
        session=str(session) if session else None,
        turn=min(source.turns) if said and source else None,
        position=0,
        ref=one.get("ref"),
        tags=_own_tags(result, session),
        metadata={_OURS.get(name, name): value for name, value in metadata.items() if name not in _ADDED}
        | ({"session": session} if session else {}),
        score=float(scores.get("final") or 1.0 / rank),
        why=_reasons(rank, scores),
        tokens=0,
        type=_type(result.get("type"), one.get("role")),
    )


def _type(fact: object, role: object) -> MemoryType:
    """A piece of our own document is of its speaker's type; what the server extracted says its own."""
    if role is not None:
        return "experience" if role == "assistant" else "world"
    return "observation" if fact == "observation" else "experience" if fact == "experience" else "world"


def _messages(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages of a memory that is a piece of our own document, word for word; none of one that was extracted."""
    text = str(result.get("text") or "")
    if not text.startswith("[{"):
        return []
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return found if all(isinstance(part, dict) and {"turn", "role", "content"} <= part.keys() for part in found) else []


def _text(messages: Sequence[Mapping[str, Any]]) -> str:
    if len(messages) == 1:
        return str(messages[0]["content"])
    return "\n".join(f"{message.get('name') or message['role']}: {message['content']}" for message in messages)


def _own_tags(result: Mapping[str, Any], session: object) -> tuple[str, ...]:
    """The tags without those that `_tags` added."""
    tags = [str(tag) for tag in result.get("tags") or ()]
    return tuple(tag for tag in tags if tag != f"session:{session}" and not tag.startswith("parent:"))


def _reasons(rank: int, scores: Mapping[str, Any]) -> tuple[Reason, ...]:
    channels = (("words", "keyword"), ("meaning", "semantic"))
    return tuple(Reason(ours, rank, float(score)) for ours, theirs in channels if (score := scores.get(theirs)))


def _time(text: object) -> datetime:
    if isinstance(text, str):
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return datetime.now(UTC)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return datetime.now(UTC)
