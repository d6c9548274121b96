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

from threadline.hosts.fence import strip_fences
from threadline.hosts.hermes import messages as texts
from threadline.hosts.hermes.lines import (
    Face,
    Line,
    block_at_start,
    block_end,
    copies_at_start,
    end_of_appended_block,
    face_of,
    mark_chains,
    match_block,
    own_begins,
)
from threadline.hosts.hermes.statedb import Row
from threadline.turns import Message

#: What an answer ends with that the host will have the model go on with.
_UNFINISHED = {"verification_required", "verify_hook_continue", "incomplete", "kanban_terminal_required"}


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
        mark_chains(lines)
        self._faces: dict[Face, Line] = dict(parent._faces) if parent is not None else {}
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
        mark_chains(lines)
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
        count = block_at_start(lines, live, self._faces) or copies_at_start(lines, live)
        count = count or own_begins(lines, end_of_appended_block(lines, live), live)
        self.inherited = lines[:count]
        for line in self.inherited:
            line.inherited = True
            self._faces[face_of(line.row)] = line
        self._lives[-1].extend(self.inherited)
        return count

    # What was said

    def _read(self, lines: list[Line], at: int) -> None:
        while at < len(lines):
            end = block_end(lines, at, self._faces)
            if end > at:
                self._compressed(lines[at:end])
                self._faces |= {face_of(line.row): line for line in lines[at:end]}
                at = end
                continue
            self._faces[face_of(lines[at].row)] = lines[at]
            self._append(lines[at])
            at += 1

    def _compressed(self, block: list[Line]) -> None:
        """A block that a compression in place wrote: only what stands nowhere else was said with it."""
        before = [line for line in self._lives[-1] if not line.row.undone]
        new = match_block(block, before)
        fresh = {id(line) for line in new}
        self._lives.append([])
        for line in block:
            line.doubtful = not before
            if id(line) in fresh:
                self._append(line)
            else:
                self._lives[-1].append(line)
                if line.undone:
                    for source in line.sources():
                        source.undone = True

    def _append(self, line: Line) -> HostTurn | None:
        """The turn that a line belongs to; None where it is in none (yet)."""
        line.origin, line.merged = None, ()
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


def _overheard(line: Line) -> Message | None:
    speaker, text = texts.speaker_of(strip_fences(texts.plain(line.row.content)).strip())
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
