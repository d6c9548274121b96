"""The process that is killed: it lives through a story from where the journal says it got to.

It says what it does on its standard output, one JSON array a line: `["doing", step]`, `["done", step]`, and
`["commit" | "committed", name of the write]` around every commit to a file. An undo and a branch are decisions of
the user: after `doing` they wait for a line on the standard input, so that a kill can come right before them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from threadline.database import Database
from threadline.demo.story import Branched, Noted, Said, Step, Story, Undone, load
from threadline.memory import Memory
from threadline.session.session import Session
from threadline.settings import Settings

BANK = "demo"
#: So that there are turns in no batch yet when the kill comes.
TURNS_A_BATCH = 3
#: The most characters of a message that are taken for a question.
LONGEST_QUERY = 2_000

Tell = Callable[[str, int | str], None]
Wait = Callable[[], object]


def open_memory(home: Path, embedder: str) -> Memory:
    """The memory of the demo, opened alike by the process that lives and by the one that counts."""
    return Memory(Settings.load(home, bank=BANK, embedder=embedder, retain_every_n_turns=TURNS_A_BATCH, redact=True))


def live(story: Story, memory: Memory, tell: Tell, wait: Wait) -> None:
    """Take the steps of a story that are not taken yet.

    The last one that is recorded is taken again: it may have been kept and never acknowledged.

    Args:
        tell: is told each step's number before and after.
        wait: returns when the user has decided.
    """
    here: Session | None = None
    for number in range(max(0, reached(story, memory) - 1), len(story.steps)):
        step = story.steps[number]
        tell("doing", number)
        if is_decision(step):
            wait()
        here = _take(memory, here, step)
        tell("done", number)


def is_decision(step: Step) -> bool:
    """Whether a step waits for the user."""
    return isinstance(step, Undone | Branched)


def reached(story: Story, memory: Memory) -> int:
    """How many steps lie up to the last one that the journal has. A note counts with the step after it."""
    sessions = {summary.id: memory.find_session(summary.id) for summary in memory.sessions()}
    turns = {(session.id, turn.number): turn.taken_back for session in sessions.values() for turn in session.turns()}

    def recorded(step: Step) -> bool:
        match step:
            case Said():
                return (step.session, step.number) in turns
            case Undone():
                return all(turns.get((step.session, number), False) for number in step.numbers)
            case Branched():
                return step.session in sessions
            case Noted():
                return False

    return max((number for number, step in enumerate(story.steps, start=1) if recorded(step)), default=0)


def _take(memory: Memory, here: Session | None, step: Step) -> Session:
    """Take one step as a host does. Each may be taken twice."""
    if isinstance(step, Branched):
        return _go(memory, here, step.parent).branch(step.session, at_turn=step.at_turn)
    here = _go(memory, here, step.session)
    match step:
        case Said():
            here.recall(_query(step), limit=5)  # as an agent does before it answers
            here.add_turn(messages=step.messages, occurred_at=step.occurred_at, host_key=step.host_key)
        case Undone():
            # The one step that must not be taken twice; whether it was, the journal knows.
            if not any(turn.taken_back for turn in here.turns() if turn.number in step.numbers):
                here.rewind(len(step.numbers))
        case Noted():
            here.note(step.text, tags=step.tags, occurred_at=step.occurred_at, host_key=step.host_key)
    return here


def _go(memory: Memory, here: Session | None, session: str) -> Session:
    return memory.session(session) if here is None else here.switch(session)


def _query(turn: Said) -> str:
    return next(message.text for message in turn.messages if message.text.strip())[:LONGEST_QUERY]


def _tell(what: str, about: int | str) -> None:
    # One write a line: two threads speak here, and a kill may come between any two bytes of a buffer.
    os.write(sys.stdout.fileno(), json.dumps([what, about]).encode() + b"\n")


def _tell_commit(when: str, names: tuple[str, ...]) -> None:
    for name in names:
        _tell(when, name)


def main(home: str, embedder: str, path: str) -> None:
    """Live through the transcript at `path`, or the sample if it is empty."""
    Database.observer = staticmethod(_tell_commit)
    story = load(Path(path) if path else None)
    with open_memory(Path(home), embedder) as memory:
        live(story, memory, _tell, sys.stdin.readline)


if __name__ == "__main__":
    main(*sys.argv[1:])
