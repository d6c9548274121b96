"""A story short enough to be checked by hand, with everything in it: an undo, a branch, notes, a return."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from threadline.demo.story import Branched, Noted, Question, Said, Step, Story, Undone
from threadline.turns import Message

_BEGAN = datetime(2025, 3, 1, 8, 0, tzinfo=UTC)


def said(session: str, number: int, text: str, undone: bool = False) -> Said:
    messages = (Message("user", text), Message("assistant", f"Noted: {text}"))
    at = _BEGAN + timedelta(minutes=number)
    return Said(session, number, messages, at, f"{session}:{number}", undone)


def noted(session: str, text: str) -> Noted:
    return Noted(session, text, ("home",), _BEGAN, f"note:{text}")


STEPS: tuple[Step, ...] = (
    said("main", 1, "The kettle is in the attic."),
    said("main", 2, "The dentist is on Tuesday.", undone=True),
    said("main", 3, "And the bus leaves at nine.", undone=True),
    Undone("main", (2, 3)),
    said("main", 4, "The dentist is on Thursday."),
    noted("main", "The dentist moved to Thursday."),
    said("main", 5, "We paint the fence green."),
    Branched("what-if", "main", 4),
    said("what-if", 1, "Suppose we paint the fence violet."),
    said("what-if", 2, "Violet needs two coats of primer."),
    said("later", 1, "The cat is called Domino."),
    noted("later", "Domino is a cat."),
    said("main", 6, "The fence is finished."),
)

STORY = Story(
    "A week", STEPS, (Question("when is the dentist?", None, frozenset({("main", 4)}), frozenset({("main", 2)})),)
)
