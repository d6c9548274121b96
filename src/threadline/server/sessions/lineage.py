"""Where a session goes: branches, continuations, switches, and what is taken back."""

from __future__ import annotations

from threadline.server.sessions import answers, shapes
from threadline.server.sessions.base import OURS, ReadBank, SessionId, WriteBank, a_router, conversation

router = a_router("Threadline: where a session goes")

Places = list[answers.Place]


@router.post("/session/branch", response_model=answers.SessionName, summary="Branch off", **OURS)
def branch(room: WriteBank, session: SessionId, body: shapes.Branched) -> dict[str, str]:
    """A new session that sees this one up to here, and not what this one says next. Doing it again is no error."""
    with conversation(room, session) as talk:
        return {"session": talk.branch(body.session, at_turn=body.at_turn).id}


@router.post("/session/continuation", response_model=answers.SessionName, summary="Go on under a new id", **OURS)
def continuation(room: WriteBank, session: SessionId, body: shapes.Continued) -> dict[str, str]:
    """The same conversation, as after a compression: it sees all of this one. Doing it again is no error."""
    with conversation(room, session) as talk:
        return {"session": talk.continuation(body.session).id}


@router.post("/session/descend", response_model=answers.SessionName, summary="Say late how a session descends", **OURS)
def descend(room: WriteBank, session: SessionId, body: shapes.Descended) -> dict[str, str]:
    """As if it had been told when the session was opened. Doing it again is no error."""
    with conversation(room, session) as talk:
        return {"session": talk.descend(body.parent, body.kind, at_turn=body.at_turn).id}


@router.post("/session/switch", response_model=answers.SessionName, summary="Go where the host goes", **OURS)
def switch(room: WriteBank, session: SessionId, body: shapes.Switched) -> dict[str, str]:
    """What is buffered is delivered as this session's, and prefetches made here are void."""
    with conversation(room, session) as talk:
        target = talk.switch(body.session, reason=body.reason, parent=body.parent, at_turn=body.at_turn)
        return {"session": target.id}


@router.post("/session/leave", status_code=204, summary="Go away from a session without ending it", **OURS)
def leave(room: WriteBank, session: SessionId) -> None:
    """What is buffered is delivered."""
    with conversation(room, session) as talk:
        talk.leave()


@router.post("/session/end", status_code=204, summary="End a session", **OURS)
def end(room: WriteBank, session: SessionId) -> None:
    """What is buffered is delivered. Opening the session again resumes it."""
    with conversation(room, session) as talk:
        talk.end()


@router.post("/session/compress", status_code=204, summary="Say that a conversation was summarised in place", **OURS)
def compress(room: WriteBank, session: SessionId, body: shapes.Compressed) -> None:
    """All of it is still recalled."""
    with conversation(room, session) as talk:
        talk.compress(kept_turns=body.kept_turns)


@router.get("/session/compressed-turn", response_model=answers.CompressedTurn, summary="What was summarised", **OURS)
def compressed_turn(room: ReadBank, session: SessionId) -> dict[str, int]:
    """Up to which turn the host's model has only a summary."""
    with conversation(room, session) as talk:
        return {"turn": talk.compressed_turn()}


@router.post("/session/rewind", response_model=Places, summary="Take back the last turns", **OURS)
def rewind(room: WriteBank, session: SessionId, body: shapes.Rewound) -> list[answers.Place]:
    """From now on no recall returns them; a branch forked before keeps them.

    Sent twice it takes back twice as much. Where an answer may get lost, say `rewind-to` or `take-back` instead.
    """
    with conversation(room, session) as talk:
        return _places(talk.rewind(body.turns))


@router.post(
    "/session/rewind-to", response_model=Places, summary="Take back what the host does not have any more", **OURS
)
def rewind_to(room: WriteBank, session: SessionId, body: shapes.RewoundTo) -> list[answers.Place]:
    """For a host that says only that something was undone. Sent again it takes nothing back."""
    with conversation(room, session) as talk:
        return _places(talk.rewind_to(body.kept))


@router.post("/session/take-back", response_model=Places, summary="Take back turns wherever they stand", **OURS)
def take_back(room: WriteBank, session: SessionId, body: shapes.TakenBack) -> list[answers.Place]:
    """Turns of this session itself. Sent again it takes nothing back."""
    with conversation(room, session) as talk:
        return _places(talk.take_back(*body.turns))


def _places(taken_back: list[tuple[str, int]]) -> list[answers.Place]:
    return [answers.Place(session=session, turn=turn) for session, turn in taken_back]
