"""Gets what a Hermes host says into sessions: live, and by comparing the journal with the host's own log.

The log is the better witness: it has interrupted turns, calls of tools, what was undone and where a session came from,
and it is written before the host tells its providers. So a turn that the host hands over is looked up there, and what
came before it and is not in the journal goes first. Where there is no log, what was handed over is recorded.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from threadline.errors import ForgottenError, InputError, UnknownSessionError
from threadline.hosts.hermes.alignment import Held, align, held, kept_turns
from threadline.hosts.hermes.hostturns import HostLog, HostTurn, turn_key
from threadline.hosts.hermes.lineage import Lineage, borne_out, fork_turn, lineage_of, why_not_talk
from threadline.hosts.hermes.statedb import HostSession, StateDb
from threadline.hosts.hermes.writing import Metadata, Reconciled, Told, Writing, as_it_is, target_of
from threadline.memory import Memory
from threadline.session.session import Session
from threadline.turns import Identity, Json, Message

#: An unfinished turn whose last row is older than this is taken as it is, in seconds. Its process may have died; if it
#: lives, the rest follows as a turn of its own. Long enough for most calls of tools, short enough for a restart.
PATIENCE = 60.0


class Described(TypedDict, total=False):
    """What a session that is new to the journal is opened with: see `Memory.session`."""

    identity: Identity | None
    tags: Sequence[str] | None
    metadata: Mapping[str, Json] | None


#: What to open a session with, by its id and what the log knows of it.
Describe = Callable[[str, HostSession | None], Described]

__all__ = ["PATIENCE", "Describe", "Described", "Metadata", "Reconciled", "Recorder"]


@dataclass
class _Watch:
    """How far a session of the log was read. It can be had again from the log at any time.

    Attributes:
        last: what the journal has of the log's last turn.
    """

    log: HostLog
    messages: int
    rewinds: int
    last: Held | None


@dataclass
class _Run:
    """One comparison, over one session or all: what was read of the log in it, and what it changed."""

    result: Reconciled = field(default_factory=Reconciled)
    logs: dict[str, tuple[HostLog, Lineage | None, str | None]] = field(default_factory=dict)
    numbers: dict[str, dict[int, int]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    kinds: dict[str, str] = field(default_factory=dict)


class Recorder:
    """Records the turns of one Hermes home in one bank. Any thread may call any method; so may several processes.

    Args:
        memory: where they go.
        hermes_home: the host's home, in which its log is.
        belongs: which sessions of the log are this bank's; all if not given.
        describe: what a session that is new to the journal is opened with.
        metadata: a turn's metadata.
        named: a message as it is recorded in a session, for who speaks by which name; its text stays.
        patience: how old, in seconds, the last row of an unfinished turn must be before it is taken as it is.
        clock: the time, in seconds since 1970, as the log has it.
    """

    def __init__(
        self,
        memory: Memory,
        hermes_home: Path,
        *,
        belongs: Callable[[HostSession], bool] | None = None,
        describe: Describe | None = None,
        metadata: Metadata | None = None,
        named: Callable[[str, Message], Message] | None = None,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._memory = memory
        self._db = StateDb(hermes_home)
        self._belongs = belongs
        self._describe = describe or _described
        self._metadata = metadata
        self._named = named or as_it_is
        self._patience = patience
        self._clock = clock
        self._lock = threading.RLock()
        self._watches: dict[str, _Watch] = {}
        self._unlogged: dict[str, Counter[str]] = {}
        self._unfinished: dict[str, float] = {}

    @property
    def problems(self) -> list[str]:
        """Why the log cannot be read, and what to do about it; empty where it can."""
        return [] if self._db.problem is None else [self._db.problem]

    def close(self) -> None:
        """Let go of the log. What was promised to be looked at again is found at the next start."""
        self._db.close()

    # Live

    def session(self, session_id: str, *, parent: str | None = None, reason: str | None = None) -> Session:
        """The session of that id, resumed where it had ended. A new one is made, with the lineage that the log knows.

        Args:
            parent, reason: where the host says it comes from (`branch` or `compression`), for where the log is away.

        Raises:
            InputError: the id cannot be used, or the session was forgotten.
        """
        with self._lock:
            return self._open(session_id, self._run(), Lineage.told(parent, reason, session_id))

    def turn(
        self, session_id: str, user: str, assistant: str, messages: Sequence[Mapping[str, object]] | None = None
    ) -> None:
        """Record a turn that the host hands over, and before it what the log has and the journal lacks.

        Args:
            user, assistant: what was said.
            messages: the host's whole list, for where the log does not have the turn.

        Raises:
            InputError: the id cannot be used, or the session was forgotten.
            StorageError: the journal could not be written.
        """
        with self._lock:
            told = Told(user, assistant, messages)
            if not self._follow(session_id, told):
                self._add_told(session_id, told)
            self._revisit()

    # By the log

    def catch_up(self, session_id: str, *, over: bool = False) -> Reconciled:
        """Bring one session's turns to what the log says of it.

        Args:
            over: its last turn is over, even if it has no answer: the process that went on with it is this one, which
                knows, or a dead one.

        Raises:
            StorageError: the journal could not be read or written.
        """
        with self._lock:
            run = self._run()
            self._catch_up(session_id, run, over)
            return run.result

    def reconcile(self, seen: dict[str, HostSession] | None = None) -> Reconciled:
        """Bring all sessions that belong here to what the log says. Doing it again changes nothing.

        Args:
            seen: how sessions were when they were last looked at. One that is as it was then is passed over; how the
                others are now is written down, but for those of which a turn may be going on.

        Raises:
            StorageError: the journal could not be read or written.
        """
        run = self._run()
        hosts = self._db.sessions()
        if hosts is None:
            run.result.skipped[str(self._db.path)] = self._db.problem or "it could not be read"
        for host in hosts or ():
            if self._belongs is not None and not self._belongs(host):
                continue
            if seen is not None and seen.get(host.id) == host:
                continue
            with self._lock:  # let go between sessions: a live turn goes first
                self._catch_up(host.id, run)
            if seen is not None and host.id not in self._unfinished:
                seen[host.id] = host
        return run.result

    def kept_turns(self, session_id: str) -> int:
        """How many of a session's last turns the host's model still has word for word; 0 where the log does not say."""
        with self._lock:
            host = self._db.session(session_id)
            log = self._read(host, self._run())[0] if host is not None else None
            session = self._known(session_id)
            return 0 if log is None or session is None else kept_turns(session_id, log, held(session.turns()))

    def _run(self) -> _Run:
        return _Run()

    def _catch_up(self, session_id: str, run: _Run, over: bool = False, told: Told | None = None) -> bool:
        """The same within a run.

        Returns:
            Whether the turn that the host told of is in the log.
        """
        if session_id in run.begun:
            return False
        run.begun.add(session_id)
        host = self._db.session(session_id)
        log, _, reason = self._read(host, run) if host is not None else (None, None, None)
        if host is None or log is None:
            run.result.skipped[session_id] = self._db.problem or "the log has no such session"
            return False
        if reason is not None and told is None:
            run.result.skipped[session_id] = reason
            return False
        try:
            session = self._known(session_id)
            if session is None and not self._worth_opening(log, host, over, told):
                return False
            return self._compare(session or self._open(session_id, run), host, log, run, over, told)
        except ForgottenError as error:
            run.result.skipped[session_id] = str(error)
            return True

    def _worth_opening(self, log: HostLog, host: HostSession, over: bool, told: Told | None) -> bool:
        if told is not None or any(line.undone for line in log.inherited):
            return True
        ready = [turn for turn in log.turns if not turn.undone and self._is_over(turn, log, host, over)]
        if log.turns and not ready:
            self._look_again(host.id)
        return bool(ready)

    def _compare(
        self, session: Session, host: HostSession, log: HostLog, run: _Run, over: bool, told: Told | None
    ) -> bool:
        """Bring the journal to what the log says of a session."""
        self._learn(session, run)
        journal = held(session.turns())
        matched = align(session.id, log.turns, journal)
        self._forget_copies(session, log, matched)
        # What is gone goes first: what was inherited can only be taken back while nothing stands behind it.
        undone = [one for turn in log.turns if turn.undone and (one := matched.get(id(turn))) is not None]
        gone = [number for one in undone for number in one.visible]
        run.result.retracted += session.take_back(*gone) if gone else []
        self._take_back_inherited(session, log, run)
        target = target_of(log.turns, told, matched) if told is not None else None
        last = log.turns.index(target) if target is not None else -1
        writing = Writing(session, run.result, {one.turn.host_key for one in journal}, self._metadata, self._named)
        for place, turn in enumerate(log.turns):
            one = matched.get(id(turn))
            if turn.undone:
                continue
            if place <= last or self._is_over(turn, log, host, over):
                found = writing.bring(
                    turn, one, told if turn is target else None, restored=_is_restored(turn, host, journal)
                )
                if found is not None:
                    matched[id(turn)] = found
            else:
                run.result.skipped[session.id] = "its last turn may still be going on"
                self._look_again(session.id)
        run.numbers[session.id] = {
            id(turn): one.parts[-1].number for turn in log.turns if (one := matched.get(id(turn)))
        }
        self._watch(session.id, host, log, matched)
        return target is not None

    def _is_over(self, turn: HostTurn, log: HostLog, host: HostSession, over: bool) -> bool:
        """Whether nothing more of a turn is to be awaited now. If more comes, it follows as a turn of its own."""
        if turn is not log.turns[-1] or turn.complete or over or host.ended_at is not None:
            return True
        return self._clock() - turn.last.timestamp > self._patience

    def _forget_copies(self, session: Session, log: HostLog, matched: dict[int, Held]) -> None:
        """Leave out what is in a block whose sources are gone from the log, if the journal has it anywhere in view."""
        doubtful = [turn for turn in log.turns if turn.doubtful and id(turn) not in matched]
        if doubtful:
            seen = {(one.user, one.answer) for one in held(session.history())}
            copies = {id(turn) for turn in doubtful if (turn.user, turn.answer) in seen}
            log.turns = [turn for turn in log.turns if id(turn) not in copies]

    def _take_back_inherited(self, session: Session, log: HostLog, run: _Run) -> None:
        """Take back for this session what was undone in it and said in the one that it comes from."""
        heads = [root for line in log.inherited if line.undone for root in line.roots()]
        undone = [head.turn for head in heads if head.turn is not None and head is head.turn.lines[0]]
        if not undone:
            return
        wanted = {(turn.user, turn.occurred_at) for turn in undone}
        seen = session.history()
        gone = [turn for turn in seen if (Held(turn).user, turn.occurred_at) in wanted]
        for turn in [turn for turn in gone if self._continues(session.id, turn.session, run)]:
            run.result.retracted += self._memory.find_session(turn.session).take_back(turn.number)
            seen.remove(turn)
            gone.remove(turn)
        if gone and seen[-len(gone) :] == gone:
            run.result.retracted += session.rewind(len(gone))
        elif gone:
            run.result.skipped[session.id] = (
                f"{len(gone)} turns that it inherited were undone in it, but it has said more since; "
                "`threadline forget` takes them out for good"
            )

    def _continues(self, session_id: str, ancestor: str, run: _Run) -> bool:
        """Whether it is the same conversation as an ancestor of it, so that what is undone in it is undone there."""
        while session_id != ancestor:
            _, lineage, _ = run.logs.get(session_id, (None, None, None))
            if lineage is None or lineage.kind != "continuation":
                return False
            session_id = lineage.parent
        return True

    # What the log says

    def _read(self, host: HostSession, run: _Run) -> tuple[HostLog | None, Lineage | None, str | None]:
        """A session of the log, how it descends, and why it is no talk with the user, if so."""
        if host.id in run.logs:
            return run.logs[host.id]
        rows = self._db.rows(host.id)
        if rows is None:
            return None, None, None
        run.logs[host.id] = (HostLog([]), None, None)  # should the parents go round in a circle
        marked = lineage_of(host, self._db.session(host.parent) if host.parent else None)
        parent = self._db.session(marked.parent) if marked is not None else None
        before = self._read(parent, run)[0] if parent is not None else None
        log = HostLog(rows, before)
        lineage = borne_out(marked, log)
        run.logs[host.id] = (log, lineage, why_not_talk(host, marked, lineage))
        return run.logs[host.id]

    def _known(self, session_id: str) -> Session | None:
        try:
            return self._memory.find_session(session_id)
        except UnknownSessionError:
            return None

    def _open(self, session_id: str, run: _Run, told: Lineage | None = None) -> Session:
        """The session, made with all that is known of it where it is new."""
        if self._known(session_id) is not None:
            return self._memory.session(session_id)
        host = self._db.session(session_id)
        session = self._memory.session(session_id, **self._describe(session_id, host))
        self._learn(session, run, told)
        return session

    def _learn(self, session: Session, run: _Run, told: Lineage | None = None) -> None:
        """Write down how a session descends, once that is known. Its parent is brought up to date first."""
        host = self._db.session(session.id)
        log, lineage, _ = self._read(host, run) if host is not None else (None, None, None)
        lineage = lineage or told
        if lineage is None or self._kind(session.id, run) != "fresh":
            return
        self._catch_up(lineage.parent, run, over=True)
        at_turn = self._fork_turn(lineage, log, run) if lineage.kind == "branch" else None
        try:
            if self._known(lineage.parent) is None:
                self._open(lineage.parent, run)  # nothing was said in it, but it has a parent itself
            session.descend(lineage.parent, lineage.kind, at_turn=at_turn)
        except InputError as error:
            run.result.skipped[session.id] = str(error)
        else:
            run.result.lineages.append(session.id)
        run.kinds[session.id] = lineage.kind

    def _fork_turn(self, lineage: Lineage, log: HostLog | None, run: _Run) -> int | None:
        """The number of the last turn of its parent that a branch inherits; None: the journal's order says."""
        parent = run.logs.get(lineage.parent)
        numbers = run.numbers.get(lineage.parent)
        if log is None or parent is None or numbers is None or not log.inherited:
            return None
        place = fork_turn(log, parent[0])
        if place is None:
            return 0
        before = [numbers[id(turn)] for turn in parent[0].turns[: place + 1] if id(turn) in numbers]
        return before[-1] if before else 0

    def _kind(self, session_id: str, run: _Run) -> str:
        """How the journal says that a session descends."""
        if session_id not in run.kinds:
            run.kinds.update({session.id: session.kind for session in self._memory.sessions()})
        return run.kinds.get(session_id, "fresh")

    # Following a live session

    def _watch(self, session_id: str, host: HostSession, log: HostLog, matched: Mapping[int, Held]) -> None:
        last = matched.get(id(log.turns[-1])) if log.turns else None
        self._watches[session_id] = _Watch(log.follower(), host.messages, host.rewinds, last)

    def _follow(self, session_id: str, told: Told) -> bool:
        """Record what was added to the log since it was last read. Whether what the host told of is in it."""
        host = self._db.session(session_id)
        if host is None:
            return False
        turns = self._added(session_id, host)
        target = target_of(turns, told, {}) if turns is not None else None
        if turns is None or target is None:  # it may be handed over late: then it is further back
            return self._catch_up(session_id, self._run(), told=told)
        watch = self._watches[session_id]
        writing = Writing(self._open(session_id, self._run()), Reconciled(), None, self._metadata, self._named)
        for turn in turns[: turns.index(target) + 1]:
            watch.last = writing.bring(turn, watch.last if turn is turns[0] else None, told if turn is target else None)
        if turns[-1] is not target:
            self._watches.pop(session_id)  # its next turn has begun: it is read again when that is over
        return True

    def _added(self, session_id: str, host: HostSession) -> list[HostTurn] | None:
        """The last turn that was known, and those that were added; None where all has to be read again."""
        watch = self._watches.get(session_id)
        if watch is None or host.rewinds != watch.rewinds:
            return None
        del self._watches[session_id]
        seen, known = watch.log.last_row, watch.log.turns[-1:]
        rows = self._db.rows(session_id, seen)
        row = self._db.row(session_id, seen) if seen else None
        same = rows is not None and host.messages - watch.messages == len(rows)
        if rows is None or not same or (seen and (row is None or not row.active)):
            return None
        turns = watch.log.add(rows)
        if turns is None or (known and watch.last is None):
            return None
        watch.messages = host.messages
        self._watches[session_id] = watch
        return [*known, *(turn for turn in turns if turn not in known)]

    def _look_again(self, session_id: str) -> None:
        self._unfinished[session_id] = self._clock() + self._patience

    def _revisit(self) -> None:
        """Look again at sessions of other processes whose last turn had no answer: they may have died in it."""
        now = self._clock()
        for session_id in [name for name, due in self._unfinished.items() if due <= now]:
            del self._unfinished[session_id]
            self._catch_up(session_id, self._run())

    # Without a log

    def _add_told(self, session_id: str, told: Told) -> None:
        """Record a turn that the log does not have (yet)."""
        session = self._open(session_id, self._run())
        watch = self._watches.pop(session_id, None)
        if session_id not in self._unlogged:
            self._unlogged[session_id] = Counter(one.user for one in held(session.turns()))
        said = self._unlogged[session_id]
        place = 1 + max(said[told.said], watch.log.times_said(told.said) if watch else 0)
        while session.find_turn(turn_key(session_id, told.said, place)) is not None:
            place += 1
        metadata = self._metadata(session_id, told.listed, said.total() + 1) if self._metadata else None
        key = turn_key(session_id, told.said, place)
        listed = [self._named(session_id, message) for message in told.listed]
        session.add_turn(messages=listed, host_key=key, metadata=metadata)
        said[told.said] = place


def _is_restored(turn: HostTurn, host: HostSession, journal: Sequence[Held]) -> bool:
    """Whether a turn that was taken back, and is not so in the log, was restored there, and this is not known yet.

    Where the log never had an undo, it only does not know of it; in a session that another one continues, the undo may
    stand in that one. What was restored is recorded as a further turn, and once: undone again, it stays so.
    """
    if host.rewinds == 0 or host.end_reason == "compression":
        return False
    return sum(one.user == turn.user and one.turn.occurred_at == turn.occurred_at for one in journal) < 2


def _described(_: str, host: HostSession | None) -> Described:
    """What the log knows of where a session comes from."""
    if host is None:
        return {}
    identity = Identity(platform=host.source, user=host.user, chat=host.chat, thread=host.thread, agent=host.profile)
    return {"identity": identity, "metadata": {"session_title": host.title} if host.title else None}
