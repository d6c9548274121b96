"""The reflector without a model: what was said about a question, quoted, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from threadline.documents import Recalled, Reflection, sources
from threadline.engine.models.wordpiece import count_tokens
from threadline.engine.reflect.changes import may_change, values
from threadline.engine.reflect.quotes import Question, Quote, quote
from threadline.engine.reflect.sentences import keys, names

#: All that an answer holds besides quotes, who said them, what they name, when and where.
HEADING = "From memory (quoted, not composed):"
SOURCES = "Sources:"
ALSO = "Also:"
MAY_CHANGE = "later, may change"
NOTHING = "Nothing in memory bears on this question."
NO_ROOM = "There is something in memory, but no quote fits the budget."

#: A quote that has this share of its words from a better one tells nothing.
_REPEATED = 0.8


@dataclass(frozen=True, slots=True)
class Extractive:
    """Quotes the sentences that bear on a question, by who said them or what they are about, in order of time.

    Attributes:
        most: the most memories quoted.
        alike: the cosine from which on a memory bears on a question although it has none of its words. The default
            was chosen for all-MiniLM-L6-v2, where what is off the point stays below 0.3; another embedder has its own.
        close: what is quoted is at least this relevant, as a share of the most relevant.
    """

    most: int = 8
    alike: float = 0.4
    close: float = 0.4

    def __call__(self, question: str, memories: Sequence[Recalled], max_tokens: int) -> Reflection:
        """See `Reflector`. The text is empty where not even one line of it fits."""
        quotes = self._choose(question, memories)
        if not quotes:
            return Reflection(_if_fits(NOTHING, max_tokens), extractive=True)
        kept: list[Quote] = []
        text = ""
        for one in quotes:
            longer = _render([*kept, one])
            if _fits(longer, max_tokens):
                kept, text = [*kept, one], longer
        if not kept:
            return Reflection(_if_fits(NO_ROOM, max_tokens), extractive=True)
        return Reflection(text, tuple(one.memory for group in _grouped(kept).values() for one in group), True)

    def _choose(self, question: str, memories: Sequence[Recalled]) -> list[Quote]:
        """What is quoted, the most relevant first."""
        asked = Question.of(question, memories)
        ranked = enumerate(memories)
        found = [one for place, memory in ranked if (one := quote(asked, memory, place, self.alike)) is not None]
        found.sort(key=lambda one: -one.relevance)
        found = [one for one in found if one.relevance >= self.close * found[0].relevance]
        return list(_unrepeated(found))[: self.most]


def _unrepeated(quotes: Iterable[Quote]) -> Iterator[Quote]:
    """Without those that say nearly nothing which a better one has not said, and no other number, day or name."""
    seen: list[tuple[frozenset[str], frozenset[str]]] = []
    for one in quotes:
        words, told = keys(one.text), values(one.text)
        if not any(len(words & before) >= _REPEATED * len(words) and told <= named for before, named in seen):
            seen.append((words, told))
            yield one


def _render(quotes: Sequence[Quote]) -> str:
    groups = _grouped(quotes)
    numbered = {one: number for number, one in enumerate((one for group in groups.values() for one in group), start=1)}
    blocks = []
    for heading, group in groups.items():
        blocks.append("\n".join([heading, *(_line(one, numbered) for one in group)]))
    listed = f"{SOURCES}\n{sources([one.memory for one in numbered])}"
    return "\n\n".join([HEADING, *blocks, listed])


def _line(one: Quote, numbered: Mapping[Quote, int]) -> str:
    day = one.memory.occurred_at.date().isoformat()
    return f"[{numbered[one]}] {day}{_mark(one, numbered)}: “{one.text}”"


def _mark(one: Quote, numbered: Mapping[Quote, int]) -> str:
    """That it may change an earlier one: the latest of those, by the same speaker if any is."""

    def nearness(other: Quote) -> tuple[bool, tuple[datetime, str, int, int]]:
        return other.speaker == one.speaker, _when(other)

    earlier = [other for other in numbered if _is_earlier(other, one) and may_change(other, one)]
    return f" ({MAY_CHANGE} [{numbered[max(earlier, key=nearness)]}])" if earlier else ""


def _grouped(quotes: Sequence[Quote]) -> dict[str, list[Quote]]:
    """The quotes by heading: the group with the most relevant one first, each in order of time."""
    speakers = {one.speaker for one in quotes}
    heading = {one: one.speaker for one in quotes} if len(speakers) > 1 else _things(quotes)
    groups: dict[str, list[Quote]] = {}
    for one in sorted(quotes, key=lambda one: (heading[one] == ALSO, -one.relevance)):
        groups.setdefault(heading[one], []).append(one)
    return {name: sorted(group, key=_when) for name, group in groups.items()}


def _things(quotes: Sequence[Quote]) -> dict[Quote, str]:
    """What each quote is about: the name it shares with most others. All are one group unless two names divide them."""
    named = {one: frozenset(name for part in one.said for name in names(part)) for one in quotes}
    counts = Counter(name for some in named.values() for name in some)
    shared = {name: count for name, count in counts.items() if 1 < count < len(quotes)}
    heading = {
        one: min(some & shared.keys(), key=lambda name: (-shared[name], name), default=ALSO)
        for one, some in named.items()
    }
    several = len(set(heading.values()) - {ALSO}) > 1
    return heading if several else {one: one.speaker for one in quotes}


def _when(one: Quote) -> tuple[datetime, str, int, int]:
    memory = one.memory
    return memory.occurred_at, memory.document, memory.turn or 0, memory.position


def _is_earlier(one: Quote, other: Quote) -> bool:
    """Whether it was surely said before: at one time, the order of two conversations is not known."""
    if one.memory.occurred_at != other.memory.occurred_at:
        return one.memory.occurred_at < other.memory.occurred_at
    return one.memory.document == other.memory.document and _when(one) < _when(other)


def _fits(text: str, max_tokens: int) -> bool:
    return count_tokens([text])[0] <= max_tokens


def _if_fits(text: str, max_tokens: int) -> str:
    return text if _fits(text, max_tokens) else ""
