"""The search of knowledge pages: by their words and by what they are about, by rank in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from threadline.engine.models.base import Embedder
from threadline.engine.reflect.extract import HEADING
from threadline.server.house import Room
from threadline.server.pages import Page, by_words
from threadline.server.store import page_vectors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: A page is about a query from this cosine on. Chosen for all-MiniLM-L6-v2, where what is off the point stays below.
ALIKE = 0.3

# Reciprocal rank fusion's constant (Cormack, Clarke and Buettcher, 2009).
_RANKS = 60


def search(room: Room, query: str, pages: Sequence[Page]) -> list[tuple[Page, float]]:
    """The pages that bear on a query, best first, each with its score: 1 where it is the first in every list.

    Raises:
        EmbedderError: the model cannot be loaded or run.
        StorageError: a vector cannot be read or written.
    """
    lists = [by_words(query, pages)]
    if (found := _by_meaning(room, query, pages)) is not None:
        lists.append(found)
    scores: dict[int, float] = {}
    for ranked in lists:
        for rank, place in enumerate(ranked, start=1):
            scores[place] = scores.get(place, 0.0) + (_RANKS + 1) / (_RANKS + rank) / len(lists)
    return [(pages[place], scores[place]) for place in sorted(scores, key=lambda place: (-scores[place], place))]


def _by_meaning(room: Room, query: str, pages: Sequence[Page]) -> list[int] | None:
    """The places of the pages that are about the query, best first; None without an embedder."""
    embedder = room.engine.embedder
    if embedder is None or not pages:
        return None
    cosines = _vectors(room, embedder, pages) @ embedder.embed_query(query)
    order = sorted(range(len(pages)), key=lambda place: (-cosines[place], place))
    return [place for place in order if cosines[place] >= ALIKE]


def _vectors(room: Room, embedder: Embedder, pages: Sequence[Page]) -> npt.NDArray[np.float32]:
    """A row for each page. Those that are missing are made, and kept for the next search."""
    import numpy as np

    known = page_vectors.every(room.database, room.uid, embedder.name)
    missing = [page for page in pages if page.model.id not in known]
    if missing:
        rows = embedder.embed([_text(page) for page in missing])
        made = [(page.model, row.astype("<f4").tobytes()) for page, row in zip(missing, rows, strict=True)]
        page_vectors.keep(room.database, room.uid, embedder.name, made)
        known.update((model.id, vector) for model, vector in made)
    return np.stack([np.frombuffer(known[page.model.id], "<f4") for page in pages])


def _text(page: Page) -> str:
    return f"{page.node.name}\n{page.model.content.removeprefix(HEADING)}"
