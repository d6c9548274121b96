"""What hosts do: events drawn at random, each held against the model at the instant it is committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from threadline import ForgottenError, LineageError, Message, Session, UnknownTurnError
from threadline.errors import BackendUnavailableError, ClosedError
from threadline.journal import deliveries, forgetting
from threadline.session.recall import RecallOptions, recall_bank
from threadline.session.session import add_note, open_session

from .model import COMMON, Bank, expect
from .process import Process
from .world import BROKEN, STUCK, Gone, Violation, World

#: How many sessions a bank has at most.
SESSIONS = 6

_LARGE: RecallOptions = {"max_tokens": 100_000, "limit": 1000}


@dataclass(frozen=True, slots=True)
class Submission:
    """Something said under a key, which may be submitted again by anybody."""

    session: str | None
    word: str
    messages: int


class Story:
    """What all hosts of a bank share: how much they still have to do, and what they have said."""

    def __init__(self, world: World, bank: Bank, events: int) -> None:
        self.bank = bank
        self.left = events
        self.turns: list[Submission] = []
        self.notes: list[Submission] = []
        self._world = world
        self._count = 0

    def word(self) -> str:
        self._count += 1
        return f"{self.bank.name[0]}{self._count}"

    def name(self) -> str:
        return f"s{self._world.chance.randrange(SESSIONS)}"


class Host:
    """One thread of a host: it is in one session and still has those it came from."""

    def __init__(self, world: World, process: Process, story: Story) -> None:
        self._world = world
        self._chance = world.chance
        self._process = process
        self._story = story
        self._bank = story.bank
        self._been: list[Session] = []
        self._prefetches: list[tuple[str, str, Any]] = []
        self._watched: dict[str, Callable[[Any], None]] = {}
        self._session: Session

    def live(self) -> None:
        """For an actor."""
        if self._world.actor is not None:
            self._world.actor.committed = lambda name, result: self._watched.get(name, _nothing)(result)
        try:
            self._session = self._open(self._story.name())
            while self._story.left > 0:
                self._story.left -= 1
                self._world.pause()
                self._do(self._chance.choices(_NAMES, _WEIGHTS)[0])
        except ClosedError:
            expect(self._process.closing, BROKEN, "closed, although nobody closed it")
        except (Gone, Violation):
            raise
        except Exception as error:
            raise Violation(BROKEN, f"{type(error).__name__}: {error}") from error

    def _do(self, event: str) -> None:
        self._world.count(f"host.{event}")
        self._world.say(f"{event}, in {self._session.id}")
        if self._process.closing:
            self._world.count("host.while closing")
        try:
            EVENTS[event][1](self)
        except ForgottenError as error:
            raise Violation(BROKEN, f"{event}: {error}") from error
        except BackendUnavailableError:
            expect("call" in event or "prefetch" in event, BROKEN, f"{event} waits for the backend")
        except RuntimeError as error:
            expect("has a bug" in str(error), BROKEN, f"{event}: {type(error).__name__}: {error}")
        finally:
            self._watched.clear()

    # What is said

    def _turn(self) -> None:
        word = self._story.word()
        one = Submission(self._session.id, word, self._chance.randint(1, 2))
        if self._chance.random() < 0.6:
            self._story.turns.append(one)
            self._submit(self._session, one, word)
        else:
            self._submit(self._session, one, None)

    def _late_turn(self) -> None:
        """It was said in a session that the host has left since."""
        if self._been:
            word = self._story.word()
            session = self._chance.choice(self._been)
            one = Submission(session.id, word, 1)
            self._story.turns.append(one)
            self._submit(session, one, word)

    def _turn_again(self) -> None:
        """A host that is not sure submits it again, or another host does."""
        if self._story.turns:
            one = self._chance.choice(self._story.turns[-12:])
            self._submit(self._open(str(one.session)), one, one.word)

    def _submit(self, session: Session, one: Submission, key: str | None) -> None:
        roles: Any = ("user", "assistant")
        messages = [Message(role, f"{COMMON} {one.word}") for role in roles[: one.messages]]
        self._watch("journal.turn", lambda turn: self._bank.said(session.id, one.word, key, one.messages, turn))
        try:
            session.add_turn(messages=messages, host_key=key, occurred_at=self._world.wall())
        except ForgottenError:
            known = self._bank.turn_of(session.id, key)
            expect(known is not None and known.forgotten, BROKEN, f"{one.word} was refused as forgotten")
        else:
            expect(one.word in self._bank.words, BROKEN, f"{one.word} was acknowledged before it was kept")

    def _note(self) -> None:
        one = Submission(self._session.id, self._story.word(), 1)
        self._story.notes.append(one)
        self._submit_note(self._session, one, one.word if self._chance.random() < 0.6 else None)

    def _bank_note(self) -> None:
        one = Submission(None, self._story.word(), 1)
        self._story.notes.append(one)
        self._submit_note(None, one, one.word)

    def _note_again(self) -> None:
        keyed = [one for one in self._story.notes if one.word in self._bank.note_keys or one.session is None]
        if keyed:
            one = self._chance.choice(keyed[-6:])
            self._submit_note(None if one.session is None else self._open(one.session), one, one.word)

    def _submit_note(self, session: Session | None, one: Submission, key: str | None) -> None:
        text = f"{COMMON} {one.word}"
        self._watch("journal.note", lambda note: self._bank.noted(one.session, one.word, key, note))
        if session is not None:
            session.note(text, host_key=key, occurred_at=self._world.wall())
        else:
            add_note(self._process.context, None, text, (), None, self._world.wall(), key, None)

    # Where it goes

    def _go_elsewhere(self) -> None:
        self._go(self._open(self._story.name()))

    def _switch(self) -> None:
        reason: Any = self._chance.choice(("new", "reset", "resume", "branch", "compression"))
        target = self._chance.choice((self._story.name(), self._story.name(), self._session.id, "", None))
        parent = self._chance.choice((None, None, self._session.id, self._story.name()))
        at_turn = self._at_turn(parent or self._session.id) if reason == "branch" else None
        self._world.say(f"switch to {target!r}, {reason}, from {parent}, at {at_turn}")
        self._world.count(f"host.switch {reason}")
        self._watch_switch(reason, target, parent, at_turn)
        self._try_fork(
            lambda: self._session.switch(target, reason=reason, parent=parent, at_turn=at_turn), parent, at_turn
        )

    def _branch(self) -> None:
        target, at_turn = self._story.name(), self._at_turn(self._session.id)
        self._world.say(f"branch {target} at {at_turn}")
        self._watch_switch("branch", target, None, at_turn)
        self._try_fork(lambda: self._session.branch(target, at_turn=at_turn), None, at_turn)

    def _continuation(self) -> None:
        target = self._story.name()
        self._world.say(f"continuation {target}")
        self._watch_switch("compression", target, None, None)
        self._try_fork(lambda: self._session.continuation(target), None, None)

    def _watch_switch(self, reason: str, target: str | None, parent: str | None, at_turn: int | None) -> None:
        here = self._session.id
        origin = parent or here
        predecessor = parent if reason in ("new", "reset") else None

        def opened(record: Any) -> None:
            self._bank.opened(record.id, predecessor if record.id == target else None)

        self._watch("journal.session", opened)
        self._watch("journal.leave", lambda _: self._left(here))
        self._watch("journal.compress", lambda _: self._left(here))

        def forked(record: Any) -> None:
            new = record.id not in self._bank.views
            self._bank.forked(record.kind, record.id, origin, at_turn)
            if new:
                self._expect_no_buffer(origin)

        self._watch("journal.branch", forked)
        self._watch("journal.continuation", forked)

    def _try_fork(self, fork: Callable[[], Session], parent: str | None, at_turn: int | None) -> None:
        here = self._session.id
        try:
            self._go(fork())
        except LineageError:
            self._world.count("host.fork refused")
        except UnknownTurnError:
            known = self._bank.views[parent or here]
            expect((at_turn or 0) > known.given, BROKEN, f"{known.id} has turn {at_turn}, but no branch forks there")

    def _at_turn(self, name: str) -> int | None:
        known = self._bank.views.get(name)
        if known is None or self._chance.random() < 0.5:
            return None
        return self._chance.randint(0, known.given + (self._chance.random() < 0.1))

    def _compress(self) -> None:
        here = self._session.id
        self._watch("journal.compress", lambda _: self._left(here))
        self._session.compress()

    def _leave(self) -> None:
        here = self._session.id
        self._watch("journal.leave", lambda _: self._left(here))
        self._session.leave()

    def _end(self) -> None:
        here = self._session.id
        self._watch("journal.end", lambda _: self._left(here))
        self._session.end()
        if self._chance.random() < 0.5:
            self._go(self._open(self._story.name()))

    def _flush(self) -> None:
        here = self._session.id
        self._watch("journal.close", lambda _: self._expect_no_buffer(here))
        self._session.flush()

    def _hurry(self) -> None:
        self._process.desk.hurry()

    def _retry(self) -> None:
        """Somebody has what was refused for good tried again; it may come behind what came after it."""
        journal, bank = self._process.journal, self._process.context.bank
        dead = deliveries.deliveries(journal, bank, ("dead",))
        if dead:
            self._world.count("host.retried")
            self._bank.retried |= {each.document for each in dead}
            deliveries.retry(journal, bank)
            self._process.desk.wake()

    # What is taken back

    def _rewind(self) -> None:
        turns = self._chance.randint(1, 3)
        here = self._session.id
        self._watch("journal.rewind", lambda gone: self._bank.rewound(here, turns, gone))
        self._world.say(f"rewind {here} by {turns}")
        try:
            self._session.rewind(turns)
        except UnknownTurnError:
            seen = len(self._bank.views[here].turns())
            expect(seen < turns, BROKEN, f"{here} has {seen} turns and refused to take back {turns}")

    def _rewind_to(self) -> None:
        here = self._session.id
        words = [one.text for one in self._bank.views[here].turns()]
        kept = words[: max(0, len(words) - self._chance.randint(0, 2))]
        kept = kept[self._chance.randint(0, 2) if len(kept) > 3 else 0 :]
        self._world.say(f"rewind {here} to {kept}")
        self._watch("journal.rewind", lambda gone: self._bank.rewound(here, self._bank.undone(here, kept), gone))
        try:
            self._session.rewind_to([f"{COMMON} {word}" for word in kept])
        except UnknownTurnError:
            undone = self._bank.undone(here, kept)
            expect(undone is None, BROKEN, f"{here} refused to take back {undone} turns")

    def _forget(self) -> None:
        here = self._session
        turns = [one for one in self._bank.views[here.id].said if one.number and not one.forgotten]
        if turns:
            one = self._chance.choice(turns)
            self._world.say(f"forget {one.text}")
            self._watch("journal.forget", lambda _: self._bank.forgot(one))
            context = self._process.context
            try:
                forgetting.forget_turn(context.journal, context.bank, here._record, one.number or 0)
            except UnknownTurnError:
                expect(one.forgotten, BROKEN, f"{one.text} cannot be forgotten")
            context.writer.wake()

    # What is remembered

    def _query(self) -> str:
        words = [one.text for one in self._bank.everything()]
        return self._chance.choice(words[-20:]) if words and self._chance.random() < 0.3 else COMMON

    def _prefetch(self) -> None:
        query, scope = self._query(), self._scope()
        self._prefetches.append((self._session.id, query, scope))
        self._session.prefetch(query, scope=scope, **_LARGE)

    def _prefetched(self) -> None:
        """Perhaps in another session than it was begun for."""
        if not self._prefetches:
            return
        name, query, scope = self._chance.choice(self._prefetches[-2:])
        session = self._session if self._chance.random() < 0.5 else self._open(name)
        found = session.prefetched(query, self._chance.choice((0.0, 0.1, 5.0)), scope=scope, **_LARGE)
        if found:
            self._world.count("host.served")
            self._bank.check_served(session.id, self._process.prefetcher.began(found))
        whose = session.id if scope == "session" else None
        self._bank.check_recalled(whose, found, self._bank.hidden(whose), query)

    def _recall(self) -> None:
        self._recall_now(fresh=False)

    def _fresh_recall(self) -> None:
        self._recall_now(fresh=True)

    def _recall_now(self, fresh: bool) -> None:
        query, scope = self._query(), self._scope()
        session = self._session
        name = session.id if scope == "session" else None
        hidden = self._bank.hidden(name)
        if name is None and not fresh:
            found = recall_bank(self._process.context, query, _LARGE)
        else:
            found = session.recall(query, scope=scope, fresh=fresh, **_LARGE)
        self._bank.check_recalled(name, found, hidden, query)

    def _scope(self) -> Any:
        return "bank" if self._chance.random() < 0.2 else "session"

    # Parts of the above

    def _open(self, name: str) -> Session:
        self._watch("journal.session", lambda record: self._bank.opened(record.id))
        return open_session(self._process.context, name)

    def _go(self, session: Session) -> None:
        expect(session.id in self._bank.views, BROKEN, f"{session.id} was opened, and is not there")
        if session.id != self._session.id:
            self._been = [*self._been[-3:], self._session]
        self._session = session

    def _left(self, name: str) -> None:
        self._bank.left(name)
        self._expect_no_buffer(name)

    def _expect_no_buffer(self, name: str) -> None:
        expect(not self._process.is_buffered(name), STUCK, f"{name} was left with turns in no batch")

    def _watch(self, name: str, committed: Callable[[Any], None]) -> None:
        """Have this called when this host has committed a write of that name."""
        self._watched[name] = committed


def _nothing(result: Any) -> None:
    pass


#: Everything that a host does: how likely it is, and how.
EVENTS: dict[str, tuple[int, Callable[[Host], None]]] = {
    "turn": (40, Host._turn),
    "late turn": (8, Host._late_turn),
    "turn again": (8, Host._turn_again),
    "note": (5, Host._note),
    "note again": (2, Host._note_again),
    "bank note": (2, Host._bank_note),
    "open": (4, Host._go_elsewhere),
    "switch": (12, Host._switch),
    "branch": (5, Host._branch),
    "continuation": (3, Host._continuation),
    "compress": (2, Host._compress),
    "leave": (2, Host._leave),
    "end": (3, Host._end),
    "flush": (3, Host._flush),
    "rewind": (8, Host._rewind),
    "rewind to": (4, Host._rewind_to),
    "forget": (1, Host._forget),
    "prefetch": (8, Host._prefetch),
    "prefetched": (10, Host._prefetched),
    "recall": (4, Host._recall),
    "fresh recall": (1, Host._fresh_recall),
    "hurry": (1, Host._hurry),
    "retry": (2, Host._retry),
}
_NAMES = list(EVENTS)
_WEIGHTS = [weight for weight, _ in EVENTS.values()]
