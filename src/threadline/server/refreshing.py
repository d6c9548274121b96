"""How a mental model comes to its content: without a language model, by quoting what memory has on its question.

A refresh is always a full one. What a delta would keep of the content are quotes, and they are chosen anew.
"""

from __future__ import annotations

import difflib
import json
import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from threadline.documents import Budget, MemoryType, Query
from threadline.engine.store.shelf import Unit, Written
from threadline.errors import ClosedError, NeedsModelError, StorageError, ThreadlineError, UnknownItemError
from threadline.server import operations
from threadline.server.chunks import chunk_id
from threadline.server.house import Room
from threadline.server.reflecting import Reflected, reflect
from threadline.server.store import mental_models
from threadline.server.store.mental_models import MentalModel
from threadline.server.workers import PASSING
from threadline.tags import AllOf, TagFilter, TagMatch, Tags, from_group
from threadline.turns import Json

#: The operation that refreshes a mental model.
KIND = "refresh_mental_model"

Outcome = Literal["content_written", "content_unchanged", "content_preserved_no_new_facts"]

_LOG = logging.getLogger("threadline.server")

#: The longest that a refresh is put off, in seconds: a year.
_LONGEST_REST = 31_536_000

_OBSERVATION = "observation"
_NO_DELTA = "A delta refresh needs a language model; without one the quotes were chosen anew."
_NO_OBSERVATIONS = (
    "Observations need a language model, and this server has none: the memories they would be made of were read."
)
_NOTHING = "Nothing in memory bears on the question. Check the scope: tags, tag_groups and fact_types all narrow it."


@dataclass(frozen=True, slots=True)
class Scope:
    """Which memories a refresh may see.

    Attributes:
        tags, match, groups: as the model says; groups take the place of its tags.
        types: none: of any.
    """

    tags: tuple[str, ...]
    match: TagMatch
    groups: tuple[Mapping[str, Any], ...]
    types: tuple[MemoryType, ...]

    @classmethod
    def of(cls, model: MentalModel) -> Scope:
        """The scope of a model. Without a language model there are no observations to be seen alone."""
        groups = tuple(model.trigger.get("tag_groups") or ())
        match: TagMatch = model.trigger.get("tags_match") or ("all_strict" if model.tags else "any")
        wanted = model.trigger.get("fact_types") or ()
        types = tuple(each for each in get_args(MemoryType) if each in wanted and each != _OBSERVATION)
        return cls(() if groups else model.tags, match, groups, types)

    def filter(self) -> TagFilter | None:
        """What tags have to pass; None where any do."""
        if self.groups:
            return AllOf(tuple(from_group(group) for group in self.groups))
        return Tags(*self.tags, match=self.match) if self.tags else None

    def changes(self, written: Written) -> bool:
        """Whether what was written makes the model stale. What has no tags does not, where the model has some."""
        if self.types and written.type not in self.types:
            return False
        if self.tags and not written.tags:
            return False
        passing = self.filter()
        return passing is None or passing.passes(written.tags)


@dataclass(frozen=True, slots=True)
class Run:
    """What a refresh came to, before anything of it is stored.

    Attributes:
        content: what the model's content is to be.
        based_on: the memories it quotes, by type.
        read, used: how many memories were read and quoted, by type.
        before: when it began: what was written later is the next one's.
        seen: the last passage of the bank at that time.
        memory_seen_at: when the latest memory within scope was written; None: there is none since the last refresh.
    """

    model: MentalModel
    scope: Scope
    outcome: Outcome
    content: str
    based_on: Mapping[str, list[dict[str, Any]]]
    read: Mapping[str, int]
    used: Mapping[str, int]
    before: str
    seen: int
    memory_seen_at: str | None
    milliseconds: int
    warnings: tuple[str, ...]

    def response(self) -> dict[str, Any]:
        """What is kept of it with the model."""
        kept: dict[str, Any] = {
            "text": self.content,
            "based_on": dict(self.based_on),
            "mental_models": [],
            "extractive": True,
            "outcome": self.outcome,
            "warnings": list(self.warnings),
        }
        if self.model.trigger.get("response_schema"):
            kept |= {"structured_output": None, "structured_output_error": str(NeedsModelError("Structured output"))}
        if self.model.trigger.get("keep_trace"):
            kept["trace"] = self.trace()
        return kept

    def trace(self) -> dict[str, Any]:
        """How it came to that."""
        return {
            "recorded_at": self.before,
            "effective_mode": "full",
            "mode_fallback_reason": None,
            "outcome": self.outcome,
            "tool_calls": [],
            "llm_calls": [],
            "delta_operations": None,
            "retraction": None,
            "usage": None,
            "duration_ms": self.milliseconds,
            "warnings": list(self.warnings),
        }

    def diff(self) -> str:
        """What it would change of the content."""
        old, new = self.model.content.splitlines(), self.content.splitlines()
        return "\n".join(difflib.unified_diff(old, new, "current", "preview", lineterm=""))


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What quoted something that goes.

    Attributes:
        models: those whose content is empty now.
        changes: how many entries of histories were removed.
    """

    models: tuple[MentalModel, ...]
    changes: int

    def renew(self, room: Room) -> None:
        """Have the models refreshed."""
        for model in self.models:
            submit(room, model)


def now() -> str:
    """The moment, as it is stored."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def submit(room: Room, model: MentalModel, *, rest: float = 0.0) -> str:
    """Have a model refreshed in the background; one that waits for that already is not asked twice.

    Args:
        rest: how long that may be put off, in seconds.

    Returns:
        The id of the operation.
    """
    submitted = operations.submit(
        room,
        KIND,
        {"mental_model_id": model.id},
        metadata={"mental_model_id": model.id, "name": model.name},
        queue=f"{KIND}:{model.id}",
        single=model.id,
        rest=rest,
    )
    if submitted.repeated and not rest and submitted.operation.due_at > now():
        operations.retry(room, submitted.operation.id)  # it was put off, and now somebody asks for it
    return submitted.operation.id


