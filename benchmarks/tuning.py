"""What each signal should count: `make tune DATA=<folder>` fits the weights of `threadline.engine.recall.fuse`.

The conversations of a folder are read into banks, every question is asked, and the signals of all that was weighed are
kept. The weights are those of a conditional logit (McFadden, 1974): of a question's candidates, each piece of evidence
is to be the one that is chosen, whichever of its memories speaks for it. Every source counts the same, however many
conversations it has. The confidence is a logistic regression that tells a question's own bank from another one.

To see what it is worth on conversations that it has not seen, each conversation is ranked with the weights that the
others give, and only those figures are printed; the weights printed last are fitted on all.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.evaluation import Conversation, Question, load, tell
from benchmarks.peers.base import Item
from threadline.documents import Batch, Passage, Query, Scope, Span
from threadline.engine.bank import Bank
from threadline.engine.models.base import Embedder
from threadline.engine.models.minilm import MiniLM
from threadline.engine.recall.fuse import Weights
from threadline.engine.recall.rank import Effort, Ranked

Floats = npt.NDArray[np.float64]

#: Which signals each kind of bank has. What a whole document says gains nothing beyond noise without late interaction.
KINDS: dict[str, tuple[str, ...]] = {
    "words": ("words", "speaker", "near_words", "thread", "user", "agent", "length", "age", "time"),
    "meaning": tuple(each.name for each in fields(Weights) if each.name not in {"tokens", "document"}),
    "tokens": tuple(each.name for each in fields(Weights)),
}
#: The signals that a confidence is made of.
SURE = {"words": ("words",), "meaning": ("words", "meaning"), "tokens": ("words", "meaning", "tokens")}

_EVERYTHING = Effort(depth=100, second_look=10_000)
_PENALTY = 1e-3
_STEPS = 400
_FOREIGN = 30
_DEPTHS = (5, 10, 20)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question's candidates.

    Attributes:
        signals: shape (candidates, signals), in the order of `Weights`.
        units: which unit of evidence each candidate belongs to.
        gold: the units that answer; empty where it was asked of a foreign bank.
    """

    source: str
    conversation: str
    signals: Floats
    units: npt.NDArray[np.str_]
    gold: frozenset[str]


def collect(conversations: Sequence[Conversation], embedder: Embedder | None) -> list[Asked]:
    """Ask every question of its own conversation, and some of each conversation of another one of its source."""
    chance = np.random.default_rng(1)
    asked: list[Asked] = []
    for one in conversations:
        tell(f"  {one.source} {one.name}")
        others = [each for each in conversations if each.source == one.source and each is not one]
        foreign = [question for each in others for question in each.questions]
        chosen: list[int] = chance.permutation(len(foreign))[:_FOREIGN].tolist()
        with tempfile.TemporaryDirectory() as folder:
            bank = Bank(Path(folder), embedder)
            refs = _fill(bank, one)
            asked += [_ask(bank, one, question, refs, question.gold) for question in one.questions if question.gold]
            everything = [_later(foreign[each], len(one.sessions)) for each in chosen]
            asked += [_ask(bank, one, question, refs, frozenset()) for question in everything]
            bank.close()
    return asked


def _later(question: Question, sessions: int) -> Question:
    return Question(question.text, question.category, question.gold, sessions, None)


def _fill(bank: Bank, conversation: Conversation) -> dict[tuple[str, int, int], str]:
    """Retain a conversation, a document a session; returns the unit of each message."""
    units: dict[tuple[str, int, int], str] = {}
    for session in conversation.sessions:
        name = session[0][0].session
        passages = []
        for number, turn in enumerate(session, 1):
            for place, item in enumerate(turn):
                passages.append(_passage(number, place, item))
                units[f"session:{name}", number, place] = name if conversation.by_session else item.ref or ""
        bank.retain(Batch("b", f"session:{name}", name, tuple(passages)))
    return units


def _passage(turn: int, place: int, item: Item) -> Passage:
    return Passage(turn, place, item.role, item.text, datetime.fromisoformat(item.said_at), item.speaker, item.ref)


def _ask(
    bank: Bank,
    conversation: Conversation,
    question: Question,
    units: dict[tuple[str, int, int], str],
    gold: frozenset[str],
) -> Asked:
    names = [session[0][0].session for session in conversation.sessions[: question.due]]
    scope = Scope({f"session:{name}": Span() for name in names})
    at = datetime.fromisoformat(question.asked_at) if question.asked_at else None
    ranked, _ = bank.rank(Query(question.text, scope, asked_at=at), _EVERYTHING)
    memories = bank.memories(ranked.rows.memories[ranked.places].tolist())
    owners = []
    for row in ranked.places:
        memory = memories[int(ranked.rows.memories[row])]
        owners.append(units[memory.document, memory.passage.turn, memory.passage.position])
    return Asked(conversation.source, conversation.name, _matrix(ranked), np.array(owners, np.str_), gold)


def _matrix(ranked: Ranked) -> Floats:
    return np.asarray(np.stack([getattr(ranked.signals, each.name) for each in fields(Weights)], axis=1))


# Fitting


def fit(asked: Sequence[Asked], kind: str) -> Floats:
    """The weight of each signal of a kind of bank, in the order of `KINDS`."""
    columns = _columns(kind)
    useful = [one for one in asked if one.gold and np.isin(one.units, list(one.gold)).any()]
    table = np.concatenate([one.signals[:, columns] for one in useful])
    scale = table.std(axis=0) + 1e-9
    problem = _Problem(useful, table / scale)
    return np.asarray(_minimise(problem, len(columns)) / scale)


