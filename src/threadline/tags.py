"""Filters on tags: which documents a recall may see by what they are tagged with."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal, get_args

from threadline.errors import InputError

#: How tags are matched: any or all of them; `strict` leaves untagged documents out, which else match too; `exact`:
#: these tags and no other. The words are those of a Hindsight server.
TagMatch = Literal["any", "all", "any_strict", "all_strict", "exact"]


class TagFilter:
    """A condition on a document's tags. Join conditions with `&`, `|` and `~`."""

    def __and__(self, other: TagFilter) -> TagFilter:
        return AllOf((self, other))

    def __or__(self, other: TagFilter) -> TagFilter:
        return AnyOf((self, other))

    def __invert__(self) -> TagFilter:
        return NotOf(self)

    def passes(self, tags: Set[str]) -> bool:
        """Whether a document with these tags is seen."""
        raise NotImplementedError

    def as_group(self) -> dict[str, Any]:
        """The condition as JSON, in the form of a Hindsight server's tag groups."""
        raise NotImplementedError

    def needed(self) -> frozenset[str] | None:
        """Tags of which a document must carry at least one to pass; None where one may pass without any of them."""
        return None


@dataclass(frozen=True, init=False)
class Tags(TagFilter):
    """Documents that carry tags.

    Args:
        names: which; none: every document (with `exact`: the untagged ones).
        match: see `TagMatch`.

    Raises:
        InputError: a tag is no text, or `match` is none of its words.
    """

    names: frozenset[str]
    match: TagMatch

    def __init__(self, *names: str, match: TagMatch = "all_strict") -> None:
        if match not in get_args(TagMatch):
            raise InputError(f"match must be one of {', '.join(get_args(TagMatch))}, not {match!r}.")
        for name in names:
            if not name or not isinstance(name, str):
                raise InputError(f"A tag must be text, not {name!r}.")
        object.__setattr__(self, "names", frozenset(names))
        object.__setattr__(self, "match", match)

    def passes(self, tags: Set[str]) -> bool:
        """Whether a document with these tags is seen."""
        if self.match == "exact":
            return tags == self.names
        if not self.names:
            return True
        if not tags:
            return not self.match.endswith("_strict")
        return self.names <= tags if self.match.startswith("all") else not self.names.isdisjoint(tags)

    def as_group(self) -> dict[str, Any]:
        """The condition as JSON."""
        return {"tags": sorted(self.names), "match": self.match}

    def needed(self) -> frozenset[str] | None:
        """Its tags, where untagged documents do not pass."""
        return self.names if self.names and self.match in ("any_strict", "all_strict", "exact") else None


@dataclass(frozen=True)
class AllOf(TagFilter):
    """Every condition holds."""

    filters: tuple[TagFilter, ...]

    def passes(self, tags: Set[str]) -> bool:
        """Whether a document with these tags is seen."""
        return all(each.passes(tags) for each in self.filters)

    def as_group(self) -> dict[str, Any]:
        """The condition as JSON."""
        return {"and": [each.as_group() for each in self.filters]}

    def needed(self) -> frozenset[str] | None:
        """What the most demanding of its conditions needs."""
        needed = [tags for tags in (each.needed() for each in self.filters) if tags is not None]
        return min(needed, key=len, default=None)


@dataclass(frozen=True)
class AnyOf(TagFilter):
    """At least one condition holds."""

    filters: tuple[TagFilter, ...]

    def passes(self, tags: Set[str]) -> bool:
        """Whether a document with these tags is seen."""
        return any(each.passes(tags) for each in self.filters)

    def as_group(self) -> dict[str, Any]:
        """The condition as JSON."""
        return {"or": [each.as_group() for each in self.filters]}

    def needed(self) -> frozenset[str] | None:
        """What all of its conditions need together."""
        needed = [each.needed() for each in self.filters]
        known = [tags for tags in needed if tags is not None]
        return frozenset().union(*known) if len(known) == len(needed) else None


@dataclass(frozen=True)
class NotOf(TagFilter):
    """The condition does not hold."""

    condition: TagFilter

    def passes(self, tags: Set[str]) -> bool:
        """Whether a document with these tags is seen."""
        return not self.condition.passes(tags)

    def as_group(self) -> dict[str, Any]:
        """The condition as JSON."""
        return {"not": self.condition.as_group()}


#: How deep groups may lie in each other.
_DEEPEST = 32


def from_group(group: Any, depth: int = 0) -> TagFilter:
    """A condition out of its JSON, as `TagFilter.as_group` and a Hindsight server write it.

    Raises:
        InputError: it is no such thing, or one of it lies deeper than anybody would write.
    """
    if depth > _DEEPEST:
        raise InputError(f"Tag groups may lie {_DEEPEST} deep in each other; these lie deeper.")
    match group:
        case {"tags": list(names), **rest} if rest.keys() <= {"match"}:
            match_: Any = rest.get("match", "any_strict")
            return Tags(*names, match=match_)
        case {"and": list(groups), **rest} if not rest:
            return AllOf(tuple(from_group(each, depth + 1) for each in groups))
        case {"or": list(groups), **rest} if not rest:
            return AnyOf(tuple(from_group(each, depth + 1) for each in groups))
        case {"not": one, **rest} if not rest:
            return NotOf(from_group(one, depth + 1))
        case _:
            raise InputError(
                f"A tag group is {{'tags': [...], 'match': 'any'}}, or one of 'and', 'or' (a list of groups) and 'not' "
                f"(a group), not {str(group)[:200]}."
            )
