"""Filters on tags, as several requests have them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from threadline.errors import InputError, RequestError
from threadline.server.wire.base import WireShape
from threadline.tags import AllOf, AnyOf, NotOf, TagFilter, Tags

TagsMatch = Literal["any", "all", "any_strict", "all_strict", "exact"]

#: How deep tag groups may be nested.
_DEEPEST = 20


class TagGroupLeaf(WireShape):
    """A condition on a memory's tags."""

    tags: list[str]
    match: TagsMatch = "any_strict"
    resolve: Literal["exact", "fuzzy"] = "exact"


class TagGroupAnd(WireShape):
    """All of them hold."""

    and_: list[TagGroup] = Field(alias="and")


class TagGroupOr(WireShape):
    """One of them holds."""

    or_: list[TagGroup] = Field(alias="or")


class TagGroupNot(WireShape):
    """It does not hold."""

    not_: TagGroup = Field(alias="not")


TagGroup = TagGroupLeaf | TagGroupAnd | TagGroupOr | TagGroupNot

QueryTags = Annotated[list[str] | None, Query(description="Only what carries these tags.")]
QueryTagsMatch = Annotated[TagsMatch, Query(description="How the tags are matched.")]


def tag_filter(tags: list[str] | None, match: TagsMatch, groups: list[TagGroup] | None = None) -> TagFilter | None:
    """The filter of a request; None where it has none.

    Raises:
        RequestError: a tag cannot be used, or groups are nested too deep.
    """
    try:
        if groups:
            filters = tuple(_filter(group, _DEEPEST) for group in groups)
            return filters[0] if len(filters) == 1 else AllOf(filters)
        if tags or (tags is not None and match == "exact"):
            return Tags(*tags, match=match)
    except InputError as error:
        raise RequestError(f"Invalid tags: {error}") from error
    return None


def parse_groups(text: str | None) -> list[TagGroup] | None:
    """The groups of a query parameter, which is JSON.

    Raises:
        RequestError: it is anything else.
    """
    if not text:
        return None
    from pydantic import TypeAdapter, ValidationError

    adapter: TypeAdapter[list[Any]] = TypeAdapter(list[TagGroup])
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise RequestError(f"Invalid tag_groups: {error.errors()[0]['msg']}") from error


def _filter(group: TagGroup, depth: int) -> TagFilter:
    if not depth:
        raise RequestError(f"Invalid tag_groups: they may be nested {_DEEPEST} deep.")
    match group:
        case TagGroupLeaf():
            return Tags(*group.tags, match=group.match)
        case TagGroupAnd():
            return AllOf(tuple(_filter(each, depth - 1) for each in group.and_))
        case TagGroupOr():
            return AnyOf(tuple(_filter(each, depth - 1) for each in group.or_))
        case TagGroupNot():
            return NotOf(_filter(group.not_, depth - 1))
