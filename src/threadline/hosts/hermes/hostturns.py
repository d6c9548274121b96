"""The rows of the host's log -> turns: what was really said in a session itself, in order, and what of it was undone.

The log holds more than that. A compression (`SessionDB.archive_and_compact`, or in a new session `replace_messages`)
writes a block in one transaction: copies of the first messages, a summary, copies of the last ones, the task list, and
sometimes the user's latest message, which is nowhere else. A branch begins with copies of all that its parent's model
had. Copies are told from what was said by what stands before them, never by a text alone: a user may repeat himself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from threadline.hosts.hermes import messages as texts
from threadline.hosts.hermes.statedb import Row
from threadline.turns import Message

#: Rows of one transaction that have no time of their own are a microsecond apart; no two appended ones ever are.
_STEP = 1.5e-6
#: How far back a copy is looked for that a compression changed on its way.
_WINDOW = 400
#: How far from the end of what was there the last copy may be, in lines.
_NEAR = 8
#: Copies follow each other within milliseconds; whoever speaks next takes longer than this, in seconds.
_PAUSE = 1.0
#: What an answer ends with that the host will have the model go on with.
_UNFINISHED = {"verification_required", "verify_hook_continue", "incomplete", "kanban_terminal_required"}


#: What a copy keeps of a row that has its own time: its role and that time.
_Face = tuple[str, float]


@dataclass(slots=True, eq=False)
class Line:
    """A row, as it is compared.

    Attributes:
        plain: its text; of a user's row only what the user said.
        origin: for a copy, the line that it is a copy of.
        turn: the turn that the line belongs to.
        undone: it was taken back: the line itself, or the last of its copies.
        batch: the same for lines that were written in one transaction, of which the time says nothing; else 0.
        replayed: it has the time of a line before it, so it is a copy.
        inherited: it is a copy of what the session's parent had.
        doubtful: it stands in a block of which the log does not say any more what it was made of.
    """

    row: Row
    kind: texts.Kind
    plain: str
    calls: frozenset[str]
    batch: int = 0
    replayed: bool = False
    inherited: bool = False
    doubtful: bool = False
    origin: Line | None = None
    turn: HostTurn | None = None
    undone: bool = False
    canonical: str | None = None

    @classmethod
    def of(cls, row: Row) -> Line:
        """The line of a row."""
        if row.role == "user":
            plain = texts.plain(row.content)
            kind, text = texts.kind_of(texts.unfenced(plain)), texts.said(plain)
        else:
            plain = text = texts.unfenced(texts.plain(row.content))
            kind = "said"
            if row.role == "assistant" and texts.is_summary(plain):
                kind, text = "summary", texts.within_summary(plain)
        calls = texts.call_ids(row.tool_calls) if row.role == "assistant" else frozenset()
        return cls(row, kind, text.strip(), calls, undone=row.undone)

    @property
    def text(self) -> str:
        """Its text, canonical. Made when it is asked for: most lines are never compared."""
        if self.canonical is None:
            self.canonical = texts.canonical(self.plain)
        return self.canonical

    @property
    def chained(self) -> bool:
        """It was written in one transaction with others."""
        return self.batch > 0

    @property
    def source(self) -> Line:
        """The line of this session that it is, or is a copy of."""
        return self if self.origin is None or self.inherited else self.origin.source

    @property
    def root(self) -> Line:
        """What it is a copy of in the first place, in whichever session that was said."""
        return self if self.origin is None else self.origin.root

    def is_like(self, other: Line) -> bool:
        """Whether one may be a copy of the other. A compression shortens results of tools, and drops calls."""
        if self.row.role != other.row.role:
            return False
        mine, theirs = self._ids(), other._ids()
        if mine and theirs:
            return bool(mine & theirs)
        return self.text == other.text

    def _ids(self) -> frozenset[str]:
        return frozenset({self.row.tool_call_id}) if self.row.tool_call_id else self.calls


@dataclass(slots=True, eq=False)
class HostTurn:
    """A turn as the host's log has it.

    Attributes:
        user: what the user said, canonical; empty where a compression cut the turn in two, and this is its rest.
        place: the how manyth turn of the session with this text it is, from 1.
        number: the how manyth turn of the session it is, from 1.
    """

    user: str
    place: int
    number: int
    lines: list[Line] = field(default_factory=list)
    overheard: list[Line] = field(default_factory=list)

    @property
    def _head(self) -> Line:
        return self.lines[0]

    @property
    def undone(self) -> bool:
        """The user took it back."""
        return self._head.undone

    @property
    def doubtful(self) -> bool:
        """It may be a copy of what the log does not hold any more."""
        return self._head.doubtful

    @property
    def genuine(self) -> bool:
        """Its time is that at which it was said, and not when the host wrote it anew."""
        return not self._head.chained and self._head.row.timestamp > 0

    @property
    def occurred_at(self) -> datetime | None:
        """When it was said."""
        return moment(self._head.row.timestamp)

    @property
    def last(self) -> Row:
        """The row that was written last."""
        return self.lines[-1].row

    @property
    def complete(self) -> bool:
        """The agent has given its answer."""
        line = self.lines[-1]
        return (
            line.row.role == "assistant"
            and bool(line.plain)
            and not line.calls
            and not texts.calls_of(line.row.tool_calls)
            and line.row.finish_reason not in _UNFINISHED
        )

    @property
    def answer(self) -> str:
        """What the agent said last, canonical."""
        said = (message.text for message in reversed(self.messages()) if message.role == "assistant")
        return texts.canonical(next(said, ""))

    @property
    def refs(self) -> set[str]:
        """The rows that it is made of."""
        return {str(line.row.id) for line in (*self.overheard, *self.lines) if not line.undone or self.undone}

    def messages(self) -> list[Message]:
        """What was said and done, in order; what was overheard before it comes first."""
        heard = [_overheard(line) for line in self.overheard]
        kept = [line for line in self.lines if not line.undone or self.undone]
        return [message for message in (*heard, *_spoken(kept)) if message is not None]

    def key(self, session: str, place: int | None = None) -> str:
        """The turn's host key: the same for every road by which it may be recorded."""
        return turn_key(session, self.user, self.place if place is None else place)


