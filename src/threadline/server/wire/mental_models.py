"""Mental models."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from threadline.errors import ConflictError, UnknownItemError
from threadline.server import refreshing
from threadline.server.access import MakeRoom, ReadRoom, WriteRoom
from threadline.server.house import Room
from threadline.server.refreshing import Run
from threadline.server.store import mental_models
from threadline.server.store.mental_models import Match, MentalModel
from threadline.server.wire.base import WireRoute, partly, same
from threadline.server.wire.shapes.filters import tag_filter
from threadline.server.wire.shapes.mental_models import (
    AsyncOperationSubmitResponse,
    CreateMentalModelRequest,
    CreateMentalModelResponse,
    MentalModelDryRunRefreshResult,
    MentalModelListResponse,
    MentalModelResponse,
    MentalModelTrigger,
    RefreshMentalModelRequest,
    UpdateMentalModelRequest,
)
from threadline.session.checks import check_id, clean_text

router = APIRouter(route_class=WireRoute, prefix="/v1/default/banks/{bank_id}/mental-models", tags=["Mental Models"])

Detail = Literal["metadata", "content", "full"]

_EXTRACTIVE = "without a language model the content is quoted from memory, and says so"
_FULL = "a refresh is always a full one"


@router.get("", operation_id="list_mental_models", summary="List mental models", **same())
def list_mental_models(
    room: ReadRoom,
    tags: Annotated[list[str] | None, Query(description="Filter by tags")] = None,
    tags_match: Annotated[Match, Query(description="How to match tags")] = "any",
    detail: Annotated[Detail, Query(description="'content' adds content and settings, 'full' the answer")] = "metadata",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    exclude_knowledge_pages: Annotated[bool, Query(description="Only standalone models")] = False,
) -> MentalModelListResponse:
    """The mental models of a bank, the last refreshed first."""
    found, total = mental_models.listed(
        room.database,
        room.uid,
        tags=tags or (),
        match=tags_match,
        pages=not exclude_knowledge_pages,
        whole=detail != "metadata",
        limit=limit,
        offset=offset,
    )
    stale = refreshing.stale(room, found)
    items = [_response(room, model, detail, stale=stale[model.id]) for model in found]
    return MentalModelListResponse(items=items, total=total, limit=limit, offset=offset)


@router.post("", operation_id="create_mental_model", summary="Create mental model", **partly(_EXTRACTIVE))
def create_mental_model(room: MakeRoom, body: CreateMentalModelRequest) -> CreateMentalModelResponse:
    """Make a mental model. Its content is made in the background, by the operation that is named in the answer."""
    at = refreshing.now()
    model = MentalModel(
        id=check_id(body.id, "mental model id") if body.id else f"mm-{uuid.uuid4().hex}",
        name=body.name,
        source_query=body.source_query,
        created_at=at,
        last_refreshed_at=at,
        tags=checked_tags(body.tags),
        max_tokens=body.max_tokens,
        trigger=stated(body.trigger),
    )
    if not mental_models.create(room.database, room.uid, model):
        raise ConflictError(f"Mental model '{model.id}' already exists in bank '{room.id}'")
    return CreateMentalModelResponse(mental_model_id=model.id, operation_id=refreshing.submit(room, model))


@router.get("/{mental_model_id}", operation_id="get_mental_model", summary="Get mental model", **same())
def get_mental_model(
    room: ReadRoom,
    mental_model_id: str,
    detail: Annotated[Detail, Query(description="'content' adds content and settings, 'full' the answer")] = "full",
) -> MentalModelResponse:
    """A mental model."""
    model = wanted(room, mental_model_id)
    if detail != "full":
        return _response(room, model, detail)
    stale = refreshing.stale(room, [model])[model.id] or refreshing.cites_what_is_gone(room, model)
    return _response(room, model, detail, stale=stale)


@router.patch("/{mental_model_id}", operation_id="update_mental_model", summary="Update mental model", **same())
def update_mental_model(room: WriteRoom, mental_model_id: str, body: UpdateMentalModelRequest) -> MentalModelResponse:
    """Change what is given of a mental model. Of the trigger, too, only the fields given are changed."""
    tags = None if body.tags is None else checked_tags(body.tags)

    def edit(model: MentalModel) -> MentalModel:
        after = replace(
            model,
            name=model.name if body.name is None else body.name,
            source_query=model.source_query if body.source_query is None else body.source_query,
            max_tokens=body.max_tokens or model.max_tokens,
            tags=model.tags if tags is None else tags,
            trigger=merged(model.trigger, body.trigger),
        )
        return refreshing.rescoped(model, after)

    return _response(room, _edited(room, mental_model_id, edit), "full")


@router.delete("/{mental_model_id}", operation_id="delete_mental_model", summary="Delete mental model", **same())
def delete_mental_model(room: WriteRoom, mental_model_id: str) -> dict[str, str]:
    """Delete a mental model with its history, and the knowledge page whose content it holds."""
    if not mental_models.remove(room.database, room.uid, mental_model_id):
        raise UnknownItemError(f"Mental model '{mental_model_id}' not found")
    return {"status": "deleted"}


@router.get(
    "/{mental_model_id}/history",
    operation_id="get_mental_model_history",
    summary="Get mental model history",
    **partly("a refresh that changed nothing is not among them"),
)
def get_mental_model_history(room: ReadRoom, mental_model_id: str) -> list[dict[str, Any]]:
    """What the content was before each refresh, and which refreshes failed, the latest first."""
    return history(room, wanted(room, mental_model_id))


@router.post(
    "/{mental_model_id}/refresh",
    operation_id="refresh_mental_model",
    summary="Refresh mental model",
    **partly(f"{_EXTRACTIVE}; {_FULL}"),
)
def refresh_mental_model(
    room: WriteRoom, mental_model_id: str, body: RefreshMentalModelRequest | None = None
) -> AsyncOperationSubmitResponse:
    """Make the content anew, in the background."""
    del body  # every refresh is a full one
    model = wanted(room, mental_model_id)
    return AsyncOperationSubmitResponse(operation_id=refreshing.submit(room, model), status="queued")


@router.post(
    "/{mental_model_id}/dry-run-refresh",
    operation_id="dry_run_refresh_mental_model",
    summary="Dry-run mental model refresh (preview, no persistence)",
    **partly(f"{_EXTRACTIVE}; {_FULL}"),
)
def dry_run_refresh_mental_model(room: WriteRoom, mental_model_id: str) -> MentalModelDryRunRefreshResult:
    """What a refresh would do, nothing being changed."""
    return _preview(refreshing.run(room, wanted(room, mental_model_id)))


@router.post("/{mental_model_id}/clear", operation_id="clear_mental_model", summary="Clear content", **same())
def clear_mental_model(room: WriteRoom, mental_model_id: str) -> MentalModelResponse:
    """Clear the content; the next refresh makes it anew."""
    return _response(room, _edited(room, mental_model_id, refreshing.cleared), "full")


def wanted(room: Room, model_id: str) -> MentalModel:
    """The model of a request.

    Raises:
        UnknownItemError: there is none.
    """
    model = mental_models.get(room.database, room.uid, model_id)
    if model is None:
        raise UnknownItemError(f"Mental model '{model_id}' not found")
    return model


def history(room: Room, model: MentalModel) -> list[dict[str, Any]]:
    """The history of a model as the wire has it."""
    empty = {"previous_content": None, "previous_reflect_response": None}
    return [
        {**empty, **change.content, "changed_at": change.changed_at}
        | ({"kind": change.kind} if change.kind == "refresh_failed" else {})
        for change in mental_models.history(room.database, room.uid, model.id)
    ]


def checked_tags(tags: list[str]) -> tuple[str, ...]:
    """Tags that can be matched.

    Raises:
        InvalidIdError: one cannot.
    """
    return tuple(check_id(tag, "tag") for tag in tags)


def stated(trigger: MentalModelTrigger | None) -> dict[str, Any]:
    """What a trigger says, without its defaults: those are not what somebody decided."""
    if trigger is None:
        return {}
    says = trigger.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if trigger.tag_groups is not None:
        filters = [tag_filter(None, "any", [group]) for group in trigger.tag_groups]
        says["tag_groups"] = [each.as_group() for each in filters if each is not None]
    return dict(json.loads(clean_text(json.dumps(says, ensure_ascii=False))))


def merged(base: Mapping[str, Any], trigger: MentalModelTrigger | None) -> dict[str, Any]:
    """A trigger with what is stated over it. Of its two ways to be refreshed, one set anew takes the other's place."""
    says = stated(trigger)
    both = {**base, **says}
    if says.get("refresh_cron") and "refresh_after_consolidation" not in says:
        both.pop("refresh_after_consolidation", None)
    if says.get("refresh_after_consolidation") and "refresh_cron" not in says:
        both.pop("refresh_cron", None)
    return both


