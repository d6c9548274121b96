"""A query's filters, for backends that look at one memory after another."""

from __future__ import annotations

from threadline.documents import Query, Recalled


def passes(query: Query, memory: Recalled) -> bool:
    """Whether a memory is of the tags, types and time that a query asks for. The scope is another matter."""
    if query.tags is not None and not query.tags.passes(frozenset(memory.tags)):
        return False
    if query.types and memory.type not in query.types:
        return False
    if query.since is not None and memory.occurred_at < query.since:
        return False
    return query.until is None or memory.occurred_at < query.until
