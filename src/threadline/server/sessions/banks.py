"""A bank as the session routes see it: there or not, its sessions, its notes, how it is, and what it forgets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from threadline.journal.figures import BankStatus, SessionStatus
from threadline.journal.records import SessionSummary
from threadline.proof import Proof
from threadline.server import files, operations, refreshing
from threadline.server.access import ReadTenant, TheCaller
from threadline.server.house import Room
from threadline.server.sessions import answers, shapes
from threadline.server.sessions.base import (
    OURS,
    AdminBank,
    MakeBank,
    ReadBank,
    SessionId,
    WriteBank,
    a_router,
    conversation,
    memory_of,
    patiently,
)
from threadline.turns import Note

router = a_router("Threadline: banks")


@router.get("/banks", response_model=list[answers.BankName], summary="Which banks there are", **OURS)
def banks(tenant: ReadTenant, caller: TheCaller) -> list[dict[str, str]]:
    """The banks that the key may see."""
    return [{"bank": room.id} for room in tenant.rooms() if caller.sees(room.id)]


@router.get("/bank", response_model=answers.BankName, summary="Whether a bank is there", **OURS)
def bank(room: ReadBank) -> dict[str, str]:
    """The bank's own name, also where it is asked for by an alias."""
    return {"bank": room.id}


@router.put("/bank", response_model=answers.BankName, summary="Make a bank where there is none", **OURS)
def make_bank(room: MakeBank) -> dict[str, str]:
    """Doing it again is no error."""
    return {"bank": room.id}


@router.get("/bank/status", response_model=answers.BankStatus, summary="How a bank and its delivery are", **OURS)
def status(room: ReadBank) -> BankStatus:
    """One call for everything that can go wrong unseen."""
    with memory_of(room) as memory:
        return memory.status()


@router.post("/sessions", response_model=answers.SessionName, summary="Open a session, new or old", **OURS)
def open_session(room: MakeBank, body: shapes.Opening) -> dict[str, str]:
    """A session is opened before anything is said in it; opening it again resumes it, and describes it anew."""
    identity = None if body.identity is None else body.identity.value()
    with memory_of(room) as memory:
        return {"session": memory.session(body.session, identity=identity, tags=body.tags, metadata=body.metadata).id}


@router.get("/sessions", response_model=list[answers.SessionSummary], summary="All sessions of a bank", **OURS)
def sessions(room: ReadBank) -> list[SessionSummary]:
    """And how they descend from each other, oldest first."""
    with memory_of(room) as memory:
        return memory.sessions()


@router.get(
    "/sessions/statuses",
    response_model=list[answers.SessionStatus],
    summary="How each session and its delivery are",
    **OURS,
)
def session_statuses(room: ReadBank) -> list[SessionStatus]:
    """Oldest first."""
    with memory_of(room) as memory:
        return memory.session_statuses()


@router.get("/session", response_model=answers.SessionName, summary="Whether a session is there", **OURS)
def find_session(room: ReadBank, session: SessionId) -> dict[str, str]:
    """404 where it was never opened, 410 where it was forgotten."""
    with conversation(room, session) as found:
        return {"session": found.id}


@router.post("/notes", response_model=answers.Note, summary="Retain something as the bank's own", **OURS)
def retain(room: MakeBank, body: shapes.Noted) -> Note:
    """It is journaled when this is answered."""
    with memory_of(room) as memory:
        return memory.retain(
            body.text,
            tags=body.tags,
            context=body.context,
            occurred_at=body.occurred_at,
            host_key=body.host_key,
            metadata=body.metadata,
        )


@router.get("/notes", response_model=list[answers.Note], summary="Every note of a bank", **OURS)
def notes(room: ReadBank) -> list[Note]:
    """In order, those of sessions included."""
    with memory_of(room) as memory:
        return memory.notes()


@router.post("/rebuild", response_model=answers.Rebuilt, summary="Make everything derived again", **OURS)
async def rebuild(room: AdminBank, body: shapes.Rebuild) -> dict[str, int]:
    """From the stored documents, or from the journal; it is answered once that is done."""

    def work() -> int:
        with memory_of(room) as memory:
            return memory.rebuild(from_journal=body.from_journal)

    return {"memories": await patiently(room, work)}


@router.post("/forget", response_model=answers.Proof, summary="Forget, and prove it", **OURS)
async def forget(room: WriteBank, caller: TheCaller, body: shapes.Forget) -> Proof:
    """A turn, a session, a document or the whole bank is removed from the journal and from the bank's files.

    Then every file of the data directory is searched for it. For the whole bank the key needs the scope admin.
    """
    body.check()
    if body.everything:
        caller.demand("admin")
    return await patiently(room, lambda: _at_home(room, forget_in(room, body)))


def forget_in(room: Room, body: shapes.Forget) -> Proof:
    """Forget something of a bank, also in what was made of it."""
    if body.everything:
        return room.tenant.forget(room, body.seconds)
    files.drop(room)  # an archive may hold it
    document = body.document if body.session is None else f"session:{body.session}"
    withdrawn = refreshing.withdraw(room, {document or ""})
    if body.turn is None:
        operations.forget_document(room, document or "")
    room.database.compact()  # mental models quoted it, operations stored it, and no file may have a byte of it
    with memory_of(room) as memory:
        proof = memory.forget(session=body.session, turn=body.turn, document=body.document, seconds=body.seconds)
    withdrawn.renew(room)
    return proof


def _at_home(room: Room, proof: Proof) -> Proof:
    """The same with its paths from the data directory on: where that lies is the server's own matter."""
    traces = tuple(replace(trace, path=Path(trace.path).relative_to(room.tenant.home)) for trace in proof.traces)
    return replace(proof, traces=traces)