def turn_key(session: str, user: str, place: int) -> str:
    """The host key of a turn: of its session, what the user said (canonical), and how often that was said before."""
    return hashlib.sha256("\0".join((session, user, str(place))).encode()).hexdigest()


def moment(timestamp: float) -> datetime | None:
    """A time of the log; None where it is none."""
    try:
        return datetime.fromtimestamp(timestamp, UTC) if timestamp > 0 else None
    except (OverflowError, ValueError, OSError):
        return None


class HostLog:
    """One session of the log, read from its beginning.

    Args:
        rows: all its rows, in the order in which they were written.
        parent: the log of the session that it branched off or continues.

    Attributes:
        turns: what was said in the session itself.
        inherited: its copies of what its parent's model had, with their origins.
        whole: whether rows that are added now can be read on their own.
    """

    def __init__(self, rows: Sequence[Row], parent: HostLog | None = None) -> None:
        self.turns: list[HostTurn] = []
        self.inherited: list[Line] = []
        self._said: Counter[str] = Counter()
        self._overheard: list[Line] = []
        self._reviewed = False
        self._lives: list[list[Line]] = [[]]  # what the host's model had: anew after each compression in place
        self.last_row = rows[-1].id if rows else 0
        lines = [Line.of(row) for row in rows]
        _mark_chains(lines)
        self._faces: dict[_Face, Line] = dict(parent._faces) if parent is not None else {}
        own = self._inherit(lines, parent, rows[0].id) if rows and parent is not None else 0
        self._read(lines, own)

    def live(self, before: int) -> list[Line]:
        """What the host's model had when a row was written, what is undone by now included."""
        for lines in reversed(self._lives):
            if lines and lines[0].row.id < before:
                return [line for line in lines if line.row.id < before]
        return []

    def add(self, rows: Iterable[Row]) -> list[HostTurn] | None:
        """Rows that were written since.

        Returns:
            The turns that they are in; None where the whole session has to be read again to tell.
        """
        lines = [Line.of(row) for row in rows]
        _mark_chains(lines)
        if any(line.kind == "summary" or line.chained or not line.row.active for line in lines):
            return None
        touched = {id(turn): turn for turn in (self._append(line) for line in lines) if turn is not None}
        self.last_row = lines[-1].row.id if lines else self.last_row
        self._shorten()
        return list(touched.values())

    def follower(self) -> HostLog:
        """The same with only what is needed to read on."""
        other = copy(self)
        other._said, other._overheard = self._said.copy(), list(self._overheard)
        other._shorten()
        return other

    def _shorten(self) -> None:
        self.turns = self.turns[-1:]
        self._lives, self.inherited, self._faces = [[]], [], {}

    def times_said(self, user: str) -> int:
        """How often the user said something in this session."""
        return self._said[user]

    # What is inherited

    def _inherit(self, lines: list[Line], parent: HostLog, before: int) -> int:
        """Take the copies at the beginning for what they are. How many there are is returned."""
        live = parent.live(before)
        count = _block_at_start(lines, live, self._faces) or _copies_at_start(lines, live)
        count = count or _own_begins(lines, _end_of_appended_block(lines, live), live)
        self.inherited = lines[:count]
        for line in self.inherited:
            line.inherited = True
            self._faces[_face(line.row)] = line
        self._lives[-1].extend(self.inherited)
        return count

    # What was said

    def _read(self, lines: list[Line], at: int) -> None:
        while at < len(lines):
            end = _block_end(lines, at, self._faces)
            if end > at:
                self._compressed(lines[at:end])
                self._faces |= {_face(line.row): line for line in lines[at:end]}
                at = end
                continue
            self._faces[_face(lines[at].row)] = lines[at]
            self._append(lines[at])
            at += 1

    def _compressed(self, block: list[Line]) -> None:
        """A block that a compression in place wrote: only what stands nowhere else was said with it."""
        before = [line for line in self._lives[-1] if not line.row.undone]
        new = _match_block(block, before)
        fresh = {id(line) for line in new}
        self._lives.append([])
        for line in block:
            line.doubtful = not before
            if id(line) in fresh:
                self._append(line)
            else:
                self._lives[-1].append(line)
                if line.undone:
                    line.source.undone = True

    def _append(self, line: Line) -> HostTurn | None:
        """The turn that a line belongs to; None where it is in none (yet)."""
        line.origin = None
        self._lives[-1].append(line)
        if self._is_review(line) or line.row.role not in ("user", "assistant", "tool", "function"):
            return None
        if line.row.role != "user" or line.kind == "nudge":
            return self._answer(line)
        if line.row.observed:
            self._overheard.append(line)
            return None
        return self._begin(line, line.text) if line.plain else None

    def _begin(self, line: Line, user: str) -> HostTurn:
        self._said[user] += 1
        heard = [one for one in self._overheard if not one.undone]
        turn = HostTurn(user, self._said[user], self._said.total(), [line], heard)
        self._overheard = []
        line.turn = turn
        self.turns.append(turn)
        return turn

    def _answer(self, line: Line) -> HostTurn | None:
        if line.kind != "said":
            return None
        if not self.turns or (self.turns[-1].undone and not line.undone):
            return self._begin(line, "") if line.plain or line.calls else None
        line.turn = self.turns[-1]
        self.turns[-1].lines.append(line)
        return self.turns[-1]

    def _is_review(self, line: Line) -> bool:
        """A review of the talk that older hosts wrote into it, and the answer to that."""
        reviewed, self._reviewed = self._reviewed, line.kind == "review"
        return self._reviewed or (reviewed and line.row.role == "assistant")


