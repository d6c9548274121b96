"""`threadline hermes`: the plug-in of Hermes Agent, into a home of it and out again, and how it is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from threadline.cli.checks import exit_code, tell
from threadline.cli.options import NothingYet, Options, command, group
from threadline.cli.output import PROGRAM, advice, count, fields, say, say_json
from threadline.cli.upkeep import Found, look, plain, show_bank

if TYPE_CHECKING:
    from threadline.hosts.hermes.commands import BankReconciled, HermesOptions
    from threadline.hosts.hermes.install import Installed, Step
    from threadline.hosts.hermes.places import Import, Places

_hermes_home = click.option(
    "--hermes-home",
    metavar="FOLDER",
    help="The home of Hermes, or of a profile of it. [as hermes itself finds it]",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Change nothing; show what would be changed.")


def _places(hermes_home: str | None) -> Places:
    from threadline.hosts.hermes.places import Places, find_hermes_home

    return Places(find_hermes_home(hermes_home))


@group("hermes", "hermes install", "hermes doctor")
@click.pass_context
def hermes(ctx: click.Context) -> None:
    """Be the memory of Hermes Agent: install, migrate, look.

    It works on the home that `hermes` itself would use: that of the active profile, else HERMES_HOME, else ~/.hermes.
    Within Hermes, `hermes threadline` has the commands that look, and some more. Without the name of a command it is
    `status`.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(status)


@command("install", "hermes install", "hermes install --hermes-home ~/.hermes/profiles/coder --dry-run")
@_hermes_home
@_dry_run
@click.pass_context
def install(ctx: click.Context, hermes_home: str | None, dry_run: bool) -> None:
    """Install the plug-in into a home of Hermes, and activate it.

    Writes the plug-in's few files, makes the folder of the memories, and sets memory.provider in config.yaml; nothing
    else there is touched. It says what it changed and what was there before; doing it again changes nothing. The exit
    code is 1 when the Python that runs Hermes cannot import Threadline.
    """
    from threadline.hosts.hermes.install import carry_out, plan_install
    from threadline.hosts.hermes.places import try_import

    places = _places(hermes_home)
    steps = plan_install(places)
    if not dry_run:
        carry_out(steps)
    _tell(ctx, places, steps, dry_run, imported=try_import(), hints=_next(places, steps))


def _next(places: Places, steps: Sequence[Step]) -> list[str]:
    hints = []
    if (places.hermes / "hindsight" / "config.json").is_file() and any(step.path == places.config for step in steps):
        hints.append("`threadline hermes migrate` takes over the settings of the Hindsight provider, and its server.")
    hints.append("Sessions that begin from now on have it; `threadline hermes doctor` looks whether it works.")
    return hints


@command("uninstall", "hermes uninstall --dry-run", "hermes uninstall")
@_hermes_home
@_dry_run
@click.pass_context
def uninstall(ctx: click.Context, hermes_home: str | None, dry_run: bool) -> None:
    """Take the plug-in out of a home of Hermes again.

    config.yaml becomes what it was before, byte for byte; if it was changed since, the provider that was active before
    is put back and the rest stays. Memories and settings are never deleted: it says where they stay.
    """
    from threadline.hosts.hermes.install import carry_out, plan_uninstall

    places = _places(hermes_home)
    steps = plan_uninstall(places)
    if not dry_run:
        carry_out(steps)
    hints = [f"Memories and settings stay in {places.ours}."] if places.ours.exists() else []
    _tell(ctx, places, steps, dry_run, hints=hints)


