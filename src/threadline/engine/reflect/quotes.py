"""What of a memory is quoted: the sentences that bear on a question."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from threadline.documents import Recalled
from threadline.engine.reflect.sentences import keys, names, question_keys, sentences

#: What stands for what is left out of a memory.
GAP = "…"

#: How many of a question's words a memory must hold: this share of them, and never more than so many.
_SHARE, _ENOUGH = 0.4, 3
#: The characters of a term of a script without spaces.
_PAIR = 2
#: A quote of fewer characters is given the sentences beside it, as far as they fit in: a word alone tells little.
_ROOM = 220
#: A sentence is quoted that is at least this good, as a share of the memory's best.
_NEXT_BEST = 0.7
#: A memory at this place counts half of the first.
_HALF = 10
#: What a memory counts without any of the question's words, as against one with all of them.
_BASE = 0.3
#: What a memory counts that is not by the speaker whom the question names, but to or about that one; and one that
#: does not know whom or what the question names.
_TOLD_TO, _OF_OTHERS = 0.7, 0.5
#: What an agent said counts as against what people said: they ask for what they told it.
_OF_AGENTS = 0.75
#: What a question, a heading or a line of code counts as against a statement.
_LITTLE = 0.4
#: A line with a smaller share of letters is code, or a table.
_LETTERS = 0.75
_CODE = re.compile(r"```|=>|^\s*</?\w|[{};]\s*$|\w\(\)|\w+\.\w+\(")
_QUESTION = re.compile(r"[?\uff1f؟][\"'\u201d\u2019)*_ ]*$")
_LEADING = re.compile(r"[:\uff1a][*_ ]*$")
_SHORTEST = 6  # characters; less is no sentence to show beside another


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is matched.

    Attributes:
        matter: the keys that tell what it is about, without the names of those who speak where others are left.
        speakers: the keys of it that are such a name.
        things: the keys of the other names in it.
        everything: all its keys.
    """

    matter: frozenset[str]
    speakers: frozenset[str]
    things: frozenset[str]
    everything: frozenset[str]

    @property
    def words(self) -> float:
        """How many words its matter is; the pairs of characters that stand for an unspaced script overlap."""
        return sum(1.0 if key.isascii() or len(key) > _PAIR else 0.5 for key in self.matter)

    @classmethod
    def of(cls, text: str, memories: Sequence[Recalled]) -> Question:
        """The question, put to these memories."""
        asked = question_keys(text)
        speakers = asked & keys("\n".join(sorted({memory.speaker or "" for memory in memories})))
        return cls(asked - speakers or asked, speakers, keys("\n".join(names(text))) - speakers, keys(text))


@dataclass(frozen=True, slots=True, eq=False)
class Quote:
    """Sentences of one memory, as they stand there.

    Attributes:
        said: them, in their order, white space folded.
        text: the same, with `GAP` where something is left out.
        relevance: how well it bears on the question; higher is better.
    """

    memory: Recalled
    said: tuple[str, ...]
    text: str
    relevance: float

    @property
    def speaker(self) -> str:
        """Who said it, on one line."""
        return " ".join((self.memory.speaker or self.memory.role).split())


def quote(question: Question, memory: Recalled, place: int, alike: float) -> Quote | None:
    """What a memory says to a question, or None where it does not bear on it.

    A memory bears on a question when it holds enough of its words, or when its meaning is near.

    Args:
        place: its place among the memories recalled, from 0. (Their scores do not compare from one recall to the next:
            the last one found may have none, be it the second or the fiftieth.)
        alike: the cosine from which on a meaning is near.
    """
    parts = sentences(memory.text)
    held = [keys(part) & question.matter for part in parts]
    covered = len(frozenset().union(*held))
    enough = min(_ENOUGH, math.ceil(_SHARE * question.words))
    near = max((reason.score for reason in memory.why if reason.channel == "meaning"), default=0.0)
    if all(_repeats(question, part) for part in parts) or (covered < max(1, enough) and near < alike):
        return None
    chosen = _chosen([_worth(part, len(some)) for part, some in zip(parts, held, strict=True)])
    share = covered / len(question.matter) if question.matter else 0.0  # of signs alone, it can only be near in meaning
    if share < 1 and all(_asks(parts[place]) for place in chosen):
        return None  # something like it was asked, and nothing said
    relevance = (_BASE + (1 - _BASE) * share) / (1 + place / _HALF)
    chosen = _widened(parts, chosen)
    if all(_asks(parts[place]) or _is_code(parts[place]) for place in chosen):
        relevance *= _LITTLE
    said = tuple(parts[place] for place in chosen)
    return Quote(memory, said, _joined(memory.text, parts, chosen), relevance * _of_whom(question, memory))


def _of_whom(question: Question, memory: Recalled) -> float:
    """What a memory counts for who said it, and of whom it tells."""
    told = keys(memory.text)
    weight = _OF_AGENTS if memory.role == "assistant" and memory.speaker in (None, memory.role) else 1.0
    if question.things and question.things.isdisjoint(told):
        weight *= _OF_OTHERS
    if question.speakers and question.speakers.isdisjoint(keys(memory.speaker or "")):
        weight *= _OF_OTHERS if question.speakers.isdisjoint(told) else _TOLD_TO
    return weight


def _repeats(question: Question, sentence: str) -> bool:
    """Whether a sentence is nothing but the question, asked before."""
    return _asks(sentence) and bool(question.everything) and keys(sentence) == question.everything


def _asks(sentence: str) -> bool:
    return _QUESTION.search(sentence) is not None


def _is_code(sentence: str) -> bool:
    letters = sum(letter.isalpha() or letter.isspace() for letter in sentence)
    return letters < _LETTERS * len(sentence) or _CODE.search(sentence) is not None


def _announces(sentence: str) -> bool:
    """Whether a sentence only leads to the next one, as a heading does."""
    return _LEADING.search(sentence) is not None or len(sentence) < _SHORTEST


def _worth(sentence: str, held: int) -> float:
    return held * (_LITTLE if _is_code(sentence) or _asks(sentence) or _announces(sentence) else 1.0)


def _chosen(worth: Sequence[float]) -> list[int]:
    """The places of the one or two best sentences, in their order; the first where none is any good."""
    best = max(worth)
    if best <= 0:
        return [0]
    good = [place for place, value in enumerate(worth) if value >= _NEXT_BEST * best]
    return sorted(sorted(good, key=lambda place: (-worth[place], place))[:2])


def _widened(parts: Sequence[str], chosen: Sequence[int]) -> list[int]:
    """With what comes after and before them, while it is all short."""
    kept = set(chosen)
    for place in _beside(len(parts), chosen):
        length = sum(len(parts[one]) for one in {*kept, place})
        if length <= _ROOM and not (_is_code(parts[place]) or _announces(parts[place])):
            kept.add(place)
    return sorted(kept)


def _beside(count: int, chosen: Sequence[int]) -> Iterator[int]:
    for step in (1, -1):
        for place in chosen:
            if 0 <= place + step < count:
                yield place + step


def _joined(text: str, parts: Sequence[str], chosen: Sequence[int]) -> str:
    folded = " ".join(text.split())
    joined = parts[chosen[0]] if chosen[0] == 0 else f"{GAP} {parts[chosen[0]]}"
    for before, place in itertools.pairwise(chosen):
        near = f"{parts[before]} {parts[place]}"
        joined += f" {parts[place]}" if place == before + 1 and near in folded else f" {GAP} {parts[place]}"
    return joined if chosen[-1] == len(parts) - 1 else f"{joined} {GAP}"
