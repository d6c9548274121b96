"""Words as the word index sees them: what is written into it and what is asked of it."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime

#: Of a query longer than this many characters, the first and the last half are read.
MAX_QUERY = 4_096

#: The most different words of a query that are looked up.
MAX_TERMS = 64

# The words of English that say how a sentence is built and not what it is about, and what an apostrophe
# leaves of them ("don", "ll").
STOP_WORDS = frozenset(
    """
    a about above after again against all also am an and any are aren as at be because been before being
    below between both but by can cannot could couldn d did didn do does doesn doing don down during each
    few for from further had hadn has hasn have haven having he her here hers herself him himself his how i
    if in into is isn it its itself just let ll m me more most must mustn my myself no nor not of off on
    once only or other ought our ours ourselves out over own re s same shan she should shouldn so some such
    t than that the their theirs them themselves then there these they this those through to too under until
    up ve very was wasn we were weren what when where which while who whom whose why will with would wouldn
    you your yours yourself yourselves
    """.split()  # noqa: SIM905 - a list of 170 quoted words is not easier to read
)

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Thai, Lao, Burmese, Khmer, Japanese and Chinese put no space between words: the index would take a whole
# clause for one word. So it holds their characters one by one, and a query asks for neighbouring pairs.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)"
)


def index_text(text: str) -> str:
    """A text with a space between the characters of scripts that put none between words."""
    return _UNSPACED.sub(lambda run: f" {' '.join(run[0])} ", text)


def date_words(when: datetime) -> str:
    """A date as people say it: `2023 May 3 Wednesday`."""
    return f"{when.year} {_MONTHS[when.month - 1]} {when.day} {_DAYS[when.weekday()]}"


def shortened(query: str) -> str:
    """A query without the middle of an overlong one: what is asked stands at one of its ends."""
    if len(query) <= MAX_QUERY:
        return query
    half = MAX_QUERY // 2
    return f"{query[:half]}\n{query[-half:]}"


def query_terms(query: str) -> list[str]:
    """The different words of a query, as phrases of the index, at most `MAX_TERMS`.

    Stop words are left out when anything else is there. A word of an unspaced script becomes its pairs of
    neighbouring characters.
    """
    words = _words(query.lower())
    telling = [word for word in words if word not in STOP_WORDS]
    terms = dict.fromkeys(term for word in telling or words for term in _terms(word) if term)
    return list(terms)[:MAX_TERMS]


def without_names(query: str, names: Iterable[str]) -> str:
    """A query without the names of those who speak, if anything is left of it.

    Who said a thing is told by the word index. In the one vector of a query a name weighs as much as the
    matter, and draws in everything else that person said.
    """
    known = {word for name in names for word in _words(name.lower())} - STOP_WORDS
    kept = [part for part in query.split() if known.isdisjoint(_words(part.lower()))]
    return " ".join(kept) or query


def _words(text: str) -> list[str]:
    # A mark (such as an Indian vowel sign) stays in its word: the index breaks there, and a phrase joins it.
    return "".join(
        letter if unicodedata.category(letter)[0] in "LNM" or unicodedata.category(letter) == "Co" else " "
        for letter in text
    ).split()


def _terms(word: str) -> Iterator[str]:
    for place, part in enumerate(_UNSPACED.split(word)):
        if place % 2 == 0 or len(part) == 1:
            yield part
        else:
            yield from (f"{one} {other}" for one, other in itertools.pairwise(part))
