"""`threadline status` and `threadline rebuild`: how a bank is, and how to make it anew."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import click

from threadline.backends.base import Backend
from threadline.backends.probe import Probe, probe
from threadline.cli.options import Options, command
from threadline.cli.output import advice, age, console, count, fields, moment, say, say_json, show, styled
from threadline.journal.figures import BankStatus, SessionStatus, bank_status, session_statuses
from threadline.journal.journal import Journal
from threadline.journal.records import BankRecord

#: How long a probe may take, in seconds: a backend that derives with a language model needs some.
PROBE_SECONDS = 30.0


@command("status", "status --sessions", "status --all --probe --json")
@click.option("--all", "every", is_flag=True, help="Every bank of the data directory.")
@click.option("--sessions", "each_session", is_flag=True, help="Each session of the bank as well.")
@click.option("--probe", "probing", is_flag=True, help="Write a note to the backend, recall it and remove it.")
@click.pass_context
def status(ctx: click.Context, every: bool, each_session: bool, probing: bool) -> None:
    """Say how a bank is, and what went wrong.

    What it holds, what is on its way into memory, and what to do if that does not go on. The exit code is 0
    when the bank is healthy, and 1 when it is not. It only looks, but for --probe: nothing is delivered by it.
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
        found = [look(journal, each, backend, each_session, probing) for each in banks]
    if options.json:
        told = [plain(each) for each in found]
        say_json(told if every else told[0])
    else:
        for each in found:
            show_bank(each, str(settings.home))
    if not all(each.status.healthy for each in found):
        ctx.exit(1)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to say of one bank; None is what nobody asked for."""

    status: BankStatus
    sessions: list[SessionStatus] | None
    probe: Probe | None


def look(journal: Journal, bank: BankRecord, backend: Backend, each_session: bool, probing: bool) -> Found:
    """See how a bank is, and nothing more; but for the note that a probe writes and removes."""
    status = bank_status(journal, bank, None, backend)
    sessions = session_statuses(journal, bank) if each_session else None
    probed = probe(backend, bank.name, PROBE_SECONDS) if probing else None
    if probed is not None and not probed.ok:
        status = replace(status, healthy=False)
    return Found(status, sessions, probed)


def plain(found: Found) -> dict[str, object]:
    """As JSON has it."""
    told = fields(found.status)
    if found.sessions is not None:
        told["by_session"] = found.sessions
    if found.probe is not None:
        told["probe"] = found.probe
    return told


def show_bank(found: Found, home: str) -> None:
    """As people read it."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim")
    table.add_column(overflow="fold")
    lines = _lines(found.status, home)
    if found.probe is not None:
        lines.insert(2, ("probe", _probed(found.probe)))
    for name, value in lines:
        wrong = name == "wrong" or (name == "probe" and found.probe is not None and not found.probe.ok)
        table.add_row(styled(name), styled(value, "bold red" if wrong else ""))
    show(table)
    say()
    if found.sessions:
        _show_sessions(found.sessions)
        say()


def _show_sessions(found: Sequence[SessionStatus]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("session", ratio=3, overflow="fold")
    for name in ("turns", "delivered", "undelivered", "oldest", "retries", "dead"):
        table.add_column(name, justify="right")
    table.add_column("last delivered", min_width=10, overflow="fold")
    table.add_column("last error", ratio=3, overflow="fold")
    for each in found:
        oldest = "" if each.oldest_undelivered is None else age(each.oldest_undelivered)
        figures = (each.turns, each.delivered, each.undelivered, oldest, each.retries, each.dead_letters)
        table.add_row(
            styled(each.id),
            *(styled(one if isinstance(one, str) else f"{one:,}") for one in figures),
            styled(_here(each.last_delivered)),
            styled(each.last_error or "", "bold red"),
        )
    show(table)


def _probed(probe: Probe) -> str:
    if probe.error is not None:
        return probe.error
    found = f"{probe.read_seconds or 0:.2f} s"
    if probe.write_seconds is None:
        return f"answered a recall in {found}; nothing was written, as the backend cannot delete"
    return f"written in {probe.write_seconds:.2f} s, found {found} after that, and removed"


def _lines(status: BankStatus, home: str) -> list[tuple[str, str]]:
    held = status.held
    lines = [
        ("bank", f"{status.bank} in {home}"),
        ("healthy", "yes" if status.healthy else "no"),
        ("backend", status.backend if status.once else f"{status.backend}; a retry may repeat a turn there"),
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
                    f"{status.dropped:,} dropped",
                ]
            ),
        ),
        ("tried again", count(status.retries, "time")),
        ("last delivered", _here(status.last_delivered)),
    ]
    if status.oldest_undelivered is not None:
        since = status.oldest_undelivered
        lines.append(("waiting since", f"{_here(since)} ({age(since)})"))
    if status.last_error is not None:
        lines += [("wrong", advice(status.last_error)), ("what to do", advice(_advice(status)))]
    return lines


def _here(value: datetime | None) -> str:
    """When Threadline did something, by the clock on the user's wall: it is written down in UTC."""
    return moment(None if value is None else value.astimezone())


def _advice(status: BankStatus) -> str:
    if status.dead_letters:
        return (
            "Mend what it says, then `threadline outbox retry --dead`; `threadline outbox` lists what was refused. "
            "What is refused again comes with `threadline rebuild --from-journal`, which delivers everything in order."
        )
    if status.waiting:
        return (
            "Mend what it says; it is tried again by itself, at the latest when the bank is next opened, and now with "
            "`threadline outbox retry ID`. `threadline outbox` lists what waits."
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
