"""The words channel: memories that hold the query's words, ranked by BM25 (Robertson and Zaragoza, 2009)."""

from __future__ import annotations

from collections.abc import Sequence

from threadline.engine.recall.ranking import Ranking
from threadline.engine.recall.scope import Visible
from threadline.engine.store.base import Match, Store

# Up to this many documents the index itself looks in these alone; beyond it, what it finds is sifted.
_PLACES = 64


def search_words(store: Store, terms: Sequence[str], visible: Visible, depth: int) -> Ranking:
    """The visible memories with any of the terms, at most `depth`."""
    documents = visible.last_turns
    places = documents.keys() if documents is not None and len(documents) <= _PLACES else None
    limit = depth
    while True:
        found = store.search(terms, places, limit)
        kept = [match for match in found if visible.sees(match.document, match.turn)][:depth]
        if len(kept) == depth or len(found) < limit:
            return _ranking(kept)
        limit *= 4


def _ranking(found: Sequence[Match]) -> Ranking:
    return Ranking("words", tuple((match.memory, match.score) for match in found))
