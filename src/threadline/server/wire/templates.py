"""Bank templates: how a bank is set up, to be set up so elsewhere."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError

from threadline.errors import ConflictError, RequestError, StorageError, UnknownBankError
from threadline.server import configuring, refreshing
from threadline.server.access import ReadRoom, caller_of
from threadline.server.house import Room
from threadline.server.store import banks, directives, mental_models
from threadline.server.store.directives import Directive
from threadline.server.store.mental_models import MentalModel
from threadline.server.wire.base import WireRoute, same
from threadline.server.wire.config import room_to_configure
from threadline.server.wire.mental_models import checked_tags, stated
from threadline.server.wire.shapes.mental_models import MentalModelTrigger
from threadline.server.wire.shapes.templates import (
    VERSION,
    BankTemplateConfig,
    BankTemplateDirective,
    BankTemplateImportResponse,
    BankTemplateManifest,
    BankTemplateMentalModel,
)

router = APIRouter(route_class=WireRoute, tags=["Bank Templates"])


async def _text(request: Request) -> bytes:
    return await request.body()


_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BankTemplateManifest"}}},
    }
}


@router.post(
    "/v1/default/banks/{bank_id}/import", operation_id="import_bank_template", **same(openapi_extra=_BODY)
)  # fmt: skip
def import_bank_template(
    request: Request,
    bank_id: str,
    text: Annotated[bytes, Depends(_text)],
    dry_run: Annotated[bool, Query(description="Only check it")] = False,
) -> BankTemplateImportResponse:
    """Set a bank up by a template. What is there by the same id or name is updated; the rest stays as it is."""
    caller_of(request).demand("admin")
    manifest = _manifest(text)
    updates = configuring.validate(manifest.bank.updates() if manifest.bank else {})
    tags = [tag for each in (*(manifest.mental_models or ()), *(manifest.directives or ())) for tag in each.tags]
    checked_tags(tags)
    if dry_run:
        return BankTemplateImportResponse(
            bank_id=bank_id,
            config_applied=manifest.bank is not None,
            mental_models_created=[each.id for each in manifest.mental_models or ()],
            directives_created=[each.name for each in manifest.directives or ()],
            dry_run=True,
        )
    room = room_to_configure(request, bank_id, updates)
    try:
        return _apply(room, manifest, updates)
    except (StorageError, UnknownBankError):
        if banks.find_by_uid(room.database, room.uid) is not None:
            raise
        raise ConflictError(
            f"Bank '{room.id}' changed or was deleted during template import; retry the import."
        ) from None


@router.get("/v1/default/banks/{bank_id}/export", operation_id="export_bank_template", **same())
def export_bank_template(room: ReadRoom) -> BankTemplateManifest:
    """The set-up of a bank as a template. Knowledge pages are not in it."""
    models, _ = mental_models.listed(room.database, room.uid, pages=False)
    rules = directives.listed(room.database, room.uid)
    return BankTemplateManifest(
        version=VERSION,
        bank=_config(configuring.overrides(room)),
        mental_models=[_model(each) for each in models] or None,
        directives=[_directive(each) for each in _told_apart(rules)] or None,
    )


@router.get("/v1/bank-template-schema", operation_id="get_bank_template_schema", **same())
def get_bank_template_schema() -> dict[str, Any]:
    """The JSON Schema of a template."""
    return BankTemplateManifest.model_json_schema()


def _apply(room: Room, manifest: BankTemplateManifest, updates: dict[str, Any]) -> BankTemplateImportResponse:
    if updates:
        configuring.update(room, updates)
    done = BankTemplateImportResponse(bank_id=room.id, config_applied=bool(updates))
    for model in manifest.mental_models or ():
        _set_model(room, model, done)
    _set_directives(room, manifest.directives or (), done)
    return done


def _told_apart(rules: Sequence[Directive]) -> Iterator[Directive]:
    """The directives, those with a name that another has numbered: a template knows them by their names."""
    named, taken = {rule.name for rule in rules}, set[str]()
    for rule in rules:
        numbered = (f"{rule.name} ({number})" for number in range(2, 2 * len(rules) + 2))
        name = next(each for each in numbered if each not in named | taken) if rule.name in taken else rule.name
        taken.add(name)
        yield replace(rule, name=name)


def _manifest(text: bytes) -> BankTemplateManifest:
    try:
        manifest = BankTemplateManifest.model_validate(json.loads(text))
    except ValidationError as error:
        raise RequestError(f"Template schema validation failed: {configuring.problems(error)}") from error
    except ValueError as error:
        raise RequestError(str(error)) from error
    except RecursionError as error:
        raise RequestError("Template schema validation failed: it is nested too deeply") from error
    faults = manifest.faults()
    if faults:
        raise RequestError(f"Template validation failed: {'; '.join(faults)}")
    return manifest


def _set_model(room: Room, wanted: BankTemplateMentalModel, done: BankTemplateImportResponse) -> None:
    """Make a model or update it, and have its content made; one that is so already is left alone."""
    at = refreshing.now()
    made = MentalModel(
        id=wanted.id,
        name=wanted.name,
        source_query=wanted.source_query,
        created_at=at,
        last_refreshed_at=at,
        tags=tuple(wanted.tags),
        max_tokens=wanted.max_tokens,
        trigger=stated(wanted.trigger),
    )
    if mental_models.create(room.database, room.uid, made):
        done.mental_models_created.append(made.id)
        done.operation_ids.append(refreshing.submit(room, made))
        return
    found = mental_models.get(room.database, room.uid, made.id)
    if found is None or _is_so(found, wanted):
        return

    def edit(model: MentalModel) -> MentalModel:
        return replace(
            model,
            name=made.name,
            source_query=made.source_query,
            max_tokens=made.max_tokens,
            tags=made.tags or model.tags,
            trigger=made.trigger,
        )

    edited = mental_models.edit(room.database, room.uid, made.id, edit)
    if edited is not None:
        done.mental_models_updated.append(made.id)
        done.operation_ids.append(refreshing.submit(room, edited))


def _is_so(found: MentalModel, wanted: BankTemplateMentalModel) -> bool:
    return (
        (found.name, found.source_query, found.max_tokens) == (wanted.name, wanted.source_query, wanted.max_tokens)
        and (not wanted.tags or set(found.tags) == set(wanted.tags))
        and MentalModelTrigger.model_validate(found.trigger) == wanted.trigger
    )


def _set_directives(room: Room, wanted: Sequence[BankTemplateDirective], done: BankTemplateImportResponse) -> None:
    """Make directives or update them by their names; those that are so already are left alone."""
    there = {each.name: each for each in directives.listed(room.database, room.uid)}
    for rule in wanted:
        at, found = refreshing.now(), there.get(rule.name)
        if found is None:
            made = Directive(
                id=str(uuid.uuid4()),
                name=rule.name,
                content=rule.content,
                priority=rule.priority,
                is_active=rule.is_active,
                tags=tuple(rule.tags),
                created_at=at,
                updated_at=at,
            )
            directives.create(room.database, room.uid, made)
            done.directives_created.append(rule.name)
            continue
        after = replace(
            found,
            content=rule.content,
            priority=rule.priority,
            is_active=rule.is_active,
            tags=tuple(rule.tags) or found.tags,
        )
        if after != found:
            changed = replace(after, updated_at=at)
            directives.edit(room.database, room.uid, found.id, lambda _, changed=changed: changed)  # type: ignore[misc]
            done.directives_updated.append(rule.name)


def _config(overrides: dict[str, Any]) -> BankTemplateConfig | None:
    """What is set of a bank, without what a template cannot say."""
    kept = {name: value for name, value in overrides.items() if name in BankTemplateConfig.model_fields}
    while kept:
        try:
            return BankTemplateConfig.model_validate(kept)
        except ValidationError as error:
            for each in error.errors():
                kept.pop(str(each["loc"][0]), None)
    return None


def _model(model: MentalModel) -> BankTemplateMentalModel:
    return BankTemplateMentalModel.model_construct(
        id=model.id,
        name=model.name,
        source_query=model.source_query,
        tags=list(model.tags),
        max_tokens=model.max_tokens,
        trigger=MentalModelTrigger.model_validate(model.trigger),
    )


def _directive(rule: Directive) -> BankTemplateDirective:
    return BankTemplateDirective(
        name=rule.name,
        content=rule.content,
        priority=rule.priority,
        is_active=rule.is_active,
        tags=list(rule.tags),
    )
