"""Previews: of the prompts of an operation, and of what a retain would store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request

from threadline.errors import NeedsModelError, UnknownBankError
from threadline.server import configs, configuring, retaining
from threadline.server.access import ReadRoom, house_of, room_to_read
from threadline.server.wire.base import WireRoute, partly
from threadline.server.wire.shapes.prompts import (
    DryRunExtractionResult,
    DryRunExtractRequest,
    ExtractedFact,
    ExtractionChunk,
    PromptBlockModel,
    PromptMessageModel,
    PromptPreviewRequest,
    PromptPreviewResponse,
    RunSettingModel,
)

router = APIRouter(route_class=WireRoute)

_NO_MODEL = "This server has no language model, and no prompt is sent"
_SET = "Set THREADLINE_LLM (docs/server.md says what works without one)."
_SKIPPED = {
    "retain": f"{_NO_MODEL}: each chunk of a text is stored as it is. Entity labels, missions and custom instructions "
    f"have no effect. {_SET}",
    "consolidation": f"{_NO_MODEL}: no observations are made. {_SET}",
    "reflect": f"{_NO_MODEL}: an answer is quoted from memories. Missions, dispositions and directives have no effect. "
    f"{_SET}",
}
_CUTS = ("retain_chunk_size", "retain_structured_chunk_size")


@router.post(
    "/v1/default/banks/{bank_id}/prompts/preview",
    operation_id="preview_prompt",
    tags=["Banks"],
    **partly("without a language model no prompt is sent: it says so"),
)
def preview_prompt(room: ReadRoom, body: PromptPreviewRequest) -> PromptPreviewResponse:
    """Show the prompts that an operation would send."""
    if body.operation != "retain":
        return PromptPreviewResponse(skipped_reason=_SKIPPED[body.operation])
    config = configs.with_strategy(room.config, body.strategy)
    mode = PromptBlockModel(
        text="",
        source="config",
        field="retain_extraction_mode",
        active=False,
        value=config["retain_extraction_mode"],
        kind="choice",
        choices=list(configs.MODES),
        editable=True,
    )
    return PromptPreviewResponse(
        messages=[PromptMessageModel(role="system", blocks=[mode])],
        strategy=body.strategy or config["retain_default_strategy"],
        strategies=sorted(config["retain_strategies"] or ()),
        run_settings=[
            RunSettingModel(field=name, value=_text(config[name]), kind="text", editable=True) for name in _CUTS
        ],
        skipped_reason=_SKIPPED[body.operation],
    )


@router.post(
    "/v1/default/banks/{bank_id}/memories/dry-run-extract",
    operation_id="dry_run_extract_memories",
    tags=["Memory"],
    **partly("memories are slices of chunks, as they are stored; a mode that needs a language model is refused"),
)
def dry_run_extract_memories(request: Request, bank_id: str, body: DryRunExtractRequest) -> DryRunExtractionResult:
    """Show what a retain would make of a text. Nothing is stored."""
    if body.retain_extraction_mode not in (None, "chunks"):
        raise NeedsModelError(f"Extracting facts in the mode '{body.retain_extraction_mode}'")
    size = configuring.validate({"retain_chunk_size": body.retain_chunk_size})["retain_chunk_size"]
    config = configs.with_strategy(_config(request, bank_id), body.strategy)
    item = body.item().retaining(None)
    redacts = house_of(request).settings.redact is not False
    text = retaining.screened(item.text, "content", config, redacts=redacts)
    chunks = retaining.cut(text, {**config, **({"retain_chunk_size": size} if size else {})})
    return DryRunExtractionResult(
        facts=[
            ExtractedFact(text=piece.strip(), fact_type="world", chunk_index=index)
            for index, chunk in enumerate(chunks)
            for piece in chunk
        ],
        chunks=[ExtractionChunk(text="".join(chunk).strip(), fact_count=len(chunk)) for chunk in chunks],
    )


def _config(request: Request, bank_id: str) -> Mapping[str, Any]:
    """The configuration of the bank; the defaults, which it would have, where there is none."""
    try:
        return room_to_read(request, bank_id).config
    except UnknownBankError:
        return configs.DEFAULTS


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
