"""What the hosts of one home do, drawn from a seed, and what must be there when they have done so much of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from threadline import ForgottenError, Memory, Session

from ..model.views import Said, View

Verb = Literal["turn", "note", "switch", "branch", "continuation", "rewind", "end", "flush", "settle", "forget"]

#: A word that is in everything said.
COMMON = "common"

_SESSIONS = 8
_WEIGHTS: dict[Verb, int] = {
    "turn": 50,
    "note": 8,
    "switch": 8,
    "branch": 6,
    "continuation": 2,
    "rewind": 8,
    "end": 5,
    "flush": 4,
    "settle": 6,
    "forget": 4,
}

#: What each verb writes, for whoever wants to kill there.
WRITES: dict[Verb, str] = {
    "turn": "journal.turn",
    "note": "journal.note",
    "switch": "journal.leave",
    "branch": "journal.branch",
    "continuation": "journal.continuation",
    "rewind": "journal.rewind",
    "end": "journal.end",
    "flush": "journal.close",
    "settle": "journal.close",
    "forget": "journal.forget",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a host.

    Attributes:
        word: what is said, which is also the host's key of it; for a rewind and a forget, of what was said before.
        target: the session that is switched to or made.
        turns: how many turns a rewind takes back.
    """

    verb: Verb
    session: str
    word: str = ""
    target: str = ""
    turns: int = 1


@dataclass
class World:
    """What the steps taken so far have led to."""

    views: dict[str, View] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        view = self.views.setdefault(step.session, View(step.session))
        match step.verb:
            case "turn":
                self.said[step.word] = view.say(step.word)
            case "note":
                self.said[step.word] = view.note(step.word)
            case "switch":
                self.views.setdefault(step.target, View(step.target))
            case "branch":
                self.views[step.target] = view.branch(step.target)
            case "continuation":
                self.views[step.target] = view.continuation(step.target)
            case "rewind":
                view.rewind(step.turns)
            case "forget":
                self.said[step.word].forgotten = True
            case _:
                pass


def write(chance: random.Random, lane: str, length: int) -> list[Step]:
    """A program of one host. No two lanes share a session."""
    world = World()
    steps: list[Step] = []
    current = f"{lane}-0"
    while len(steps) < length:
        verb = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        step = _step(chance, world, verb, current, f"{lane}{len(steps)}", lane)
        if step is not None:
            world.take(step)
            steps.append(step)
            current = step.target or current
    return steps


def _step(chance: random.Random, world: World, verb: Verb, current: str, word: str, lane: str) -> Step | None:
    view = world.views.get(current, View(current))
    match verb:
        case "turn" | "note":
            return Step(verb, current, f"zebra{word}")
        case "switch":
            return Step(verb, current, target=f"{lane}-{chance.randrange(_SESSIONS)}")
        case "branch" | "continuation":
            return Step(verb, current, target=f"{lane}-{verb}-{word}")
        case "rewind":
            seen = view.turns()
            turns = chance.randint(1, 3)
            return Step(verb, current, seen[-1].text, turns=turns) if turns < len(seen) else None
        case "forget":
            own = [one for one in view.said if one.number and not one.forgotten]
            return Step(verb, current, chance.choice(own).text) if own else None
        case _:
            return Step(verb, current)


def perform(memory: Memory, step: Step) -> None:
    """Do one step. Doing it again, as a host does that died before it heard the answer, does nothing more."""
    _DEEDS[step.verb](memory, memory.session(step.session), step)


def _rewind(_: Memory, session: Session, step: Step) -> None:
    if session.history()[-1].host_key == step.word:
        session.rewind(step.turns)


def _forget(memory: Memory, session: Session, step: Step) -> None:
    for turn in session.turns():
        if turn.host_key == step.word:
            memory.forget(session=step.session, turn=turn.number)


_DEEDS: dict[Verb, Callable[[Memory, Session, Step], object]] = {
    "turn": lambda _, session, step: session.add_turn(user=f"{COMMON} {step.word}", host_key=step.word),
    "note": lambda _, session, step: session.note(f"{COMMON} {step.word}", host_key=step.word),
    "switch": lambda _, session, step: session.switch(step.target),
    "branch": lambda _, session, step: session.branch(step.target),
    "continuation": lambda _, session, step: session.continuation(step.target),
    "rewind": _rewind,
    "end": lambda _, session, __: session.end(),
    "flush": lambda _, session, __: session.flush(),
    "settle": lambda memory, _, __: settle(memory),
    "forget": _forget,
}


def settle(memory: Memory) -> None:
    """Wait until everything is delivered."""
    if not memory.flush(60.0):
        raise AssertionError(f"not delivered within a minute: {memory.status()}")


def submit_again(memory: Memory, steps: Sequence[Step]) -> None:
    """Submit what was said once more under its keys, as a host does that is not sure of it."""
    for step in steps:
        if step.verb in ("turn", "note"):
            try:
                perform(memory, step)
            except ForgottenError:
                continue  # it was forgotten since, and stays so