def _edited(room: Room, model_id: str, edit: mental_models.Edit) -> MentalModel:
    model = mental_models.edit(room.database, room.uid, model_id, edit)
    if model is None:
        raise UnknownItemError(f"Mental model '{model_id}' not found")
    return model


def _response(room: Room, model: MentalModel, detail: Detail, *, stale: bool | None = None) -> MentalModelResponse:
    answer = MentalModelResponse(
        id=model.id,
        bank_id=room.id,
        name=model.name,
        tags=list(model.tags),
        last_refreshed_at=model.last_refreshed_at,
        last_memory_seen_at=model.last_memory_seen_at,
        last_refresh_failed_at=model.last_refresh_failed_at,
        last_full_refreshed_at=model.last_full_refreshed_at,
        created_at=model.created_at,
        is_knowledge_page=model.is_page,
        is_stale=stale,
    )
    if detail != "metadata":
        answer.source_query = model.source_query
        answer.max_tokens = model.max_tokens
        answer.trigger = MentalModelTrigger.model_validate(model.trigger)
        answer.content = model.content
    if detail == "full":
        answer.reflect_response = None if model.response is None else dict(model.response)
    return answer


def _preview(run: Run) -> MentalModelDryRunRefreshResult:
    scope, model = run.scope, run.model
    return MentalModelDryRunRefreshResult.model_validate(
        {
            "mental_model_id": model.id,
            "name": model.name,
            "requested_mode": model.trigger.get("mode") or "full",
            "effective_mode": "full",
            "outcome": run.outcome,
            "would_persist": run.outcome != "content_preserved_no_new_facts",
            "scope": {
                "tags": list(scope.tags) or None,
                "tags_match": scope.match,
                "tag_groups": list(scope.groups) or None,
                "fact_types": list(scope.types) or None,
                "exclude_mental_models": bool(model.trigger.get("exclude_mental_models")),
                "exclude_mental_model_ids": [*(model.trigger.get("exclude_mental_model_ids") or ()), model.id],
            },
            "window": {"created_before": run.before, "watermark": run.memory_seen_at or model.last_memory_seen_at},
            "facts": {"retrieved": run.read, "used": run.used},
            "based_on": run.based_on,
            "current_content": model.content,
            "candidate_content": run.content,
            "preview_content": run.content,
            "diff": run.diff(),
            "trace": run.trace(),
            "duration_ms": run.milliseconds,
            "warnings": list(run.warnings),
        }
    )
