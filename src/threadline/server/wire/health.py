"""Health, version and metrics: for whoever watches the server. Only the metrics ask for a key."""

from __future__ import annotations

import tempfile
import time

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from threadline.errors import AccessError, ThreadlineError
from threadline.server import metrics
from threadline.server.access import TheCaller, house_of
from threadline.server.house import DEFAULT, House
from threadline.server.threads import THREADS, working
from threadline.server.wire.base import WireRoute, json_response, partly, same
from threadline.server.wire.shapes.health import FeaturesInfo, HealthResponse, LivenessResponse, VersionResponse

#: The version of Hindsight whose API this is.
API_VERSION = "1.1.0"

router = APIRouter(route_class=WireRoute, tags=["Monitoring"])

_BEGAN = time.monotonic()
_PROBE_BYTES = 65_536


@router.get(
    "/health",
    operation_id="health_endpoint_health_get",
    response_model=HealthResponse,
    **partly("what it says of a pool of database connections is said of the threads that work on requests"),
)
async def health(request: Request) -> Response:
    """Say whether the server can do its work: 200, or 503 while it stops or its disk refuses writes."""
    return await _readiness(request)


@router.get("/health/ready", operation_id="get_readiness", response_model=HealthResponse, **partly("as `/health`"))
async def readiness(request: Request) -> Response:
    """Say the same as `/health`."""
    return await _readiness(request)


@router.get("/health/live", operation_id="get_liveness", response_model=LivenessResponse, **same())
async def liveness() -> LivenessResponse:
    """Say that the process answers; nothing else is looked at."""
    return LivenessResponse(version=API_VERSION, uptime_seconds=round(time.monotonic() - _BEGAN, 1))


@router.get("/version", operation_id="get_version", response_model=VersionResponse, **same())
@router.get("/v1/version", include_in_schema=False, response_model=VersionResponse)
async def version() -> VersionResponse:
    """Say which API this is, and what of it is there."""
    features = FeaturesInfo(
        observations=False,
        mcp=True,
        worker=True,
        bank_config_api=True,
        bank_llm_health=False,
        file_upload_api=True,
        document_export_api=True,
        document_import_api=True,
        audit_log=True,
        llm_trace=False,
        store_document_text=True,
    )
    return VersionResponse(api_version=API_VERSION, features=features)


@router.get(
    "/metrics",
    operation_id="metrics_endpoint_metrics_get",
    response_class=PlainTextResponse,
    **partly("the names are Hindsight's where they mean the same; no bank or tenant is a label"),
)
def figures(request: Request, caller: TheCaller) -> Response:
    """Give the figures for Prometheus.

    They are of all tenants together. Where keys are asked for, one is needed that may do everything in the tenant
    `default`, which is the server's own.
    """
    settings = getattr(request.app.state, "settings", None)
    if settings is not None and not settings.metrics:
        raise HTTPException(404)
    if (caller.tenant, caller.banks, caller.scope) != (DEFAULT, None, "admin"):
        raise AccessError(
            "The metrics are of all tenants; they ask for an admin key of the tenant default.", status=403
        )
    return Response(metrics.render(house_of(request)), media_type=metrics.CONTENT_TYPE)


async def _readiness(request: Request) -> Response:
    used = min(working(), THREADS)
    began = time.perf_counter()
    stopping = getattr(request.app.state, "stopping", False)
    trouble = "stopping" if stopping else await _elsewhere(request)
    found = HealthResponse(
        status="unhealthy" if trouble else "healthy",
        database=trouble or "connected",
        db_acquire_ms=round((time.perf_counter() - began) * 1000, 1),
        db_pool_waiting=working() - used,
        db_pool_in_use=used,
        db_pool_max=THREADS,
        db_pool_idle=THREADS - used,
    )
    return json_response(found, 503 if trouble else 200)


async def _elsewhere(request: Request) -> str:
    """What keeps it from its work, asked on none of the threads that work: they may all be busy."""
    return await anyio.to_thread.run_sync(_trouble, house_of(request))


def _trouble(house: House) -> str:
    """What keeps the server from its work; empty: nothing."""
    try:
        house.tenant().database.row("SELECT 1")
        with tempfile.TemporaryFile(dir=house.settings.home) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
    except (ThreadlineError, OSError) as error:
        return f"error: {type(error).__name__}"
    return ""