def _mark_chains(lines: Sequence[Line]) -> None:
    """Find what was written in one transaction: only there are times microseconds apart, a microsecond for each row.

    Rows that had a time already keep it, so they may stand between two such, with times of long before.
    """
    latest = 0
    for at in range(1, len(lines)):
        apart = lines[at].row.timestamp - lines[latest].row.timestamp
        if 0 < apart <= _STEP * (at - latest):
            batch = lines[latest].batch or lines[latest].row.id
            for line in lines[latest : at + 1]:
                line.batch = batch
        if apart > 0:
            latest = at


def _face(row: Row) -> _Face:
    """What a copy keeps of a row that has its own time. Its text may be stripped, or merged with its neighbour's."""
    return row.role, row.timestamp


def _block_end(lines: Sequence[Line], start: int, seen: dict[_Face, Line]) -> int:
    """Where the block of a compression ends that begins here; `start` where none does."""
    end = _made_until(lines, start, seen)
    block = lines[start:end]
    compressed = any(line.kind == "summary" for line in block)
    # A context engine of another make has other words for its summary; what was archived before it says enough.
    compressed = compressed or (len(block) > 1 and start > 0 and lines[start - 1].row.compacted)
    return end if compressed else start


def _made_until(lines: Sequence[Line], start: int, seen: dict[_Face, Line]) -> int:
    """Where the lines end that nobody said when they were written: of one transaction, or with the times of others."""
    batch = 0
    here: dict[_Face, Line] = {}
    for at in range(start, len(lines)):
        line = lines[at]
        face = _face(line.row)
        source = here.get(face) or seen.get(face) if line.row.timestamp > 0 else None
        here[face] = line
        line.replayed = source is not None
        own = 0 if line.replayed else line.batch  # a copy tells of the transaction in which its source was written
        if (batch and own and own != batch) or not (own or line.replayed or line.kind == "summary"):
            return at
        batch = batch or own
        line.origin = source if source is not None and line.is_like(source) else None
    return len(lines)


