"""`threadline recall` and `threadline retain`: memories out, a note in."""

from __future__ import annotations

from collections.abc import Sequence

import click

from threadline.cli.options import NothingYet, Options, command, read_text
from threadline.cli.output import fields, moment, say, say_json, show, styled
from threadline.documents import Recalled


@command("recall", 'recall "where did we leave the migration?"', 'recall "favourite tea" --session s1 --limit 5 --json')
@click.argument("query")
@click.option("--session", metavar="ID", help="Only what this session sees: itself and its ancestors up to each fork.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="The most memories shown.")
@click.option(
    "--max-tokens", type=click.IntRange(1), default=4096, show_default=True, help="The most tokens of text, together."
)
@click.option("--tag", "tags", multiple=True, help="Only what carries this tag. May be given several times.")
@click.option("--fresh", is_flag=True, help="Wait first for what is still on its way into memory.")
@click.pass_obj
def recall(
    options: Options, query: str, session: str | None, limit: int, max_tokens: int, tags: tuple[str, ...], fresh: bool
) -> None:
    """Find memories for a question, best first.

    Looks through the whole bank, or through what one session sees. Each memory comes with who said it, when,
    in which session and turn, and why it was found: by its words, by its meaning, or by both.
    """
    found: list[Recalled] = []
    try:
        with options.journal():
            pass  # a question does not make a data directory
    except NothingYet as nothing:
        say(str(nothing), err=True)
    else:
        with options.memory() as memory:
            asked = memory if session is None else memory.find_session(session)
            found = asked.recall(query, limit=limit, max_tokens=max_tokens, tags=tags, fresh=fresh)
    if options.json:
        say_json(found)
    elif found:
        _show(found)
    else:
        say("Nothing found.")


def _show(found: Sequence[Recalled]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    for name, ratio in (("#", None), ("memory", 6), ("from", 3), ("found by", 2)):
        table.add_column(name, ratio=ratio, overflow="fold", justify="right" if ratio is None else "left")
    for rank, memory in enumerate(found, start=1):
        table.add_row(
            styled(str(rank)),
            styled(memory.text),
            styled("\n".join([memory.speaker or memory.role, moment(memory.occurred_at), _place(memory)]), "cyan"),
            styled("\n".join(str(reason) for reason in memory.why), "dim"),
        )
    show(table)


def _place(memory: Recalled) -> str:
    place = memory.session or ""
    if memory.turn is not None:
        return f"{place}:{memory.turn}"
    return f"{place} note".strip()


@command("retain", 'retain "The staging database moved to Frankfurt." --tag ops', "retain --session s1 < notes.txt")
@click.argument("text", required=False)
@click.option("--tag", "tags", multiple=True, help="Recall can be narrowed to it. May be given several times.")
@click.option("--context", help="What the text is about, where it does not say so itself.")
@click.option("--session", metavar="ID", help="The session it belongs to; the bank's own if not given.")
@click.option("--wait/--no-wait", default=True, help="Whether to wait until it can be recalled.  [default: wait]")
@click.pass_obj
def retain(
    options: Options, text: str | None, tags: tuple[str, ...], context: str | None, session: str | None, wait: bool
) -> None:
    """Retain a note: what is worth remembering beside the turns.

    Takes the text from the argument, or from stdin. Secrets are taken out before anything is written. The
    note's id is printed; `threadline forget --document note:ID` forgets it.
    """
    from threadline.redaction import MARK

    given = read_text(text, "the text")
    with options.memory() as memory:
        if session is None:
            note = memory.retain(given, tags=tags, context=context)
        else:
            note = memory.find_session(session).note(given, tags=tags, context=context)
        delivered = memory.flush() if wait else False
    redactions = note.text.count(MARK) - given.count(MARK)
    if options.json:
        say_json({**fields(note), "redactions": redactions, "delivered": delivered})
        return
    say(note.id)
    if redactions:
        say(f"Secrets taken out: {redactions}.", err=True)
    if wait and not delivered:
        say("It is kept, but cannot be recalled yet; `threadline status` says why.", err=True)
