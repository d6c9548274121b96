"""What the word index has not read yet, searched as it stands: a commit of the index takes as long as three recalls."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from threadline.engine.terms import identifiers, index_terms

#: So many memories may wait for the index; one more, and all of them are written.
LONGEST = 64

# Of BM25 (Robertson and Zaragoza, 2009), as Tantivy has them.
_K1 = 1.2
_B = 0.75
_EXACT = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A memory as the index would hold it."""

    memory: int
    document: int
    terms: Mapping[str, int]
    length: int
    wholes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the index counts.

    Attributes:
        memories: how many it holds.
        tokens: how many terms they have together.
        holders: how many of them hold a term.
        whole_holders: how many of them hold an identifier.
    """

    memories: int
    tokens: int
    holders: Callable[[str], int]
    whole_holders: Callable[[str], int]


def entry(memory: int, document: int, text: str) -> Entry:
    """What the index would hold of a memory."""
    terms = Counter(index_terms(text))
    return Entry(memory, document, terms, terms.total(), frozenset(identifiers(text)))


def rarity(memories: int, holders: int) -> float:
    """What a term weighs that some of the memories hold."""
    count = max(memories, holders)  # among the holders are also those that were dropped
    return math.log(1 + (count - holders + 0.5) / (holders + 0.5))


def rarities(entries: Sequence[Entry], corpus: Corpus, terms: Collection[str]) -> dict[str, float]:
    """What each term weighs in the index and the entries together."""
    everything = corpus.memories + len(entries)
    held = {term: corpus.holders(term) + sum(term in each.terms for each in entries) for term in terms}
    return {term: rarity(everything, holders) for term, holders in held.items()}


def written_length(length: int) -> int:
    """A length as the index writes it, in a byte: exact up to 40, then in steps that double every eight."""
    if length <= _EXACT:
        return length
    base, step = _EXACT, 2
    while length >= base + 8 * step:
        base, step = base + 8 * step, 2 * step
    return base + (length - base) // step * step


def scores(
    entries: Sequence[Entry], corpus: Corpus, terms: Sequence[str], wholes: Sequence[str], boost: float
) -> list[tuple[Entry, float]]:
    """The entries that hold any of the terms, with BM25 as a share of what the terms weigh together; unordered.

    Args:
        boost: as how many words an identifier counts that is found as it stands.
    """
    weights = rarities(entries, corpus, terms)
    weight = sum(weights[term] for term in terms)
    if not weight:
        return []
    everything = corpus.memories + len(entries)
    held = {whole: corpus.whole_holders(whole) + sum(whole in each.wholes for each in entries) for whole in wholes}
    usual = sum(len(each.wholes) for each in entries) / len(entries) or 1.0
    average = (corpus.tokens + sum(each.length for each in entries)) / everything or 1.0
    found = []
    for each in entries:
        norm = _K1 * (1 - _B + _B * written_length(each.length) / average)
        score = sum(
            weights[term] * (1 + _K1) * each.terms[term] / (each.terms[term] + norm)
            for term in terms
            if term in each.terms
        )
        norm = _K1 * (1 - _B + _B * len(each.wholes) / usual)
        score += sum(
            boost * rarity(everything, held[whole]) * (1 + _K1) / (1 + norm) for whole in wholes if whole in each.wholes
        )
        if score:
            found.append((each, score / weight))
    return found