def after_write(room: Room) -> None:
    """Have those models refreshed that are to follow what is written, and within whose scope something was.

    One whose last refresh failed waits until somebody asks for it. Where this cannot be done, what was written is
    there all the same, and the models say that they are stale.
    """
    try:
        _follow(room)
    except StorageError as error:
        _LOG.warning("mental models were not refreshed after a write: %s", error)


def _follow(room: Room) -> None:
    following = [
        model for model in mental_models.following(room.database, room.uid) if model.last_refresh_failed_at is None
    ]
    behind = stale(room, following)
    for model in following:
        if behind[model.id]:
            submit(room, model, rest=_rest(room, model))


def refresh(room: Room, model_id: str) -> dict[str, Any]:
    """Refresh a model; doing it twice does no harm.

    Returns:
        What the operation that asked for it has to say.

    Raises:
        UnknownItemError: there is no such model.
        EmbedderError, StorageError: the bank cannot be read; the content is as before, the history says why.
    """
    model = mental_models.get(room.database, room.uid, model_id)
    if model is None:
        raise UnknownItemError(f"Mental model '{model_id}' not found")
    try:
        done = run(room, model)
    except (*PASSING, ClosedError):
        raise  # it is tried again
    except ThreadlineError as error:
        failure = {
            "outcome": "refresh_failed_error",
            "failure_reason": "retrieval_failed",
            "error_message": f"{type(error).__name__}: {error}",
        }
        mental_models.fail(room.database, room.uid, model_id, failure, now())
        raise
    _store(room, done)
    return {"mental_model_id": model.id, "name": model.name, "outcome": done.outcome}


def run(room: Room, model: MentalModel) -> Run:
    """What a refresh would come to, nothing being stored.

    Raises:
        EmbedderError, StorageError: the bank cannot be read.
    """
    began, before, scope = time.perf_counter(), now(), Scope.of(model)
    written = room.shelf.written(model.seen)
    within = [each.at for each in written if each.at is not None and scope.changes(each)]
    query = Query(
        model.source_query,
        max_tokens=model.max_tokens,
        tags=scope.filter(),
        types=scope.types,
        budget=_budget(model.trigger.get("budget")),
    )
    answer = reflect(room, query)
    content = answer.text if answer.units else ""
    return Run(
        model=model,
        scope=scope,
        outcome=_outcome(model.content, content),
        content=content,
        based_on=_based_on(room, answer.units),
        read=answer.read,
        used=Counter(unit.type for unit in answer.units),
        before=before,
        seen=max((each.passage for each in written), default=model.seen),
        memory_seen_at=max(within).isoformat() if within else None,
        milliseconds=round((time.perf_counter() - began) * 1000),
        warnings=tuple(_warnings(model, answer)),
    )


def stale(room: Room, models: Iterable[MentalModel]) -> dict[str, bool]:
    """Whether something was written within each model's scope that no refresh of it has seen, by their ids.

    Raises:
        StorageError: the bank cannot be read.
    """
    asked = {model.id: (model.seen, Scope.of(model)) for model in models}
    if not asked:
        return {}
    written = room.shelf.written(min(seen for seen, _ in asked.values()))
    return {
        name: any(each.passage > seen and scope.changes(each) for each in written)
        for name, (seen, scope) in asked.items()
    }


def cites_what_is_gone(room: Room, model: MentalModel) -> bool:
    """Whether the model's content quotes a memory that is not here any more."""
    return any(room.shelf.memory_of(unit) is None for unit in _cited(model.response))


