"""What is on its way from the journal to a bank."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from threadline.backends.probe import Probe
from threadline.journal.deliveries import PENDING, Delivery, DeliveryState
from threadline.server.sessions import answers, shapes
from threadline.server.sessions.base import OURS, ReadBank, WriteBank, a_router, memory_of, patiently

router = a_router("Threadline: delivery")


@router.get(
    "/deliveries", response_model=list[answers.Delivery], summary="What is on its way, and what was refused", **OURS
)
def deliveries(
    room: ReadBank, states: Annotated[list[DeliveryState] | None, Query(description="Which; waiting and dead.")] = None
) -> list[Delivery]:
    """Oldest first."""
    with memory_of(room) as memory:
        return memory.deliveries(PENDING if states is None else states)


@router.post("/deliveries/retry", response_model=answers.Count, summary="Try deliveries again", **OURS)
def retry(room: WriteBank, body: shapes.Ids) -> dict[str, int]:
    """Those that were refused for good or given up, and at once those that rest; none named: every dead letter."""
    with memory_of(room) as memory:
        return {"count": memory.retry(*body.ids)}


@router.post("/deliveries/drop", response_model=answers.Count, summary="Give deliveries up", **OURS)
def drop(room: WriteBank, body: shapes.Ids) -> dict[str, int]:
    """What they carry stays in the journal; `retry` delivers it after all."""
    with memory_of(room) as memory:
        return {"count": memory.drop(*body.ids)}


@router.post(
    "/flush", response_model=answers.Delivered, summary="Deliver everything said so far, and wait for it", **OURS
)
async def flush(room: WriteBank, body: shapes.Flush) -> dict[str, bool]:
    """What takes longer goes on."""

    def work() -> bool:
        with memory_of(room) as memory:
            return memory.flush(body.seconds, hurry=body.hurry)

    return {"delivered": await patiently(room, work)}


@router.post("/probe", response_model=answers.Probe, summary="Check that the bank takes and finds something", **OURS)
async def probe(room: WriteBank, body: shapes.ProbeFor) -> Probe:
    """A note is written, recalled and removed; it is in no journal, and no recall returns it."""

    def work() -> Probe:
        with memory_of(room) as memory:
            return memory.probe(body.seconds)

    return await patiently(room, work)
