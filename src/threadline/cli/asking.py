"""What can be said of a question on the command line, the same for `recall`, `explain` and `reflect`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

import click

from threadline.documents import Budget, MemoryType
from threadline.memory import Memory
from threadline.session.session import Session
from threadline.tags import TagMatch, Tags


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    """A date, or a date and a time, in ISO 8601; without a zone it is the machine's own."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no moment such as 2026-05-03 or 2026-05-03T14:00+02:00.", param, ctx)


_FILTERS = (
    click.option("--session", metavar="ID", help="Only what this session sees: itself and its ancestors to each fork."),
    click.option("--tag", "tags", multiple=True, help="Only what carries this tag. May be given several times."),
    click.option(
        "--tags-match",
        type=click.Choice(get_args(TagMatch)),
        default="all_strict",
        show_default=True,
        help="How several tags count. Only the strict ones and `exact` leave out what has no tag.",
    ),
    click.option("--type", "types", multiple=True, type=click.Choice(get_args(MemoryType)), help="Only of this type."),
    click.option("--since", type=Moment(), help="Only what was said at this moment or later."),
    click.option("--until", type=Moment(), help="Only what was said before this moment."),
    click.option("--as-of", type=Moment(), help="Only what was known at this moment: nothing recorded later."),
    click.option("--asked-at", type=Moment(), help='When it is asked, for "yesterday" and the like.  [default: now]'),
    click.option("--budget", type=click.Choice(get_args(Budget)), help="How much time it may take for better answers."),
    click.option("--min-confidence", type=click.FloatRange(0, 1), help="Only what is as sure to bear on the question."),
)


def asking(work: Callable[..., None]) -> Callable[..., None]:
    """Give a command the filters of a recall; it gets `session` and `asked`, with its own `max_tokens` and `limit`."""

    @functools.wraps(work)
    def command(*args: Any, session: str | None, tags: tuple[str, ...], tags_match: TagMatch, **rest: Any) -> None:
        names = ("max_tokens", "limit", "types", "since", "until", "as_of", "asked_at", "budget", "min_confidence")
        asked: dict[str, Any] = {name: rest.pop(name) for name in names if name in rest}
        if tags or tags_match == "exact":
            asked["tags"] = Tags(*tags, match=tags_match)
        work(*args, session=session, asked=asked, **rest)

    for option in reversed(_FILTERS):
        command = option(command)
    return command


def asked_of(memory: Memory, session: str | None) -> Memory | Session:
    """The session that is asked, or else the whole bank."""
    return memory if session is None else memory.find_session(session)
