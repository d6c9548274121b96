"""The options every command takes, before or after its name, and what they open."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from threadline.cli.output import printable, say
from threadline.errors import InputError, InvalidBankError
from threadline.journal.journal import Journal
from threadline.journal.records import BankRecord
from threadline.memory import Memory
from threadline.session.checks import check_bank
from threadline.settings import Settings


class Options:
    """What was given on the command line; None where nothing was."""

    def __init__(self) -> None:
        self.home: str | None = None
        self.bank: str | None = None
        self.embedder: str | None = None
        self.json = False

    def settings(self, **given: Any) -> Settings:
        """The settings: what was given, then the environment, then the data directory's `config.toml`."""
        return Settings.load(self.home, bank=self.bank, embedder=self.embedder, **given)

    def memory(self, **given: Any) -> Memory:
        """The bank, open; made when new."""
        return Memory(self.settings(**given))

    @contextlib.contextmanager
    def journal(self) -> Iterator[tuple[Journal, BankRecord]]:
        """The journal and the bank, for looking: no backend, nothing is delivered.

        Raises:
            NothingYet: there is no such data directory or bank; neither is made.
        """
        settings = self.settings()
        name = check_bank(settings.bank)
        with self.whole_journal() as journal:
            banks = journal.banks()
            if name not in banks:
                have = f"--bank names one of {', '.join(banks)}" if banks else "no bank was made yet"
                raise NothingYet(f"There is no bank {name!r} in {settings.home}; {have}.")
            yield journal, journal.bank(name)

    @contextlib.contextmanager
    def whole_journal(self) -> Iterator[Journal]:
        """The journal, for looking at every bank.

        Raises:
            NothingYet: there is no such data directory; none is made.
        """
        settings = self.settings()
        if not (settings.home / "journal.db").exists():
            raise NothingYet(
                f"There is no memory in {settings.home} yet; `threadline import FILE` or `threadline retain TEXT` "
                "begins one, and --home names another data directory."
            )
        with contextlib.closing(Journal(settings.home, settings.durability)) as journal:
            yield journal


class NothingYet(InvalidBankError):  # noqa: N818 - shown to the user as the error it derives from
    """Nothing was ever recorded there. Some commands have an answer to that, others pass it on."""


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    options = ctx.ensure_object(Options)
    if value:
        setattr(options, param.name or "", value)


def shared_options() -> list[click.Parameter]:
    """The options of the group and of each command."""
    return [
        click.Option(
            ["--home"],
            metavar="FOLDER",
            help="The data directory. [THREADLINE_HOME, else ~/.threadline]",
            expose_value=False,
            callback=_keep,
        ),
        click.Option(
            ["--bank"],
            metavar="NAME",
            help="The bank: one isolated memory. [THREADLINE_BANK, else default]",
            expose_value=False,
            callback=_keep,
        ),
        click.Option(
            ["--embedder"],
            metavar="NAME",
            help="What finds by meaning, such as static; none: by words alone. [THREADLINE_EMBEDDER, else minilm]",
            expose_value=False,
            callback=_keep,
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            help="JSON on stdout, and nothing else.",
            expose_value=False,
            callback=_keep,
        ),
    ]


class Commands(click.Group):
    """Commands under one name, in the order in which they are met."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """As they were added, not by name."""
        return list(self.commands)


class Command(click.Command):
    """A command that takes the shared options too, except for what it has another meaning for itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {name for param in self.params for name in param.opts}
        self.params += [param for param in shared_options() if own.isdisjoint(param.opts)]


def examples(*lines: str) -> str:
    """The end of a help text: how it is typed."""
    return "\b\nExamples:\n" + "\n".join(f"  threadline {line}" for line in lines)


def command(name: str, *lines: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command, whose help ends in examples."""
    return click.command(name, cls=Command, epilog=examples(*lines))


def group(name: str, *lines: str) -> Callable[[Callable[..., Any]], Commands]:
    """Make a function a group of commands: it is called before them, and also without any."""
    return click.group(
        name, cls=Commands, params=shared_options(), epilog=examples(*lines), invoke_without_command=True
    )


def check_one(**named: object) -> None:
    """Refuse anything but exactly one of these options.

    Raises:
        click.UsageError: none was given, or several.
    """
    if sum(value not in (None, False) for value in named.values()) != 1:
        names = ", ".join(f"--{name}" for name in named)
        raise click.UsageError(f"Give exactly one of {names}.")


def confirm(question: str) -> bool:
    """Ask on stderr, so that stdout is the result's alone. No answer is a no."""
    click.echo(printable(question), err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer:
        say("\nNo answer; --yes gives it.", err=True)
    return answer.strip().lower() in ("y", "yes")


def read_text(text: str | None, what: str) -> str:
    """A text that was given as an argument, or else comes from stdin.

    Raises:
        InputError: stdin is not UTF-8.
    """
    if text is not None and text != "-":
        return text
    if sys.stdin.isatty():
        raise click.UsageError(f"Give {what} as an argument, or pipe it in.")
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"What came from stdin is not UTF-8 ({error.reason} at byte {error.start}).") from error
