"""`threadline recall`, `reflect` and `retain`: memories and answers out, a note in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from threadline.cli.asking import asked_of, asking
from threadline.cli.options import NothingYet, Options, command, read_text
from threadline.cli.output import advice, fields, moment, say, say_json, show, styled
from threadline.documents import Recalled, Reflection, sources
from threadline.session.recall import RecallOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

_CITED = re.compile(r"(\[\d+\]) (.*)")


@command("recall", 'recall "where did we leave the migration?"', 'recall "favourite tea" --session s1 --limit 5 --json')
@click.argument("query")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="The most memories shown.")
@click.option(
    "--max-tokens", type=click.IntRange(1), default=4096, show_default=True, help="The most tokens of text, together."
)
@click.option("--fresh", is_flag=True, help="Wait first for what is still on its way into memory.")
@asking
@click.pass_obj
def recall(options: Options, query: str, fresh: bool, session: str | None, asked: RecallOptions) -> None:
    """Find memories for a question, best first.

    Looks through the whole bank, or through what one session sees. Each memory comes with who said it, when,
    in which session and turn, how sure it is that it bears on the question, and which channels found it:
    its words, its meaning, its tokens one by one, its time. Where the answer was most likely never said, few
    memories come back, or none. `threadline explain` says more.
    """
    found: list[Recalled] = []
    try:
        with options.journal():
            pass  # a question does not make a data directory
    except NothingYet as nothing:
        say(advice(str(nothing)), err=True)
    else:
        with options.memory() as memory:
            found = asked_of(memory, session).recall(query, fresh=fresh, **asked)
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
            styled(_text(memory)),
            styled("\n".join([memory.speaker or memory.role, moment(memory.occurred_at), _place(memory)]), "cyan"),
            styled("\n".join([*_sure(memory), *map(str, memory.why)]), "dim"),
        )
    show(table)


def _text(memory: Recalled) -> str:
    text = memory.text if memory.before is None else f"({memory.before})\n{memory.text}"
    return text if memory.count == 1 else f"{text}\n(said {memory.count} times)"


def _sure(memory: Recalled) -> list[str]:
    return [] if memory.confidence is None else [f"{memory.confidence:.0%} sure"]


def _place(memory: Recalled) -> str:
    place = memory.session or ""
    if memory.turn is not None:
        return f"{place}:{memory.turn}"
    return f"{place} note".strip()


@command("reflect", 'reflect "where does Joel work now?"', 'reflect "the ferry" --session s1 --max-tokens 400 --json')
@click.argument("question")
@click.option(
    "--max-tokens", type=click.IntRange(1), default=4096, show_default=True, help="The most tokens of the answer."
)
@asking
@click.pass_obj
def reflect(options: Options, question: str, session: str | None, asked: RecallOptions) -> None:
    """Answer a question from memory, with sources.

    The embedded engine has no language model: it quotes the sentences that bear on the question, word for word,
    by who said them and in order of time, and marks what may change something said earlier. If nothing in
    memory bears on the question, it says so. Another backend may compose its answer.
    """
    try:
        with options.journal():
            pass  # a question does not make a data directory
    except NothingYet as nothing:
        say(advice(str(nothing)), err=True)
        answer = _nothing()
    else:
        with options.memory() as memory:
            answer = asked_of(memory, session).reflect(question, **asked)
    if options.json:
        say_json(answer)
    else:
        _show_answer(answer)


def _nothing() -> Reflection:
    from threadline.engine.reflect.extract import NOTHING

    return Reflection(NOTHING, extractive=True)


def _show_answer(answer: Reflection) -> None:
    from rich.console import Group

    text = answer.text or "No answer fits so few tokens, or there is none."
    if answer.memories and not answer.extractive:
        text = f"{text}\n\nMade from:\n{sources(answer.memories)}"
    show(Group(*_laid_out(text)))


def _laid_out(text: str) -> Iterator[RenderableType]:
    """Lines that begin with a number, as quotes and sources do, hang from it."""
    from rich.table import Table

    for line in text.split("\n"):
        cited = _CITED.fullmatch(line)
        if cited is None:
            yield styled(line, "bold")
            continue
        row = Table.grid(padding=(0, 1))
        row.add_column(width=4, justify="right")
        row.add_column(overflow="fold")
        row.add_row(styled(cited[1], "cyan"), styled(cited[2]))
        yield row


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
        say(advice("It is kept, but cannot be recalled yet; `threadline status` says why."), err=True)
