"""Who sees what, in plain Python: written from the promises, so that it knows nothing of how the journal does it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Said:
    """A turn or, without a number, a note; `text` is a word that nothing else has."""

    session: View | None
    number: int | None
    text: str
    key: str | None = None
    messages: int = 1
    forgotten: bool = False


@dataclass(eq=False)
class View:
    """A session and what it sees.

    A branch sees what its parent saw when it forked. A continuation and its parent are one conversation: it sees
    what its parent sees now, and what one of them takes back is taken back for both.
    """

    id: str
    parent: View | None = None
    inherited: tuple[Said, ...] = ()
    lost: set[Said] = field(default_factory=set)
    said: list[Said] = field(default_factory=list)
    forgotten: bool = False
    given: int = 0

    def sees(self) -> list[Said]:
        """Everything seen, oldest first."""
        before = self.parent.sees() if self.parent else self.inherited
        return [one for one in (*before, *self.said) if one not in self.lost and not one.forgotten]

    def turns(self) -> list[Said]:
        """The turns seen, oldest first."""
        return [one for one in self.sees() if one.number is not None]

    def branch(self, name: str, at_turn: int | None = None) -> View:
        """A view that begins with what this one sees, up to one of its own turns."""
        last = self.given if at_turn is None else at_turn
        return View(name, inherited=tuple(s for s in self.sees() if s.session is not self or (s.number or 0) <= last))

    def continuation(self, name: str) -> View:
        """The same conversation under another name."""
        return View(name, parent=self, lost=self.lost)

    def rewind(self, turns: int) -> list[Said]:
        """Take back the last turns; returns them, the last first."""
        gone = self.turns()[: -turns - 1 : -1]
        self.lost.update(gone)
        return gone

    def take_back(self, numbers: set[int]) -> list[Said]:
        """Take back turns said here that are still seen; returns them, the last first."""
        gone = [one for one in reversed(self.turns()) if one.session is self and one.number in numbers]
        self.lost.update(gone)
        return gone

    def say(self, text: str, key: str | None = None, messages: int = 1) -> Said:
        """Add a turn."""
        self.given += 1
        self.said.append(Said(self, self.given, text, key, messages))
        return self.said[-1]

    def note(self, text: str) -> Said:
        """Add a note."""
        self.said.append(Said(self, None, text))
        return self.said[-1]

    def forget(self) -> None:
        """Forget the session and everything said in it."""
        self.forgotten = True
        for one in self.said:
            one.forgotten = True


def seers(views: Iterable[View], one: Said) -> list[View]:
    """The sessions that see it."""
    return [view for view in views if not view.forgotten and one in view.sees()]
