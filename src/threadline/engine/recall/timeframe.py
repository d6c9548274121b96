"""What a question says about time: its dates and ranges, whether it asks for the present, and whether it asks when.

A frame says when something happened or held, not when it was told of: "four years ago" is often said only today. So
frames are there to prefer memories by, not to leave others out.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from threadline.engine.recall.timeclock import Clock
from threadline.engine.recall.timespans import Finder, Stretch
from threadline.engine.recall.timewords import Language, Token, names, read

Relation = Literal["before", "after", "around"]


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A stretch of time that a question speaks of.

    Attributes:
        start: inclusive; None for any time before `end`.
        end: exclusive; None for any time from `start` on.
        text: the words of the question that say it.
        firm: False if the words say it roughly ("a few days ago", "the other day"), or may mean another one of its
            kind ("on Friday", "in May" without a year): something near it is then as good.
    """

    start: datetime | None
    end: datetime | None
    text: str
    firm: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question says about time.

    Attributes:
        frames: the stretches of time it speaks of, in the order of its words. None is empty.
        anchor: an event that dates it and has to be looked up first: `the move` of "before the move".
        relation: how what is asked for lies to the anchor.
        recent: it asks for the latest or the present state: "now", "currently", "latest", "still", "just", "recently".
        nearby: it asks for what was said a moment ago or in the last session: "we just discussed", "last time".
        wants_time: it asks when something was or will be, or how long ago.
        remainder: the question without the words of its frames and of `recent`; the whole of it if nothing were left.
    """

    frames: tuple[Timeframe, ...]
    anchor: str | None
    relation: Relation | None
    recent: bool
    nearby: bool
    wants_time: bool
    remainder: str


def understand(question: str, asked_at: datetime) -> Asked:
    """What a question says about time, for one who asks at `asked_at`, whose time zone sets where a day begins.

    A month or day without a year is the latest one that has begun; with "will" or "upcoming" in its sentence, the
    next one; a day also if it is less than three months off and its sentence has no past tense. Weeks begin on Monday.
    Seasons are those of the north, in whole months. 05/07/2023 is in May for one who writes English, else in July.
    """
    reading = read(question, asked_at.year + _YEARS_AHEAD)
    sentences = _sentences(reading.tokens)
    asking = [sentence for sentence in sentences if sentence.asks]
    found = list(_frames(question, reading.tokens, sentences, asked_at))
    said = [span for _, span in found]
    nearby = [_span(token) for sentence in sentences for token in _nearby(sentence.tokens)]
    present = [_span(token) for sentence in asking for token in _present(sentence.tokens)]
    anchor, relation = next(_anchors(question, asking, _within(reading.tokens, said)), (None, None))
    return Asked(
        frames=tuple(frame for frame, _ in found),
        anchor=anchor,
        relation=relation,
        recent=bool(nearby or present),
        nearby=bool(nearby),
        wants_time=any(_asks_when(sentence, reading.tongue) for sentence in asking),
        remainder=_without(question, [*said, *nearby, *present]),
    )


# A year further ahead is a number: "2048 tokens".
_YEARS_AHEAD = 10

Span = tuple[int, int]

# A sentence that opens with one of these asks, also without a question mark.
_ORDERS = names("tell list show find give name remind recall describe explain summarize summarise")
_ASKS = _ORDERS | names(
    """
    what when where which who whom whose why how did do does is are was were am will would can could should has have had
    """
)
_AHEAD = names("will shall upcoming gonna won't i'll we'll you'll he'll she'll they'll it'll that'll there'll")
_PLANNED = names("scheduled planned booked need")
_BEHIND = names("did was were had didn't wasn't weren't hadn't took")


class _Sentence(NamedTuple):
    """The tokens of one sentence.

    Attributes:
        asks: whether it is a question or an order; also if it is all there is, as in "current job of Maria".
        ahead: whether it speaks of what is to come.
        behind: whether it speaks of what was.
    """

    tokens: Sequence[Token]
    asks: bool
    ahead: bool
    behind: bool


def _sentences(tokens: Sequence[Token]) -> list[_Sentence]:
    ends = [place + 1 for place, token in enumerate(tokens) if token.symbol == "."]
    borders = itertools.pairwise([0, *ends, len(tokens)])
    parts = [tokens[start:end] for start, end in borders if start < end]
    return [_sentence(part, alone=len(parts) == 1) for part in parts]


def _sentence(tokens: Sequence[Token], *, alone: bool) -> _Sentence:
    words = {token.word for token in tokens}
    asks = alone or tokens[-1].word == "?" or tokens[0].word in _ASKS
    return _Sentence(tokens, asks, bool(words & _AHEAD), any(_tells_of_past(word) for word in words))


def _tells_of_past(word: str) -> bool:
    return word in _BEHIND or (word.endswith("ed") and word not in _PLANNED)


# Frames.


def _frames(
    question: str, tokens: Sequence[Token], sentences: Sequence[_Sentence], asked_at: datetime
) -> Iterator[tuple[Timeframe, Span]]:
    """The frames of a question, and where the words of each stand."""
    starts = [sentence.tokens[0].start for sentence in sentences]

    def clock(place: int) -> Clock:
        sentence = sentences[max(bisect.bisect_right(starts, place) - 1, 0)]
        return Clock(asked_at, sentence.ahead, sentence.behind)

    for stretch in Finder(clock).find(tokens):
        frame = _frame(stretch, question, asked_at)
        if frame:
            yield frame, stretch.span


def _frame(stretch: Stretch, question: str, asked_at: datetime) -> Timeframe | None:
    """A stretch of time in the asker's time zone, unless it is empty there."""
    start, end = (border and border.replace(tzinfo=asked_at.tzinfo) for border in (stretch.start, stretch.end))
    try:
        # In one time zone Python compares by the clock on the wall, even where that was set back.
        if start and end and start.astimezone(UTC) >= end.astimezone(UTC):
            return None
    except (OverflowError, ValueError):
        return None
    return Timeframe(start, end, question[slice(*stretch.span)], stretch.firm)


