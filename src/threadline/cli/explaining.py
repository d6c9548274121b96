"""`threadline explain`: why a recall returned what it did, and why not what was expected."""

from __future__ import annotations

from collections.abc import Sequence

import click

from threadline.cli.asking import asked_of, asking
from threadline.cli.options import Options, command
from threadline.cli.output import say, say_json, show, styled
from threadline.documents import Explained, Wanted
from threadline.errors import InputError
from threadline.session.recall import RecallOptions

# The signals that have a rank of their own, as columns; the rest only add to the score.
_CHANNELS = ("words", "meaning", "tokens", "time")


@command("explain", 'explain "where did we leave the migration?"', 'explain "favourite tea" --expected session:s1/4')
@click.argument("query")
@click.option("--expected", metavar="DOCUMENT[/TURN]", help="A memory that should be there: session:ID/TURN, note:ID.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="The most memories shown.")
@click.option(
    "--max-tokens", type=click.IntRange(1), default=4096, show_default=True, help="The most tokens of text, together."
)
@asking
@click.pass_obj
def explain(
    options: Options,
    query: str,
    expected: str | None,
    session: str | None,
    asked: RecallOptions,
) -> None:
    """Say why a recall returns what it does, and why not more.

    For each memory: its place, how sure it is, its rank and score in each channel, and what each signal added to
    the score it is placed by. With `--expected`, what became of every memory of that turn that was not returned.
    """
    wanted = None if expected is None else _wanted(expected)
    with options.memory() as memory:
        told = asked_of(memory, session).explain(query, wanted, **asked)
    if options.json:
        say_json(told)
    elif told:
        _show(told)
    else:
        say("Nothing found.")


def _wanted(expected: str) -> Wanted:
    document, slash, turn = expected.rpartition("/")
    if slash and turn.isdecimal():
        return Wanted(document, int(turn))
    if not expected.startswith(("session:", "note:")):
        raise InputError(f"--expected names a document, such as session:s1/4 or note:ID, not {expected!r}.")
    return Wanted(expected)


def _show(told: Sequence[Explained]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    table.add_column("#", justify="right")
    table.add_column("memory", ratio=4, overflow="fold")
    table.add_column("sure", justify="right")
    for channel in _CHANNELS:
        table.add_column(channel, justify="right")
    table.add_column("what made its score", ratio=4, overflow="fold")
    for each in told:
        memory = each.memory
        ranks = {reason.channel: f"#{reason.rank}\n{reason.score:.2f}" for reason in memory.why}
        place = "-" if each.rank is None else str(each.rank)
        sure = "" if memory.confidence is None else f"{memory.confidence:.0%}"
        text = memory.text if each.returned else f"{memory.text}\nNOT RETURNED: {each.verdict}"
        cells = [styled(ranks.get(channel, "-"), "cyan") for channel in _CHANNELS]
        table.add_row(styled(place), styled(text), styled(sure), *cells, styled(_shares(each), "dim"))
    show(table)


def _shares(each: Explained) -> str:
    """What the signals added, the largest share first."""
    shares = sorted(each.signals.items(), key=lambda item: -abs(item[1][1]))
    return "  ".join(f"{name} {share:+.2f}" for name, (_, share) in shares if abs(share) >= 0.005)
