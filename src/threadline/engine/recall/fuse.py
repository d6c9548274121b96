"""How the signals of a memory become one score, and how sure that makes of it. A fusion is a value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from threadline.engine.recall.signals import Signals

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal counts, in units of a logarithm of odds; a signal that has no weight counts nothing.

    They are those of a conditional logit (McFadden, 1974) that ranks the evidence of real questions first:
    `make tune` fits them, and `docs/decisions/2026-11-24-ranking.md` says on what.
    """

    words: float = 0.0
    meaning: float = 0.0
    tokens: float = 0.0
    speaker: float = 0.0
    near_words: float = 0.0
    near_meaning: float = 0.0
    thread: float = 0.0
    document: float = 0.0
    user: float = 0.0
    agent: float = 0.0
    length: float = 0.0
    age: float = 0.0
    time: float = 0.0

    def score(self, signals: Signals) -> Floats:
        """The score of each candidate; higher is better."""
        import numpy as np

        total = np.zeros(len(signals.words))
        for each in fields(self):
            weight = getattr(self, each.name)
            if weight:
                total += weight * getattr(signals, each.name)
        return total


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure it is that a memory bears on a question: a logistic regression over its own three channels."""

    words: float
    meaning: float
    tokens: float
    bias: float

    def of(self, signals: Signals) -> Floats:
        """The confidence of each candidate, from 0 to 1."""
        import numpy as np

        logits = self.words * signals.words + self.meaning * signals.meaning + self.tokens * signals.tokens + self.bias
        return np.asarray(1 / (1 + np.exp(np.clip(-logits, -50, 50))))


@dataclass(frozen=True, slots=True)
class Fusion:
    """One way to rank.

    Attributes:
        weights: what the signals count.
        confidence: how sure a memory's channels make of it.
    """

    weights: Weights
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Fusions:
    """The fusion for each kind of bank: what is weighed depends on which channels there are."""

    words: Fusion
    meaning: Fusion
    tokens: Fusion


#: What a bank uses unless it is given others.
DEFAULT = Fusions(
    words=Fusion(
        Weights(
            words=7.23,
            speaker=3.84,
            near_words=1.96,
            thread=3.99,
            user=1.54,
            agent=-1.00,
            length=0.19,
            age=-0.31,
            time=1.71,
        ),
        Confidence(words=8.74, meaning=0.0, tokens=0.0, bias=-2.51),
    ),
    meaning=Fusion(
        Weights(
            words=4.37,
            meaning=6.03,
            speaker=3.54,
            near_words=0.86,
            near_meaning=2.32,
            thread=2.30,
            user=1.55,
            agent=-0.99,
            length=0.21,
            age=-0.29,
            time=1.82,
        ),
        Confidence(words=6.68, meaning=9.40, tokens=0.0, bias=-5.64),
    ),
    tokens=Fusion(
        Weights(
            words=0.54,
            meaning=2.58,
            tokens=9.97,
            speaker=3.10,
            near_words=1.06,
            near_meaning=2.20,
            thread=0.81,
            document=1.46,
            user=1.36,
            agent=-0.87,
            length=-0.18,
            age=-0.30,
            time=1.55,
        ),
        Confidence(words=3.00, meaning=7.69, tokens=8.75, bias=-6.72),
    ),
)
