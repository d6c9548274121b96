"""Which memories a recall may see, as arrays that decide about many at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadline.documents import Query, Span
from threadline.engine.store.base import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_EVERY_TURN = 2**31


@dataclass(frozen=True, slots=True)
class Visible:
    """What a scope and tags leave of a bank.

    Attributes:
        last_turns: document -> its last turn seen, for the documents seen; None for all of every document.
        hidden: (document, turn) that are left out all the same.
    """

    last_turns: Mapping[int, int] | None
    hidden: frozenset[tuple[int, int]]

    def sees(self, document: int, turn: int) -> bool:
        """Whether a turn is visible."""
        if self.last_turns is not None and turn > self.last_turns.get(document, 0):
            return False
        return (document, turn) not in self.hidden

    def mask(self, documents: npt.NDArray[np.int64], turns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """`sees` for each pair of two arrays of one length."""
        import numpy as np

        mask = np.ones(len(documents), np.bool_)
        if self.last_turns is not None and len(documents):
            last = np.zeros(max(int(documents.max()), *self.last_turns, 0) + 1, np.int64)
            last[list(self.last_turns.keys())] = list(self.last_turns.values())
            mask = turns <= last[documents]
        if self.hidden:
            pairs = np.array([document << 32 | turn for document, turn in self.hidden])
            mask &= ~np.isin(documents << 32 | turns, pairs)
        return mask


def visible(store: Store, query: Query) -> Visible:
    """What a query's scope and tags leave visible; documents that the store lacks are of no account."""
    scope = query.scope
    hidden = (
        {name: span.hidden for name, span in scope.documents.items()} if scope.documents is not None else scope.hidden
    )
    ids = store.document_ids([*(scope.documents or ()), *hidden])
    last_turns = None if scope.documents is None else _last_turns(scope.documents, ids)
    if query.tags:
        last_turns = {
            document: _EVERY_TURN if last_turns is None else last_turns[document]
            for document in store.tagged(query.tags)
            if last_turns is None or document in last_turns
        }
    return Visible(
        last_turns,
        frozenset((ids[name], turn) for name, turns in hidden.items() if name in ids for turn in turns),
    )


def _last_turns(spans: Mapping[str, Span], ids: Mapping[str, int]) -> dict[int, int]:
    return {
        ids[name]: _EVERY_TURN if span.last_turn is None else span.last_turn
        for name, span in spans.items()
        if name in ids
    }
