"""What was said compared with what is found, text by text. Nothing here reads or counts anything by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from threadline.demo.story import Place
from threadline.documents import Recalled


@dataclass(frozen=True, slots=True)
class Heard:
    """One message at its place, or with the number 0 a note of a session.

    Attributes:
        undone: it stands there as taken back; in a store nothing does.
    """

    session: str
    number: int
    position: int
    text: str
    undone: bool = False

    @property
    def what(self) -> str:
        """The turn or the note it is, for counting and for showing."""
        return turn_name(self.session, self.number) if self.number else f"{self.session} note {self.text!r}"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is not as it should be: turns and notes by name. All empty when everything is."""

    lost: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    misplaced: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()

    def __or__(self, other: Faults) -> Faults:
        """The faults of both."""
        return Faults(
            self.lost | other.lost,
            self.repeated | other.repeated,
            self.misplaced | other.misplaced,
            self.undone | other.undone,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison says.

    Attributes:
        turns: how many turns were found, right or wrong.
        whole: the turns and notes found exactly once, word for word, in their place.
    """

    turns: int
    whole: frozenset[str]
    faults: Faults


def compare(wanted: Collection[Heard], unwanted: Collection[Heard], found: Iterable[Heard]) -> Comparison:
    """Compare what should be there, and what should not, with what is.

    A message found beyond what is wanted is one of these: taken back; misplaced, when its own place lacks it;
    a repetition, when its session has it already; part of something lost, when its turn lacks something; and
    otherwise misplaced, as nothing like it was said there.
    """
    found = list(found)
    missing = Counter(wanted)
    extra: list[Heard] = []
    for one in found:
        if missing[one] > 0:
            missing[one] -= 1
        else:
            extra.append(one)
    undone = set(extra) & set(unwanted)
    extra = [one for one in extra if one not in undone]
    moved, extra = _moved(missing, extra)
    said = {(one.session, one.text) for one in wanted}
    repeated = {one for one in extra if (one.session, one.text) in said}
    lost = set(missing.elements())
    torn = _names(lost)
    strange = {one for one in extra if one not in repeated and one.what not in torn}
    twice = {(one.session, one.text) for one in repeated}
    broken = torn | _names(moved) | _names(one for one in wanted if (one.session, one.text) in twice)
    return Comparison(
        turns=len(_names(one for one in found if one.number)),
        whole=_names(wanted) - broken,
        faults=Faults(torn, _names(repeated), _names(moved | strange), _names(undone)),
    )


def _moved(missing: Counter[Heard], extra: list[Heard]) -> tuple[set[Heard], list[Heard]]:
    """What is missing in its place but found in another, taken out of `missing`; and what is left of `extra`."""
    moved: set[Heard] = set()
    left: list[Heard] = []
    for one in extra:
        owner = next((m for m, count in missing.items() if count and m.text == one.text), None)
        if owner is None:
            left.append(one)
        else:
            missing[owner] -= 1
            moved.add(owner)
    return moved, left


def judge(
    recalled: Iterable[Recalled],
    said: Mapping[Place, Collection[str]],
    undone: Collection[Place],
    seen: Collection[Place] | None,
) -> Faults:
    """The faults in what one recall returned. Notes are not judged.

    Args:
        said: the texts of every turn, those taken back included.
        undone: the turns taken back.
        seen: the turns that the session may see; None for a recall over the whole bank.
    """
    misplaced, taken_back = set(), set()
    for one in recalled:
        if one.session is None or one.turn is None:
            continue
        place = (one.session, one.turn)
        name = turn_name(one.session, one.turn)
        if place in undone:
            taken_back.add(name)
        elif not any(one.text in text for text in said.get(place, ())) or (seen is not None and place not in seen):
            misplaced.add(name)
    return Faults(misplaced=frozenset(misplaced), undone=frozenset(taken_back))


def turn_name(session: str, number: int) -> str:
    """A turn, for counting and for showing."""
    return f"{session} turn {number}"


def _names(some: Iterable[Heard]) -> frozenset[str]:
    return frozenset(one.what for one in some)
