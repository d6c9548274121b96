from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadline import InputError
from threadline.tags import TagFilter, TagMatch, Tags, from_group

ALL = ("a", "b", "c")


def tagged(*tags: str) -> frozenset[str]:
    return frozenset(tags)


@pytest.mark.parametrize(
    ("match", "passing"),
    [
        # of: no tags, a, b, a and b, a, b and c, c
        ("any", [True, True, True, True, True, False]),
        ("all", [True, False, False, True, True, False]),
        ("any_strict", [False, True, True, True, True, False]),
        ("all_strict", [False, False, False, True, True, False]),
        ("exact", [False, False, False, True, False, False]),
    ],
)
def test_match_two_tags(match: TagMatch, passing: list[bool]) -> None:
    documents = [tagged(), tagged("a"), tagged("b"), tagged("a", "b"), tagged(*ALL), tagged("c")]
    assert [Tags("a", "b", match=match).passes(each) for each in documents] == passing


@pytest.mark.parametrize("match", get_args(TagMatch))
def test_match_no_tags(match: TagMatch) -> None:
    """Without a tag nothing is asked for, but for `exact`: then it is the documents without any."""
    assert [Tags(match=match).passes(each) for each in (tagged(), tagged("a"))] == [True, match != "exact"]


def test_want_all_of_them_unless_told_otherwise() -> None:
    assert Tags("a", "b") == Tags("b", "a", "a", match="all_strict")


def test_join_conditions() -> None:
    wanted = (Tags("a") | Tags("b")) & ~Tags("c")
    documents = [tagged(), tagged("a"), tagged("b", "c"), tagged("a", "b"), tagged("c")]
    assert [wanted.passes(each) for each in documents] == [False, True, False, True, False]
    assert wanted.as_group() == {
        "and": [
            {"or": [{"tags": ["a"], "match": "all_strict"}, {"tags": ["b"], "match": "all_strict"}]},
            {"not": {"tags": ["c"], "match": "all_strict"}},
        ]
    }


def test_be_a_value() -> None:
    assert Tags("a") & ~Tags("b") == Tags("a") & ~Tags("b")
    assert len({Tags("a", "b"), Tags("b", "a"), Tags("a", match="any")}) == 2


@pytest.mark.parametrize("match", ["some", "", None, 1])
def test_refuse_other_ways_to_match(match: Any) -> None:
    with pytest.raises(InputError, match="any, all, any_strict, all_strict, exact"):
        Tags("a", match=match)


@pytest.mark.parametrize("tag", ["", None, 7, b"a", ["a"]])
def test_refuse_what_is_no_tag(tag: Any) -> None:
    with pytest.raises(InputError, match="tag must be text"):
        Tags(tag)


# Against sets: a filter, and the set of documents that it lets through, in the algebra of sets.

Documents = frozenset[frozenset[str]]
POWERSET: Documents = frozenset(
    tagged(*(tag for place, tag in enumerate(ALL) if number >> place & 1)) for number in range(8)
)

_WAYS: dict[str, Callable[[frozenset[str], frozenset[str]], bool]] = {
    "any": lambda names, tags: not tags or bool(names & tags),
    "all": lambda names, tags: not tags or names <= tags,
    "any_strict": lambda names, tags: bool(names & tags),
    "all_strict": lambda names, tags: names <= tags,
    "exact": lambda names, tags: names == tags,
}


def _leaf(names: frozenset[str], match: TagMatch) -> tuple[TagFilter, Documents]:
    return Tags(*names, match=match), frozenset(tags for tags in POWERSET if _WAYS[match](names, tags))


leaves = st.builds(_leaf, st.frozensets(st.sampled_from(ALL), min_size=1), st.sampled_from(get_args(TagMatch)))
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: (two[0][0] & two[1][0], two[0][1] & two[1][1])),
        st.tuples(inner, inner).map(lambda two: (two[0][0] | two[1][0], two[0][1] | two[1][1])),
        inner.map(lambda one: (~one[0], POWERSET - one[1])),
    ),
    max_leaves=6,
)


@given(filters)
def test_let_through_what_the_algebra_of_sets_says(made: tuple[TagFilter, Documents]) -> None:
    condition, expected = made
    assert frozenset(tags for tags in POWERSET if condition.passes(tags)) == expected


@given(filters)
def test_need_a_tag_of_every_document_that_passes(made: tuple[TagFilter, Documents]) -> None:
    condition, passing = made
    needed = condition.needed()
    if needed is not None:
        assert all(tags & needed for tags in passing)


@pytest.mark.parametrize(
    ("condition", "needed"),
    [
        (Tags("a", "b"), {"a", "b"}),
        (Tags("a", match="any"), None),
        (Tags(match="exact"), None),
        (Tags("a", "b") & Tags("c"), {"c"}),
        (Tags("a", match="any") & Tags("c"), {"c"}),
        (Tags("a") | Tags("b"), {"a", "b"}),
        (Tags("a") | ~Tags("b"), None),
        (~Tags("a"), None),
    ],
)
def test_say_which_tags_are_needed(condition: TagFilter, needed: set[str] | None) -> None:
    assert condition.needed() == needed


@given(filters)
def test_say_the_same_as_json(made: tuple[TagFilter, Documents]) -> None:
    """The groups of a Hindsight server, read as its documentation says."""

    def reads(group: dict[str, Any], tags: frozenset[str]) -> bool:
        if "and" in group:
            return all(reads(each, tags) for each in group["and"])
        if "or" in group:
            return any(reads(each, tags) for each in group["or"])
        if "not" in group:
            return not reads(group["not"], tags)
        return _WAYS[group["match"]](frozenset(group["tags"]), tags)

    condition, expected = made
    assert frozenset(tags for tags in POWERSET if reads(condition.as_group(), tags)) == expected
    assert frozenset(tags for tags in POWERSET if from_group(condition.as_group()).passes(tags)) == expected


def _nested(depth: int) -> dict[str, Any]:
    return {"not": _nested(depth - 1)} if depth else {"tags": ["a"]}


@pytest.mark.parametrize(
    ("group", "says"),
    [
        (7, "A tag group is"),
        ({}, "A tag group is"),
        ({"and": {}}, "A tag group is"),
        ({"and": [], "or": []}, "A tag group is"),
        ({"tags": ["a"], "mach": "any"}, "A tag group is"),
        ({"tags": ["a"], "match": "some"}, "match must be one of"),
        ({"tags": ["a"], "match": ["any"]}, "match must be one of"),
        ({"tags": [["a"]]}, "A tag must be text"),
        ({"or": [{"not": 1}]}, "A tag group is"),
        (_nested(40), "deep"),
    ],
)
def test_refuse_json_that_is_no_condition(group: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        from_group(group)


def test_read_a_group_without_a_match_as_a_hindsight_server_does() -> None:
    assert from_group({"tags": ["a", "b"]}) == Tags("a", "b", match="any_strict")
