"""Parameters that several lists have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from threadline.engine.store.pages import Span
from threadline.errors import RequestError
from threadline.server.wire.shapes.filters import TagsMatch, parse_groups, tag_filter
from threadline.tags import TagFilter

#: Beyond this SQLite has no numbers.
_MOST = 2**53

Limit = Annotated[int, Query(ge=0, le=_MOST, description="The most that are returned.")]
FewLimit = Annotated[int, Query(ge=1, le=1000, description="The most that are returned.")]
Offset = Annotated[int, Query(ge=0, le=_MOST, description="How many are passed over.")]
StartDate = Annotated[str | None, Query(description="From this moment on: ISO 8601.")]
EndDate = Annotated[str | None, Query(description="Before this moment: ISO 8601.")]
TagGroups = Annotated[str | None, Query(description="Groups of conditions on tags: a JSON list, as recall takes it.")]


def span(limit: int, offset: int, start_date: str | None = None, end_date: str | None = None) -> Span:
    """The part of a list that is wanted.

    Raises:
        RequestError: a date is none, or the window ends before it begins.
    """
    start, end = moment(start_date, "start_date"), moment(end_date, "end_date")
    if start is not None and end is not None and end <= start:
        raise RequestError("Invalid time window: end_date must be after start_date.")
    return Span(limit, offset, start, end)


def moment(value: str | None, name: str) -> datetime | None:
    """A moment; without a zone it is of UTC.

    Raises:
        RequestError: it is none.
    """
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RequestError(f"Invalid {name}: '{value[:100]}' is not an ISO-8601 datetime.") from error


def tags_of(tags: list[str] | None, match: TagsMatch, groups: str | None) -> TagFilter | None:
    """The filter of a list that takes tags or groups of conditions.

    Raises:
        RequestError: both are given, or one cannot be used.
    """
    parsed = parse_groups(groups)
    if parsed is not None and tags:
        raise RequestError("'tags' and 'tag_groups' are mutually exclusive. Use 'tag_groups' for compound filtering.")
    return tag_filter(tags, match, parsed)


def iso(at: datetime | None) -> str | None:
    """A moment as the wire has it."""
    return None if at is None else at.astimezone(UTC).isoformat()
