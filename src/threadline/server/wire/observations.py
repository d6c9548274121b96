"""Observations, and the consolidation that makes them: without a language model there are none."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query

from threadline.errors import RequestError
from threadline.server import consolidating
from threadline.server.access import ReadRoom, TheCaller, WriteRoom
from threadline.server.wire.base import WireRoute, partly, same
from threadline.server.wire.shapes.banks import DeleteResponse
from threadline.server.wire.shapes.observations import (
    ClearMemoryObservationsResponse,
    ConsolidationRequest,
    ConsolidationResponse,
    ConsolidationStrategiesPreview,
    ConsolidationStrategiesPreviewRequest,
    DefaultScopesPreview,
    ObservationScopesResponse,
    RecoverConsolidationResponse,
    StrategyPreview,
    StrategyRulePreview,
)

router = APIRouter(route_class=WireRoute)

_BANK = "/v1/default/banks/{bank_id}"
_NONE = "without a language model there are no observations"


@router.get(_BANK + "/observations/scopes", operation_id="list_observation_scopes", tags=["Memory"], **partly(_NONE))
def list_observation_scopes(
    room: ReadRoom,
    limit: Annotated[int, Query(ge=0, le=1000, description="The most scopes")] = 100,
    offset: Annotated[int, Query(ge=0, description="How many to pass over")] = 0,
) -> ObservationScopesResponse:
    """List the different tags that observations have, and how many have them."""
    _ = room
    return ObservationScopesResponse(scopes=[], total=0, limit=limit, offset=offset)


@router.delete(_BANK + "/observations", operation_id="clear_observations", tags=["Banks"], **partly(_NONE))
def clear_observations(caller: TheCaller, bank_id: str) -> DeleteResponse:  # noqa: ARG001 - the path has it
    """Delete all observations of a bank. A bank that is not there has none."""
    caller.demand("write")
    return DeleteResponse(success=True, message="Cleared 0 observations", deleted_count=0)


@router.delete(
    _BANK + "/memories/{memory_id}/observations",
    operation_id="clear_memory_observations",
    tags=["Memory"],
    **partly(_NONE),
)
def clear_memory_observations(room: WriteRoom, memory_id: str) -> ClearMemoryObservationsResponse:
    """Delete the observations that were made of a memory."""
    _ = room
    try:
        uuid.UUID(memory_id)
    except ValueError as error:
        raise RequestError(f"Invalid memory_id format: {memory_id}") from error
    return ClearMemoryObservationsResponse(deleted_count=0)


@router.post(_BANK + "/consolidate", operation_id="trigger_consolidation", tags=["Banks"], **partly(_NONE))
def trigger_consolidation(room: WriteRoom, body: ConsolidationRequest | None = None) -> ConsolidationResponse:
    """Have observations made of memories, in the background."""
    submitted = consolidating.submit(room, body.observation_scopes if body else None)
    return ConsolidationResponse(operation_id=submitted.operation.id, deduplicated=submitted.repeated)


@router.post(
    _BANK + "/consolidation/recover", operation_id="recover_consolidation", tags=["Banks"], **partly(_NONE)
)  # fmt: skip
def recover_consolidation(caller: TheCaller, bank_id: str) -> RecoverConsolidationResponse:  # noqa: ARG001 - the path has it
    """Have memories consolidated once more where that failed. It never did."""
    caller.demand("write")
    return RecoverConsolidationResponse(retried_count=0)


@router.post(
    _BANK + "/consolidation-strategies/preview",
    operation_id="preview_consolidation_strategies",
    tags=["Memory"],
    **same(),
)
def preview_consolidation_strategies(
    room: ReadRoom, body: ConsolidationStrategiesPreviewRequest
) -> ConsolidationStrategiesPreview:
    """Say for which of the scopes there are each strategy would be. There are no scopes without observations."""
    _ = room
    rule = StrategyRulePreview(match_count=0, taken_count=0, observation_count=0, samples=[])
    return ConsolidationStrategiesPreview(
        strategies=[
            StrategyPreview(active=each.usable, claimed_count=0, rules=[rule for _ in each.scopes])
            for each in body.strategies
        ],
        default=DefaultScopesPreview(match_count=0, observation_count=0, samples=[]),
        scopes_scanned=0,
        complete=True,
    )
