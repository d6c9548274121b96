"""Everything that must be right for the host to remember, looked at in order, with what to do where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from threadline.backends.plugins import open_backend
from threadline.backends.probe import probe
from threadline.cli.checks import Check, check_deliveries, check_folder
from threadline.cli.output import count
from threadline.errors import ThreadlineError
from threadline.hosts.hermes.commands import HermesOptions, agent_of
from threadline.hosts.hermes.install import NAME, look
from threadline.hosts.hermes.lineage import why_not_talk
from threadline.hosts.hermes.places import try_import
from threadline.hosts.hermes.statedb import HostSession, StateDb
from threadline.hosts.hermes.templates import choose_bank
from threadline.journal.figures import bank_status
from threadline.journal.journal import Journal

#: How long the backend may take to write a note and find it again, in seconds.
_PROBE_SECONDS = 30.0


def examine(options: HermesOptions, *, probing: bool = True) -> list[Check]:
    """Look at everything. Nothing is changed; a probe writes a note to the backend, recalls it and removes it.

    Args:
        options: whose home.
        probing: whether to try the backend.
    """
    checks = [_python(), _plugin(options), _activation(options), _settings(options)]
    usable = not options.config.broken
    checks.append(_folder(options) if usable else _not_looked_at("folder"))
    checks.append(_backend(options, probing) if usable else _not_looked_at("backend"))
    checks.append(_log(options))
    return [*checks, *(_journal(options) if usable else (_not_looked_at("deliveries"), _not_looked_at("reconcile")))]


def _not_looked_at(name: str) -> Check:
    return Check(name, None, "not looked at: the settings cannot be used")


def _python() -> Check:
    found = try_import()
    if found.error is not None:
        return Check("python", False, found.error, found.advice)
    return Check("python", True, f"{found.python} has threadline {found.version}")


def _plugin(options: HermesOptions) -> Check:
    found, folder = look(options.places), options.places.plugin
    if found.current:
        return Check("plug-in", True, f"{folder} is of this version")
    what = [f"{name} is not there" for name in found.missing]
    what += [f"{name} is of another version, or was changed" for name in found.differing]
    return Check("plug-in", False, f"{folder}: {'; '.join(what)}", "Run: threadline hermes install")


def _activation(options: HermesOptions) -> Check:
    found, path = look(options.places), options.places.config
    if found.problem is not None:
        return Check("active", False, found.problem, f"Mend {path}.")
    if not found.active:
        told = f"{path} has memory.provider: {found.provider or 'none'}"
        return Check("active", False, told, "Run: threadline hermes install")
    return Check("active", True, f"{path} has memory.provider: {NAME}")


def _settings(options: HermesOptions) -> Check:
    config, path = options.config, options.places.settings
    if config.problems:
        return Check("settings", False, " ".join(config.problems), f"Mend {path}; docs/hermes.md has every setting.")
    if not path.exists():
        return Check("settings", True, f"there is no {path}: everything has its default")
    return Check("settings", True, " ".join([f"{path} is valid", *config.remarks]))


def _folder(options: HermesOptions) -> Check:
    folder = options.settings().home
    if not folder.exists():
        return Check("folder", False, f"{folder} is not there", "Run: threadline hermes install")
    return check_folder(folder)


def _backend(options: HermesOptions, probing: bool) -> Check:
    settings = options.settings()
    try:
        with closing(open_backend(settings)) as backend:
            if not probing:
                return Check("backend", True, f"{settings.backend} opens; it was not tried")
            found = probe(backend, settings.bank, _PROBE_SECONDS)
    except ThreadlineError as error:
        return Check("backend", False, str(error), "Mend what it says; turns are kept in the journal meanwhile.")
    if found.error is not None:
        return Check("backend", False, found.error, "Mend what it says; turns are kept in the journal meanwhile.")
    return Check("backend", True, f"{settings.backend} wrote a note, found it and removed it")


def _log(options: HermesOptions) -> Check:
    if not options.places.log.exists() and (options.config.broken or not _has_journal(options)):
        return Check(
            "host's log", True, f"there is no {options.places.log} yet: Hermes makes it at its first conversation"
        )
    log = StateDb(options.places.hermes)
    found = log.sessions()
    log.close()
    if found is None:
        advice = "Without it, what Hermes drops or takes back is not noticed; all else is remembered."
        return Check("host's log", False, log.problem or f"{log.path} cannot be read", advice)
    return Check("host's log", True, f"{log.path} can be read: {count(len(found), 'session')}")


def _has_journal(options: HermesOptions) -> bool:
    return (options.settings().home / "journal.db").exists()


def _journal(options: HermesOptions) -> Iterator[Check]:
    settings = options.settings()
    if not _has_journal(options):
        yield Check("deliveries", True, "nothing was recorded yet")
        yield _reconciled(options, {})
        return
    try:
        with (
            closing(Journal(settings.home, settings.durability)) as journal,
            closing(open_backend(settings)) as backend,
        ):
            banks = [journal.bank(name) for name in journal.banks()]
            for bank in banks:
                yield check_deliveries(bank_status(journal, bank, None, backend))
            known = {bank.name: {session.id for session in journal.sessions(bank)} for bank in banks}
        yield _reconciled(options, known)
    except ThreadlineError as error:
        yield Check("deliveries", False, str(error), "Mend what it says.")


def _reconciled(options: HermesOptions, known: dict[str, set[str]]) -> Check:
    """Whether every conversation of the host's log is in the journal. Turns are compared by a reconcile alone."""
    config = options.config
    if not (config.reconcile and config.auto_retain):
        return Check("reconcile", True, "it is off: what Hermes drops or takes back is not noticed")
    log = StateDb(options.places.hermes)
    try:
        missing = [each for each in log.sessions() or () if _is_missing(options, each, known, log)]
    finally:
        log.close()
    if log.problem is not None and log.path.exists():
        return Check("reconcile", None, "not looked at: the host's log cannot be read")
    if missing:
        names = ", ".join(each.id for each in missing[:3]) + (", ..." if len(missing) > 3 else "")
        told = f"{count(len(missing), 'conversation')} of the host's log not in memory ({names})"
        return Check("reconcile", False, told, "Run: `threadline reconcile`; it is also done when Hermes starts.")
    return Check("reconcile", True, "every conversation of the host's log is in memory")


def _is_missing(options: HermesOptions, host: HostSession, known: dict[str, set[str]], log: StateDb) -> bool:
    if not host.messages or host.ended_at is None or why_not_talk(host, None, None) is not None:
        return False  # one that goes on may be recorded any moment
    origin = agent_of(options.places, host).origin
    bank = choose_bank(options.config.bank_id_template, options.config.bank_id, origin).bank
    if host.id in known.get(bank, ()):
        return False
    return any(row.role == "user" and not row.undone for row in log.rows(host.id) or ())
