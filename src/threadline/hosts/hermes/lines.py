"""The rows of the host's log as lines that can be compared, and which of them are copies of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from threadline.hosts.fence import strip_fences
from threadline.hosts.hermes import messages as texts
from threadline.hosts.hermes.statedb import Row

if TYPE_CHECKING:
    from threadline.hosts.hermes.hostturns import HostTurn

#: Rows of one transaction that have no time of their own are a microsecond apart; no two appended ones ever are.
_STEP = 1.5e-6
#: How far back a copy is looked for that a compression changed on its way.
_WINDOW = 400
#: How far from the end of what was there the last copy may be, in lines.
_NEAR = 8
#: Copies follow each other within milliseconds; whoever speaks next takes longer than this, in seconds.
_PAUSE = 1.0

#: What a copy keeps of a row that has its own time: its role and that time.
Face = tuple[str, float]


@dataclass(slots=True, eq=False)
class Line:
    """A row, as it is compared.

    Attributes:
        plain: its text; of a user's row only what the user said.
        origin: for a copy, the line that it is a copy of; where the host made several into one, the last of them.
        merged: the others of these.
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
    merged: Sequence[Line] = ()
    turn: HostTurn | None = None
    undone: bool = False
    canonical: str | None = None

    @classmethod
    def of(cls, row: Row) -> Line:
        """The line of a row."""
        if row.role == "user":
            plain = texts.plain(row.content)
            kind, text = texts.kind_of(strip_fences(plain)), texts.said(plain)
        else:
            plain = text = strip_fences(texts.plain(row.content))
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

    def sources(self) -> Iterator[Line]:
        """All lines of this session that it is, or is a copy of."""
        if self.origin is None or self.inherited:
            yield self
        else:
            for line in (*self.merged, self.origin):
                yield from line.sources()

    def roots(self) -> Iterator[Line]:
        """All that it is a copy of in the first place, in whichever session that was said."""
        if self.origin is None:
            yield self
        else:
            for line in (*self.merged, self.origin):
                yield from line.roots()

    def copies(self, live: Sequence[Line], first: int, last: int) -> None:
        """Note what it is a copy of, unless that is known already."""
        if self.origin is None:
            self.origin, self.merged = live[last], live[first:last]

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


def mark_chains(lines: Sequence[Line]) -> None:
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


def face_of(row: Row) -> Face:
    """What a copy keeps of a row that has its own time. Its text may be stripped, or merged with its neighbour's."""
    return row.role, row.timestamp


def block_end(lines: Sequence[Line], start: int, seen: dict[Face, Line]) -> int:
    """Where the block of a compression ends that begins here; `start` where none does."""
    end = _made_until(lines, start, seen)
    block = lines[start:end]
    compressed = any(line.kind == "summary" for line in block)
    # A context engine of another make has other words for its summary; what was archived before it says enough.
    compressed = compressed or (len(block) > 1 and start > 0 and lines[start - 1].row.compacted)
    return end if compressed else start


def _made_until(lines: Sequence[Line], start: int, seen: dict[Face, Line]) -> int:
    """Where the lines end that nobody said when they were written: of one transaction, or with the times of others."""
    batch = 0
    here: dict[Face, Line] = {}
    for at in range(start, len(lines)):
        line = lines[at]
        face = face_of(line.row)
        source = here.get(face) or seen.get(face) if line.row.timestamp > 0 else None
        here[face] = line
        line.replayed = source is not None
        own = 0 if line.replayed else line.batch  # a copy tells of the transaction in which its source was written
        if batch and own and own != batch:
            return _next_head(lines, start, at)
        if not (own or line.replayed or line.kind == "summary"):
            return at
        batch = batch or own
        line.origin = source if source is not None and line.is_like(source) else None
    return len(lines)


def _next_head(lines: Sequence[Line], start: int, end: int) -> int:
    """Where a block ends that another one follows at once, whose first messages had times of their own.

    What a model has read of the log comes before what it has not, so behind a line without a time of its own, one with
    one is the other block's. The first messages of that come before the last ones of this.
    """
    first = end
    while first > start + 1 and lines[first - 1].replayed:
        first -= 1
    if lines[first - 1].kind != "summary":
        return first
    places = [next(line.roots()).row.id for line in lines[first:end]]
    back = [at for at, (before, place) in enumerate(pairwise(places), first + 1) if place <= before]
    return back[0] if back else end


def block_at_start(lines: Sequence[Line], live: Sequence[Line], faces: dict[Face, Line]) -> int:
    """Where a session begins with what a compression left, written in one transaction: how many rows that is."""
    end = _made_until(lines, 0, faces)
    at_once = any(line.chained or line.replayed for line in lines[:end])
    return own_begins(lines, end, live) if at_once else 0


def own_begins(lines: Sequence[Line], end: int, live: Sequence[Line]) -> int:
    """Where a session's own lines begin, with a block of a compression at its beginning."""
    new = match_block(lines[:end], [line for line in live if not line.undone], flushed=True) if end else []
    return lines.index(new[0]) if new else end


def end_of_appended_block(lines: Sequence[Line], live: Sequence[Line]) -> int:
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


def copies_at_start(lines: Sequence[Line], live: Sequence[Line]) -> int:
    """How many rows at the beginning of a branch are copies of what its parent's model had."""
    kept = [line for line in live if not line.undone]
    places = _up_to_the_end(lines, kept, _places(lines, kept))
    if len(kept) < len(live):
        # What was undone in the parent only after the branch is in the branch, up to the end. What was undone before is
        # not, but may have been said again there: then there was a pause before it.
        whole = _places(lines, live)
        ends = len(whole) == len(lines) or (bool(whole) and whole[-1] is not None and whole[-1][1] == len(live) - 1)
        if len(whole) > len(places) and ends and not _pause(lines, len(places), len(whole)):
            places, kept = whole, list(live)
    for line, place in zip(lines, places, strict=False):
        if place is not None:
            line.copies(kept, *place)
    return len(places)


