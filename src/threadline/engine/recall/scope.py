"""Which memories a recall may see, as an array that decides about all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threadline.documents import Query, Scope, Span
from threadline.engine.recall.catalogue import Rows
from threadline.engine.roles import AGENT
from threadline.engine.store.base import Store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_EVERY_TURN = 2**31

#: What an edited memory says is an item of one turn.
_TURN_OF_ITEM = 1


@dataclass(frozen=True, slots=True)
class Visible:
    """What a query's scope and filters leave of a bank.

    Attributes:
        rows: which rows may be seen, shape (rows,).
        documents: where they all are; None for anywhere.
    """

    rows: npt.NDArray[np.bool_]
    documents: frozenset[int] | None


def visible(store: Store, query: Query, rows: Rows) -> Visible:
    """What a query may see; documents that the store lacks are of no account."""
    import numpy as np

    seen = np.ones(len(rows), np.bool_)
    documents = _documents(store, query)
    if documents is not None:
        seen &= rows.turns <= _last_turns(documents, rows)[rows.documents]
    seen &= ~_hidden(store, query.scope, rows)
    seen &= _within(query, rows)
    return Visible(seen, None if documents is None else frozenset(documents))


def _documents(store: Store, query: Query) -> dict[int, int] | None:
    """Document -> its last turn seen, or None for all of every document."""
    spans = query.scope.documents
    last = None if spans is None else _by_id(store, {name: _last_turn(span) for name, span in spans.items()})
    if query.tags is not None:
        tagged = [each for each, tags in store.tags(query.tags.needed()).items() if query.tags.passes(tags)]
        last = {each: _EVERY_TURN if last is None else last[each] for each in tagged if last is None or each in last}
    return last


def _last_turn(span: Span) -> int:
    return _EVERY_TURN if span.last_turn is None else span.last_turn


def _by_id(store: Store, turns: Mapping[str, int]) -> dict[int, int]:
    seen = {number: turns[name] for name, number in store.document_ids(turns).items()}
    seen.update({item: _EVERY_TURN for item, name, turn in store.edited(turns) if turn <= turns[name]})
    return seen


def _last_turns(documents: Mapping[int, int], rows: Rows) -> npt.NDArray[np.int64]:
    """The last turn seen of every document by its id, 0 for those that are not seen."""
    import numpy as np

    last = np.zeros(max(int(rows.documents.max(initial=0)), *documents, 0) + 1, np.int64)
    last[list(documents)] = list(documents.values())
    return last


def _hidden(store: Store, scope: Scope, rows: Rows) -> npt.NDArray[np.bool_]:
    """Which rows are left out although their documents are seen."""
    import numpy as np

    spans = scope.documents
    hidden = scope.hidden if spans is None else {name: span.hidden for name, span in spans.items() if span.hidden}
    ids = store.document_ids(hidden) if hidden else {}
    pairs = [ids[name] << 32 | turn for name, turns in hidden.items() if name in ids for turn in turns]
    edited = store.edited(hidden) if hidden else []
    pairs += [item << 32 | _TURN_OF_ITEM for item, name, turn in edited if turn in hidden[name]]
    if not pairs:
        return np.zeros(len(rows), np.bool_)
    return np.isin(rows.documents << 32 | rows.turns, pairs)


def _within(query: Query, rows: Rows) -> npt.NDArray[np.bool_]:
    """Which rows are of the types and of the time that are asked for."""
    import numpy as np

    within = np.ones(len(rows), np.bool_)
    if query.types:
        experience = rows.roles == AGENT
        within &= (experience & ("experience" in query.types)) | (~experience & ("world" in query.types))
    if query.since is not None:
        within &= rows.said_at >= query.since.timestamp()
    if query.until is not None:
        within &= rows.said_at < query.until.timestamp()
    return within
