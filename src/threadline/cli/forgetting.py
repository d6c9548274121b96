"""`threadline forget`: what was said, removed from every file, with the proof."""

from __future__ import annotations

import contextlib

import click

from threadline.cli.options import Options, check_one, command, confirm
from threadline.cli.output import advice, console, count, first_line, say, say_json
from threadline.errors import InvalidIdError, UnknownTurnError
from threadline.journal.journal import Journal
from threadline.journal.records import BankRecord
from threadline.proof import Proof

#: How long the backend may take, in seconds: what waits in line before it goes first.
PATIENCE = 300.0

#: Where copies may be that Threadline did not make and cannot reach.
ELSEWHERE = (
    "the agent host's own database and transcripts",
    "files written by `threadline export`",
    "backups and snapshots of the data directory",
)

_TRACES_SHOWN = 10


@command("forget", "forget --session s1 --turn 4", "forget --document note:0bfffa966e3e4dbfa1b33669ca8bdc0d --yes")
@click.option("--session", metavar="ID", help="A whole session, with its notes.")
@click.option("--turn", type=click.IntRange(1), metavar="N", help="With --session: only this turn of it.")
@click.option("--document", metavar="ID", help="A document as recall names it, such as note:ID.")
@click.option("--everything", is_flag=True, help="The whole bank.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def forget(
    ctx: click.Context, session: str | None, turn: int | None, document: str | None, everything: bool, yes: bool
) -> None:
    """Forget a turn, a session or a whole bank, and prove it.

    What is named is removed from every file Threadline owns, and no replay brings it back. Then every file of the data
    directory is searched for what was forgotten, and what was found is printed: the exit code is 0 only when
    nothing was found. Copies that Threadline cannot reach are named.
    """
    check_one(session=session, document=document, everything=everything)
    if turn is not None and session is None:
        raise click.UsageError("--turn needs the --session it belongs to.")
    options = ctx.ensure_object(Options)
    with options.journal() as (journal, bank):
        lost = _describe(journal, bank, session, turn, document)
    if not yes and not confirm(f"Forget {lost}? It cannot be brought back. [y/N] "):
        say("Nothing was forgotten.", err=True)
        ctx.exit(1)
    with options.memory() as memory:
        quiet = options.json or not console(err=True).is_terminal
        with contextlib.nullcontext() if quiet else console(err=True).status("forgetting"):
            proof = memory.forget(
                session=session, turn=turn, document=document, everything=everything, seconds=PATIENCE
            )
    if options.json:
        say_json({"forgotten": lost, "proof": proof, "not_reached": ELSEWHERE})
    else:
        _show(lost, proof)
    if proof.traces or not proof.complete:
        ctx.exit(1)


def _describe(journal: Journal, bank: BankRecord, session: str | None, turn: int | None, document: str | None) -> str:
    """What is lost, in words."""
    kind, _, name = (document or "").partition(":")
    if kind == "session":
        session = name
    if session is not None and turn is not None:
        return _describe_turn(journal, bank, session, turn)
    if session is not None:
        return _describe_session(journal, bank, session)
    if document is not None:
        note = next((note for note in journal.notes(bank) if kind == "note" and note.id == name), None)
        if note is None:
            raise InvalidIdError(f"There is no document {document!r} in bank {bank.name!r}.")
        return f"note {note.id} ({first_line(note.text)!r})"
    found = journal.sessions(bank)
    turns = count(sum(s.turns for s in found), "turn")
    return f"bank {bank.name!r}: {count(len(found), 'session')}, {turns}, {count(len(journal.notes(bank)), 'note')}"


def _describe_turn(journal: Journal, bank: BankRecord, session: str, number: int) -> str:
    found = journal.turns(journal.get_session(bank, session), number, number)
    if not found:
        raise UnknownTurnError(
            f"Session {session!r} has no turn {number}; `threadline show {session}` lists its turns."
        )
    said = next((message.text for message in found[0].messages if message.text.strip()), "")
    return f"turn {number} of session {session!r} ({first_line(said)!r})"


def _describe_session(journal: Journal, bank: BankRecord, session: str) -> str:
    journal.get_session(bank, session)
    found = journal.sessions(bank)
    summary = next(s for s in found if s.id == session)
    lost = f"session {session!r}: {count(summary.turns, 'turn')}, {count(summary.notes, 'note')}"
    heirs = [s.id for s in found if s.parent == session]
    return f"{lost} (no longer seen by {', '.join(heirs)} either)" if heirs else lost


def _show(lost: str, proof: Proof) -> None:
    say(f"Forgotten: {lost}.")
    say(
        f"Searched {count(proof.files, 'file')} ({proof.bytes:,} bytes) for {count(proof.texts, 'text')}: "
        f"{count(len(proof.traces), 'trace')} found."
    )
    for trace in proof.traces[:_TRACES_SHOWN]:
        say(f"  {trace.path} at byte {trace.offset}: {first_line(trace.found)!r}")
    if len(proof.traces) > _TRACES_SHOWN:
        say(f"  and {len(proof.traces) - _TRACES_SHOWN:,} more")
    if not proof.complete:
        told = "Not complete: the bank's own files could not be changed in time. `threadline status` says what holds"
        say(advice(told))
        say("it up; it is done as soon as the bank is next opened and nothing holds it any more.")
    say("Not reached, if there are any: " + "; ".join(ELSEWHERE) + ".")