@command("migrate", "hermes migrate --dry-run", "hermes migrate --install")
@_hermes_home
@_dry_run
@click.option("--install", "installing", is_flag=True, help="Install the plug-in as well, and activate it.")
@click.pass_context
def migrate(ctx: click.Context, hermes_home: str | None, dry_run: bool, installing: bool) -> None:
    """Take over the settings of the Hindsight provider.

    Reads hindsight/config.json (else ~/.hindsight/config.json, else the environment) and .env, keeps every setting that
    means the same here, its server as the backend included, and says what became of each other one. Its own files stay
    as they are, and so does what its server holds. The provider is switched with --install only.
    """
    from threadline.hosts.hermes.install import carry_out, plan_install
    from threadline.hosts.hermes.migrate import plan_migration, read_hindsight
    from threadline.hosts.hermes.places import try_import

    places = _places(hermes_home)
    migration = read_hindsight(places)
    steps = plan_migration(places, migration)
    imported = None
    if installing:
        installing_it = plan_install(places, with_settings=False)
        activating = [step for step in installing_it if step.path == places.config]  # last: it finds all the rest
        steps = [*(step for step in installing_it if step not in activating), *steps, *activating]
        imported = try_import()
    if not dry_run:
        carry_out(steps)
    hints = [*migration.hints, *([] if installing else ["`threadline hermes install` makes Threadline the provider."])]
    options = ctx.ensure_object(Options)
    if not options.json:
        say(f"Settings of the Hindsight provider, from {migration.source}:")
        width = max(len(fate.name) for fate in migration.fates)
        for fate in migration.fates:
            say(f"  {fate.name:<{width}}  {fate.became}: {fate.told}")
    _tell(ctx, places, steps, dry_run, imported, hints, more={"source": migration.source, "settings": migration.fates})


def _tell(
    ctx: click.Context,
    places: Places,
    steps: Sequence[Step],
    dry_run: bool,
    imported: Import | None = None,
    hints: Sequence[str] = (),
    more: dict[str, Any] | None = None,
) -> None:
    """Say what was done or would be, and what the user has to know; end with 1 where Hermes cannot import us."""
    options = ctx.ensure_object(Options)
    if options.json:
        told = [{"path": step.path, "changes": step.changes, "told": step.told} for step in steps]
        head = {"hermes_home": places.hermes, "dry_run": dry_run, "steps": told}
        say_json({**head, **(more or {}), "imported": imported, "hints": hints})
    else:
        _show(places, steps, dry_run)
        if imported is not None:
            _show_import(imported)
        for hint in hints:
            say(hint)
    if imported is not None and imported.error is not None:
        ctx.exit(1)


def _show(places: Places, steps: Sequence[Step], dry_run: bool) -> None:
    changing = sum(step.changes for step in steps)
    say(f"{places.hermes}: " + (_changes(changing, dry_run) if changing else "nothing to change."))
    for step in steps:
        path = step.path.relative_to(places.hermes) if step.path.is_relative_to(places.hermes) else step.path
        say(f"  {'*' if step.changes else ' '} {path}  {step.told}")


def _changes(changing: int, dry_run: bool) -> str:
    return f"{count(changing, 'change')} {'would be made; nothing was.' if dry_run else 'made.'}"


def _show_import(imported: Import) -> None:
    if imported.error is None:
        say(f"Hermes runs on {imported.python}, which has threadline {imported.version}.")
    else:
        say(imported.error, err=True)
        say(imported.advice, err=True)


# How it is


def _options(ctx: click.Context, hermes_home: str | None) -> HermesOptions:
    """The options over a home of Hermes: within Hermes its own."""
    from threadline.hosts.hermes.commands import HermesOptions

    given = ctx.ensure_object(Options)
    if isinstance(given, HermesOptions) and hermes_home is None:
        return given
    token = PROGRAM.set("hermes threadline")  # only there the commands that are named look into this home
    ctx.find_root().call_on_close(lambda: PROGRAM.reset(token))
    return HermesOptions(_places(hermes_home), given)


@command("status", "hermes status", "hermes status --all --json")
@_hermes_home
@click.option("--all", "every", is_flag=True, help="Every bank of the home.")
@click.option("--sessions", "each_session", is_flag=True, help="Each session of the bank as well.")
@click.option("--probe", "probing", is_flag=True, help="Write a note to the backend, recall it and remove it.")
@click.pass_context
def status(ctx: click.Context, hermes_home: str | None, every: bool, each_session: bool, probing: bool) -> None:
    """Say how the memory of a home of Hermes is.

    Whether the plug-in is installed and active, what is wrong with its settings, and then of the bank what it holds,
    what is on its way, what went wrong and what to do. It only looks. The exit code is 0 when all is well, and 1 when
    it is not.
    """
    from threadline.hosts.hermes.install import look as look_at_plugin

    options = _options(ctx, hermes_home)
    found = look_at_plugin(options.places)
    banks = _banks(options, every, each_session, probing)
    if options.json:
        head = {"hermes_home": options.places.hermes, "provider": found.provider, "active": found.active}
        plugin = {"current": found.current, "missing": found.missing, "differing": found.differing}
        notes = {"problems": options.config.problems, "remarks": options.config.remarks}
        say_json({**head, "plugin": plugin, **notes, "banks": [plain(each) for each in banks]})
    else:
        _show_home(options, found)
        for each in banks:
            show_bank(each, str(options.settings().home))
        if not banks:
            say("Nothing was recorded yet.")
    if options.config.problems or not (found.active and found.current) or not all(b.status.healthy for b in banks):
        ctx.exit(1)


