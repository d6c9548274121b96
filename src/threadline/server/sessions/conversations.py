"""What is said in a session."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from threadline.journal.figures import SessionStatus
from threadline.server.sessions import answers, shapes
from threadline.server.sessions.base import OURS, ReadBank, SessionId, WriteBank, a_router, conversation
from threadline.turns import Note, Turn

router = a_router("Threadline: what is said")


@router.post("/session/turns", response_model=answers.Turn, summary="Record a turn", **OURS)
def add_turn(room: WriteBank, session: SessionId, body: shapes.Said) -> Turn:
    """When this is answered the turn is kept; it is delivered in the background.

    With a `host_key` it may be sent as often as you like, and is one turn. Without one, each request is its own turn.
    """
    with conversation(room, session) as talk:
        return talk.add_turn(
            body.user,
            body.assistant,
            messages=body.value(),
            occurred_at=body.occurred_at,
            host_key=body.host_key,
            metadata=body.metadata,
        )


@router.get("/session/turns", response_model=list[answers.Turn], summary="The turns said in a session itself", **OURS)
def turns(room: ReadBank, session: SessionId) -> list[Turn]:
    """Taken back or not, in order."""
    with conversation(room, session) as talk:
        return talk.turns()


@router.get("/session/history", response_model=list[answers.Turn], summary="What a session sees", **OURS)
def history(room: ReadBank, session: SessionId) -> list[Turn]:
    """The turns it inherited and its own, without what was taken back."""
    with conversation(room, session) as talk:
        return talk.history()


@router.get("/session/turn", response_model=answers.Turn | None, summary="The turn of a host's key", **OURS)
def find_turn(
    room: ReadBank,
    session: SessionId,
    host_key: Annotated[str, Query(description="The host's key of the turn.", examples=["message-4711"])],
) -> Turn | None:
    """Taken back or not; null if none was recorded under it."""
    with conversation(room, session) as talk:
        return talk.find_turn(host_key)


@router.post("/session/notes", response_model=answers.Note, summary="Retain something as a session's own", **OURS)
def note(room: WriteBank, session: SessionId, body: shapes.Noted) -> Note:
    """It is part of no turn, and journaled when this is answered."""
    with conversation(room, session) as talk:
        return talk.note(
            body.text,
            tags=body.tags,
            context=body.context,
            occurred_at=body.occurred_at,
            host_key=body.host_key,
            metadata=body.metadata,
        )


@router.get("/session/notes", response_model=list[answers.Note], summary="The notes of a session", **OURS)
def notes(room: ReadBank, session: SessionId) -> list[Note]:
    """In order."""
    with conversation(room, session) as talk:
        return talk.notes()


@router.post("/session/flush", status_code=204, summary="Deliver what is buffered", **OURS)
def flush(room: WriteBank, session: SessionId) -> None:
    """Nobody waits for it."""
    with conversation(room, session) as talk:
        talk.flush()


@router.get(
    "/session/status", response_model=answers.SessionStatus, summary="How a session and its delivery are", **OURS
)
def status(room: ReadBank, session: SessionId) -> SessionStatus:
    """How many turns are delivered, and what failed."""
    with conversation(room, session) as talk:
        return talk.status()
