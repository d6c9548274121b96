"""How well a memory finds what it was told: conversations, questions, figures. The same code measures every system.

A question names its evidence: the messages that answer it or, in some sources, the sessions. These are its **units**.
What a system returns is read as a list of units in the order of their first appearance. All shares are in percent:

    recall@k      the share of the evidence that is among the first k units, averaged over the questions
    hit@k         the share of questions with any evidence among the first k units
    mrr           1 / the place of the first unit of evidence, averaged; 0 where it is not among the first 20
    evidence@n    the share of the evidence within what a recall of n tokens returns. Where messages are long, more
                  tokens can hold less of it: one long message that now fits takes the place of several short ones

An interval is the middle 95% of what 2,000 resamplings of a source's conversations give: questions of one conversation
stand or fall together. With three conversations it is coarse.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.base import LIMIT, Hit, Item, Query, System
from threadline.engine.models.wordpiece import count_tokens
from threadline.errors import TranscriptError
from threadline.importers import Imported, read

DEPTHS = (5, 10, 20)
BUDGETS = (512, 1024, 4096)
RESAMPLINGS = 2_000
UNBOUNDED = 10**6

_WIDEST = 800


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a conversation.

    Attributes:
        gold: the units that answer it: messages' refs or sessions; empty for one that nothing answers.
        due: how many sessions it may see, from the first.
        asked_at: when it is asked, in ISO 8601.
    """

    text: str
    category: str
    gold: frozenset[str]
    due: int
    asked_at: str | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation and what is asked of it.

    Attributes:
        source: the folder it came from.
        sessions: the messages of each, turn by turn.
        by_session: whether evidence is a session rather than a message.
    """

    source: str
    name: str
    sessions: tuple[tuple[tuple[Item, ...], ...], ...]
    questions: tuple[Question, ...]
    by_session: bool

    @property
    def turns(self) -> int:
        """How many turns it has."""
        return sum(map(len, self.sessions))


# Loading


def load(data: Path) -> Iterator[Conversation]:
    """Every conversation in the plain format in a folder and the folders within it; the others are named and skipped.

    A conversation's source is the name of its folder.
    """
    data = data.resolve()
    for path in sorted((*data.glob("*.json"), *data.glob("*/*.json"))):
        try:
            whole = json.loads(path.read_text("utf-8"))
        except ValueError:
            whole = None
        if not isinstance(whole, dict) or not {"sessions", "questions", "level"} <= whole.keys():
            tell(f"{path.parent.name}/{path.name} is skipped: it is not in the plain format.")
        elif not whole["questions"]:
            tell(f"{path.parent.name}/{path.name} is skipped: nothing is asked of it.")
        else:
            yield plain(path, whole)


def plain(path: Path, whole: dict[str, Any]) -> Conversation:
    """Read a conversation as the importer reads it.

    Args:
        whole: what the file holds.

    Raises:
        SystemExit: it cannot be imported, or a question is asked in a session that it lacks.
    """
    by_session = whole["level"] == "session"
    turns = _turns(path, numbered=by_session)
    ids = [str(session["id"]) for session in whole["sessions"]]
    names = {session: f"{whole.get('id') or path.stem}:{session}" for session in ids}
    conversation = Conversation(
        path.parent.name,
        path.stem,
        tuple(tuple(turn for turn in turns if turn[0].session == name) for name in names.values()),
        (),
        by_session,
    )
    questions = []
    for given in whole["questions"]:
        if given.get("asked_in") not in (None, *ids):
            raise SystemExit(f"{path}: a question is asked in {given['asked_in']!r}, which is no session of it.")
        due = len(ids) if given.get("asked_in") is None else ids.index(given["asked_in"])
        gold = frozenset(names.get(unit, unit) if by_session else str(unit) for unit in given.get("gold") or ())
        category = str(given.get("category") or "-")
        questions.append(Question(given["text"], category, gold, due, asked_at(conversation, due)))
    known = {item.session if by_session else item.ref for turn in turns for item in turn}
    if lost := sum(not question.gold <= known for question in questions):
        tell(f"{path.name}: {lost} questions name evidence that the conversation lacks; it counts as not found.")
    return replace(conversation, questions=tuple(questions))


def _turns(path: Path, *, numbered: bool) -> list[tuple[Item, ...]]:
    """The turns of a file; `numbered` where its own ids of messages do not matter, and need not be unique."""
    turns: list[tuple[Item, ...]] = []
    try:
        for number, turn in enumerate(read(path, "plain")):
            if isinstance(turn, Imported):
                turns.append(_items(turn, number, numbered))
            else:
                tell(f"{turn.place}: {turn.reason}")
    except TranscriptError as error:
        raise SystemExit(f"{path}: {error}") from error
    return turns


def _items(turn: Imported, number: int, numbered: bool) -> tuple[Item, ...]:
    return tuple(
        Item(
            ref=f"{number}.{place}" if numbered or message.ref is None else message.ref,
            session=turn.session,
            role=message.role,
            speaker=message.speaker,
            text=message.text,
            said_at=(message.occurred_at or turn.occurred_at).isoformat(),
        )
        for place, message in enumerate(turn.messages)
    )


def asked_at(conversation: Conversation, due: int) -> str | None:
    """When a question is asked: at the start of the session after those it may see, else at the end of the last."""
    before, after = (
        [item.said_at for session in sessions for turn in session for item in turn]
        for sessions in (conversation.sessions[:due], conversation.sessions[due : due + 1])
    )
    if after:
        return min(after, key=datetime.fromisoformat)
    return max(before, key=datetime.fromisoformat, default=None)


# Asking


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question.

    Attributes:
        units: the first 20 units found.
        within: per token budget, the share of the evidence returned, 0 to 1; empty without evidence.
        seconds: how long a recall in the default configuration took, the question seen for the first time.
        memories, tokens: how much that returned.
    """

    source: str
    conversation: str
    question: Question
    units: tuple[str, ...]
    within: dict[int, float]
    seconds: float
    memories: int
    tokens: int

    @property
    def figures(self) -> dict[str, float]:
        """Every figure of the question, 0 to 1; none for one without evidence."""
        gold = self.question.gold
        if not gold:
            return {}
        shares = {f"recall@{depth}": share(self.units[:depth], gold) for depth in DEPTHS}
        hit = float(not gold.isdisjoint(self.units[:10]))
        found = {f"evidence@{budget}": part for budget, part in self.within.items()}
        return {**shares, "hit@10": hit, "mrr": reciprocal_rank(self.units, gold), **found}


