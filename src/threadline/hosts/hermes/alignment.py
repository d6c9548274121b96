"""Which turn of the journal is which turn of the host's log.

A turn has the same key by whichever road it comes, so mostly the key tells. It does not where the log was away when the
turn was recorded, or was rewritten since, so what was said decides as well: two turns of different times are different
turns, even if the same was said in both, unless the log or the journal does not know the time.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from threadline.hosts.hermes.hostturns import HostLog, HostTurn
from threadline.hosts.hermes.messages import canonical
from threadline.turns import Message, Turn

#: What stands in the key of the rest of a turn, which came after the turn had been recorded.
REST = ":rest:"

Face = tuple[str, str]


@dataclass(eq=False)
class Held:
    """A turn that the journal has, with what was added to it later as turns of their own.

    Attributes:
        rests: the later parts, in the order in which they were recorded.
        merged: turns before it that had no answer: the host has made their messages and its own into one.
    """

    turn: Turn
    rests: list[Turn] = field(default_factory=list)
    merged: list[Held] = field(default_factory=list)

    @cached_property
    def user(self) -> str:
        """What the user said, canonical; what was overheard before that aside."""
        asked = ""
        for message in self.turn.messages:
            if message.role not in ("user", "system"):
                break
            asked = message.text
        return canonical(asked)

    @property
    def parts(self) -> list[Turn]:
        """All turns of the journal that it is made of."""
        return [*(part for one in self.merged for part in one.parts), self.turn, *self.rests]

    @property
    def messages(self) -> list[Message]:
        """Everything that was said and done in it."""
        return [message for part in (self.turn, *self.rests) for message in part.messages]

    @property
    def answer(self) -> str:
        """What the agent said last, canonical."""
        said = (message.text for message in reversed(self.messages) if message.role == "assistant")
        return canonical(next(said, ""))

    @property
    def from_log(self) -> bool:
        """It was read in the log, so its time is that of the log, and nothing of it was left out."""
        return any(message.ref is not None for message in self.turn.messages)

    @property
    def visible(self) -> list[int]:
        """The numbers of its parts that were not taken back."""
        return [part.number for part in self.parts if not part.taken_back]

    def missing(self, turn: HostTurn) -> list[Message]:
        """What the log has of the turn and the journal has not."""
        if not self.from_log or turn.refs <= {message.ref for message in self.messages}:
            return []
        listed = [one for one in turn.messages() if not self.merged or one.role not in ("user", "system")]
        there = Counter(_faces(self.messages))
        if not turn.genuine and _faces(listed)[: there.total()] != _faces(self.messages):
            return []  # written anew by a compression, which shortens results of tools
        rest = []
        for message, face in zip(listed, _faces(listed), strict=True):
            if there[face] > 0:
                there[face] -= 1
            else:
                rest.append(message)
        return rest


def held(turns: Iterable[Turn]) -> list[Held]:
    """The turns of a session in the journal, each with its later parts."""
    found: dict[str, Held] = {}
    listed: list[Held] = []
    for turn in turns:
        base, rest, _ = (turn.host_key or "").partition(REST)
        if rest and base in found:
            found[base].rests.append(turn)
            continue
        one = Held(turn)
        listed.append(one)
        if turn.host_key:
            found[turn.host_key] = one
    return listed


def align(session: str, log: Sequence[HostTurn], journal: Sequence[Held]) -> dict[int, Held]:
    """Find each turn of the log in the journal, as far as it is there.

    Returns:
        `id` of a turn of the log -> what the journal has of it.
    """
    matching = _Matching(session, journal)
    for same in (_same_time, matching.same_key, _same_words, _same_beginning, _same_question):
        matching.settle(log, same)
    matching.settle_merged(log, journal)
    return matching.matched


class _Matching:
    def __init__(self, session: str, journal: Sequence[Held]) -> None:
        self.matched: dict[int, Held] = {}
        self._session = session
        self._free: Mapping[str, deque[Held]] = defaultdict(deque)
        for one in journal:
            self._free[one.user].append(one)

    def settle(self, log: Sequence[HostTurn], same: Callable[[HostTurn, Held], bool]) -> None:
        """Match what is not matched yet, in order, where `same` says so."""
        for turn in log:
            if id(turn) in self.matched or not self._free[turn.user]:
                continue
            found = next((one for one in self._free[turn.user] if same(turn, one)), None)
            if found is not None:
                self._free[turn.user].remove(found)
                self.matched[id(turn)] = found

    def settle_merged(self, log: Sequence[HostTurn], journal: Sequence[Held]) -> None:
        """Match messages that the host has made into one, as it does where the first of them had no answer."""
        free = {id(one) for waiting in self._free.values() for one in waiting}
        places = {one.turn.occurred_at: place for place, one in enumerate(journal) if one.from_log and id(one) in free}
        for turn in log:
            place = places.get(turn.occurred_at) if id(turn) not in self.matched and turn.occurred_at else None
            run = _merged_into(turn, journal[place:]) if place is not None and turn.genuine else []
            if run and all(id(one) in free for one in run):
                self.matched[id(turn)] = Held(run[-1].turn, run[-1].rests, run[:-1])
                free -= {id(one) for one in run}

    def same_key(self, turn: HostTurn, one: Held) -> bool:
        """The same key, and nothing that speaks against it."""
        return _may_be(turn, one) and one.turn.host_key == turn.key(self._session) and _fit(turn, one)


def _merged_into(turn: HostTurn, journal: Sequence[Held]) -> list[Held]:
    """The turns, from the first on, whose messages make up a message of the log; none where they do not."""
    rest = turn.user
    for count, one in enumerate(journal, 1):
        if not one.user or not rest.startswith(one.user):
            break
        rest = rest[len(one.user) :].strip()
        if not rest:
            return list(journal[:count])
    return []


def _same_time(turn: HostTurn, one: Held) -> bool:
    return turn.genuine and one.from_log and one.turn.occurred_at == turn.occurred_at


def _same_words(turn: HostTurn, one: Held) -> bool:
    return _may_be(turn, one) and turn.answer == one.answer


def _same_beginning(turn: HostTurn, one: Held) -> bool:
    return _may_be(turn, one) and _fit(turn, one)


def _same_question(_: HostTurn, one: Held) -> bool:
    """What the host handed over may be worded otherwise than in its log: it lets others change an answer."""
    return not one.from_log


def _may_be(turn: HostTurn, one: Held) -> bool:
    """Whether their times do not say that they are two."""
    return not (turn.genuine and one.from_log)


def _fit(turn: HostTurn, one: Held) -> bool:
    """Whether one is the beginning of the other, or they end alike."""
    mine, theirs = _faces(turn.messages()), _faces(one.messages)
    shared = min(len(mine), len(theirs))
    return mine[:shared] == theirs[:shared] or turn.answer == one.answer


def _faces(messages: Iterable[Message]) -> list[Face]:
    return [(message.role, canonical(message.text)) for message in messages]


def kept_turns(session: str, log: HostLog, journal: Sequence[Held]) -> int:
    """How many of the last turns of the journal the host's model still has word for word, by what its log has live.

    A turn of which a compression took the beginning is none of them.
    """
    live = {id(source) for line in log.live(log.last_row + 1) for source in line.sources()}
    last = max((part.number for one in journal for part in one.parts), default=0)
    matched = align(session, log.turns, journal)
    kept = 0
    for turn in reversed(log.turns):
        if not turn.undone and id(turn.lines[0]) not in live:
            break
        if (one := matched.get(id(turn))) is not None:
            kept = last - one.turn.number + 1
    return kept
