"""The meaning channel: how near every memory is to a question, by an exact scan of the quantised vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadline.engine.recall.catalogue import Rows
from threadline.engine.recall.question import Question
from threadline.engine.vectors import cosines

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def meaning_scores(rows: Rows, question: Question, seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """The cosine of every row with the question, shape (rows,): 0 where there is no vector or it is not seen."""
    import numpy as np

    if question.vectors is None or not len(rows):
        return np.zeros(len(rows), np.float32)
    count = int(np.count_nonzero(seen))
    if count == len(rows):
        return cosines(question.vectors[0], rows.vectors, rows.norms)
    if 2 * count >= len(rows):
        return np.where(seen, cosines(question.vectors[0], rows.vectors, rows.norms), np.float32(0))
    scores = np.zeros(len(rows), np.float32)
    visible = np.flatnonzero(seen)  # to copy few rows costs less than to compare all
    scores[visible] = cosines(question.vectors[0], rows.vectors[visible], rows.norms[visible])
    return scores
