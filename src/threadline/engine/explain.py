"""Why a recall returned what it did, and why it did not return what somebody expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

from threadline.documents import Explained, Query, Recalled, Wanted
from threadline.engine.bank import Bank
from threadline.engine.recall.rank import Ranked
from threadline.engine.recall.select import LEAST, SURE, Hit, is_answerable, select
from threadline.engine.roles import memory_type

if TYPE_CHECKING:
    from threadline.engine.recall.scope import Visible


def recalled(hit: Hit) -> Recalled:
    """A hit as a backend returns it."""
    memory, passage = hit.memory, hit.memory.passage
    kind, _, session = memory.document.partition(":")
    said_in_turn = kind == "session"
    return Recalled(
        text=memory.text,
        role=passage.role,
        speaker=passage.speaker,
        occurred_at=passage.occurred_at,
        document=memory.document,
        session=session if said_in_turn else None,
        turn=passage.turn if said_in_turn else None,
        position=passage.position,
        ref=passage.ref,
        tags=memory.tags,
        metadata=memory.metadata,
        score=hit.score,
        why=hit.why,
        tokens=hit.tokens,
        type=memory_type(passage.role),
        confidence=hit.confidence,
        count=hit.count,
        before=hit.before,
    )


def explain(bank: Bank, query: Query, wanted: Wanted | None = None) -> list[Explained]:
    """Every memory that a recall returns, best first, and behind them those that are wanted and were not returned.

    Raises:
        EmbedderError: the model cannot be loaded or run.
        StorageError: the bank cannot be read.
    """
    ranked, seen = bank.rank(query)
    hits = select(ranked, query, seen.rows, bank.memories)
    told = [Explained(recalled(hit), True, hit.place + 1, "returned", _shares(ranked, hit.place)) for hit in hits]
    if wanted is not None:
        returned = {hit.memory.id for hit in hits}
        told += _missed(bank, query, ranked, seen, wanted, returned)
    return told


def _missed(
    bank: Bank, query: Query, ranked: Ranked, seen: Visible, wanted: Wanted, returned: set[int]
) -> Iterator[Explained]:
    import numpy as np

    places = {int(row): place for place, row in enumerate(ranked.places)}
    for memory in bank.memories_of(wanted.document, wanted.turn):
        if memory.id in returned:
            continue
        found, _ = ranked.rows.find(np.array([memory.id]))
        row = int(found[0]) if len(found) else None
        place = None if row is None else places.get(row)
        verdict = _verdict(query, ranked, seen, row, place)
        hit = Hit(memory, place or 0, 0.0, 0.0, (), memory.tokens)
        if place is not None:
            hit = Hit(
                memory,
                place,
                float(ranked.scores[place]),
                float(ranked.confidence[place]),
                ranked.reasons()(place),
                memory.tokens,
            )
        shares = {} if place is None else _shares(ranked, place)
        yield Explained(recalled(hit), False, None if place is None else place + 1, verdict, shares)


def _verdict(query: Query, ranked: Ranked, seen: Visible, row: int | None, place: int | None) -> str:
    if row is None:
        return "it is not in the bank any more"
    if not seen.rows[row]:
        return "the scope or a filter leaves it out"
    if place is None:
        return "no channel has it among its best: it shares too little with the question"
    sure, least = ranked.confidence[place], query.min_confidence
    if sure < (LEAST if least is None else least):
        needed = f"the {LEAST:g} that is always needed" if least is None else f"the {least:g} that was asked for"
        return f"its confidence of {sure:.2f} is below {needed}"
    if least is None and not is_answerable(ranked):
        return f"nothing is as sure as {SURE:g} to bear on the question, so few were returned: this one is {sure:.2f}"
    return "others came before it, and filled the token budget or the limit; or one of them says the same"


def _shares(ranked: Ranked, place: int) -> dict[str, tuple[float, float]]:
    """Each signal of a memory, and what it added to the score."""
    values = ranked.signals.at(place)
    weights = ranked.fusion.weights
    return {each.name: (values[each.name], values[each.name] * getattr(weights, each.name)) for each in fields(weights)}
