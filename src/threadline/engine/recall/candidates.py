"""Which memories are weighed: the best of each channel, and what stands next to the best of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadline.engine.recall.catalogue import NONE, Rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
    Places = npt.NDArray[np.int64]

# Every so manieth row is looked at for a first guess.
_SAMPLED = 64

#: So many of the best bring the messages next to them along.
_LEADERS = 30

#: So many of the best in meaning are weighed among those that fit the time asked for.
_TIMELY = 20


def candidates(
    rows: Rows, words: Floats, meaning: Floats, time: Floats | None, seen: npt.NDArray[np.bool_], depth: int
) -> Places:
    """The rows to be weighed, in their order.

    Args:
        words, meaning, time: the scores of every row; 0 for those that are not seen. No time where none is asked for.
        depth: how many of each channel.
    """
    import numpy as np

    best = [_best(words, depth), _best(meaning, depth)]
    if time is not None and time.any():
        best.append(_best(np.where(time >= 1, meaning + words, 0.0), _TIMELY))
    found = np.unique(np.concatenate(best))
    if not len(found):
        return found
    leaders = found[np.argsort(-(_standard(words[found]) + _standard(meaning[found])), kind="stable")[:_LEADERS]]
    beside = _beside(rows, leaders, seen)
    # Not what stands next to a find and has nothing of the question itself.
    return np.union1d(found, beside[(words[beside] > 0) | (meaning[beside] > 0)])


def _best(scores: Floats, depth: int) -> Places:
    """The rows with the highest scores above 0; of equal ones the oldest."""
    import numpy as np

    positive = np.flatnonzero(scores > _likely(scores, depth))
    if len(positive) < depth:
        positive = np.flatnonzero(scores > 0)
    if len(positive) > depth:
        least = np.partition(scores[positive], -depth)[-depth]
        positive = positive[scores[positive] >= least]
        positive = positive[np.argsort(-scores[positive], kind="stable")[:depth]]
    return positive


def _likely(scores: Floats, depth: int) -> float:
    """A score that a few times `depth` rows most likely exceed, seen from a sample: to sort them all costs far more."""
    import numpy as np

    sample = scores[::_SAMPLED]
    rank = 4 * depth // _SAMPLED + 1
    return max(0.0, float(np.partition(sample, -rank)[-rank])) if len(sample) > rank else 0.0


def _standard(scores: Floats) -> Floats:
    import numpy as np

    deviation = scores.std()
    return np.asarray((scores - scores.mean()) / (deviation or 1.0))


def _beside(rows: Rows, leaders: Places, seen: npt.NDArray[np.bool_]) -> Places:
    """The visible rows of the messages before and after those of the leaders."""
    import numpy as np

    messages = np.unique(rows.messages[leaders])
    beside = np.concatenate([rows.before[messages], rows.after[messages]])
    wanted = np.unique(beside[(beside != NONE) & (beside < len(rows.before))])
    spans = [np.arange(rows.starts[each], rows.starts[each + 1]) for each in wanted]
    places = np.concatenate(spans) if spans else np.zeros(0, np.int64)
    return np.asarray(places[seen[places]])
