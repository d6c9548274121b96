"""The group of all commands, and how they end."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from threadline.cli.archives import export
from threadline.cli.backups import backup, restore
from threadline.cli.demonstration import demo
from threadline.cli.doctor import doctor
from threadline.cli.explaining import explain
from threadline.cli.forgetting import forget
from threadline.cli.hermes import hermes
from threadline.cli.keys import keys
from threadline.cli.mcp import mcp
from threadline.cli.memories import recall, reflect, retain
from threadline.cli.options import Commands, Options, examples, shared_options
from threadline.cli.outbox import outbox
from threadline.cli.output import advice, printable, say_json
from threadline.cli.serving import serve
from threadline.cli.sessions import sessions, show
from threadline.cli.transcripts import import_
from threadline.cli.upkeep import rebuild, status
from threadline.errors import ThreadlineError

#: Exit codes: 0 done, 1 an error of Threadline's, 2 a command line that cannot be understood, 130 interrupted.
ERROR, INTERRUPTED = 1, 130


class App(Commands):
    """All commands, and one way to end for all of them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what goes wrong becomes one line and an exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except ThreadlineError as error:
            _report(ctx.ensure_object(Options), error)
            ctx.exit(ERROR)
        except KeyboardInterrupt:
            click.echo("Interrupted. Everything that was recorded is kept.", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Nobody reads any more. The descriptor goes, so that the interpreter's last flush is quiet too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(ERROR)
        else:
            return result


def _report(options: Options, error: ThreadlineError) -> None:
    message = advice(" ".join(str(error).split()))
    if options.json:
        say_json({"error": {"type": _name(error), "message": message}})
    else:
        click.echo(f"Error: {printable(message)}", err=True)


def _name(error: ThreadlineError) -> str:
    """The error's public name: that of the first class `threadline` exports."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == ThreadlineError.__module__)


@click.group(
    cls=App,
    params=shared_options(),
    epilog=examples("import ~/.claude/projects", "recall 'what did we decide about the cache?'"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(
    None, "-V", "--version", package_name="threadline", prog_name="threadline", message="%(prog)s %(version)s"
)
def app() -> None:
    """Long-term memory for AI agents.

    Every turn of every session is recorded durably and found again by its words and its meaning. Everything
    is kept in one data directory on this machine; nothing is sent anywhere. The options below may also be
    given after the name of a command.
    """


for each in (
    *(import_, recall, explain, reflect, retain, sessions, show, status, outbox, forget, export, rebuild),
    *(serve, mcp, keys, backup, restore, doctor),
    *(hermes, demo),
):
    app.add_command(each)