def _block_at_start(lines: Sequence[Line], live: Sequence[Line], faces: dict[_Face, Line]) -> int:
    """Where a session begins with what a compression left, written in one transaction: how many rows that is."""
    end = _made_until(lines, 0, faces)
    at_once = any(line.chained or line.replayed for line in lines[:end])
    return _own_begins(lines, end, live) if at_once else 0


def _own_begins(lines: Sequence[Line], end: int, live: Sequence[Line]) -> int:
    """Where a session's own lines begin, with a block of a compression at its beginning."""
    new = _match_block(lines[:end], [line for line in live if not line.undone]) if end else []
    return lines.index(new[0]) if new else end


def _end_of_appended_block(lines: Sequence[Line], live: Sequence[Line]) -> int:
    """Where what a compression left ends, in a session of an older host, which wrote it row by row."""
    summary = next((at for at, line in enumerate(lines[:_WINDOW]) if line.kind == "summary"), None)
    if summary is None or any(not _found(line, live) for line in lines[:summary]):
        return 0
    end = summary + 1
    while end < len(lines) and (lines[end].kind == "summary" or _found(lines[end], live)):
        end += 1
    return end


def _found(line: Line, live: Sequence[Line]) -> bool:
    return any(line.is_like(other) for other in reversed(live))


def _copies_at_start(lines: Sequence[Line], live: Sequence[Line]) -> int:
    """How many rows at the beginning of a branch are copies of what its parent's model had."""
    origins = _origins(lines, [line for line in live if not line.undone])
    if any(line.undone for line in live):
        # What was undone in the parent only after the branch is in the branch, up to the end. What was undone before is
        # not, but may have been said again there: then there was a pause before it.
        whole = _origins(lines, live)
        ends = len(whole) == len(lines) or (bool(whole) and whole[-1] is live[-1])
        if len(whole) > len(origins) and ends and not _pause(lines, len(origins), len(whole)):
            origins = whole
    for line, origin in zip(lines, origins, strict=False):
        line.origin = origin
    return len(origins)


def _origins(lines: Sequence[Line], live: Sequence[Line]) -> list[Line | None]:
    """What the rows at the beginning are copies of, as far as they are any.

    The log may have more than the parent's model had (after a retry), and several messages may have become one.
    """
    at = 0
    found: list[Line | None] = []
    skipped = 0
    for line in lines:
        if line.kind in ("summary", "nudge") or not (line.plain or line.calls):
            skipped += 1  # it is a copy if one follows it, or if it is where it was
            if at < len(live) and line.is_like(live[at]):
                found += [None] * (skipped - 1) + [live[at]]
                at, skipped = at + 1, 0
            continue
        place = next((place for place in range(at, min(len(live), at + _WINDOW)) if line.is_like(live[place])), None)
        if place is None:
            place = _merged_forward(line, live, at)
        if place is None:
            break
        found += [None] * skipped + [live[place]]
        at, skipped = place + 1, 0
    return found


def _pause(lines: Sequence[Line], first: int, end: int) -> bool:
    times = [line.row.timestamp for line in lines[max(0, first - 1) : end]]
    return any(later - earlier > _PAUSE for earlier, later in pairwise(times))


def _merged_forward(line: Line, live: Sequence[Line], at: int) -> int | None:
    """The last of several neighbours that the host made into one message."""
    for first in range(at, min(len(live), at + _WINDOW)):
        text, place = line.text, first
        while place < len(live) and live[place].row.role == line.row.role and text.startswith(live[place].text):
            if not live[place].text:
                break
            text = text[len(live[place].text) :].strip()
            if not text:
                return place
            place += 1
    return None


