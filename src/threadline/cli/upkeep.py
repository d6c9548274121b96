"""`threadline status` and `threadline rebuild`: how a bank is, and how to make it anew."""

from __future__ import annotations

import contextlib
from datetime import datetime

import click

from threadline.cli.options import Options, command
from threadline.cli.output import console, count, moment, say, say_json, show, styled
from threadline.journal.figures import BankStatus, bank_status


@command("status", "status", "status --all --json")
@click.option("--all", "every", is_flag=True, help="Every bank of the data directory.")
@click.pass_context
def status(ctx: click.Context, every: bool) -> None:
    """Say how a bank is, and what went wrong.

    What it holds, what is on its way into memory, and what to do if that does not go on. The exit code is 0
    when the bank is healthy, and 1 when it is not. It only looks: nothing is delivered by it.
    """
    from threadline.backends.plugins import open_backend

    options = ctx.ensure_object(Options)
    settings = options.settings()
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(contextlib.closing(open_backend(settings)))
        if every:
            journal = stack.enter_context(options.whole_journal())
            banks = [journal.bank(name) for name in journal.banks()]
        else:
            journal, bank = stack.enter_context(options.journal())
            banks = [bank]
        found = [bank_status(journal, each, None, backend) for each in banks]
    if options.json:
        say_json(found if every else found[0])
    else:
        for each in found:
            _show(each, str(settings.home))
    if not all(each.healthy for each in found):
        ctx.exit(1)


def _show(status: BankStatus, home: str) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim")
    table.add_column(overflow="fold")
    for name, value in _lines(status, home):
        table.add_row(styled(name), styled(value, "bold red" if name == "wrong" else ""))
    show(table)
    say()


def _lines(status: BankStatus, home: str) -> list[tuple[str, str]]:
    held = status.held
    lines = [
        ("bank", f"{status.bank} in {home}"),
        ("healthy", "yes" if status.healthy else "no"),
        ("said", f"{count(status.sessions, 'session')}, {count(status.turns, 'turn')}, {count(status.notes, 'note')}"),
        ("taken back", count(status.taken_back, "turn")),
        ("redaction", f"{'on' if status.redact else 'off'}, {count(status.redactions, 'secret')} taken out"),
        ("held", f"{count(held.documents, 'document')}, {count(held.passages, 'passage')}"),
        ("", f"{count(held.memories, 'memory', 'memories')}, {count(held.vectors, 'vector')}, {held.bytes:,} bytes"),
        ("on the way", f"{count(status.undelivered, 'turn')}, {status.buffered:,} of them in no batch yet"),
        (
            "deliveries",
            ", ".join(
                [
                    f"{status.delivered:,} done",
                    f"{status.waiting:,} waiting",
                    f"{status.retrying:,} being retried",
                    f"{status.dead_letters:,} refused for good",
                ]
            ),
        ),
        ("last delivered", _here(status.last_delivered)),
    ]
    if status.oldest_undelivered is not None:
        lines.append(("waiting since", _here(status.oldest_undelivered)))
    if status.last_error is not None:
        lines += [("wrong", status.last_error), ("what to do", _advice(status))]
    return lines


def _here(value: datetime | None) -> str:
    """When Threadline did something, by the clock on the user's wall: it is written down in UTC."""
    return moment(None if value is None else value.astimezone())


def _advice(status: BankStatus) -> str:
    if status.dead_letters:
        return (
            "Mend what it says, then `threadline rebuild --from-journal` delivers everything again: what was "
            "refused is still in the journal."
        )
    return "Mend what it says; it is tried again by itself, at the latest when the bank is next opened."


@command("rebuild", "rebuild", "rebuild --from-journal --bank work")
@click.option("--from-journal", is_flag=True, help="Deliver every turn and note again, into an empty bank.")
@click.pass_obj
def rebuild(options: Options, from_journal: bool) -> None:
    """Make memory anew from what the bank has stored.

    The word index and the vectors are made again: for when they are damaged, or the embedder has changed.
    With --from-journal the bank's own files are made anew too, from the journal: for when they are lost.
    """
    with options.journal():
        pass  # only what is there can be rebuilt
    with options.memory() as memory:
        quiet = options.json or not console(err=True).is_terminal
        with contextlib.nullcontext() if quiet else console(err=True).status("rebuilding"):
            memories = memory.rebuild(from_journal=from_journal)
    if options.json:
        say_json({"bank": options.settings().bank, "memories": memories})
    else:
        say(f"Rebuilt: {count(memories, 'memory', 'memories')}.")