class _Problem:
    """The loss of weights and its gradient. A unit of evidence is as likely as its memories are together."""

    def __init__(self, asked: Sequence[Asked], table: Floats) -> None:
        self.table = table
        counts = np.array([len(one.units) for one in asked])
        self.first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self.owner = np.repeat(np.arange(len(asked)), counts)
        sources = [one.source for one in asked]
        self.weight = np.array([1 / sources.count(source) / len(set(sources)) for source in sources])
        self.gold = np.flatnonzero(np.concatenate([np.isin(one.units, list(one.gold)) for one in asked]))
        names = np.array([f"{place} {unit}" for place, one in enumerate(asked) for unit in one.units])[self.gold]
        _, begins, self.unit = np.unique(names, return_index=True, return_inverse=True)
        self.unit_owner = self.owner[self.gold[begins]]
        shares = np.bincount(self.unit_owner, minlength=len(asked))
        self.unit_weight = self.weight[self.unit_owner] / shares[self.unit_owner]

    def gradient(self, weights: Floats) -> Floats:
        scores = self.table @ weights
        scores -= np.maximum.reduceat(scores, self.first)[self.owner]
        odds = np.exp(scores)
        total = np.add.reduceat(odds, self.first)
        unit = np.bincount(self.unit, odds[self.gold])
        pull = np.zeros(len(scores))
        pull[self.gold] = self.unit_weight[self.unit] * odds[self.gold] / unit[self.unit]
        push = odds / total[self.owner] * self.weight[self.owner]
        return np.asarray((push - pull) @ self.table + 2 * _PENALTY * weights)


def _minimise(problem: _Problem, size: int) -> Floats:
    """Adam (Kingma and Ba, 2015), with steps that shrink to nothing."""
    weights, mean, square = np.zeros((3, size))
    for step in range(1, _STEPS + 1):
        gradient = problem.gradient(weights)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        rate = 0.3 * (1 - step / (_STEPS + 1))
        weights = weights - rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-9)
    return weights


def fit_confidence(asked: Sequence[Asked], kind: str, weights: Floats) -> Floats:
    """The weights of a confidence's channels, and its bias: tells the best memory of a question's own bank from that
    of a foreign one. Sources and both answers count the same.
    """
    best = np.array([_best(one, kind, weights) for one in asked])
    own = np.array([bool(one.gold) for one in asked])
    groups = [f"{one.source} {bool(one.gold)}" for one in asked]
    share = np.array([1 / groups.count(group) / len(set(groups)) for group in groups])
    table = np.column_stack([best, np.ones(len(best))])
    found = np.zeros(table.shape[1])
    for _ in range(60):  # Newton's method
        likely = 1 / (1 + np.exp(-table @ found))
        gradient = table.T @ (share * (likely - own)) + 1e-4 * found
        curve = (table * (share * likely * (1 - likely))[:, np.newaxis]).T @ table + 1e-4 * np.eye(len(found))
        found = found - np.linalg.solve(curve, gradient)
    return found


def _best(one: Asked, kind: str, weights: Floats) -> Floats:
    names = [each.name for each in fields(Weights)]
    top = int((one.signals[:, _columns(kind)] @ weights).argmax()) if len(one.units) else None
    return np.array([0.0 if top is None else one.signals[top, names.index(name)] for name in SURE[kind]])


def _columns(kind: str) -> list[int]:
    names = [each.name for each in fields(Weights)]
    return [names.index(name) for name in KINDS[kind]]


# Telling


def held_out(asked: Sequence[Asked], kind: str) -> Iterator[tuple[str, dict[str, float]]]:
    """What each source's questions come to with weights that the other conversations gave."""
    found: dict[str, list[dict[str, float]]] = {}
    for name in dict.fromkeys(one.conversation for one in asked):
        weights = fit([one for one in asked if one.conversation != name], kind)
        for one in asked:
            if one.conversation == name and one.gold:
                found.setdefault(one.source, []).append(_figures(one, one.signals[:, _columns(kind)] @ weights))
    for source, each in found.items():
        yield source, {name: round(100 * float(np.mean([one[name] for one in each])), 1) for name in each[0]}


def _figures(one: Asked, scores: Floats) -> dict[str, float]:
    units = list(dict.fromkeys(one.units[np.argsort(-scores, kind="stable")].tolist()))
    places = [units.index(unit) for unit in one.gold if unit in units]
    shares = {f"recall@{depth}": sum(place < depth for place in places) / len(one.gold) for depth in _DEPTHS}
    return {**shares, "mrr": 1 / (1 + min(places)) if places else 0.0}


def main() -> None:
    """Fit, and print what it is worth."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    conversations = list(load(parser.parse_args().data))
    embedder = MiniLM()
    asked = {"tokens": collect(conversations, embedder)}
    asked["meaning"] = asked["tokens"]
    asked["words"] = collect(conversations, None)
    for kind, names in KINDS.items():
        print(f"{kind}: each conversation with the weights that the others give")
        for source, figures in held_out(asked[kind], kind):
            print(f"  {source:10}", *(f"{name} {value}" for name, value in figures.items()))
        weights = fit(asked[kind], kind)
        print("  Weights(" + ", ".join(f"{name}={value:.2f}" for name, value in zip(names, weights, strict=True)) + ")")
        *channels, bias = fit_confidence(asked[kind], kind, weights)
        told = [f"{name}={value:.2f}" for name, value in zip(SURE[kind], channels, strict=True)]
        print("  Confidence(" + ", ".join(told) + f", bias={bias:.2f})")


if __name__ == "__main__":
    main()