def withdraw(room: Room, documents: Collection[str] = (), memories: Collection[str] = ()) -> Withdrawn:
    """Take out of the bank's models, and out of their history, what quotes memories that go.

    Args:
        documents: the documents whose memories go.
        memories: the public ids of memories that go, or say something else now. Without any of both: what is gone
            already.
    """
    emptied: list[MentalModel] = []
    changes = 0

    def goes(cited: Mapping[str, str]) -> bool:
        if documents or memories:
            return not (set(documents).isdisjoint(cited.values()) and cited.keys().isdisjoint(memories))
        return any(room.shelf.memory_of(unit) is None for unit in cited)

    def keep(content: Mapping[str, Any]) -> bool:
        return not goes(_cited(content.get("previous_reflect_response")))

    for model in mental_models.listed(room.database, room.uid)[0]:
        if goes(_cited(model.response)):
            mental_models.edit(room.database, room.uid, model.id, cleared)
            emptied.append(model)
        changes += mental_models.drop(room.database, room.uid, model.id, keep)
    return Withdrawn(tuple(emptied), changes)


def rescoped(before: MentalModel, after: MentalModel) -> MentalModel:
    """A model that was changed: with another question or scope no refresh has seen anything yet."""
    same = before.source_query == after.source_query and Scope.of(before) == Scope.of(after)
    return after if same else replace(after, seen=0)


def cleared(model: MentalModel) -> MentalModel:
    """The model without content, which the next refresh makes anew."""
    return replace(model, content="", response=None, refreshed_query=None, last_refresh_failed_at=None, seen=0)


def _rest(room: Room, model: MentalModel) -> float:
    """How long a refresh that nobody asked for has to wait, in seconds."""
    least = model.trigger.get("min_refresh_interval_seconds")
    if least is None:
        least = room.config.get("mental_model_min_refresh_interval_seconds") or 0
    if not least or model.refreshed_query is None:
        return 0.0
    since = datetime.now(UTC) - datetime.fromisoformat(model.last_refreshed_at)
    return max(0.0, min(least, _LONGEST_REST) - since.total_seconds())


def _store(room: Room, done: Run) -> None:
    ended = now()

    def edit(model: MentalModel) -> MentalModel:
        return replace(
            model,
            content=done.content,
            response=done.response(),
            refreshed_query=done.model.source_query,
            last_refreshed_at=ended,
            last_full_refreshed_at=ended,
            last_refresh_failed_at=None,
            last_memory_seen_at=done.memory_seen_at or model.last_memory_seen_at,
            seen=max(model.seen, done.seen),
        )

    def version(before: MentalModel, after: MentalModel) -> Mapping[str, Any] | None:
        if before.content == after.content:
            return None
        kept = {name: value for name, value in (before.response or {}).items() if name in ("based_on", "trace")}
        return {"previous_content": before.content, "previous_reflect_response": kept or None}

    mental_models.edit(room.database, room.uid, done.model.id, edit, version=version)


def _outcome(old: str, new: str) -> Outcome:
    if not old and not new:
        return "content_preserved_no_new_facts"
    return "content_unchanged" if old == new else "content_written"


def _warnings(model: MentalModel, answer: Reflected) -> Iterable[str]:
    if model.trigger.get("mode") == "delta" and model.content:
        yield _NO_DELTA
    if _OBSERVATION in (model.trigger.get("fact_types") or ()):
        yield _NO_OBSERVATIONS
    if not answer.units:
        yield _NOTHING


def _based_on(room: Room, units: Iterable[Unit]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for unit in units:
        grouped.setdefault(unit.type, []).append(fact(room, unit))
    return grouped


def fact(room: Room, unit: Unit) -> dict[str, Any]:
    """A memory as evidence: what an answer is based on."""
    return {
        "id": unit.id,
        "text": unit.text,
        "type": unit.type,
        "context": unit.context,
        "occurred_start": None,
        "occurred_end": None,
        "mentioned_at": None if unit.mentioned_at is None else unit.mentioned_at.isoformat(),
        "document_id": unit.document,
        "chunk_id": chunk_id(room.id, unit.document, unit.chunk),
        "tags": list(unit.tags),
        "metadata": plain(unit.metadata),
    }


def plain(metadata: Mapping[str, Json]) -> dict[str, str]:
    """Metadata as the wire has it: texts alone."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}


def _cited(response: Mapping[str, Any] | None) -> dict[str, str]:
    """The memories that an answer quotes, each with its document."""
    based_on = (response or {}).get("based_on") or {}
    return {fact["id"]: fact["document_id"] for facts in based_on.values() for fact in facts}


def _budget(value: str | None) -> Budget:
    return next((each for each in get_args(Budget) if each == value), "mid")
