"""Recall with the journal's eyes: the backend finds, the journal says what may be seen and whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from threadline.backends.probe import is_probe
from threadline.documents import Query, Recalled, Reflection, Scope
from threadline.errors import BackendUnavailableError, InputError, UnsupportedError
from threadline.journal.lineage import Kept
from threadline.journal.records import SessionRecord
from threadline.session.checks import check_tags, clean_text, is_count
from threadline.session.context import Context

#: The token budget of a recall that names none.
MAX_TOKENS = 4096


def check_query(query: str, max_tokens: int, limit: int) -> str:
    """The query, cleaned.

    Raises:
        InputError: it is not text, or a number is not positive.
    """
    for name, value in (("max_tokens", max_tokens), ("limit", limit)):
        if not is_count(value):
            raise InputError(f"{name} must be a whole number from 1, not {value!r}.")
    return clean_text(query, "query")


def recall_session(
    context: Context, session: SessionRecord, query: str, max_tokens: int, limit: int, tags: Sequence[str]
) -> list[Recalled]:
    """Recall what one session may see: its lineage up to each fork, without what was taken back."""
    scope = context.journal.session_scope(session)
    return _recall(context, Query(query, scope, max_tokens, limit, check_tags(tags)))


def recall_bank(context: Context, query: str, max_tokens: int, limit: int, tags: Sequence[str]) -> list[Recalled]:
    """Recall over the whole bank, without what was taken back everywhere.

    A turn that its own session took back, but a branch kept, is shown as the branch's.
    """
    scope, kept = context.journal.bank_scope(context.bank)
    found = _recall(context, Query(query, scope, max_tokens, limit, check_tags(tags)))
    still_there = context.journal.still_there(context.bank)
    seen = [one for one in found if still_there(one.document) and not is_probe(one.document)]
    return _as_kept(seen, kept)


def reflect_session(
    context: Context, session: SessionRecord, query: str, max_tokens: int, tags: Sequence[str]
) -> Reflection:
    """Have the backend answer from what one session may see.

    Raises:
        UnsupportedError: the backend does not reflect.
    """
    query = _check_reflection(context, query, max_tokens)
    return _reflect(context, Query(query, context.journal.session_scope(session), max_tokens, tags=check_tags(tags)))


def reflect_bank(context: Context, query: str, max_tokens: int, tags: Sequence[str]) -> Reflection:
    """Have the backend answer from the whole bank, without what was taken back everywhere.

    Raises:
        UnsupportedError: the backend does not reflect.
    """
    query = _check_reflection(context, query, max_tokens)
    scope, kept = context.journal.bank_scope(context.bank)
    answer = _reflect(context, Query(query, scope, max_tokens, tags=check_tags(tags)))
    if not all(map(context.journal.still_there(context.bank), (one.document for one in answer.memories))):
        raise BackendUnavailableError(
            "The answer stands on something that was forgotten and is still being removed; ask again once "
            "`threadline status` shows nothing on the way."
        )
    return replace(answer, memories=tuple(_as_kept(answer.memories, kept)))


def _recall(context: Context, query: Query) -> list[Recalled]:
    if query.scope == Scope(documents={}):
        return []
    return [_with_session(found) for found in context.backend.recall(context.bank.name, query)]


def _reflect(context: Context, query: Query) -> Reflection:
    answer = context.backend.reflect(context.bank.name, query)
    return replace(answer, memories=tuple(_with_session(found) for found in answer.memories))


def _check_reflection(context: Context, query: str, max_tokens: int) -> str:
    query = check_query(query, max_tokens, 1)
    if not context.backend.capabilities.reflects:
        raise UnsupportedError(
            f"The backend {context.backend.name} does not reflect; use recall, or a backend that does: hindsight."
        )
    return query


def _as_kept(found: Sequence[Recalled], kept: Sequence[Kept]) -> list[Recalled]:
    keepers = {(turn.document, turn.number): turn.session for turn in kept}
    return [replace(f, session=keepers.get((f.document, f.turn or 0), f.session)) for f in found]


def _with_session(found: Recalled) -> Recalled:
    """A note's document does not say whose it is; its metadata does."""
    session = found.metadata.get("session")
    return replace(found, session=session) if found.session is None and isinstance(session, str) else found
