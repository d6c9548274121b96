"""`threadline outbox`: what is on its way to the backend or was refused, and what to do about it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from threadline.cli.archives import check_output, write_export
from threadline.cli.options import Options, command, confirm, group
from threadline.cli.output import (
    advice,
    age,
    console,
    count,
    fields,
    first_line,
    json_line,
    say,
    say_json,
    show,
    styled,
)
from threadline.errors import InputError
from threadline.journal import deliveries
from threadline.journal.deliveries import PENDING, REMOVALS, Delivery, DeliveryState
from threadline.journal.journal import Journal
from threadline.journal.records import BankRecord
from threadline.turns import Note, Turn

#: With --all.
_EVERY: tuple[DeliveryState, ...] = ("waiting", "dead", "dropped", "done")

_every_option = click.option("--all", "every", is_flag=True, help="Also what was delivered, and what was dropped.")


@group("outbox", "outbox", "outbox retry --dead")
@click.pass_context
def outbox(ctx: click.Context) -> None:
    """List, retry, drop and export what is not delivered.

    Everything that is said is delivered to the backend. A delivery waits until it is carried, is tried again when it
    failed, and becomes a dead letter when the backend refused it for good. Without the name of a command it is `list`.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@command("list", "outbox list", "outbox list --all --json")
@_every_option
@click.pass_obj
def list_(options: Options, every: bool) -> None:
    """List what waits and what was refused, oldest first.

    Each delivery comes with its id, what it carries, how often it was tried, how old it is, and why it failed.
    """
    with options.journal() as (journal, bank):
        found = deliveries.deliveries(journal, bank, _EVERY if every else PENDING)
    if options.json:
        say_json(found)
    elif found:
        _show(found)
    else:
        say("Nothing waits, and nothing was refused." if not every else "Nothing was ever to be delivered.")


@command("retry", "outbox retry 17 18", "outbox retry --dead --wait 120")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1))
@click.option("--dead", is_flag=True, help="Everything that was refused.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long they may take.",
)
@click.pass_context
def retry(ctx: click.Context, ids: tuple[int, ...], dead: bool, wait: float) -> None:
    """Try deliveries again, and say what became of them.

    Those that were refused or dropped are carried once more, and those that failed at once. Mend first what their
    errors say. A dead letter whose later turns were delivered meanwhile may be refused again by a backend that takes
    the turns of a session in order alone: `threadline rebuild --from-journal` then delivers everything in order. The
    exit code is 0 only when all of them were delivered.
    """
    if dead == bool(ids):
        raise click.UsageError("Give the ids of deliveries, or --dead for everything that was refused.")
    options = ctx.ensure_object(Options)
    with options.journal() as (journal, bank):
        asked = deliveries.deliveries(journal, bank, ("dead",)) if dead else deliveries.find(journal, bank, ids)
    if asked:
        _deliver(options, ids, wait)
    with options.journal() as (journal, bank):
        became = deliveries.find(journal, bank, [each.id for each in asked])
    if options.json:
        say_json(became)
    else:
        for each in became:
            say(f"{each.id}  {_name(each)}: {_became(each)}")
        done = sum(each.state == "done" for each in became)
        say(f"Delivered: {done:,} of {count(len(became), 'delivery', 'deliveries')}.")
    if any(each.state != "done" for each in became):
        ctx.exit(1)


def _deliver(options: Options, ids: Sequence[int], wait: float) -> None:
    with options.memory() as memory:
        memory.retry(*ids)
        quiet = options.json or not console(err=True).is_terminal
        with contextlib.nullcontext() if quiet else console(err=True).status("delivering"):
            memory.flush(wait)