def live(conversation: Conversation, system: System) -> list[Outcome]:
    """Live through a conversation and ask each question when it is due, in a bank of its own."""
    with tempfile.TemporaryDirectory(prefix="threadline-quality-") as folder:
        system.open(Path(folder))
        try:
            return list(_lived(conversation, system))
        finally:
            system.close()


def _lived(conversation: Conversation, system: System) -> Iterator[Outcome]:
    unit_of = {
        item.ref: item.session if conversation.by_session else item.ref
        for session in conversation.sessions
        for turn in session
        for item in turn
    }
    told = 0
    for question in sorted(conversation.questions, key=lambda question: question.due):
        for session in conversation.sessions[told : question.due]:
            for turn in session:
                system.add(turn)
        told = question.due
        system.settle()
        yield _asked(conversation, question, system, unit_of)


def _asked(conversation: Conversation, question: Question, system: System, unit_of: dict[str, str]) -> Outcome:
    query = Query(question.text, asked_at=question.asked_at)
    first = system.ask(query)
    returned = first.hits if system.budgets else fitting(first.hits, BUDGETS[-1])
    within: dict[int, float] = {}
    for budget in BUDGETS if question.gold else ():
        cut = system.ask(query._replace(max_tokens=budget)).hits if system.budgets else fitting(first.hits, budget)
        within[budget] = share(units(cut, unit_of), question.gold)
    return Outcome(
        conversation.source,
        conversation.name,
        question,
        units=_first_units(query, system, unit_of),
        within=within,
        seconds=first.seconds,
        memories=len(returned),
        tokens=sum(map(tokens_of, returned)),
    )


def _first_units(query: Query, system: System, unit_of: dict[str, str]) -> tuple[str, ...]:
    """The first 20 units: the call is widened until there are as many, or no more memories come."""
    limit = LIMIT
    while True:
        hits = system.ask(query._replace(limit=limit, max_tokens=UNBOUNDED)).hits
        found = units(hits, unit_of)
        if len(found) >= DEPTHS[-1] or len(hits) < limit or limit >= _WIDEST:
            return found[: DEPTHS[-1]]
        limit *= 4


# Figures of one question


def units(hits: Sequence[Hit], unit_of: dict[str, str]) -> tuple[str, ...]:
    """The units of what was found, in the order of their first appearance."""
    return tuple(dict.fromkeys(unit_of[hit.ref] for hit in hits if hit.ref in unit_of))


