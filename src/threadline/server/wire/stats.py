"""How many memories came when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from threadline.engine.store.listing import Trunc
from threadline.server import browsing
from threadline.server.access import ReadRoom
from threadline.server.wire.base import WireRoute, same
from threadline.server.wire.shapes.entities import MemoriesTimeseriesResponse, MemoryTimeseriesBucket

router = APIRouter(route_class=WireRoute, tags=["Banks"])

#: What each period is cut into: the span, how long it is, and how many there are.
_PERIODS: dict[str, tuple[Trunc, timedelta, int]] = {
    "1h": ("minute", timedelta(minutes=1), 60),
    "12h": ("hour", timedelta(hours=1), 12),
    "1d": ("hour", timedelta(hours=1), 24),
    "7d": ("day", timedelta(days=1), 7),
    "30d": ("day", timedelta(days=1), 30),
    "90d": ("day", timedelta(days=1), 90),
}


@router.get(
    "/v1/default/banks/{bank_id}/stats/memories-timeseries",
    operation_id="get_memories_timeseries",
    summary="Memory ingestion time-series",
    **same(),
)
def get_memories_timeseries(
    room: ReadRoom,
    period: Annotated[str, Query(description="1h, 12h, 1d, 7d (also for anything else), 30d or 90d.")] = "7d",
    time_field: Annotated[
        str, Query(description="created_at (also for anything else), mentioned_at or occurred_start.")
    ] = "created_at",
) -> MemoriesTimeseriesResponse:
    """How many memories of each type lie in each part of a period that ends now."""
    period = period if period in _PERIODS else "7d"
    trunc, step, count = _PERIODS[period]
    last = _floor(datetime.now(UTC), trunc)
    starts = [last - step * (count - 1 - number) for number in range(count)]
    match time_field:
        case "mentioned_at" | "occurred_start":
            series = browsing.listing(room).timeseries(time_field, trunc, starts[0])
        case _:
            time_field = "created_at"
            series = browsing.listing(room).timeseries("created_at", trunc, starts[0])
    buckets = [MemoryTimeseriesBucket(time=start.isoformat(), **series.get(start, {})) for start in starts]
    return MemoriesTimeseriesResponse(
        bank_id=room.id, period=period, trunc=trunc, time_field=time_field, buckets=buckets
    )


def _floor(moment: datetime, trunc: Trunc) -> datetime:
    match trunc:
        case "minute":
            return moment.replace(second=0, microsecond=0)
        case "hour":
            return moment.replace(minute=0, second=0, microsecond=0)
        case "day":
            return moment.replace(hour=0, minute=0, second=0, microsecond=0)