@command("drop", "outbox drop 17", "outbox drop 17 18 --yes")
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def drop(ctx: click.Context, ids: tuple[int, ...], yes: bool) -> None:
    """Give deliveries up: they are not carried any more.

    What they carry stays in the journal, where `threadline show` finds it, but is not recalled. `threadline outbox
    retry` takes it back, and `threadline rebuild --from-journal` delivers it with everything else. To drop the order to
    take something out leaves that in the backend, where recall hides it.
    """
    options = ctx.ensure_object(Options)
    with options.journal() as (journal, bank):
        if not yes:
            _tell_what_is_lost(journal, bank, deliveries.find(journal, bank, ids))
            if not confirm(f"Drop {count(len(set(ids)), 'delivery', 'deliveries')}? [y/N] "):
                say("Nothing was dropped.", err=True)
                ctx.exit(1)
        dropped = deliveries.drop(journal, bank, ids)
        found = deliveries.find(journal, bank, ids)
    if options.json:
        say_json(found)
    else:
        told = f"Dropped: {count(dropped, 'delivery', 'deliveries')}. `threadline outbox retry ID` takes it back."
        say(advice(told))


@command("export", "outbox export", "outbox export --output undelivered.jsonl")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; stdout if not given.")
@_every_option
@click.pass_obj
def export(options: Options, output: Path | None, every: bool) -> None:
    """Write what is not delivered, with its texts, as JSON lines.

    One line for each delivery that waits or was refused: its figures, and the turns or the note it carries, as the
    journal has them. A file is written for its owner alone, and appears only when it is whole.
    """
    check_output(options, output)
    with options.journal() as (journal, bank):
        lines = _lines(journal, bank, _EVERY if every else PENDING)
        written = write_export(output, lines)
    if output is None:
        return
    if options.json:
        say_json({"file": output, "bank": bank.name, "deliveries": written})
    else:
        say(f"{output}: {count(written, 'delivery', 'deliveries')} of bank {bank.name}.", err=True)


def _lines(journal: Journal, bank: BankRecord, states: Sequence[DeliveryState]) -> Iterator[str]:
    for each in deliveries.deliveries(journal, bank, states):
        carried = deliveries.contents(journal, bank, each)
        turns = [one for one in carried if isinstance(one, Turn)]
        note = next((one for one in carried if isinstance(one, Note)), None)
        yield json_line({**fields(each), "turns": turns, "note": note})


def _tell_what_is_lost(journal: Journal, bank: BankRecord, found: Sequence[Delivery]) -> None:
    """Say it on stderr, for the question that follows.

    Raises:
        InputError: nobody is there to be asked.
    """
    if not has_terminal():
        raise InputError("Nothing was dropped: without a terminal nobody can be asked; --yes gives the answer.")
    for each in found:
        texts = [_text(one) for one in deliveries.contents(journal, bank, each)]
        said = f": {first_line(' / '.join(texts))!r}" if texts else ""
        say(f"{each.id}  {_name(each)} ({each.state}){said}", err=True)
        if each.kind in REMOVALS:
            say("    What it was to take out would stay in the backend.", err=True)


def has_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def _text(carried: Turn | Note) -> str:
    if isinstance(carried, Note):
        return carried.text
    return next((message.text for message in carried.messages if message.text.strip()), "")


def _show(found: Sequence[Delivery]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, ratio in (("id", None), ("what", 4), ("state", None), ("tried", None), ("age", None), ("error", 5)):
        table.add_column(name, ratio=ratio, overflow="fold", justify="right" if name in ("id", "tried") else "left")
    for each in found:
        table.add_row(
            styled(str(each.id)),
            styled(_name(each)),
            styled(each.state, "bold red" if each.state == "dead" else ""),
            styled(f"{each.attempts:,}"),
            styled(age(each.created_at)),
            styled(advice(each.error or ""), "dim"),
        )
    show(table)


def _name(delivery: Delivery) -> str:
    """What it carries, in words."""
    if delivery.document == "*":
        return "order to empty the bank"
    what = delivery.document
    if delivery.first_turn is not None:
        several = delivery.first_turn != delivery.last_turn
        numbers = f"turns {delivery.first_turn}-{delivery.last_turn}" if several else f"turn {delivery.first_turn}"
        what = f"{numbers} of {delivery.session}"
    return {"retract": f"order to take back {what}", "forget": f"order to forget {what}"}.get(delivery.kind, what)


def _became(delivery: Delivery) -> str:
    if delivery.state == "done":
        return "delivered"
    error = delivery.error or "it was not its turn yet."
    return f"refused: {error}" if delivery.state == "dead" else f"not delivered yet: {error}"


for each in (list_, retry, drop, export):
    outbox.add_command(each)
