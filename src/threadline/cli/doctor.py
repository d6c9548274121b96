"""`threadline doctor`: everything that must be right for a data directory to remember, and what to do."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import click

import threadline
from threadline.cli.checks import Check, check_deliveries, check_folder, exit_code, tell
from threadline.cli.options import Options, command
from threadline.cli.output import count
from threadline.database import storage_errors
from threadline.errors import StorageBusyError, ThreadlineError
from threadline.settings import Settings

_LOW_BYTES = 1_000_000_000
_LOW_PART = 0.02
#: Whose a database is, by the mark in its header.
_OURS = {0x54484A31, 0x544C5356, 0x544C4B31, 0x544C4D45}


@command("doctor", "doctor", "doctor --home /srv/memory --json")
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Check a data directory in order, and say what to do.

    The settings, the folder and who may read it, the space left, the embedder, every database, what is not delivered,
    keys, and whether a server runs on it: a line each, and another with what to do about what is wrong. Nothing is
    changed. The exit code is 1 if anything is wrong.
    """
    options = ctx.ensure_object(Options)
    checks = list(_examine(options))
    try:
        home: Path | None = options.settings().home
    except ThreadlineError:
        home = None
    tell(checks, options.json, home=home, version=threadline.__version__)
    ctx.exit(exit_code(checks))


def _examine(options: Options) -> Iterator[Check]:
    try:
        settings = options.settings()
    except ThreadlineError as error:
        yield Check("settings", False, str(error), "docs/settings.md has every setting.")
        return
    config = settings.home / "config.toml"
    told = f"{config} is valid" if config.exists() else f"there is no {config}: everything has its default"
    yield Check("settings", True, f"{told}; threadline {threadline.__version__}")
    if not settings.home.is_dir():
        yield Check("folder", True, f"{settings.home} is not there yet: it is made when something is remembered")
        return
    yield check_folder(settings.home)
    yield _space(settings.home)
    yield _embedder(settings)
    databases = sorted(path for path in settings.home.rglob("*.db") if path.is_file())
    damaged = [check for path in databases if not (check := _database(path)).ok]
    yield from damaged or [Check("databases", True, f"{count(len(databases), 'database')}, all whole")]
    if not damaged:
        yield from _deliveries(settings)
        yield from _keys(settings.home)
    yield _server(settings.home)


def _space(home: Path) -> Check:
    usage = shutil.disk_usage(home)
    told = f"{usage.free / 1e9:,.1f} GB of {usage.total / 1e9:,.1f} GB are free"
    if usage.free < _LOW_BYTES or usage.free < usage.total * _LOW_PART:
        return Check("space", False, told, "Free some: once the disk is full, nothing more can be remembered.")
    return Check("space", True, told)


def _embedder(settings: Settings) -> Check:
    from threadline.engine.models.plugins import open_embedder

    try:
        found = open_embedder(settings.embedder, settings.embedder_options)
        if found is None:
            return Check("embedder", True, "none: memories are found by their words alone")
        with contextlib.closing(found):
            found.embed_query("Does it run?")
    except ThreadlineError as error:
        return Check("embedder", False, str(error), "Without it memories are found by their words: --embedder none.")
    return Check("embedder", True, f"{settings.embedder} runs ({found.name})")


def _database(path: Path) -> Check:
    try:
        with storage_errors(path), contextlib.closing(apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE)) as opened:
            opened.set_busy_timeout(1000)
            mark = int(opened.pragma("application_id"))
            (found,) = next(iter(opened.execute("PRAGMA quick_check(1)")))
    except ThreadlineError as error:
        return Check("database", False, str(error), "Restore it from a backup, or move it away.")
    if mark not in _OURS:
        return Check("database", False, f"{path} is not one of Threadline's", "Move it away.")
    if found != "ok":
        advice = "Restore it from a backup; a bank is also made again with `threadline rebuild --from-journal`."
        return Check("database", False, f"{path} is damaged: {found}", advice)
    return Check("database", True, f"{path} is whole")


def _deliveries(settings: Settings) -> Iterator[Check]:
    from threadline.backends.plugins import open_backend
    from threadline.journal.figures import bank_status
    from threadline.journal.journal import Journal

    if not (settings.home / "journal.db").exists():
        yield Check("deliveries", True, "nothing was said in a session yet")
        return
    try:
        with (
            contextlib.closing(Journal(settings.home, settings.durability)) as journal,
            contextlib.closing(open_backend(settings)) as backend,
        ):
            for name in journal.banks():
                yield check_deliveries(bank_status(journal, journal.bank(name), None, backend))
    except ThreadlineError as error:
        yield Check("deliveries", False, str(error), "Mend what it says.")


def _keys(home: Path) -> Iterator[Check]:
    from datetime import UTC, datetime

    from threadline.server.keys import NAME, Keys

    if not (home / NAME).exists():
        return
    with contextlib.closing(Keys(home)) as keys:
        every = keys.list()
    held = sum(key.holds(datetime.now(UTC)) for key in every)
    if every and not held:
        told = "every key is revoked or expired: the server lets nobody in"
        yield Check("keys", False, told, "`threadline keys create` makes another.")
    elif every:
        yield Check("keys", True, f"{count(held, 'key')} of {len(every):,} can be used")


def _server(home: Path) -> Check:
    from threadline.journal.owner import Claim

    lock = home / "server.lock"
    if not lock.exists():
        return Check("server", True, "none ever ran on it")
    try:
        Claim(lock, "").close()
    except StorageBusyError:
        return Check("server", True, "one is running on it")
    except ThreadlineError as error:
        return Check("server", False, str(error), "Mend what it says.")
    return Check("server", True, "none is running on it")
