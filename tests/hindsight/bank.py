"""What a Hindsight server holds of one bank, and how it makes memories of documents without a language model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CHUNK = 3_000


@dataclass(slots=True)
class Document:
    """A document with its tags and metadata as they were given last; a text appended is a part of its own."""

    parts: list[str]
    tags: list[str]
    metadata: dict[str, str]
    context: str | None
    timestamp: str | None
    written: int

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.parts)

    @property
    def chunks(self) -> list[str]:
        """What becomes a memory each."""
        return [chunk for part in self.parts for chunk in chunks(part)]


@dataclass(slots=True)
class Bank:
    """One bank."""

    documents: dict[str, Document] = field(default_factory=dict)
    missions: dict[str, Any] = field(default_factory=dict)
    writes: int = 0

    def write(self, item: Mapping[str, Any], name: str, append: bool) -> None:
        """Replace a document, or append to it; tags and metadata are those of this item alone."""
        parts = [str(item["content"])]
        before = self.documents.get(name)
        if append and before is not None:
            parts = _joined(before.parts, parts[0])
        self.writes += 1
        self.documents[name] = Document(
            parts=parts,
            tags=list(item.get("tags") or ()),
            metadata=dict(item.get("metadata") or {}),
            context=item.get("context"),
            timestamp=item.get("timestamp"),
            written=self.writes,
        )

    def memories(self, bank: str) -> list[dict[str, Any]]:
        """Every memory, as a recall tells it."""
        return [
            {
                "id": f"{bank}/{name}/{number}",
                "text": text,
                "type": "world",
                "entities": None,
                "context": document.context or "",
                "occurred_start": None,
                "occurred_end": None,
                "mentioned_at": document.timestamp,
                "document_id": name,
                "metadata": document.metadata,
                "chunk_id": f"{bank}_{name}_{number}",
                "tags": document.tags,
                "source_fact_ids": None,
                "attachments": None,
            }
            for name, document in self.documents.items()
            for number, text in enumerate(document.chunks)
        ]

    def recall(self, bank: str, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The memories that share a word with the query, the most words first."""
        wanted = words(request["query"])
        found = []
        for memory in self.memories(bank):
            share = len(wanted & words(memory["text"])) / len(wanted)
            if share and _passes(memory, request):
                scores = {"final": share, "reranker": None, "semantic": None, "keyword": share}
                found.append({**memory, "scores": scores})
        found.sort(key=lambda memory: -memory["scores"]["final"])
        left = int(request.get("max_tokens") or 4096)
        kept = []
        for memory in found:
            left -= len(memory["text"]) // 4
            if left < 0:
                break
            kept.append(memory)
        return kept


def chunks(text: str) -> list[str]:
    """A list of messages is cut between its messages, other text after so many characters."""
    parts = _array(text)
    if parts is None:
        return [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    found: list[list[Any]] = []
    for part in parts:
        if found and len(json.dumps([*found[-1], part], ensure_ascii=False)) <= CHUNK:
            found[-1].append(part)
        else:
            found.append([part])
    return [json.dumps(part, ensure_ascii=False) for part in found]


def words(text: str) -> set[str]:
    """The words of a text, in lower case."""
    return set(re.findall(r"\w+", text.casefold()))


def match_tags(have: Sequence[str], wanted: Sequence[str], mode: str) -> bool:
    """Hindsight's five ways to match tags."""
    held, asked = set(have), set(wanted)
    match mode:
        case "any":
            return not held or bool(held & asked)
        case "all":
            return not held or asked <= held
        case "any_strict":
            return bool(held & asked)
        case "all_strict":
            return bool(held) and asked <= held
        case "exact":
            return held == asked
    raise ValueError(mode)


def match_group(have: Sequence[str], group: Mapping[str, Any]) -> bool:
    """A leaf of tags, or `and`, `or`, `not` of others."""
    if "and" in group:
        return all(match_group(have, one) for one in group["and"])
    if "or" in group:
        return any(match_group(have, one) for one in group["or"])
    if "not" in group:
        return not match_group(have, group["not"])
    return match_tags(have, group["tags"], group.get("match") or "any_strict")


def _passes(memory: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    types = request.get("types")
    if types and memory["type"] not in types:
        return False
    tags, mode = request.get("tags") or (), request.get("tags_match") or "any"
    if (tags or mode == "exact") and not match_tags(memory["tags"], tags, mode):
        return False
    return all(match_group(memory["tags"], group) for group in request.get("tag_groups") or ())


def _joined(before: list[str], after: str) -> list[str]:
    """Lists of messages become one; other texts stay apart."""
    one, other = _array("\n".join(before)), _array(after)
    if one is not None and other is not None:
        return [json.dumps([*one, *other], ensure_ascii=False)]
    return [*before, after]


def _array(text: str) -> list[Any] | None:
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None
