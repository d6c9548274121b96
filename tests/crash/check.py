"""What is found in a home after its last life, held against what its hosts were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from threadline import Recalled

from ..model.views import Said, View, seers
from .child import open_memory
from .program import COMMON, Step, World, settle

LOST, REPEATED, REORDERED, MISPLACED = KINDS = ("lost", "repeated", "reordered", "misplaced")

_PASSAGES = "SELECT name, turn, text FROM passages p JOIN documents d ON d.id = p.document ORDER BY p.id"

Fault = tuple[str, str]  # its kind, and what it is about


@dataclass
class Found:
    """Everything that a home tells of itself.

    Attributes:
        journal: session -> the words of its turns, with their numbers.
        stored: the words of the passages in the bank, with document and turn, in the order they were applied.
        recalled: session -> the words that a recall finds for it, as (session, turn, word); None: the whole bank.
    """

    journal: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    history: dict[str, list[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    stored: list[tuple[str, int, str]] = field(default_factory=list)
    recalled: dict[str | None, list[tuple[str | None, int | None, str]]] = field(default_factory=dict)
    dead_letters: int = 0


def look(home: Path) -> Found:
    """Open a home, let it deliver, and read everything."""
    found = Found()
    with open_memory(home) as memory:
        settle(memory)
        found.dead_letters = memory.status().dead_letters
        found.notes = Counter(_word(note.text) for note in memory.notes())
        found.recalled[None] = _words(memory.recall(COMMON, limit=5000, max_tokens=10**7))
        for summary in memory.sessions():
            session = memory.find_session(summary.id)
            found.journal[session.id] = [(turn.number, _word(turn.messages[0].text)) for turn in session.turns()]
            found.history[session.id] = [_word(turn.messages[0].text) for turn in session.history()]
            found.recalled[session.id] = _words(session.recall(COMMON, limit=5000, max_tokens=10**7))
    for path in (home / "journal.db", *home.glob("banks/*/memory.db")):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        if connection.pragma("integrity_check") != "ok":
            raise AssertionError(f"{path} is damaged")
        if path.name == "memory.db":
            found.stored = [(name, turn, _word(text)) for name, turn, text in connection.execute(_PASSAGES)]
        connection.close()
    return found


def faults(found: Found, programs: Sequence[tuple[Sequence[Step], int]]) -> list[Fault]:
    """What is wrong.

    Args:
        programs: of each host its steps, and how many of them were acknowledged. Of the next one nobody knows
            whether it happened, so it may have or not.
    """
    wrong = [(LOST, "a dead letter")] * found.dead_letters
    written = {step.word for steps, _ in programs for step in steps}
    words = {word for _, _, word in (*found.stored, *found.recalled[None])}
    wrong += [(MISPLACED, word) for word in words - written]
    for steps, done in programs:
        told = list(_of_one(found, steps, steps[:done]))
        if told and done < len(steps):
            told = min(told, list(_of_one(found, steps, steps[: done + 1])), key=len)
        wrong += told
    return wrong


def _of_one(found: Found, steps: Sequence[Step], taken: Sequence[Step]) -> Iterator[Fault]:
    world = World()
    for step in taken:
        world.take(step)
    words = {step.word for step in steps}
    yield from _in_journal(found, world, words)
    yield from _in_unknown_sessions(found, world, words)
    yield from _in_bank(found, world, words)
    yield from _in_recall(found, world, words)


def _in_journal(found: Found, world: World, words: set[str]) -> Iterator[Fault]:
    there = Counter(word for turns in found.journal.values() for _, word in turns) + found.notes
    yield from _counted(there, {word for word, one in world.said.items() if not one.forgotten}, words)
    for name, view in world.views.items():
        wanted = [(one.number, one.text) for one in view.said if one.number and not one.forgotten]
        yield from _in_order("journal", found.journal.get(name, []), wanted)
        yield from _in_order("history", found.history.get(name, []), [one.text for one in view.turns()])


def _in_unknown_sessions(found: Found, world: World, words: set[str]) -> Iterator[Fault]:
    for name, turns in found.journal.items():
        if name not in world.views:
            yield from ((MISPLACED, f"{word}: in {name}") for _, word in turns if word in words)


def _in_bank(found: Found, world: World, words: set[str]) -> Iterator[Fault]:
    views = world.views.values()
    wanted = {word for word, one in world.said.items() if _visible(views, one)}
    yield from _counted(Counter(word for _, _, word in found.stored), wanted, words)
    for name, view in world.views.items():
        applied = [(turn, word) for document, turn, word in found.stored if document == f"session:{name}"]
        yield from _in_order("bank", applied, [(one.number, one.text) for one in view.said if _turn_seen(views, one)])


def _in_recall(found: Found, world: World, words: set[str]) -> Iterator[Fault]:
    views = world.views.values()
    everywhere = Counter(word for _, _, word in found.recalled[None])
    yield from _counted(everywhere, {word for word, one in world.said.items() if _visible(views, one)}, words)
    for session, _, word in found.recalled[None]:
        if word in world.said and session not in _shown_as(views, world.said[word]):
            yield MISPLACED, f"{word}: the bank says it is of {session}"
    for name, view in world.views.items():
        recalled = found.recalled.get(name, [])
        yield from _counted(Counter(word for _, _, word in recalled), {one.text for one in view.sees()}, None)
        for session, turn, word in recalled:
            one = world.said.get(word)
            if one is not None and (session, turn) != (one.session and one.session.id, one.number):
                yield MISPLACED, f"{word}: {name} says it is turn {turn} of {session}"


def _counted(there: Counter[str], wanted: set[str], words: set[str] | None) -> Iterator[Fault]:
    """Each wanted word is there once; of these words, no other is there."""
    for word in wanted:
        if there[word] != 1:
            yield (LOST if there[word] == 0 else REPEATED), word
    for word in set(there) - wanted:
        if words is None or word in words:
            yield MISPLACED, word


def _in_order(where: str, there: Sequence[object], wanted: Sequence[object]) -> Iterator[Fault]:
    """What is in both stands in the same order."""
    common = [one for one in there if one in wanted]
    if common != [one for one in wanted if one in there]:
        yield REORDERED, f"{where}: {common}"
    yield from ((MISPLACED, f"{where}: {one}") for one in there if one not in wanted)
    yield from ((LOST, f"{where}: {one}") for one in wanted if one not in there)


def _visible(views: Collection[View], one: Said) -> bool:
    if one.number is None:
        return not one.forgotten
    return bool(seers(views, one))


def _turn_seen(views: Collection[View], one: Said) -> bool:
    return one.number is not None and _visible(views, one)


def _shown_as(views: Collection[View], one: Said) -> set[str]:
    sees = {view.id for view in seers(views, one)}
    own = one.session.id if one.session else ""
    return {own} if own in sees else sees


def _words(recalled: Sequence[Recalled]) -> list[tuple[str | None, int | None, str]]:
    return [(one.session, one.turn, _word(one.text)) for one in recalled]


def _word(text: str) -> str:
    return text.split()[1]
