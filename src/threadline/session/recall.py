"""Recall with the journal's eyes: the backend finds, the journal says what may be seen and whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict, get_args

from threadline.backends.probe import is_probe
from threadline.documents import Budget, Explained, MemoryType, Query, Recalled, Reflection, Scope, Wanted
from threadline.errors import BackendUnavailableError, InputError, UnsupportedError
from threadline.journal.lineage import Kept
from threadline.journal.records import SessionRecord
from threadline.session.checks import check_tags, clean_text, is_count
from threadline.session.context import Context
from threadline.tags import TagFilter, Tags

#: The token budget of a recall that names none.
MAX_TOKENS = 4096


class RecallOptions(TypedDict, total=False):
    """What can be said of a recall besides its query, the same everywhere.

    Attributes:
        max_tokens: the most tokens that the texts returned may take together; 4,096.
        limit: the most memories returned; 50.
        tags: only what carries all of these, or passes a filter made with `threadline.Tags`.
        types: only memories of these types: `world` (what people said), `experience` (what the agent said or did),
            `observation` (what a language model made of several).
        since, until: only what was said at this moment or later, or before that one.
        as_of: what was known at this moment: nothing recorded later is seen.
        asked_at: the moment from which "yesterday" and "in May" are seen; now.
        budget: `low`, `mid` or `high`: how much time it may take for better answers; `mid`.
        min_confidence: only memories that are as sure as this to bear on the query, from 0 to 1. Unset: where the
            answer was most likely never said, at most a few.
        outside_context: leave out what the host's model still holds word for word: the turns that the session sees
            since the last compression. Only a session's recall can; off.
    """

    max_tokens: int
    limit: int
    tags: Sequence[str] | TagFilter
    types: Sequence[MemoryType]
    since: datetime | None
    until: datetime | None
    as_of: datetime | None
    asked_at: datetime | None
    budget: Budget | None
    min_confidence: float | None
    outside_context: bool


def make_query(text: str, options: RecallOptions) -> Query:
    """A query of what a caller said, with the whole bank as its scope.

    Raises:
        InputError: one of it cannot be used.
    """
    unknown = options.keys() - RecallOptions.__annotations__.keys()
    if unknown:
        raise InputError(
            f"A recall has no option {sorted(unknown)[0]!r}; it has {', '.join(RecallOptions.__annotations__)}."
        )
    asked_at = options.get("asked_at") or options.get("as_of")
    return Query(
        clean_text(text, "query"),
        max_tokens=_count("max_tokens", options.get("max_tokens", MAX_TOKENS)),
        limit=_count("limit", options.get("limit", 50)),
        tags=_tags(options.get("tags", ())),
        types=_types(options.get("types", ())),
        since=_moment("since", options.get("since")),
        until=_moment("until", options.get("until")),
        asked_at=_moment("asked_at", asked_at),
        budget=_budget(options.get("budget")),
        min_confidence=_share("min_confidence", options.get("min_confidence")),
    )


def recall_session(context: Context, session: SessionRecord, text: str, options: RecallOptions) -> list[Recalled]:
    """Recall what one session may see: its lineage up to each fork, without what was taken back."""
    return _recall(context, _scoped(context, session, text, options))


def recall_bank(
    context: Context, text: str, options: RecallOptions, session: SessionRecord | None = None
) -> list[Recalled]:
    """Recall over the whole bank, without what was taken back everywhere.

    A turn that its own session took back, but a branch kept, is shown as the branch's.

    Args:
        session: the session that asks, if one does.
    """
    query, kept = _unscoped(context, text, options, session)
    found = _recall(context, query)
    still_there = context.journal.still_there(context.bank)
    return _as_kept([one for one in found if still_there(one.document) and not is_probe(one.document)], kept)


def explain_session(
    context: Context, session: SessionRecord, text: str, wanted: Wanted | None, options: RecallOptions
) -> list[Explained]:
    """Say why a recall for one session returns what it does, and why not what is wanted.

    Raises:
        UnsupportedError: the backend does not explain.
    """
    _check_explains(context)
    return context.backend.explain(context.bank.name, _scoped(context, session, text, options), wanted)


def explain_bank(
    context: Context, text: str, wanted: Wanted | None, options: RecallOptions, session: SessionRecord | None = None
) -> list[Explained]:
    """Say why a recall over the whole bank returns what it does, and why not what is wanted.

    Raises:
        UnsupportedError: the backend does not explain.
    """
    _check_explains(context)
    return context.backend.explain(context.bank.name, _unscoped(context, text, options, session)[0], wanted)


def reflect_session(context: Context, session: SessionRecord, text: str, options: RecallOptions) -> Reflection:
    """Have the backend answer from what one session may see.

    Raises:
        UnsupportedError: the backend does not reflect.
    """
    _check_reflects(context)
    return _reflect(context, _scoped(context, session, text, options))


def reflect_bank(
    context: Context, text: str, options: RecallOptions, session: SessionRecord | None = None
) -> Reflection:
    """Have the backend answer from the whole bank, without what was taken back everywhere.

    Raises:
        UnsupportedError: the backend does not reflect.
    """
    _check_reflects(context)
    query, kept = _unscoped(context, text, options, session)
    answer = _reflect(context, query)
    if not all(map(context.journal.still_there(context.bank), (one.document for one in answer.memories))):
        raise BackendUnavailableError(
            "The answer stands on something that was forgotten and is still being removed; ask again once "
            "`threadline status` shows nothing on the way."
        )
    return answer.standing_on(_as_kept(answer.memories, kept))


def _scoped(context: Context, session: SessionRecord, text: str, options: RecallOptions) -> Query:
    query = make_query(text, options)
    scope = _known(context, context.journal.session_scope(session), options)
    return replace(query, scope=_unheld(context, scope, options, session))


def _unscoped(
    context: Context, text: str, options: RecallOptions, session: SessionRecord | None
) -> tuple[Query, tuple[Kept, ...]]:
    query = make_query(text, options)
    scope, kept = context.journal.bank_scope(context.bank)
    scope = _known(context, scope, options)
    return replace(query, scope=_unheld(context, scope, options, session)), kept


def _unheld(context: Context, scope: Scope, options: RecallOptions, session: SessionRecord | None) -> Scope:
    if not options.get("outside_context"):
        return scope
    if session is None:
        raise InputError("outside_context is for a session's recall: the bank itself is in no model's context.")
    return scope.without(context.journal.held_turns(session))


def _known(context: Context, scope: Scope, options: RecallOptions) -> Scope:
    moment = _moment("as_of", options.get("as_of"))
    return scope if moment is None else context.journal.known_at(context.bank, scope, moment)


def _recall(context: Context, query: Query) -> list[Recalled]:
    if query.scope == Scope(documents={}):
        return []
    return [_with_session(found) for found in context.backend.recall(context.bank.name, query)]


def _reflect(context: Context, query: Query) -> Reflection:
    answer = context.backend.reflect(context.bank.name, query)
    return answer.standing_on([_with_session(found) for found in answer.memories])


def _check_reflects(context: Context) -> None:
    if not context.backend.capabilities.reflects:
        raise UnsupportedError(
            f"The backend {context.backend.name} does not reflect; use recall, or a backend that does: hindsight."
        )


def _check_explains(context: Context) -> None:
    if not context.backend.capabilities.explains:
        raise UnsupportedError(
            f"The backend {context.backend.name} does not say why it found a memory; the embedded engine does."
        )


def _as_kept(found: Sequence[Recalled], kept: Sequence[Kept]) -> list[Recalled]:
    if not kept:
        return list(found)
    keepers = {(turn.document, turn.number): turn.session for turn in kept}
    return [replace(f, session=keepers.get((f.document, f.turn or 0), f.session)) for f in found]


def _with_session(found: Recalled) -> Recalled:
    """A note's document does not say whose it is; its metadata does."""
    if found.session is not None:
        return found
    session = found.metadata.get("session")
    return replace(found, session=session) if isinstance(session, str) else found