# The present, and a moment ago.

# What "I just ..." tells of, besides the words in -ed.
_JUST_DID = names(
    """
    said told did made saw had got went wrote gave sent spoke found bought read came began met took put heard left built
    ran chose set thought brought
    """
)
_JUST_SO = names("wanted needed based supposed tired need instinctively")
_WHO = names("i we you he she it they i've we've you've have has had who")
# "My last name" is not the latest.
_NOT_LATEST = names("name names minute resort straw call word words thing chance")


def _before(tokens: Sequence[Token], place: int, back: int = 1) -> str:
    return tokens[place - back].word if place >= back else ""


def _after(tokens: Sequence[Token], place: int) -> str:
    return tokens[place + 1].word if place + 1 < len(tokens) else ""


def _nearby(tokens: Sequence[Token]) -> Iterator[Token]:
    """The words of a sentence that point to what was said a moment ago or in the last session."""
    for place, token in enumerate(tokens):
        said_earlier = token.word == "earlier" and place >= 2 and not _after(tokens, place).isalnum()
        if token.symbol == "k" or said_earlier or (token.symbol == "J" and _just_did(tokens, place)):
            yield token


def _just_did(tokens: Sequence[Token], place: int) -> bool:
    if _before(tokens, place) not in _WHO:
        return False
    verb = _after(tokens, place)
    done = (verb.endswith("ed") or verb in _JUST_DID) and verb not in _JUST_SO
    return done or _before(tokens, place, 2) == "did"


def _present(tokens: Sequence[Token]) -> Iterator[Token]:
    """The words of a sentence that ask for what holds now, or for the latest."""
    at_once = tokens[0].word in _ORDERS and _QUESTION.isdisjoint(token.word for token in tokens)  # "show me it now"
    for place, token in enumerate(tokens):
        is_now = token.symbol == "w" and place > 0 and not at_once
        if token.symbol == "K" or is_now or _is_latest(tokens, place):
            yield token


def _is_latest(tokens: Sequence[Token], place: int) -> bool:
    """Whether this is the "last" of "the last book I read"."""
    return (
        tokens[place].word == "last"
        and _before(tokens, place) in {"the", "my", "our", "your", "his", "her", "their"}
        and place + 1 < len(tokens)
        and tokens[place + 1].symbol == "x"
        and tokens[place + 1].word not in _NOT_LATEST
    )


# Anchors.

_RELATIONS: dict[str, Relation] = {
    "b": "before",
    "u": "before",
    "P": "after",
    "s": "after",
    "c": "around",
    "g": "before",
}
# Words before which make it no time: "look after".
_NOT_AFTER = names("look looks looking looked named take takes took taking run running")
# "Since" and "until" date what was asked only in such a sentence: "what has changed since the move".
_PERFECT = names("have has had been ever i've we've you've they've he she long changed happened")
# Not an event: "after all", "before that", "after tax", "before bed".
_NO_EVENT = names(
    """
    all that this it then these those noon me you us now today hours tax taxes work school bed dinner lunch breakfast
    day week month year time one another
    """
)
# So many words of an event are read, and so many before "since".
_REACH = 20


