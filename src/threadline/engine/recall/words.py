"""The words channel: memories that hold the question's words, by BM25 (Robertson and Zaragoza, 2009)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from threadline.engine.recall.catalogue import Rows
from threadline.engine.recall.question import Question
from threadline.engine.store.words import Among, WordIndex

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: How many matches are read. What matches less than these counts as not matching: it speaks for no memory.
BREADTH = 2_000

#: A word that at most so many memories hold tells documents apart. It is a number and no share, so that to look them up
#: takes as long in a large bank as in a small one.
TELLING = 50

# Where most of what is found is not visible, the next look is so many times as broad.
_BROADER = 8

# Up to this many documents, or memories, the index itself looks in these alone; beyond it, what it finds is sifted.
_DOCUMENTS = 256
_MEMORIES = 1_000


def word_scores(
    index: WordIndex,
    rows: Rows,
    question: Question,
    seen: npt.NDArray[np.bool_],
    documents: Collection[int] | None,
    depth: int,
) -> npt.NDArray[np.float32]:
    """The score of every row, shape (rows,): 0 where it does not match or is not seen.

    Args:
        seen: which rows may be seen.
        documents: where these all are, if they are in few documents; None for anywhere.
        depth: so many visible matches are found if there are as many.

    Raises:
        StorageError: the index cannot be read.
    """
    import numpy as np

    scores = np.zeros(len(rows), np.float32)
    if not question.terms or not len(rows):
        return scores
    among = _among(rows, seen, documents)
    limit = BREADTH
    while True:
        found = index.search(question.terms, question.wholes, among, limit)
        places, known = rows.find(found.memories)
        visible = seen[places]
        if found.whole or visible.sum() >= depth:
            scores[places[visible]] = found.scores[known][visible]
            return scores
        limit *= _BROADER


def document_scores(
    index: WordIndex, rows: Rows, question: Question, seen: npt.NDArray[np.bool_], places: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """How much of the question's telling words the document of each place says, in whichever of its memories: 0 to 1.

    Args:
        seen: which rows may be seen; what the others say counts for nothing.
        places: rows.

    Raises:
        StorageError: the index cannot be read.
    """
    import numpy as np

    documents, which = np.unique(rows.documents[places], return_inverse=True)
    shares, weight = np.zeros(len(documents)), 0.0
    for held in index.holders(question.terms, TELLING) if len(documents) else ():
        holders, _ = rows.find(held.memories)
        said_in = rows.documents[holders[seen[holders]]]
        if len(said_in):
            shares[np.isin(documents, said_in)] += held.rarity
            weight += held.rarity
    return np.asarray(shares[which] / (weight or 1.0))


def _among(rows: Rows, seen: npt.NDArray[np.bool_], documents: Collection[int] | None) -> Among | None:
    """What the index is to look in, where that is little."""
    import numpy as np

    if documents is not None and len(documents) <= _DOCUMENTS:
        return Among("document", documents)
    visible = int(np.count_nonzero(seen))
    return Among("memory", rows.memories[seen].tolist()) if visible <= min(_MEMORIES, len(rows) - 1) else None
