"""`threadline import`: transcripts and exports into a bank."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from threadline.cli.options import Options, command
from threadline.cli.output import count, fields, progress, say, say_json
from threadline.errors import BackendUnavailableError
from threadline.journal.journal import Journal

if TYPE_CHECKING:
    from rich.progress import Progress

    from threadline.cli.intake import Intake, Report
    from threadline.memory import Memory

#: How many turns make a batch here: a past conversation is in no hurry, and fewer batches are faster.
BATCH = 16

#: How long a wait for delivery goes on while nothing moves and something is wrong, in seconds.
PATIENCE = 10.0

_GLANCE = 0.25  # seconds between two looks at how far the delivery is
_FIGURES = ("sessions", "turns", "known", "forgotten", "notes", "redactions", "ignored")
_TOLD = (
    ("turns", "turn added", "turns added"),
    ("known", "already there", "already there"),
    ("notes", "note added", "notes added"),
    ("forgotten", "forgotten before and not brought back", "forgotten before and not brought back"),
    ("redactions", "secret taken out", "secrets taken out"),
    ("ignored", "record of unknown kind ignored", "records of unknown kinds ignored"),
)


@command("import", "import ~/.claude/projects ~/.codex/sessions", "import chat.json --format messages --on-error stop")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, readable=False, allow_dash=True, path_type=Path),
)
@click.option(
    "--format",
    "format_",
    metavar="NAME",
    help="claude_code, codex, locomo, longmemeval, messages, plain, or threadline for an export; told by what the "
    "file holds if not given.",
)
@click.option(
    "--on-error",
    type=click.Choice(["skip", "stop"]),
    default="skip",
    show_default=True,
    help="What to do about a broken record: report and skip it, or stop there.",
)
@click.option("--session-prefix", default="", metavar="TEXT", help="Put before the id of every session.")
@click.option("--wait/--no-wait", default=True, help="Whether to wait until all can be recalled.  [default: wait]")
@click.pass_context
def import_(
    ctx: click.Context, files: tuple[Path, ...], format_: str | None, on_error: str, session_prefix: str, wait: bool
) -> None:
    """Import transcripts of agent hosts, and exports of Threadline.

    FILE may be a file, a folder, which is searched for .json and .jsonl files, or - for stdin. Importing
    again adds nothing twice, so an import that was interrupted is simply run again, and a transcript that
    has grown adds what is new. Every turn is kept as soon as it is read; at the end the command waits until
    all of them can be recalled. What was forgotten before is not brought back.
    """
    from threadline import importers
    from threadline.cli.intake import EXPORT, Intake

    options = ctx.ensure_object(Options)
    if format_ is not None and format_ not in (*importers.FORMATS, EXPORT):
        raise click.BadParameter(
            f"{format_!r} is not one of {', '.join((*importers.FORMATS, EXPORT))}.", param_hint="--format"
        )
    with contextlib.ExitStack() as stack:
        memory = stack.enter_context(options.memory(retain_every_n_turns=BATCH))
        journal = stack.enter_context(contextlib.closing(Journal(memory.settings.home, memory.settings.durability)))
        bar = stack.enter_context(progress(quiet=options.json))
        reading = bar.add_task("reading", total=None)
        intake = Intake(
            memory, journal, journal.bank(memory.bank), on_error == "stop", session_prefix, lambda: bar.advance(reading)
        )
        try:
            reports = _take_all(intake, files, format_, None if options.json else bar)
            bar.update(reading, visible=False)
            delivered = _deliver(memory, bar) if wait else False
        except KeyboardInterrupt:
            bar.stop()
            say(
                "Stopped. What was read so far is kept: run the same command again for the rest. What cannot be "
                "recalled yet is delivered the next time the bank is opened.",
                err=True,
            )
            ctx.exit(130)
        undelivered = 0 if delivered else memory.status().undelivered
    if not reports:
        say("There is no .json or .jsonl file in it: nothing was read.", err=True)
    _show(options, reports, delivered, undelivered)
    named = {str(path) for path in files}
    if any(report.unreadable and report.file in named for report in reports):
        ctx.exit(1)


def _take_all(intake: Intake, files: Sequence[Path], format_: str | None, bar: Progress | None) -> list[Report]:
    reports: list[Report] = []
    for path, name in _found(files):
        report = intake.take(path, format_, name)
        reports.append(report)
        if bar is not None:
            _say_above(bar, report)
    return reports


def _found(files: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Every file to read, and what it is called."""
    from threadline import importers

    for given in files:
        if str(given) != "-":
            for path in importers.find([given]):
                yield path, str(path)
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "stdin"
            with path.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
            yield path, "-"


def _deliver(memory: Memory, bar: Progress) -> bool:
    """Wait until everything can be recalled.

    Raises:
        BackendUnavailableError: it does not go on.
    """
    left = memory.status().undelivered
    task = bar.add_task("delivering", total=left)
    idle = 0.0
    while not memory.flush(_GLANCE, hurry=False):
        status = memory.status()
        idle = idle + _GLANCE if status.undelivered >= left else 0.0
        left = status.undelivered
        bar.update(task, completed=(bar.tasks[-1].total or 0) - left)
        if status.last_error is not None and idle >= PATIENCE:
            raise BackendUnavailableError(
                f"Everything is imported and kept, but {count(left, 'turn')} cannot be recalled yet: "
                f"{status.last_error} It is tried again whenever the bank is opened."
            )
    return True


def _show(options: Options, reports: Sequence[Report], delivered: bool, undelivered: int) -> None:
    total = {name: sum(getattr(report, name) for report in reports) for name in _FIGURES}
    faults = sum(len(report.faults) for report in reports)
    if options.json:
        total = {"files": len(reports), **total, "faults": faults}
        files = [fields(report) for report in reports]
        say_json({"files": files, "total": total, "delivered": delivered, "undelivered": undelivered})
        return
    told = _told(total, faults)
    if not delivered and undelivered:
        told += f"; {count(undelivered, 'turn')} on the way, delivered the next time the bank is opened"
    say(f"Total: {count(len(reports), 'file')}, {told}.")


def _say_above(bar: Progress, report: Report) -> None:
    """Print what became of a file, without tearing the bar."""
    with contextlib.ExitStack() as stack:
        if bar.live.is_started:
            bar.stop()
            stack.callback(bar.start)
        kind = f" ({report.format})" if report.format else ""
        if report.unreadable:
            say(f"{report.file}: not read: {report.faults[-1].reason}")
            return
        say(f"{report.file}{kind}: {_told(fields(report), len(report.faults))}")
        for fault in report.faults:
            say(f"  {fault.place}: {fault.reason}")


def _told(figures: dict[str, object] | dict[str, int], faults: int) -> str:
    parts = [count(_number(figures, "sessions"), "session")]
    for name, one, many in _TOLD:
        number = _number(figures, name)
        if number or name in ("turns", "known"):
            parts.append(count(number, one, many))
    if faults:
        parts.append(count(faults, "fault"))
    return ", ".join(parts)


def _number(figures: dict[str, object] | dict[str, int], name: str) -> int:
    value = figures[name]
    return value if isinstance(value, int) else 0
