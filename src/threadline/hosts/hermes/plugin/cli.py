"""`hermes threadline ...`. Written by `threadline hermes install`; changes here are lost.

The host reads this file at each start, and it runs it before the provider: nothing of Threadline is loaded by that.
"""

from __future__ import annotations

import sys
from typing import Any

_COMMANDS = (
    ("status", "How the memory is: what it holds, what is on its way, what went wrong"),
    ("doctor", "Check everything in order, and say what to do"),
    ("reconcile", "Take over from the host's own log what never arrived"),
    ("sessions", "The sessions, as a tree of how they descend"),
    ("show", "What was said in a session"),
    ("recall", "Find memories for a question"),
    ("explain", "Why they were found"),
    ("reflect", "Answer a question from memory, with sources"),
    ("retain", "Retain a note"),
    ("outbox", "What waits or was refused: list, retry, drop, export"),
    ("forget", "Forget everywhere, with proof"),
    ("export", "Write everything as JSON lines"),
    ("import", "Read transcripts"),
    ("rebuild", "Make memory anew from what is stored"),
)


def register_cli(subparser: Any) -> None:
    """Name the commands to the host. What follows a name goes to Threadline as it was typed."""
    commands = subparser.add_subparsers(dest="threadline_command", metavar="COMMAND")
    for name, text in _COMMANDS:
        # No character begins an option here, so that --json and --help arrive, too.
        each = commands.add_parser(name, help=text, add_help=False, prefix_chars="\0")
        each.add_argument("arguments", nargs="*")


def threadline_command(args: Any) -> None:
    """Run one of them."""
    try:
        from threadline.hosts.hermes.commands import run
    except ImportError as error:
        sys.exit(
            f"Threadline cannot be loaded by the Python that runs Hermes ({error}). "
            f"Run: {sys.executable} -m pip install --upgrade threadline"
        )
    sys.exit(run(getattr(args, "threadline_command", None), list(getattr(args, "arguments", None) or [])))