def _banks(options: HermesOptions, every: bool, each_session: bool, probing: bool) -> list[Found]:
    from threadline.backends.plugins import open_backend

    if options.config.broken:
        return []
    try:
        with options.whole_journal() as journal, contextlib.closing(open_backend(options.settings())) as backend:
            names = journal.banks()
            wanted = names if every else [name for name in names if name == options.settings().bank]
            return [look(journal, journal.bank(name), backend, each_session, probing) for name in wanted]
    except NothingYet:
        return []


def _show_home(options: HermesOptions, found: Installed) -> None:
    say(f"Hermes: {options.places.hermes}")
    if found.problem is not None:
        say(f"  {found.problem}")
    elif found.active:
        say("  memory.provider: threadline" + ("" if found.current else "; its plug-in is not of this version"))
    else:
        say(f"  memory.provider: {found.provider or 'none'}; `threadline hermes install` makes it threadline")
    for line in (*options.config.problems, *options.config.remarks):
        say(f"  {line}")
    say()


@command("doctor", "hermes doctor", "hermes doctor --no-probe --json")
@_hermes_home
@click.option("--probe/--no-probe", "probing", default=True, help="Whether to try the backend.  [default: probe]")
@click.pass_context
def doctor(ctx: click.Context, hermes_home: str | None, probing: bool) -> None:
    """Check everything in order, and say what to do.

    The Python of Hermes, the plug-in, its activation, the settings, the folder, the backend, the host's own log, what
    is not delivered, and whether every conversation is in memory: a line each, and another with what to do about what
    is wrong. The exit code is 1 if anything is.
    """
    from threadline.hosts.hermes.doctor import examine

    options = _options(ctx, hermes_home)
    checks = examine(options, probing=probing)
    tell(checks, options.json, hermes_home=options.places.hermes)
    ctx.exit(exit_code(checks))


@command("reconcile", "hermes reconcile", "hermes reconcile --wait 120 --json")
@_hermes_home
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the delivery of what is new may take.",
)
@click.pass_context
def reconcile(ctx: click.Context, hermes_home: str | None, wait: float) -> None:
    """Take over from the host's own log what never arrived.

    Compares the journal with state.db of Hermes, which is only read: adds turns that are missing, in order, takes back
    those that were undone, and learns where sessions come from. The plug-in does the same when Hermes starts. Doing it
    again changes nothing. The exit code is 1 when the log cannot be read.
    """
    from threadline.hosts.hermes.commands import reconcile as compare

    options = _options(ctx, hermes_home)
    done = compare(options.places, wait)
    if options.json:
        say_json([{"bank": each.bank, **fields(each.found), "delivered": each.delivered} for each in done])
    else:
        for each in done:
            _show_reconciled(each)
    if any(str(options.places.log) in each.found.skipped for each in done):
        ctx.exit(1)


def _show_reconciled(done: BankReconciled) -> None:
    found = done.found
    learned = count(len(found.lineages), "lineage")
    told = f"{count(len(found.added), 'turn')} added, {len(found.retracted):,} taken back, {learned} learned"
    say(f"bank {done.bank}: {told if found.changed else 'nothing was missing'}.")
    for session, why in found.skipped.items():
        say(f"  {session}: {why}")
    if not done.delivered:
        say(advice("  It is kept, but cannot be recalled yet; `threadline status` says why."), err=True)


for each in (install, uninstall, migrate, status, doctor, reconcile):
    hermes.add_command(each)
