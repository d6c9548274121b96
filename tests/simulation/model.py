"""What must be so: the views of `tests/model`, moved on at the very instant a write is committed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from threadline import Note, Recalled, Turn

from ..model.views import Said, View, seers
from .world import BROKEN, LEAKED, MISATTRIBUTED, REPEATED, TAKEN_BACK, Violation

#: A word that is in everything said.
COMMON = "common"


@dataclass(frozen=True, slots=True)
class Origin:
    """How a session came to be: `parent` is its lineage's, `predecessor` only what its host said."""

    kind: str
    parent: str | None = None
    at: int | None = None
    predecessor: str | None = None


class Bank:
    """What the model knows of one bank.

    Attributes:
        retried: the documents of which something was refused for good, and then tried again.
        changes: how many changes were committed so far: the model's own clock.
        voided: session -> the change by which everything recalled for it before is not to be served any more.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.views: dict[str, View] = {}
        self.origins: dict[str, Origin] = {}
        self.notes: list[Said] = []
        self.note_keys: dict[str, Said] = {}
        self.words: dict[str, Said] = {}
        self.retried: set[str] = set()
        self.changes = 0
        self.voided: dict[str, int] = {}
        self.all_voided = 0

    # What is committed

    def opened(self, name: str, predecessor: str | None = None) -> None:
        self.changes += 1
        if name not in self.views:
            self._add(View(name), Origin("fresh", predecessor=predecessor))

    def forked(self, kind: str, name: str, parent: str, at_turn: int | None) -> None:
        self.changes += 1
        if name in self.views:
            found = self.origins[name]
            same = (found.kind, found.parent) == (kind, parent) and at_turn in (None, found.at)
            expect(same, BROKEN, f"{name} was forked again as a {kind} of {parent} at {at_turn}, but is {found}")
            return
        view = self.views[parent]
        if kind == "branch":
            expect((at_turn or 0) <= view.given, BROKEN, f"{name} forked from {parent} at {at_turn}, which has no such")
            at = view.given if at_turn is None else at_turn
            self._add(view.branch(name, at_turn), Origin(kind, parent, at))
        else:
            self._add(view.continuation(name), Origin(kind, parent))

    def left(self, name: str) -> None:
        self.changes += 1
        self.voided[name] = self.changes

    def said(self, name: str, word: str, key: str | None, messages: int, turn: Turn) -> None:
        self.changes += 1
        view = self.views[name]
        one = self.turn_of(name, key)
        if one is None:
            one = self.words[word] = view.say(word, key, messages)
        expect(not one.forgotten, TAKEN_BACK, f"{word} was forgotten, and taken again")
        expect((turn.session, turn.number) == (name, one.number), MISATTRIBUTED, f"{word} of {name} became {turn}")

    def noted(self, name: str | None, word: str, key: str | None, note: Note) -> None:
        self.changes += 1
        one = self.note_keys.get(key or "")
        if one is None:
            if name is None:
                one = Said(None, None, word, key)
                self.notes.append(one)
            else:
                one = self.views[name].note(word)
            self.words[word] = one
            if key:
                self.note_keys[key] = one
        expect(note.session == (one.session.id if one.session else None), MISATTRIBUTED, f"{word} became {note}")

    def rewound(self, name: str, count: int | None, taken_back: Sequence[tuple[str, int]]) -> None:
        """`count` None: the host's last turn is not seen here any more, so that nothing can be taken back."""
        expect(count is not None, BROKEN, f"a rewind of {name} took back {taken_back} without a turn to tell it by")
        gone = self.views[name].rewind(count) if count else []
        wanted = [(one.session.id, one.number) for one in gone if one.session]
        expect(list(taken_back) == wanted, BROKEN, f"a rewind of {name} took back {taken_back} and not {wanted}")
        self.changes += 1
        if gone:
            self.all_voided = self.changes

    def forgot(self, one: Said) -> None:
        self.changes += 1
        self.all_voided = self.changes
        one.forgotten = True

    # What may be seen

    def turn_of(self, name: str, key: str | None) -> Said | None:
        """The turn of that key, also a forgotten one."""
        if key is None or name not in self.views:
            return None
        return next((one for one in self.views[name].said if one.key == key and one.number), None)

    def undone(self, name: str, kept: Sequence[str]) -> int | None:
        """How many turns a host took back that still has these words; None: it cannot be told."""
        seen = [one.text for one in self.views[name].turns()]
        if not kept:
            return len(seen)
        return len(seen) - 1 - seen.index(kept[-1]) if kept[-1] in seen else None

    def everything(self) -> Iterator[Said]:
        for view in self.views.values():
            yield from view.said
        yield from self.notes

    def has_forgotten(self, document: str) -> bool:
        """Whether anything of a session's document was forgotten."""
        view = self.views.get(document.partition(":")[2])
        return view is not None and any(one.forgotten for one in view.said)

    def is_visible(self, one: Said) -> bool:
        """Whether a recall over the whole bank may show it."""
        if one.number is None:
            return not one.forgotten
        return bool(seers(self.views.values(), one))

    def shown_as(self, one: Said) -> set[str | None]:
        """The sessions as whose a recall over the whole bank may show it."""
        if one.number is None or one.session is None:
            return {one.session.id if one.session else None}
        sees: set[str | None] = {view.id for view in seers(self.views.values(), one)}
        return {one.session.id} if one.session.id in sees else sees

    def hidden(self, name: str | None) -> set[Said]:
        """What a recall that begins now must not return; None: over the whole bank."""
        if name is None:
            return {one for one in self.everything() if not self.is_visible(one)}
        return set(self.everything()) - set(self.views[name].sees())

    def parent_of(self, name: str) -> str | None:
        """The session that it came from, as a backend is told."""
        origin = self.origins[name]
        return origin.parent or origin.predecessor

    def check_recalled(self, name: str | None, found: Iterable[Recalled], hidden: set[Said], query: str) -> None:
        """Hold what a recall returned against what was hidden when it began, and what is now."""
        met: set[tuple[str, int]] = set()
        for one in found:
            words = words_of(one)
            for word in words:
                expect(word in self.words, LEAKED, f"{word}, recalled for {name}, was never said in bank {self.name}")
                self._check_one(name, one, self.words[word], hidden, alone=len(words) == 1)
                expect((word, one.position) not in met, REPEATED, f"{word} is recalled twice for {name or 'the bank'}")
            met.update((word, one.position) for word in words)
            expect(query == COMMON or query in words, LEAKED, f"{words} answer another query than {query}")

    def _check_one(self, name: str | None, one: Recalled, said: Said, hidden: set[Said], alone: bool) -> None:
        """One thing said, as a recall returned it, perhaps with others in one memory."""
        where = f"{said.text} ({one.session}/{one.turn}), recalled for {name or 'the bank'}"
        never = self._was_never_seen(name, said)
        if not self._sees(name, said) and (never or said in hidden):
            raise Violation(LEAKED if never else TAKEN_BACK, where)
        number = said.number if said.session else None
        expect(one.turn == number or not alone, MISATTRIBUTED, f"{where}, is turn {number}")
        if name is not None:
            owner = said.session.id if said.session else None
            expect(one.session == owner, MISATTRIBUTED, f"{where}, was said in {owner}")

    def check_served(self, name: str, began: int) -> None:
        """Hold what a prefetch served against the switches, rewinds and forgets since it was recalled."""
        stale = max(self.voided.get(name, 0), self.all_voided) > began
        expect(not stale, LEAKED, f"what was recalled for {name} before a switch, rewind or forget was served after it")

    def _add(self, view: View, origin: Origin) -> None:
        self.views[view.id] = view
        self.origins[view.id] = origin

    def _sees(self, name: str | None, one: Said) -> bool:
        return self.is_visible(one) if name is None else one in self.views[name].sees()

    def _was_never_seen(self, name: str | None, one: Said) -> bool:
        return name is not None and one not in _ever(self.views[name])


def _ever(view: View) -> list[Said]:
    """What a view would see if nothing had been taken back since it began."""
    before = _ever(view.parent) if view.parent else list(view.inherited)
    return [*before, *view.said]


def words_of(one: Recalled) -> list[str]:
    """What a memory tells of: one thing said, or several."""
    return list(dict.fromkeys(re.findall(rf"{COMMON} (\w+)", one.text)))


def expect(so: bool, kind: str, about: str) -> None:
    """Hold that something is so.

    Raises:
        Violation: it is not.
    """
    if not so:
        raise Violation(kind, about)