def _up_to_the_end(
    lines: Sequence[Line], live: Sequence[Line], places: list[tuple[int, int] | None]
) -> list[tuple[int, int] | None]:
    """The copies, but for the last ones without which they fit to the very end of what there was to copy.

    What is copied is everything, up to the end. After retries the log has more like it before.
    """
    if not places or places[-1] is None or places[-1][1] == len(live) - 1:
        return places
    for count in range(len(places), max(0, len(places) - _NEAR), -1):
        copies = lines[:count]
        at_end = _place(copies[-1], live, len(live) - 1, 1) is not None
        if at_end and _link(copies, live, dry=True) == count:
            _link(copies, live)
            return [None] * count
    return places


def _places(lines: Sequence[Line], live: Sequence[Line]) -> list[tuple[int, int] | None]:
    """Of what the rows at the beginning are copies, as far as they are any.

    The log may have more than the parent's model had (after a retry), and several messages may have become one.
    """
    at = skipped = 0
    found: list[tuple[int, int] | None] = []
    for line in lines:
        silent = line.kind in ("summary", "nudge") or not (line.plain or line.calls)
        place = _next_place(line, live, at, 1 if silent else _WINDOW)
        if place is None and not silent:
            break
        if place is None:
            skipped += 1  # it is a copy if one follows it
            continue
        found += [*[None] * skipped, place]
        at, skipped = place[1] + 1, 0
    return found


def _pause(lines: Sequence[Line], first: int, end: int) -> bool:
    times = [line.row.timestamp for line in lines[max(0, first - 1) : end]]
    return any(later - earlier > _PAUSE for earlier, later in pairwise(times))


def _next_place(line: Line, live: Sequence[Line], at: int, window: int) -> tuple[int, int] | None:
    """Where the origin of a copy begins and ends, at a place or behind it."""
    places = range(at, min(len(live), at + window))
    like = next(((place, place) for place in places if line.is_like(live[place])), None)
    merged = ((place, last) for place in places if (last := _merged_forward(line, live, place)) is not None)
    return like or next(merged, None)


def _merged_forward(line: Line, live: Sequence[Line], at: int) -> int | None:
    """The last of several neighbours that the host made into one message; the first of them is at a place."""
    text, place = line.text, at
    while place < len(live) and live[place].row.role == line.row.role and live[place].text:
        if not text.startswith(live[place].text):
            return None
        text = text[len(live[place].text) :].strip()
        if not text:
            return place
        place += 1
    return None


def match_block(block: Sequence[Line], live: Sequence[Line], flushed: bool = False) -> list[Line]:
    """Tell the copies in a block, and give each its origin. What is no copy is returned: it was said just now.

    Before the summary stand copies of the first messages; after it, copies of the last ones up to the very last that
    was in the log, and then what was not in it yet.

    Args:
        flushed: everything was written before, as the host does for a new session: new is only what is nowhere.
    """
    live = [line for line in live if line.plain or line.calls]  # a task list, or a summary, has no copy to go by
    summaries = [at for at, line in enumerate(block) if line.kind == "summary" and not _is_task_list(line)]
    first = summaries[-1] if summaries else 0
    merged = bool(summaries) and bool(block[first].text)
    tail = [line for line in block[first if merged or not summaries else first + 1 :] if line.text or line.calls]
    _match_head(block[:first], live)
    new = _nowhere(tail, live) if flushed else _best_split(tail, live)
    _link(tail[: len(tail) - new], live)
    return [line for line in tail[len(tail) - new :] if not line.replayed] if new else []


def _is_task_list(line: Line) -> bool:
    return line.row.role == "user" and not texts.is_summary(texts.plain(line.row.content))


def _match_head(head: Sequence[Line], live: Sequence[Line]) -> None:
    """Find the origins of copies of the first lines there were."""
    at = 0
    found: list[tuple[Line, tuple[int, int]]] = []
    for line in head:
        place = _next_place(line, live, at, 16)
        if place is not None:
            found.append((line, place))
            at = place[1] + 1
    before = found[-1][1][1] if found else 0
    for line, place in reversed(found):
        # A question that was asked again is the one before its answer: of the first attempt, the model had nothing.
        place = _place(line, live, before, before - place[0] + 1) or place
        line.copies(live, *place)
        before = place[0] - 1


def _nowhere(tail: Sequence[Line], live: Sequence[Line]) -> int:
    """How many lines at the end are like nothing that was there."""
    known = [at for at, line in enumerate(tail, 1) if _place(line, live, len(live) - 1, _WINDOW) is not None]
    return len(tail) - (known[-1] if known else 0)


def _best_split(tail: Sequence[Line], live: Sequence[Line]) -> int:
    """How many lines at the end of a block were not in the log before: the fewest with which the others fit best.

    The last copy is of the last line there was. Only where no line is, it may be of one shortly before: after a retry,
    the log has lines that the host's model had no more.
    """
    unlike = {
        new: _misfit(tail[: len(tail) - new], live)
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


def _misfit(copies: Sequence[Line], live: Sequence[Line]) -> int:
    """How badly lines fit as copies of the last there were: those without an origin, and those between the origins."""
    at = len(live) - 1
    misfit = 0
    for line in reversed(copies):
        place = _place(line, live, at, _WINDOW)
        misfit += 1 if place is None else at - place[1]
        at = at if place is None else place[0] - 1
    return misfit


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
            line.copies(live, *place)
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
