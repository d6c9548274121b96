"""The command line: what `threadline` does when it is typed."""

from __future__ import annotations


def main() -> None:
    """Run the command line with the arguments of this process, and end it with the command's exit code."""
    from threadline.cli.app import app

    app.main(prog_name="threadline")
