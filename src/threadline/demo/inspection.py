"""What is there: read from the journal, from the bank's store, and by recall, each for itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from threadline.backends.embedded import bank_folder
from threadline.demo.comparison import Comparison, Faults, Heard, compare, judge, turn_name
from threadline.demo.life import BANK, LONGEST_QUERY
from threadline.demo.story import Noted, Said, Step, Story, Undone, onlookers, visible
from threadline.documents import Recalled
from threadline.engine.store.sqlite import SqliteStore
from threadline.journal.journal import Journal
from threadline.memory import Memory
from threadline.redaction import redact
from threadline.session.checks import clean_text
from threadline.turns import Message

#: The most turns that are asked for by their own words; of more, that many are taken, evenly spread.
MOST_ASKED = 250

_READ_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Recalls:
    """What recall returned when it was asked for turns by their own words.

    Attributes:
        asked: how many turns were asked for, one by one.
        came_back: how many of them came back, in the bank and in their session.
        recalls: how many recalls that took.
    """

    asked: int
    came_back: int
    recalls: int
    faults: Faults


@dataclass(frozen=True, slots=True)
class Findings:
    """All that an inspection finds."""

    journal: Comparison
    store: Comparison
    recalls: Recalls


def inspect(story: Story, home: Path, memory: Memory) -> Findings:
    """Compare a story with the journal, with the bank's store, and with what recall returns.

    Args:
        home: the data directory, in which `memory` is open.
    """
    return Findings(
        journal=compare_journal(story, read_journal(home)),
        store=compare_store(story, read_store(home)),
        recalls=ask_for_everything(story, memory),
    )


def said_in(story: Story) -> list[Heard]:
    """Every message and note that was said, as it is to be kept."""
    return [one for turn in story.turns for one in _said(turn)] + [_note(note) for note in story.notes]


def as_kept(text: str) -> str:
    """A text as it is kept: without secrets."""
    return redact(clean_text(text))[0]


def read_journal(home: Path) -> list[Heard]:
    """Everything that the journal of a data directory holds, marked where it was taken back.

    No memory need be open, nor is one disturbed.
    """
    journal = Journal(home)
    try:
        bank = journal.bank(BANK)
        records = [journal.get_session(bank, summary.id) for summary in journal.sessions(bank)]
        turns = [turn for record in records for turn in journal.turns(record)]
        notes = [Heard(note.session or "", 0, 0, note.text) for note in journal.notes(bank)]
    finally:
        journal.close()
    return [one for turn in turns for one in _heard(turn.session, turn.number, turn.messages, turn.taken_back)] + notes


def read_store(home: Path) -> list[Heard]:
    """Everything that can be recalled from the bank's store: the passages of which there are memories."""
    store = SqliteStore(home / "banks" / bank_folder(BANK) / "memory.db")
    found: dict[tuple[str, int, int], Heard] = {}
    try:
        newest = store.state().newest
        for first in range(1, newest + 1, _READ_AT_ONCE):
            for memory in store.memories(range(first, first + _READ_AT_ONCE)).values():
                kind, _, name = memory.document.partition(":")
                passage = memory.passage
                session = name if kind == "session" else str(memory.metadata.get("session", ""))
                number = passage.turn if kind == "session" else 0
                key = (memory.document, passage.turn, passage.position)
                found[key] = Heard(session, number, passage.position, passage.text)
    finally:
        store.close()
    return list(found.values())


def compare_journal(story: Story, found: Sequence[Heard]) -> Comparison:
    """The journal against what was said: what was taken back must still be there, and marked so.

    A turn with the wrong mark counts as misplaced.
    """
    return compare(said_in(story), (), found)


def compare_store(story: Story, found: Sequence[Heard]) -> Comparison:
    """The bank's store against what was said: what was taken back must not be there."""
    said = said_in(story)
    undone = [replace(one, undone=False) for one in said if one.undone]
    return compare([one for one in said if not one.undone], undone, found)


def missing_steps(steps: Sequence[Step], found: Sequence[Heard]) -> frozenset[str]:
    """What of these steps, all of them acknowledged, the journal lacks."""
    there = {one.what for one in found}
    taken_back = {one.what for one in found if one.undone}
    lacking: set[str] = set()
    for step in steps:
        match step:
            case Said():
                lacking |= {turn_name(step.session, step.number)} - there
            case Noted():
                lacking |= {_note(step).what} - there
            case Undone():
                lacking |= {turn_name(step.session, number) for number in step.numbers} - taken_back
    return frozenset(lacking)


def ask_for_everything(story: Story, memory: Memory) -> Recalls:
    """Ask for every turn by its own words: in the bank, in its session, and in two others.

    What was taken back must not be returned anywhere, and no session may be shown what it cannot see.
    """
    said = {(turn.session, turn.number): [as_kept(message.text) for message in turn.messages] for turn in story.turns}
    undone = {(turn.session, turn.number) for turn in story.turns if turn.undone}
    standing = _spread([turn for turn in story.turns if not turn.undone])
    faults, came_back, recalls = Faults(), 0, 0
    for turn in [*standing, *_spread([turn for turn in story.turns if turn.undone])]:
        missed = False
        for session, found in _recalls(story, memory, turn):
            recalls += 1
            faults |= judge(found, said, undone, None if session is None else visible(story, session))
            places = [(one.session, one.turn) for one in found]
            missed |= session in (None, turn.session) and (turn.session, turn.number) not in places
        came_back += not turn.undone and not missed
    return Recalls(len(standing), came_back, recalls, faults)


def _recalls(story: Story, memory: Memory, turn: Said) -> Iterator[tuple[str | None, list[Recalled]]]:
    """(session it was asked in, or None for the bank; what came) for the words of a turn.

    A turn that was taken back is asked for by each of its messages.
    """
    texts = [as_kept(message.text)[:LONGEST_QUERY] for message in turn.messages if message.text.strip()]
    for text in texts if turn.undone else texts[:1]:
        yield None, memory.recall(text)
        for session in (turn.session, *onlookers(story, turn.session)):
            yield session, memory.find_session(session).recall(text)


def _spread(turns: list[Said]) -> list[Said]:
    if len(turns) <= MOST_ASKED:
        return turns
    return [turns[place * len(turns) // MOST_ASKED] for place in range(MOST_ASKED)]


def _said(turn: Said) -> list[Heard]:
    kept = [replace(message, text=as_kept(message.text)) for message in turn.messages]
    return _heard(turn.session, turn.number, kept, turn.undone)


def _note(note: Noted) -> Heard:
    return Heard(note.session, 0, 0, as_kept(note.text))


def _heard(session: str, number: int, messages: Sequence[Message], undone: bool) -> list[Heard]:
    return [Heard(session, number, at, m.text, undone) for at, m in enumerate(messages) if m.text.strip()]
