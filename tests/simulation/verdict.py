"""What is there when everything is delivered, held against the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from threadline import Recalled
from threadline.session.recall import recall_bank
from threadline.session.session import open_session

from ..model.views import Said
from .model import COMMON, Bank, expect, words_of
from .process import Process
from .road import REFUSAL
from .servers import Server, Stored
from .world import LEAKED, LOST, MISATTRIBUTED, REORDERED, REPEATED, TAKEN_BACK, Violation

T = TypeVar("T")

_DEAD = """
SELECT kind, document, session, first_turn, last_turn, turns, note, error FROM delivery
 WHERE bank = ? AND state = 'dead'
"""


@dataclass
class Pardon:
    """What the backend refused for good: it need not be there, or need not be gone.

    Attributes:
        kept: what may be held although nobody sees it any more.
    """

    missing: set[Said] = field(default_factory=set)
    kept: set[Said] = field(default_factory=set)


def judge(process: Process, server: Server, haunted: bool) -> None:
    """Look at everything.

    Args:
        haunted: whether something was perhaps stored after it had been taken out.

    Raises:
        Violation: something is not as the model has it.
    """
    bank = process.bank
    pardon = _pardon(process)
    if haunted and not server.marks:
        pardon.kept.update(bank.everything())
    stored = list(server.stored(bank.name))
    _judge_journal(process)
    _judge_stored(bank, stored, pardon)
    _judge_told(bank, server)
    for name in bank.views:
        found = open_session(process.context, name).recall(COMMON, max_tokens=10**6, limit=10_000)
        bank.check_recalled(name, found, bank.hidden(name), COMMON)
        seen = set(bank.views[name].sees())
        _judge_complete(name, found, seen - pardon.missing - _left_out(bank, stored, seen))
    found = recall_bank(process.context, COMMON, {"max_tokens": 10**6, "limit": 10_000})
    bank.check_recalled(None, found, bank.hidden(None), COMMON)
    seen = {one for one in bank.everything() if bank.is_visible(one)}
    _judge_complete("the bank", found, seen - pardon.missing - _left_out(bank, stored, seen))
    for one in found:
        # Several messages may be one memory: then it is shown as of one of them.
        owners = set[str | None]().union(*(bank.shown_as(bank.words[word]) for word in words_of(one)))
        expect(one.session in owners, MISATTRIBUTED, f"{one.text}: the bank says it is of {one.session}")


def _left_out(bank: Bank, stored: Sequence[Stored], seen: set[Said]) -> set[Said]:
    """What a recall need not find: where several messages are one memory, one that is not seen hides the others."""
    memories: dict[object, set[Said]] = {}
    for one in stored:
        if one.memory is not None:
            memories.setdefault(one.memory, set()).add(bank.words[one.word])
    return {one for memory in memories.values() if not memory <= seen for one in memory}


def _pardon(process: Process) -> Pardon:
    bank, pardon = process.bank, Pardon()
    database = process.journal.database
    for kind, document, session, first, last, turns, note, error in database.rows(_DEAD, (process.context.bank.key,)):
        late = document in bank.retried and "cannot be stored" in error  # the engine keeps to the order
        meant = error == REFUSAL or "cannot delete" in error or late
        expect(meant, LOST, f"{kind} of {document} was refused: {error}")
        if kind == "note":
            text = database.rows("SELECT text FROM note WHERE note = ?", (note,))[0][0]
            pardon.missing.add(bank.words[text.split()[1]])
            continue
        view = bank.views[document.partition(":")[2]]
        if kind == "turns":
            expect(session is not None, LOST, f"a dead letter of {document} without its session")
            pardon.missing |= {one for one in view.said if one.number and first <= one.number <= last}
        else:
            gone = set(map(int, turns.strip("[]").split(",")))
            pardon.kept |= {one for one in view.said if one.number in gone}
    return pardon


def _judge_journal(process: Process) -> None:
    bank, journal, record = process.bank, process.journal, process.context.bank
    expect(
        {one.id for one in journal.sessions(record)} == set(bank.views),
        MISATTRIBUTED,
        f"not the sessions {set(bank.views)}",
    )
    for name, view in bank.views.items():
        session = open_session(process.context, name)
        there = [(turn.number, _word(turn.messages[0].text)) for turn in session.turns()]
        _in_order(f"journal of {name}", there, [(s.number, s.text) for s in view.said if s.number and not s.forgotten])
        taken = [turn.number for turn in session.turns() if turn.taken_back]
        wanted = [one.number for one in view.said if one.number and one in view.lost and not one.forgotten]
        expect(taken == wanted, TAKEN_BACK, f"{name} says that {taken} were taken back, and not {wanted}")
        history = [(turn.session, turn.number) for turn in session.history()]
        expected = [(one.session.id, one.number) for one in view.turns() if one.session]
        _in_order(f"history of {name}", history, expected)
    notes = Counter((note.session, _word(note.text)) for note in journal.notes(record))
    wanted_notes = Counter(
        (one.session.id if one.session else None, one.text) for one in bank.everything() if one.number is None
    )
    _counted("notes of the journal", notes, wanted_notes)


def _judge_stored(bank: Bank, stored: Sequence[Stored], pardon: Pardon) -> None:
    """The backend holds, once and in turn order within each document, what anybody sees, and nothing else."""
    places = Counter((one.word, one.position) for one in stored)
    for (word, position), times in places.items():
        expect(word in bank.words, LEAKED, f"{word} is stored in bank {bank.name}, and was never said there")
        expect(times == 1, REPEATED, f"{word}, message {position}, is stored {times} times")
        said = bank.words[word]
        expect(bank.is_visible(said) or said in pardon.kept, TAKEN_BACK, f"{word} is stored, and nobody sees it")
    for said in bank.everything():
        if bank.is_visible(said) and said not in pardon.missing:
            for position in range(said.messages):
                expect(bool(places[said.text, position]), LOST, f"{said.text}, message {position}, is not stored")
    last: dict[str, tuple[int, int]] = {}
    for one in stored:
        said = bank.words[one.word]
        name = said.session.id if said.session else ""
        document = f"session:{name}" if said.number else one.document
        number = said.number or 1
        expect((one.document, one.turn) == (document, number), MISATTRIBUTED, f"{one} is turn {number} of {document}")
        expect(one.document.startswith("note:") == (said.number is None), MISATTRIBUTED, f"{one}")
        place = one.turn, one.position
        in_order = last.get(document, (0, 0)) < place or document in bank.retried
        expect(in_order, REORDERED, f"{one} is stored behind {last.get(document)}")
        last[document] = place


def _judge_told(bank: Bank, server: Server) -> None:
    for document, session, parent in server.told(bank.name):
        kind, _, name = document.partition(":")
        if kind == "session":
            expect(session == name, MISATTRIBUTED, f"{document} is said to be of {session}")
            wanted = bank.parent_of(name)
            expect(parent == wanted, MISATTRIBUTED, f"{document} is said to come from {parent}, not {wanted}")


def _judge_complete(where: str, found: Sequence[Recalled], seen: set[Said]) -> None:
    words = {word for one in found for word in words_of(one)}
    missing = sorted(one.text for one in seen if one.text not in words)
    expect(not missing, LOST, f"{missing} cannot be recalled for {where}")


def _in_order(where: str, there: Sequence[object], wanted: Sequence[object]) -> None:
    if list(there) == list(wanted):
        return
    _counted(where, Counter(map(str, there)), Counter(map(str, wanted)))
    raise Violation(REORDERED, f"{where}: {there}, not {wanted}")


def _counted(where: str, there: Counter[T], wanted: Counter[T]) -> None:
    for one in wanted - there:
        raise Violation(LOST, f"{where}: {one}")
    for one in there - wanted:
        raise Violation(REPEATED if one in wanted else MISATTRIBUTED, f"{where}: {one}")


def _word(text: str) -> str:
    return text.split()[1]
