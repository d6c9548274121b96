"""Whether what was said later may change what was said before. It is a guess by words, and is shown as one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from threadline.engine.reflect.quotes import Quote
from threadline.engine.reflect.sentences import DAY, keys, names

#: Words with which English says that something is not as it was.
_CHANGE = re.compile(
    r"\b(?:now|nowadays|no longer|not any ?more|anymore|moved|changed?|instead|actually|switched|renamed|used to|"
    r"replaced|cancell?ed|postponed|rescheduled|brought forward|quit|gave up|stopped|swapped|correction)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:I|me|my|mine|we|us|our|ours)\b", re.IGNORECASE)

_NUMBER = re.compile(
    r"\d+(?:[.,:/-]\d+)*|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|"
    r"fifty|sixty|seventy|eighty|ninety|hundred|thousand)\b",
    re.IGNORECASE,
)
_SHARED = 2  # keys that two sentences must have in common to be about one thing
_SAME = 0.5  # of the shorter one's keys, where nothing but a differing value speaks for a change
_NEAR = 0.3  # the same, where the later one says that something changed


def values(text: str) -> frozenset[str]:
    """The numbers, days and names in a text: what may be another in a later one about the same thing."""
    return frozenset().union(*_kinds(text))


def may_change(earlier: Quote, later: Quote) -> bool:
    """Whether a later quote seems to say otherwise what an earlier one said.

    It does when a sentence of each is about the same thing, and the later one uses a word of change (English only), or
    they differ in a number, a day or a name. Where two people speak, neither may speak of himself.
    """
    if earlier.memory == later.memory:
        return False
    return any(
        _same_voice(earlier, later, before, after) and _differ(before, after)
        for before in earlier.said
        for after in later.said
    )


def _same_voice(earlier: Quote, later: Quote, before: str, after: str) -> bool:
    return earlier.speaker == later.speaker or not (_FIRST_PERSON.search(before) or _FIRST_PERSON.search(after))


def _differ(before: str, after: str) -> bool:
    one, other = keys(before), keys(after)
    shared = len(one & other)
    if shared < _SHARED or one == other:
        return False
    if _CHANGE.search(after) and shared >= _NEAR * min(len(one), len(other)):
        return True
    told = keys(" ".join(values(before) | values(after)))
    about = len((one & other) - told)
    shorter = min(len(one - told), len(other - told))
    return about >= max(_SHARED, _SAME * shorter) and _other_value(before, after)


def _other_value(before: str, after: str) -> bool:
    return any(old - new and new - old for old, new in zip(_kinds(before), _kinds(after), strict=True))


def _kinds(sentence: str) -> Iterator[frozenset[str]]:
    yield frozenset(value.lower() for value in _NUMBER.findall(sentence))
    yield frozenset(DAY.findall(sentence))
    yield names(sentence)
