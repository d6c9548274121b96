"""A text as its sentences, and a sentence as the words that tell what it is about."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from threadline.engine.retain.split import split
from threadline.engine.terms import STOP_WORDS, query_terms

#: A sentence of more characters is cut at its inner borders: nobody wants a page quoted.
LONGEST = 280

# The end of a sentence: its marks and the quotes that close with it; a line that does not go on in lower case.
_END = re.compile(
    r"[.!?…]+[\"'\u201d\u2019)\]*_]*(?=\s)"
    r"|[。\uff01\uff1f｡]+[\u201d\u2019」』\uff09]*"
    r"|(?=\s*\n\s*\n)|\n(?=\s*[^\sa-z])"
)
_NO_END = re.compile(r"(?:^|[\s(])(?:[A-HJ-Z]|mr|mrs|ms|dr|prof|st|e\.g|i\.e|vs|cf|approx)\.$", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:^|\n)\s*\d{1,3}\.$")
# What Markdown puts before a line: it is no part of what was said.
_MARKER = re.compile(r"^(?:(?:[-*+>•|]|#{1,6}|\d{1,3}[.)])\s+)+")

#: A day or a month, as English names it.
DAY = re.compile(
    r"\b(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|January|February|March|April|May|June|July|August|September|"
    r"October|November|December)\b"
)
# A word with a capital inside a sentence, and those that go on with it. ("I" is nobody's name.)
_NAME = re.compile(r"(?<=[\w,] )(?!I\b)[^\W\d_a-z][\w\u2019'-]*(?: (?!I\b)[^\W\d_a-z][\w\u2019'-]*)*")
# A heading in bold, whose words have capitals for being one.
_HEADING = re.compile(r"^\*\*[^*]*\*\*:?")
_POSSESSIVE = re.compile(r"['\u2019]s?$")

#: Words with which one asks for a memory; they say nothing of what it is about.
_ASKING = frozenset(
    """
    anything any ask asked anyone come could discuss discussed else ever exactly far get give go going got happen
    happened kind kinds know list long like many mean mention mentioned much name please recall recently remember remind
    said say says something sort talk talked tell thing things think time times told type types want way whether
    would yet
    """.split()  # noqa: SIM905 - as the stop words
)


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, white space folded, each otherwise as it stands there.

    A sentence ends at its closing marks in any script, at a blank line, and at a line break that does not go on in
    lower case. One of more than `LONGEST` characters is cut at the borders of clauses and words.
    """
    found = []
    for start, end in _spans(text):
        whole = _MARKER.sub("", text[start:end].strip())
        found += [" ".join(whole[a:b].split()) for a, b in split(whole, LONGEST)]
    return [sentence for sentence in found if any(letter.isalnum() for letter in sentence)]


def keys(text: str) -> frozenset[str]:
    """The terms of a text as the word index has them, without stop words: texts that share some may be about one thing.

    Of a long text they are the first `MAX_TERMS`.
    """
    return frozenset(query_terms(text)) - _stems(STOP_WORDS)


def question_keys(question: str) -> frozenset[str]:
    """The keys of a question, without the words of asking where anything else is there."""
    asked = keys(question)
    return asked - _stems(_ASKING) or asked


@functools.cache
def _stems(words: frozenset[str]) -> frozenset[str]:
    return frozenset(term for word in words for term in query_terms(word)) | words


def names(sentence: str) -> frozenset[str]:
    """The names in a sentence, as they are written there: what has a capital without beginning it, but no day."""
    found = {_POSSESSIVE.sub("", name[0]) for name in _NAME.finditer(_HEADING.sub("", sentence))}
    return frozenset(name for name in found if not DAY.fullmatch(name))


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for end in _END.finditer(text):
        before = text[start : end.end()]
        if end[0] == "." and (_NO_END.search(before) or _NUMBERED.search(before)):
            continue
        yield start, end.end()
        start = end.end()
    yield start, len(text)
