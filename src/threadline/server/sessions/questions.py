"""What is remembered: recall, explain, reflect and prefetch, for a session or for its whole bank."""

from __future__ import annotations

from collections.abc import Callable

from threadline.documents import Explained, Recalled, Reflection
from threadline.server import threads
from threadline.server.house import Room
from threadline.server.sessions import answers, shapes
from threadline.server.sessions.base import (
    OURS,
    ReadBank,
    SessionId,
    a_router,
    conversation,
    memory_of,
    patiently,
    within,
)

router = a_router("Threadline: what is remembered")

Memories = list[answers.Recalled]


@router.post("/recall", response_model=Memories, summary="Recall over a bank", **OURS)
async def recall(room: ReadBank, body: shapes.Recall) -> list[Recalled]:
    """Best first, without what was taken back everywhere."""

    def work() -> list[Recalled]:
        with memory_of(room) as memory:
            return memory.recall(body.query, fresh=body.fresh, **body.options())

    return await _run(room, work, fresh=body.fresh)


@router.post(
    "/explain", response_model=list[answers.Explained], summary="Say why a bank's recall returns what it does", **OURS
)
def explain(room: ReadBank, body: shapes.Explain) -> list[Explained]:
    """And why it does not return what is wanted."""
    wanted = None if body.wanted is None else body.wanted.value()
    with memory_of(room) as memory:
        return memory.explain(body.query, wanted, **body.options())


@router.post("/reflect", response_model=answers.Reflection, summary="Answer a question from a bank", **OURS)
def reflect(room: ReadBank, body: shapes.Asked) -> Reflection:
    """With the memories that the answer stands on."""
    with memory_of(room) as memory:
        return memory.reflect(body.query, **body.options())


@router.post("/session/recall", response_model=Memories, summary="Recall for a session", **OURS)
async def session_recall(room: ReadBank, session: SessionId, body: shapes.SessionRecall) -> list[Recalled]:
    """What it may see: its lineage up to each fork, without what was taken back. Best first."""

    def work() -> list[Recalled]:
        with conversation(room, session) as talk:
            return talk.recall(body.query, scope=body.scope, fresh=body.fresh, **body.options())

    return await _run(room, work, fresh=body.fresh)


@router.post(
    "/session/explain",
    response_model=list[answers.Explained],
    summary="Say why a session's recall returns what it does",
    **OURS,
)
def session_explain(room: ReadBank, session: SessionId, body: shapes.SessionExplain) -> list[Explained]:
    """And why it does not return what is wanted."""
    wanted = None if body.wanted is None else body.wanted.value()
    with conversation(room, session) as talk:
        return talk.explain(body.query, wanted, scope=body.scope, **body.options())


@router.post("/session/reflect", response_model=answers.Reflection, summary="Answer a question for a session", **OURS)
def session_reflect(room: ReadBank, session: SessionId, body: shapes.SessionAsked) -> Reflection:
    """From what it may see, with the memories that the answer stands on."""
    with conversation(room, session) as talk:
        return talk.reflect(body.query, scope=body.scope, **body.options())


@router.post(
    "/session/prefetch", status_code=202, response_model=None, summary="Begin a recall in the background", **OURS
)
def prefetch(room: ReadBank, session: SessionId, body: shapes.SessionAsked) -> None:
    """It is answered at once; `prefetched` returns what was found, to this session and for this query only."""
    with conversation(room, session) as talk:
        talk.prefetch(body.query, scope=body.scope, **body.options())


@router.post("/session/prefetched", response_model=Memories, summary="What a prefetch found", **OURS)
async def prefetched(room: ReadBank, session: SessionId, body: shapes.Prefetched) -> list[Recalled]:
    """Else what a recall finds within the deadline, else nothing.

    Nothing that was recalled for another session or query, or before a switch, rewind or forget, is returned.
    """

    def work(seconds: float) -> list[Recalled]:
        with conversation(room, session) as talk:
            return talk.prefetched(body.query, seconds, instead=body.instead, scope=body.scope, **body.options())

    return await within(room, body.deadline, work, [])


async def _run(room: Room, work: Callable[[], list[Recalled]], *, fresh: bool) -> list[Recalled]:
    return await patiently(room, work) if fresh else await threads.work(work)