def _match_block(block: Sequence[Line], live: Sequence[Line]) -> list[Line]:
    """Tell the copies in a block, and give each its origin. What is no copy is returned: it was said just now.

    Before the summary stand copies of the first messages; after it, copies of the last ones up to the very last that
    was in the log, and then what was not in it yet.
    """
    summaries = [at for at, line in enumerate(block) if line.kind == "summary" and not _is_task_list(line)]
    first = summaries[-1] if summaries else 0
    merged = bool(summaries) and bool(block[first].text)
    tail = [line for line in block[first if merged or not summaries else first + 1 :] if line.text or line.calls]
    _match_head(block[: first + 1], live)
    new = _best_split(tail, live)
    _link(tail[: len(tail) - new], live)
    return [line for line in tail[len(tail) - new :] if not line.replayed] if new else []


def _is_task_list(line: Line) -> bool:
    return line.row.role == "user" and not texts.is_summary(texts.plain(line.row.content))


def _match_head(head: Sequence[Line], live: Sequence[Line]) -> None:
    at = 0
    for line in head:
        found = next((place for place in range(at, min(len(live), at + 16)) if line.is_like(live[place])), None)
        if found is not None:
            line.origin, at = line.origin or live[found], found + 1


def _best_split(tail: Sequence[Line], live: Sequence[Line]) -> int:
    """How many lines at the end of a block were not in the log before: the fewest with which the others fit best.

    The last copy is of the last line there was. Only where no line is, it may be of one shortly before: after a retry,
    the log has lines that the host's model had no more.
    """
    unlike = {
        new: len(tail) - new - _link(tail[: len(tail) - new], live, dry=True)
        for new in range(len(tail))
        if live and _place(tail[len(tail) - new - 1], live, len(live) - 1, 1) is not None
    }
    if unlike:
        return min(unlike, key=lambda new: (unlike[new], new))
    for new in range(len(tail) - 1):
        copies = tail[: len(tail) - new]
        near = _place(copies[-1], live, len(live) - 1, _NEAR) is not None
        if near and _link(copies, live, dry=True) == len(copies):
            return new
    # What the agent said or did is in the log before a compression; only the user's message may not be.
    old = [at for at, line in enumerate(tail) if line.row.role != "user" and _found(line, live)]
    return len(tail) - 1 - old[-1] if old else len(tail)


def _link(copies: Sequence[Line], live: Sequence[Line], dry: bool = False) -> int:
    """Find the origins of copies, from the last one back. How many were found is returned."""
    found, at = 0, len(live) - 1
    for line in reversed(copies):
        place = _place(line, live, at, _WINDOW)
        if place is None:
            continue
        found += 1
        at = place[0] - 1
        if not dry:
            line.origin = line.origin or live[place[1]]
    return found


def _place(line: Line, live: Sequence[Line], at: int, window: int) -> tuple[int, int] | None:
    """Where the origin of a copy begins and ends, at a place or before it."""
    for place in range(at, max(-1, at - window), -1):
        if line.is_like(live[place]):
            return place, place
        first = _merged_back(line, live, place)
        if first is not None:
            return first, place
    return None


def _merged_back(line: Line, live: Sequence[Line], at: int) -> int | None:
    """The first of several neighbours that the host made into one message; the last of them is at a place."""
    text, place = line.text, at
    while place >= 0 and live[place].row.role == line.row.role and live[place].text and text.endswith(live[place].text):
        text = text[: -len(live[place].text)].strip()
        if not text:
            return place
        place -= 1
    return None


def _overheard(line: Line) -> Message | None:
    speaker, text = texts.speaker_of(texts.unfenced(texts.plain(line.row.content)).strip())
    if not text.strip():
        return None
    return Message("user", text, speaker=speaker, occurred_at=moment(line.row.timestamp), ref=str(line.row.id))


def _spoken(lines: Sequence[Line]) -> Iterable[Message | None]:
    called: set[str] = set()
    for line in lines:
        row, ref = line.row, str(line.row.id)
        if row.role == "user":
            yield texts.user_message(texts.plain(row.content), ref)
        elif row.role == "assistant":
            # An answer that is put into its row later is written as a row of its own, with the calls again.
            again = bool(line.calls) and line.calls <= called
            called |= line.calls
            text = texts.agent_text(row.content, None if again else row.tool_calls)
            yield Message("assistant", text, ref=ref) if text else None
        else:
            text = texts.plain(row.content).strip()
            yield Message("tool", text, ref=ref) if text else None
