"""What `hermes threadline` does: our own commands, over the memory of a home of the host.

The same commands outside of the host are `threadline hermes status|doctor|reconcile`, and `threadline --home ...`.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import click

from threadline.cli.options import Commands, Options, shared_options
from threadline.cli.output import PROGRAM
from threadline.errors import SettingsError
from threadline.hosts.hermes.access import Access
from threadline.hosts.hermes.agent import Agent
from threadline.hosts.hermes.config import Config
from threadline.hosts.hermes.places import Places, profile_of
from threadline.hosts.hermes.pool import Pool
from threadline.hosts.hermes.recorder import Reconciled
from threadline.hosts.hermes.statedb import HostSession, StateDb
from threadline.hosts.hermes.templates import choose_bank
from threadline.hosts.hermes.troubles import Troubles
from threadline.settings import Settings

#: What the commands are typed as in the host.
WITHIN = "hermes threadline"


class HermesOptions(Options):
    """The options of a command that works on the memory of a home of the host: what is not given is as set there.

    Attributes:
        places: of the home.
    """

    def __init__(self, places: Places, given: Options | None = None) -> None:
        super().__init__()
        if given is not None:
            self.home, self.bank, self.embedder, self.json = given.home, given.bank, given.embedder, given.json
        self.places = places

    @cached_property
    def config(self) -> Config:
        """The provider's settings."""
        return Config.load(self.places.hermes)

    @property
    def own_bank(self) -> str:
        """The bank that an agent at the terminal remembers in."""
        origin = owner(self.places).origin
        return choose_bank(self.config.bank_id_template, self.config.bank_id, origin).bank

    def settings(self, **given: Any) -> Settings:
        """The settings that the provider opens its memory with.

        Raises:
            SettingsError: they cannot be used, so that nothing is remembered either.
        """
        if self.config.broken:
            raise SettingsError(self.config.broken)
        written = {**self.config.settings, **({"embedder": self.embedder} if self.embedder else {}), **given}
        return Settings.load(self.home or self.config.data, bank=self.bank or self.own_bank, **written)


def owner(places: Places) -> Agent:
    """The agent that the home's owner speaks to at the terminal."""
    told = {"platform": "cli", "agent_identity": profile_of(places.hermes), "agent_workspace": "hermes"}
    return Agent.of(places.hermes, "", told)


# Reconciling


@dataclass(frozen=True, slots=True)
class BankReconciled:
    """What a comparison with the host's log changed in one bank.

    Attributes:
        delivered: whether all of it can be recalled already.
    """

    bank: str
    found: Reconciled
    delivered: bool


def reconcile(places: Places, seconds: float = 30.0) -> list[BankReconciled]:
    """Bring every bank of the home to what the host's log says. Doing it again changes nothing.

    Args:
        places: of the home.
        seconds: how long each bank may take to deliver what is new.

    Raises:
        SettingsError: the settings cannot be used.
        StorageError: a journal cannot be read or written.
    """
    config = Config.load(places.hermes)
    if config.broken:
        raise SettingsError(config.broken)
    if not config.auto_retain:
        raise SettingsError(f"{places.settings}: auto_retain is off, so the host's log is not taken over.")
    pool, done = Pool(), dict[str, BankReconciled]()
    for agent in _agents(places, config):
        access = Access(agent, pool, Troubles())
        if access.bank in done:
            continue
        try:
            opened = access.open()
            found = opened.recorder.reconcile()
            done[access.bank] = BankReconciled(opened.memory.bank, found, opened.memory.flush(seconds))
        finally:
            access.close()
    return list(done.values())


def _agents(places: Places, config: Config) -> Iterator[Agent]:
    """One for each bank that something in the log may belong to."""
    yield owner(places)
    if config.bank_id_template:
        log = StateDb(places.hermes)
        for session in log.sessions() or ():
            yield agent_of(places, session)
        log.close()


def agent_of(places: Places, session: HostSession) -> Agent:
    """The agent of a session of the host's log."""
    told = {
        "platform": session.source or "",
        "user_id": session.user or "",
        "chat_id": session.chat or "",
        "agent_identity": session.profile or profile_of(places.hermes),
        "agent_workspace": "hermes",
    }
    return Agent.of(places.hermes, session.id, told)


# Within the host


def run(name: str | None, arguments: Sequence[str]) -> int:
    """Run a command of `hermes threadline`.

    Returns:
        The exit code.
    """
    from threadline.hosts.hermes.hostside import host_home

    token = PROGRAM.set(WITHIN)
    try:
        _group().main(
            [name or "status", *arguments], prog_name=WITHIN, obj=HermesOptions(Places(host_home().absolute()))
        )
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    finally:
        PROGRAM.reset(token)
        sys.stdout.flush()


#: Our own commands that make sense there. The others are about Threadline itself, or the way into the host.
NAMES = (
    "sessions",
    "show",
    "recall",
    "explain",
    "reflect",
    "retain",
    "outbox",
    "forget",
    "export",
    "import",
    "rebuild",
)


def _group() -> click.Group:
    from threadline.cli.app import App, app
    from threadline.cli.hermes import hermes

    group = App("threadline", params=shared_options(), help="The memory of this home of Hermes.")
    for name in ("status", "doctor", "reconcile"):
        group.add_command(_spoken(hermes.commands[name]), name)
    for name in NAMES:
        group.add_command(_spoken(app.commands[name]), name)
    return group


def _spoken(command: click.Command) -> click.Command:
    """The command, with a help that says how it is typed in the host."""
    spoken = copy.copy(command)
    if spoken.epilog:
        spoken.epilog = spoken.epilog.replace("  threadline hermes ", "  threadline ").replace(
            "  threadline ", f"  {WITHIN} "
        )
    if spoken.help:
        spoken.help = spoken.help.replace("`threadline ", f"`{WITHIN} ")
    if isinstance(spoken, Commands):
        spoken.commands = {name: _spoken(each) for name, each in spoken.commands.items()}
    return spoken