def share(found: Collection[str], gold: frozenset[str]) -> float:
    """How much of the evidence was found, 0 to 1."""
    return len(gold.intersection(found)) / len(gold)


def reciprocal_rank(found: Sequence[str], gold: frozenset[str]) -> float:
    """1 / the place of the first unit of evidence, from 1; 0 where none was found."""
    return next((1 / place for place, unit in enumerate(found, 1) if unit in gold), 0.0)


def fitting(hits: Sequence[Hit], max_tokens: int) -> list[Hit]:
    """What of a ranking fits into a budget: the best first; one that does not fit is passed over."""
    kept: list[Hit] = []
    left = max_tokens
    for hit in hits:
        if (tokens := tokens_of(hit)) <= left:
            kept.append(hit)
            left -= tokens
    return kept


def tokens_of(hit: Hit) -> int:
    """What a memory takes: as the system says or, where it does not count, as Threadline counts."""
    return count_tokens([hit.text])[0] if hit.tokens is None else hit.tokens


# Figures of many


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean in percent, with its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.0f}-{self.high:.0f})"


@dataclass(slots=True)
class Summary:
    """The figures of one system over some questions.

    Attributes:
        estimates: by the names of `Outcome.figures`; empty where no question has evidence.
        ms_p50, ms_p95: of the default recall, in milliseconds.
        returned: for questions with (`answerable`) and without evidence (`unanswerable`), how many memories and
            tokens the default recall returned on average.
    """

    questions: int
    estimates: dict[str, Estimate]
    ms_p50: float
    ms_p95: float
    returned: dict[str, dict[str, float]] = field(default_factory=dict)


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """The figures of at least one outcome."""
    answerable = [outcome for outcome in outcomes if outcome.question.gold]
    kinds = {"answerable": answerable, "unanswerable": [one for one in outcomes if not one.question.gold]}
    names = answerable[0].figures if answerable else {}
    p50, p95 = np.percentile([outcome.seconds * 1000 for outcome in outcomes], [50, 95])
    return Summary(
        questions=len(outcomes),
        estimates={name: _estimate(answerable, name) for name in names},
        ms_p50=round(float(p50), 2),
        ms_p95=round(float(p95), 2),
        returned={kind: _returned(some) for kind, some in kinds.items() if some},
    )


def _estimate(outcomes: Sequence[Outcome], name: str) -> Estimate:
    by_conversation: dict[str, list[float]] = {}
    for outcome in outcomes:
        by_conversation.setdefault(outcome.conversation, []).append(100 * outcome.figures[name])
    low, high = interval(list(by_conversation.values()))
    values = [value for some in by_conversation.values() for value in some]
    return Estimate(sum(values) / len(values), low, high)


def interval(groups: Sequence[Sequence[float]], resamplings: int = RESAMPLINGS) -> tuple[float, float]:
    """The 95% bootstrap interval of the mean over all values, where whole groups are drawn with replacement.

    Args:
        groups: the values of each conversation, at least one a conversation.
    """
    sums = np.array([sum(group) for group in groups])
    counts = np.array([len(group) for group in groups])
    drawn = np.random.default_rng(0).integers(len(groups), size=(resamplings, len(groups)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _returned(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {
        "questions": len(outcomes),
        "memories": round(sum(outcome.memories for outcome in outcomes) / len(outcomes), 1),
        "tokens": round(sum(outcome.tokens for outcome in outcomes) / len(outcomes), 1),
    }


def grouped(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> dict[str, list[Outcome]]:
    """Outcomes by a key, in the order of its first appearance."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(key(outcome), []).append(outcome)
    return groups


def record(outcome: Outcome, system: str) -> dict[str, Any]:
    """One line of a dump: the question, what was found and how well that answers it."""
    question = outcome.question
    return {
        "system": system,
        "source": outcome.source,
        "conversation": outcome.conversation,
        "category": question.category,
        "question": question.text,
        "asked_at": question.asked_at,
        "gold": sorted(question.gold),
        "units": list(outcome.units),
        "ms": round(outcome.seconds * 1000, 2),
        "memories": outcome.memories,
        "tokens": outcome.tokens,
        **{name: round(value, 4) for name, value in outcome.figures.items()},
    }


def tell(line: str) -> None:
    """Tell the one who waits, not the one who reads the figures."""
    print(line, file=sys.stderr, flush=True)