def _anchors(question: str, asking: Sequence[_Sentence], framed: Set[Token]) -> Iterator[tuple[str, Relation]]:
    """The events that date what is asked for, and how it lies to them."""
    for sentence in asking:
        tokens = sentence.tokens
        for place, token in enumerate(tokens):
            relation = _RELATIONS.get(token.symbol)
            if relation is None or token in framed or not _dates(sentence, place):
                continue
            event = _event(tokens[place + 1 : place + 1 + _REACH], framed)
            if event:
                yield question[event[0].start : event[-1].end], relation


def _within(tokens: Sequence[Token], spans: Sequence[Span]) -> Set[Token]:
    """The tokens within spans that stand in a row."""
    starts = [start for start, _ in spans]
    places = ((token, bisect.bisect_right(starts, token.start) - 1) for token in tokens)
    return {token for token, place in places if place >= 0 and token.start < spans[place][1]}


def _dates(sentence: _Sentence, place: int) -> bool:
    """Whether a word such as "after" dates what is asked for."""
    if sentence.tokens[place].symbol in "su":
        before = sentence.tokens[max(place - _REACH, 0) : place]
        return place > 0 and not _PERFECT.isdisjoint(token.word for token in before)
    return _before(sentence.tokens, place) not in _NOT_AFTER


def _event(tokens: Sequence[Token], framed: Set[Token]) -> Sequence[Token]:
    """The tokens of an event, up to the end of its clause or the next word that says a time."""
    end = next(
        (
            place
            for place, token in enumerate(tokens)
            if token.symbol in ".," or token.symbol in _RELATIONS or token.word in _QUESTION or token in framed
        ),
        len(tokens),
    )
    start = 1 if end and tokens[0].symbol == "e" else 0  # "antes de", "prima di"
    event = tokens[start:end]
    telling = [token for token in event if token.symbol in "xMWSUHp"]
    return event if telling and not (len(event) == 1 and event[0].word in _NO_EVENT) else ()


# When.

_QUESTION = names("what when where which who whom whose why how")
_AUXILIARY = names("did do does is are was were will would has have had should can could am 's")
_TELLS_WHEN = names("know recall say said sure mention mentioned wonder exactly out")
_DATE_WORDS = names("date day month year week weekday")
_DATES = names("date deadline")
_HOW_LONG = names("ago has have had since until till")
_SPANS = names("days weeks months years hours")
_MEASURES = names("between ago since until passed before after from left elapsed")


def _asks_when(sentence: _Sentence, tongue: Language) -> bool:
    """Whether a sentence asks when something was."""
    tokens = sentence.tokens
    return any(
        (token.word in tongue.when and _is_when(tokens, place))
        or (token.word in {"what", "which"} and _names_a_date(tokens, place))
        or (token.word == "how" and _measures_time(tokens, place))
        for place, token in enumerate(tokens)
    )


def _is_when(tokens: Sequence[Token], place: int) -> bool:
    """Whether "when" asks: "when did", "tell me when"; not "remember when", nor "when I was there, who"."""
    if _after(tokens, place) in _AUXILIARY and place <= 3:
        return True
    if place <= 2 and all(token.symbol in "sub" or not token.word.isalnum() for token in tokens[:place]):
        return not any(token.symbol == "," or token.word in _QUESTION for token in tokens[place + 1 :])
    before, earlier = _before(tokens, place), _before(tokens, place, 2)
    return before in _TELLS_WHEN or (before in {"me", "us"} and earlier in {"tell", "remind"})


def _names_a_date(tokens: Sequence[Token], place: int) -> bool:
    """`what day`, `what's the exact date`, `what is the deadline`, `what time did`."""
    first, *others = [token.word for token in tokens[place + 1 : place + 6]] or [""]
    if first == "time":
        return not _AUXILIARY.isdisjoint(others[:1])
    return first in _DATE_WORDS or not _DATES.isdisjoint(others)


def _measures_time(tokens: Sequence[Token], place: int) -> bool:
    """`how long ago`, `how long has`, `how long did it take`, `how many weeks passed between`."""
    first, *others = [token.word for token in tokens[place + 1 : place + 24]] or [""]
    if first == "long":
        return not _HOW_LONG.isdisjoint(others[:1]) or others[:3] == ["did", "it", "take"]
    return first == "many" and not _SPANS.isdisjoint(others[:2]) and not _MEASURES.isdisjoint(others[1:])


# What is left.


def _span(token: Token) -> Span:
    return token.start, token.end


def _without(question: str, spans: Iterable[Span]) -> str:
    """A question without some of its words; with all of them if no other is left."""
    kept: list[str] = []
    place = 0
    for start, end in sorted(spans):
        kept.append(question[place:start])
        place = max(place, end)
    kept.append(question[place:])
    left = " ".join(" ".join(kept).split())
    for mark in "?.!,":
        left = left.replace(f" {mark}", mark)
    left = left.lstrip(" ,;")
    return left if any(letter.isalnum() for letter in left) else question