def _count(name: str, value: object) -> int:
    if not is_count(value):
        raise InputError(f"{name} must be a whole number from 1, not {value!r}.")
    return int(value)  # type: ignore[call-overload,no-any-return]


def _tags(given: Sequence[str] | TagFilter) -> TagFilter | None:
    if isinstance(given, TagFilter):
        return given
    tags = check_tags(given)
    return Tags(*tags) if tags else None


def _types(given: Sequence[MemoryType]) -> tuple[MemoryType, ...]:
    known = get_args(MemoryType)
    for each in given:
        if each not in known:
            raise InputError(f"types must be some of {', '.join(known)}, not {each!r}.")
    return tuple(given)


def _moment(name: str, given: object) -> datetime | None:
    """A moment; one without a zone is in the machine's own."""
    if given is None:
        return None
    if not isinstance(given, datetime):
        raise InputError(f"{name} must be a datetime, not {given!r}.")
    try:
        moment = given.astimezone(UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise InputError(f"The time {name} = {given!r} is out of range.") from error
    return moment if given.tzinfo is None else given


def _budget(given: Budget | None) -> Budget | None:
    if given is not None and given not in get_args(Budget):
        raise InputError(f"budget must be one of {', '.join(get_args(Budget))}, not {given!r}.")
    return given


def _share(name: str, given: object) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise InputError(f"{name} must be a number from 0 to 1, not {given!r}.")
    return float(given)
