"""`threadline sessions` and `threadline show`: what was said, and how sessions descend from each other."""

from __future__ import annotations

from collections.abc import Sequence

import click

from threadline.cli.options import NothingYet, Options, command
from threadline.cli.output import advice, count, moment, say, say_json, styled
from threadline.cli.output import show as render
from threadline.journal.records import SessionSummary
from threadline.turns import Note, Turn


@command("sessions", "sessions", "sessions --bank work --json")
@click.pass_obj
def sessions(options: Options) -> None:
    """List the sessions as a tree of how they descend.

    Branches, continuations and delegations hang below the session they came from. With --json it is a flat
    list, oldest first, in which `parent` and `fork_turn` say the same.
    """
    found: list[SessionSummary] = []
    try:
        with options.journal() as (journal, bank):
            found = journal.sessions(bank)
    except NothingYet as nothing:
        say(advice(str(nothing)), err=True)
    if options.json:
        say_json(found)
    elif found:
        _show_tree(options.settings().bank, found)
    else:
        say("No sessions.")


def _show_tree(bank: str, found: Sequence[SessionSummary]) -> None:
    from rich.tree import Tree

    tree = Tree(styled(f"{bank}: {count(len(found), 'session')}", "bold"))
    nodes: dict[str, Tree] = {}
    for session in found:  # oldest first, so a parent comes before its children
        nodes[session.id] = nodes.get(session.parent or "", tree).add(styled(describe(session)))
    render(tree)


def describe(session: SessionSummary) -> str:
    """One session on one line."""
    parts = [session.id]
    if session.kind == "branch":
        parts.append(f"branch at turn {session.fork_turn}")
    elif session.kind != "fresh":
        parts.append(session.kind)
    if session.parent is not None and session.parent.startswith("forgotten:"):
        parts.append("of a forgotten session")
    parts.append(count(session.turns, "turn"))
    if session.taken_back:
        parts.append(f"{session.taken_back:,} taken back")
    if session.notes:
        parts.append(count(session.notes, "note"))
    if session.last_at is not None:
        parts.append(f"last {moment(session.last_at)}")
    if session.ended_at is not None:
        parts.append("ended")
    return "  ·  ".join(parts)


@command("show", "show s1", "show s1-branch --history --json")
@click.argument("session")
@click.option("--history", is_flag=True, help="What the session sees: inherited turns too, none that was taken back.")
@click.pass_obj
def show(options: Options, session: str, history: bool) -> None:
    """Show what was said in a session, in order.

    Turns that were taken back are shown, and marked. With --history it is instead what the session sees: the
    turns it inherited from its ancestors and its own, without those taken back.
    """
    with options.journal() as (journal, bank):
        record = journal.get_session(bank, session)
        summary = next(s for s in journal.sessions(bank) if s.id == record.id)
        # What was taken back where it was said, but not here, is not taken back in what this session sees.
        seen = journal.history(record) if history else []
        turns = seen if history else journal.turns(record)
        notes = journal.notes(bank, record)
    if options.json:
        say_json({"session": summary, "turns": turns, "notes": notes})
        return
    say(describe(summary))
    for turn in turns:
        _show_turn(turn, session)
    for note in notes:
        _show_note(note)


def _show_turn(turn: Turn, session: str) -> None:
    inherited = "" if turn.session == session else f"  ·  inherited from {turn.session}"
    taken_back = "  ·  taken back" if turn.taken_back else ""
    say(f"\nturn {turn.number}  ·  {moment(turn.occurred_at)}{inherited}{taken_back}")
    for message in turn.messages:
        _show_text(message.speaker or message.role, message.text)


def _show_note(note: Note) -> None:
    say(f"\nnote {note.id}  ·  {moment(note.occurred_at)}" + "".join(f"  ·  {tag}" for tag in note.tags))
    _show_text(note.context or "note", note.text)


def _show_text(who: str, text: str) -> None:
    lines = text.splitlines() or [""]
    say(f"  {who}: {lines[0]}")
    for line in lines[1:]:
        say(f"    {line}")
