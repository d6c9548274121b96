"""`threadline demo`: the promises, kept before one's eyes."""

from __future__ import annotations

from pathlib import Path

import click

from threadline.cli.options import Options, command
from threadline.cli.output import say, say_json


@command("demo", "demo", "demo ~/.claude/projects/notes/3f1c.jsonl --kills 20")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kills", type=click.IntRange(0), help="How often the process is killed.")
@click.option("--seed", type=int, help="Chooses the moments of the kills.")
@click.pass_context
def demo(ctx: click.Context, file: Path | None, kills: int | None, seed: int | None) -> None:
    """Live through a conversation with kills: nothing is lost.

    A process lives through a sample conversation, or through your own transcript FILE, and is killed again
    and again on the way. Then what is remembered is compared with what was said, and questions are asked.
    The last line is a JSON object of the figures. Your own data directory is not touched: it happens in a
    temporary one, or in the empty one that --home names.
    """
    from threadline import demo as demonstration

    options = ctx.ensure_object(Options)
    chosen = {name: value for name, value in (("kills", kills), ("seed", seed)) if value is not None}
    figures = demonstration.run(
        file,
        Path(options.home).expanduser() if options.home else None,
        (lambda line: say(line, err=True)) if options.json else say,
        embedder=options.embedder,
        **chosen,
    )
    if options.json:
        say_json(figures)
    if not demonstration.holds(figures):
        ctx.exit(1)
