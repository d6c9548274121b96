"""The questions a user would ask months later, answered by recall and by nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass

from threadline.demo.story import Question
from threadline.documents import Recalled
from threadline.memory import Memory

#: The evidence must be among so many memories.
FIRST = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What recall returned to a question.

    Attributes:
        best: the best memory, right or wrong.
        evidence: the first memory that holds the answer; None: it did not come.
        rank: the place of the evidence, from 1.
        forbidden: something came that must not.
        milliseconds: how long the recall took.
    """

    question: Question
    best: Recalled | None
    evidence: Recalled | None
    rank: int | None
    forbidden: bool
    milliseconds: float

    @property
    def answered(self) -> bool:
        """Whether the evidence was among the first memories, and nothing came that must not."""
        return self.rank is not None and self.rank <= FIRST and not self.forbidden


def ask(memory: Memory, question: Question) -> Answer:
    """Ask a question, in its session or of the whole bank."""
    asked = memory.recall if question.session is None else memory.find_session(question.session).recall
    began = time.perf_counter()
    found = asked(question.text)
    milliseconds = (time.perf_counter() - began) * 1000
    places = [(one.session or "", one.turn or 0) for one in found]
    rank = next((rank for rank, place in enumerate(places, start=1) if place in question.evidence), None)
    return Answer(
        question=question,
        best=found[0] if found else None,
        evidence=found[rank - 1] if rank else None,
        rank=rank,
        forbidden=any(place in question.never for place in places),
        milliseconds=milliseconds,
    )
