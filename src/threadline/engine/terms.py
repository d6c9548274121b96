"""Words as the word index sees them: what is written into it and what is asked of it."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from threadline.engine.tongues import is_function_word, tongue

if TYPE_CHECKING:
    from Stemmer import Stemmer

#: Grows whenever the same text gives other terms: a word index of another number is made anew.
ANALYSIS = 2

#: Of a query longer than this many characters, the first and the last half are read.
MAX_QUERY = 4_096

#: The most different words of a query that are looked up.
MAX_TERMS = 64

#: The most characters of a term. What is longer is no word of anybody's, and is found by its beginning.
MAX_TERM = 64

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

# Japanese, Chinese, Thai, Lao, Burmese and Khmer put no space between words, and Korean glues its particles to
# them: a run of one of these scripts is read as its pairs of neighbouring characters.
_UNSPACED = re.compile(
    "([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"  # Han
    "|[\u3040-\u309f]+|[\u30a0-\u30ff\u31f0-\u31ff]+"  # Hiragana, Katakana
    "|[\uac00-\ud7a3]+"  # Hangul
    "|[\u0e00-\u0eff]+|[\u1000-\u109f]+|[\u1780-\u17ff]+)"  # Thai and Lao, Burmese, Khmer
)
_ASCII_WORD = re.compile("[a-z0-9]+")

# What people write with signs in the middle and mean as one: ERR_CONN_42, /etc/hosts, v1.2.3, ann@example.org.
_IDENTIFIER = re.compile(r"[^\s\"'`<>()\[\]{},;|]+")
_SIGNS = re.compile(r"[\w\d][._/@:\\+#=~-]+[\w\d]|^[/~.@#]*[/~@#]\w|^\.\w")
_HINT = re.compile(r"[._/@:\\+#=~-]\w")  # what has none of these is no identifier: most of what people say
_EDGES = ".:-=!?…\u201c\u201d"
_OPENS = _EDGES.replace(".", "")

# The stemmer (Porter, 2001) of each script. Latin script is taken for English, whose endings are the tamest; where a
# text shows that it is in another language of that script, the stems of that are there besides. A question and what
# answers it so meet in one of the two, also where only one of them is long enough to show its language.
_LATIN = re.compile("[a-z]")
_STEMMERS = (
    ("english", _LATIN),
    ("russian", re.compile("[\u0400-\u04ff]")),
    ("greek", re.compile("[\u0370-\u03ff]")),
    ("arabic", re.compile("[\u0600-\u06ff]")),
    ("hindi", re.compile("[\u0900-\u097f]")),
    ("tamil", re.compile("[\u0b80-\u0bff]")),
    ("armenian", re.compile("[\u0530-\u058f]")),
)


def index_terms(text: str) -> list[str]:
    """The terms of a text in their order, each as often as it is said."""
    said = words(text)
    language = tongue(said)
    if language == "english" and text.isascii():  # most of what is said
        return list(map(_stem, said))
    return list(_terms(said, language, whole=True))


def query_terms(query: str) -> list[str]:
    """The different terms of a query, at most `MAX_TERMS`; stop words are left out when anything else is there."""
    said = words(query)
    language = tongue(said)
    telling = [word for word in said if word not in STOP_WORDS and not is_function_word(word, language)]
    return list(dict.fromkeys(_terms(telling or said, language, whole=False)))[:MAX_TERMS]


def identifiers(text: str) -> list[str]:
    """What has signs within it and is meant as one thing, such as a path, a version or an error code."""
    if not _HINT.search(text):
        return []
    found = (each.lstrip(_OPENS).rstrip(_EDGES) for each in _IDENTIFIER.findall(text) if _HINT.search(each))
    return [each.casefold()[:MAX_TERM] for each in found if _SIGNS.search(each)]


def shortened(query: str) -> str:
    """A query without the middle of an overlong one: what is asked stands at one of its ends."""
    if len(query) <= MAX_QUERY:
        return query
    half = MAX_QUERY // 2
    return f"{query[:half]}\n{query[-half:]}"


def without_names(query: str, names: Iterable[str]) -> str:
    """A query without the names of those who speak, if anything is left of it.

    Who said a thing is told by the speaker of a memory. In the one vector of a query a name weighs as much as the
    matter, and draws in everything else that person said.
    """
    known = {word for name in names for word in words(name)} - STOP_WORDS
    kept = [part for part in query.split() if known.isdisjoint(words(part))]
    return " ".join(kept) or query


def words(text: str) -> list[str]:
    """The words of a text in lower case, without accents, in any script."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    plain = unicodedata.normalize("NFKD", text).translate(_ACCENTS)
    return unicodedata.normalize("NFKC", plain.lower()).translate(_LETTERS).split()


def _terms(said: Sequence[str], language: str, *, whole: bool) -> Iterator[str]:
    """Stems and pairs of characters. The index holds single characters too, for a query may be just one."""
    for word in said:
        if word.isascii() or not _UNSPACED.search(word):
            yield from _stems(word, language)
        else:
            for place, run in enumerate(_UNSPACED.split(word)):
                if place % 2 == 0:
                    if run:
                        yield _stem(run)
                else:
                    yield from _pairs(run, whole=whole)


def _pairs(run: str, *, whole: bool) -> Iterator[str]:
    if whole or len(run) == 1:
        yield from run
    for one, other in itertools.pairwise(run):
        yield one + other


def _stems(word: str, language: str) -> tuple[str, ...]:
    stem = _stem(word)
    if language == "english" or not _LATIN.search(word):
        return (stem,)
    own = _stemmer(language).stemWord(word)[:MAX_TERM]
    return (stem,) if own == stem else (stem, own)


@functools.lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    for language, letters in _STEMMERS:
        if letters.search(word):
            word = _stemmer(language).stemWord(word)
            break
    return word[:MAX_TERM]


@functools.cache
def _stemmer(language: str) -> Stemmer:
    from Stemmer import Stemmer

    return Stemmer(language)


class _Accents(dict[int, int | str | None]):
    """Drops the accents of Latin, Greek and Cyrillic letters. Marks of other scripts are letters of their words."""

    def __missing__(self, code: int) -> int | str | None:
        self[code] = None if 0x300 <= code <= 0x36F else code
        return self[code]


class _Letters(dict[int, int]):
    """Puts a space in the place of what is no letter, digit or mark."""

    def __missing__(self, code: int) -> int:
        category = unicodedata.category(chr(code))
        self[code] = code if category[0] in "LNM" or category == "Co" else ord(" ")
        return self[code]


# Letters that Unicode takes apart no further, as people write them where a keyboard lacks them.
_PLAIN = {"ß": "ss", "ẞ": "SS", "œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
_ACCENTS = _Accents({ord(letter): plain for letter, plain in _PLAIN.items()})
_LETTERS = _Letters()
