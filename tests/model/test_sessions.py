"""The session API, driven at random by two processes' worth of memories over two banks, against `views`."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from threadline import ForgottenError, Memory, Message, Recalled, Session, UnknownTurnError

from .views import Said, View, seers

BANKS = ("first", "second")
COMMON = "common"  # a word that is in everything said
SESSIONS = 7

#: Set, it is the number of examples, and they are new ones each time.
EXAMPLES = os.environ.get("THREADLINE_EXAMPLES")

PASSAGES = "SELECT name, turn, position, text FROM passages p JOIN documents d ON d.id = p.document ORDER BY p.id"

PICK = st.integers(0, 99)
VIA = st.sampled_from((0, 1))
BANK = st.sampled_from(BANKS)

Found = tuple[str | None, int | None, int, str]  # session, turn, position, text


class Bank:
    """What the model knows of one bank."""

    def __init__(self) -> None:
        self.views: list[View] = []
        self.notes: list[Said] = []  # the bank's own
        self.buffered: dict[View, int] = {}
        self.writer: dict[View, int] = {}

    @property
    def live(self) -> list[View]:
        return [view for view in self.views if not view.forgotten]

    def everything(self) -> list[Said]:
        return [one for view in self.views for one in view.said] + self.notes

    def delivered(self, view: View) -> None:
        self.buffered[view] = 0


class Conversations(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="threadline-model-")
        self.home = Path(self.folder.name)
        self.memories: dict[tuple[str, int], Memory] = {}
        self.banks = {name: Bank() for name in BANKS}
        self.count = 0
        self.batch = 1
        self.begun: dict[tuple[str, View, int], str] = {}  # prefetches: where, and for which query

    @initialize(batch=st.integers(1, 4))
    def begin(self, batch: int) -> None:
        self.batch = batch
        for bank in BANKS:
            self._open(bank, f"{bank}-root", 0)

    # What hosts do

    @precondition(lambda self: any(len(bank.views) < SESSIONS for bank in self.banks.values()))
    @rule(bank=BANK, via=VIA)
    def open_another(self, bank: str, via: int) -> None:
        if len(self.banks[bank].views) < SESSIONS:
            self._open(bank, self._name(bank), via)

    @rule(bank=BANK, via=VIA, pick=PICK, keyed=st.booleans(), messages=st.integers(1, 2))
    def add_turn(self, bank: str, via: int, pick: int, keyed: bool, messages: int) -> None:
        self._say(bank, via, self._pick(bank, pick), keyed, messages)

    @rule(bank=BANK, via=VIA, pick=PICK, turns=st.integers(2, 5))
    def talk(self, bank: str, via: int, pick: int, turns: int) -> None:
        for _ in range(turns):
            self._say(bank, via, self._pick(bank, pick), keyed=True, messages=1)

    @rule(bank=BANK, via=VIA, pick=PICK)
    def submit_again(self, bank: str, via: int, pick: int) -> None:
        keyed = [one for one in self.banks[bank].everything() if one.key]
        if not keyed:
            return
        one = keyed[pick % len(keyed)]
        assert one.session is not None
        if one.session.forgotten:
            with pytest.raises(ForgottenError):
                self._memory(bank, via).session(one.session.id)
        elif one.forgotten:
            with pytest.raises(ForgottenError):
                self._session(bank, one.session, via).add_turn(messages=_messages(one), host_key=one.key)
        else:
            turn = self._session(bank, one.session, via).add_turn(messages=_messages(one), host_key=one.key)
            assert (turn.session, turn.number) == (one.session.id, one.number)
            assert turn.taken_back == (one in one.session.lost)

    @rule(bank=BANK, via=VIA, pick=PICK, own=st.booleans())
    def note(self, bank: str, via: int, pick: int, own: bool) -> None:
        if own:
            one = Said(None, None, self._word())
            self.banks[bank].notes.append(one)
            note = self._memory(bank, via).retain(f"{COMMON} {one.text}")
            assert note.session is None
        else:
            view = self._pick(bank, pick)
            one = view.note(self._word())
            note = self._session(bank, view, via).note(f"{COMMON} {one.text}")
            assert note.session == view.id

    @rule(bank=BANK, via=VIA, pick=PICK, back=st.none() | st.integers(0, 4))
    def branch(self, bank: str, via: int, pick: int, back: int | None) -> None:
        """With a number, at an earlier turn; else at the latest."""
        known = self.banks[bank]
        if len(known.views) < SESSIONS:
            view = self._pick(bank, pick)
            at_turn = None if back is None else max(0, view.given - back)
            name = self._name(bank)
            session = self._session(bank, view, via)
            assert session.branch(name, at_turn=at_turn).id == session.branch(name).id == name
            known.views.append(view.branch(name, at_turn))
            known.delivered(view)

    @rule(bank=BANK, via=VIA, pick=PICK)
    def continue_(self, bank: str, via: int, pick: int) -> None:
        known = self.banks[bank]
        if len(known.views) < SESSIONS:
            view = self._pick(bank, pick)
            name = self._name(bank)
            self._session(bank, view, via).continuation(name)
            known.views.append(view.continuation(name))
            known.delivered(view)

    @rule(bank=BANK, via=VIA, pick=PICK, other=PICK)
    def switch(self, bank: str, via: int, pick: int, other: int) -> None:
        left, target = self._pick(bank, pick), self._pick(bank, other)
        assert self._session(bank, left, via).switch(target.id).id == target.id
        if left is not target:
            self.banks[bank].delivered(left)

    @rule(bank=BANK, via=VIA, pick=PICK, turns=st.integers(1, 4))
    def rewind(self, bank: str, via: int, pick: int, turns: int) -> None:
        view = self._pick(bank, pick)
        session = self._session(bank, view, via)
        if turns > len(view.turns()):
            with pytest.raises(UnknownTurnError):
                session.rewind(turns)
        else:
            gone = view.rewind(turns)
            assert session.rewind(turns) == [(one.session.id, one.number) for one in gone if one.session]

    @rule(bank=BANK, via=VIA, pick=PICK, numbers=st.sets(st.integers(1, 6), min_size=1, max_size=3))
    def take_back(self, bank: str, via: int, pick: int, numbers: set[int]) -> None:
        view = self._pick(bank, pick)
        session = self._session(bank, view, via)
        if max(numbers) > view.given:
            with pytest.raises(UnknownTurnError):
                session.take_back(*numbers)
        else:
            gone = view.take_back(numbers)
            assert session.take_back(*numbers) == [(one.session.id, one.number) for one in gone if one.session]

    @rule(bank=BANK, via=VIA, pick=PICK)
    def end(self, bank: str, via: int, pick: int) -> None:
        view = self._pick(bank, pick)
        self._session(bank, view, via).end()
        self.banks[bank].delivered(view)

    # What processes do

    @rule(bank=BANK, via=VIA)
    def reopen(self, bank: str, via: int) -> None:
        memory = self.memories.pop((bank, via), None)
        if memory is not None:
            memory.close()
            known = self.banks[bank]
            for view in [view for view, writer in known.writer.items() if writer == via]:
                known.delivered(view)
            self.begun = {at: query for at, query in self.begun.items() if (at[0], at[2]) != (bank, via)}

    @rule(bank=BANK, via=VIA)
    def flush(self, bank: str, via: int) -> None:
        self._flush(bank, via)

    # What people ask for

    @rule(bank=BANK, via=VIA, pick=PICK)
    def forget_turn(self, bank: str, via: int, pick: int) -> None:
        known = self.banks[bank]
        turns = [one for one in known.everything() if one.number is not None and not one.forgotten]
        if turns:
            one = turns[pick % len(turns)]
            assert one.session is not None
            proof = self._memory(bank, via).forget(session=one.session.id, turn=one.number)
            one.forgotten = True
            assert proof.complete
            assert not proof.traces

    @precondition(lambda self: self.count > 10)
    @rule(bank=BANK, via=VIA, pick=PICK)
    def forget_session(self, bank: str, via: int, pick: int) -> None:
        known = self.banks[bank]
        if len(known.live) > 2:
            view = self._pick(bank, pick)
            stale = self._session(bank, view, via)
            proof = self._memory(bank, via).forget(session=view.id)
            view.forget()
            known.delivered(view)
            assert proof.complete
            assert not proof.traces
            for use in (lambda: stale.add_turn(user="late"), lambda: stale.note("late"), lambda: stale.branch("late")):
                with pytest.raises(ForgottenError):
                    use()

    # What is remembered

    @rule(bank=BANK, via=VIA, pick=PICK, settled=st.booleans())
    def prefetch(self, bank: str, via: int, pick: int, settled: bool) -> None:
        if settled:
            self._flush(bank, via)
        view = self._pick(bank, pick)
        seen = view.sees()
        query = seen[pick % len(seen)].text if seen and pick % 2 else COMMON
        self._session(bank, view, via).prefetch(query, limit=1000, max_tokens=100_000)
        self.begun[bank, view, via] = query

    @precondition(lambda self: self.begun)
    @rule(pick=PICK, other=PICK, elsewhere=st.booleans())
    def take_prefetched(self, pick: int, other: int, elsewhere: bool) -> None:
        """Ask for what was prefetched, perhaps in another session, perhaps after a switch, a rewind or a forget."""
        (bank, view, via), query = list(self.begun.items())[pick % len(self.begun)]
        if elsewhere or view.forgotten:
            view = self._pick(bank, other)
        found = self._session(bank, view, via).prefetched(query, 10.0, limit=1000, max_tokens=100_000)
        assert _counted(found) <= _expected(_with(query, view.sees()))

    @rule(bank=BANK, via=VIA, pick=PICK)
    def recall_one(self, bank: str, via: int, pick: int) -> None:
        known = self.banks[bank]
        everything = known.everything()
        if not everything:
            return
        self._flush(bank, via)
        one = everything[pick % len(everything)]
        view = self._pick(bank, pick)
        session = self._session(bank, view, via)
        assert _counted(session.recall(one.text)) == _expected([one] if one in view.sees() else [])
        visible = one in known.notes or bool(seers(known.views, one))
        found = _counted(session.recall(one.text, scope="bank"))
        assert sum(found.values()) == (one.messages if visible else 0)

    @rule(bank=BANK, via=VIA)
    def look(self, bank: str, via: int) -> None:
        self._look(bank, via)

    @invariant()
    def buffer_is_as_small_as_promised(self) -> None:
        for (bank, _), memory in self.memories.items():
            known = self.banks[bank]
            status = memory.status()
            assert status.buffered == sum(known.buffered.values())
            assert status.turns == sum(1 for one in known.everything() if one.number and not one.forgotten)
            assert status.dead_letters == 0

    def teardown(self) -> None:
        with self.folder:
            try:
                for bank in BANKS:
                    self._look(bank, 1)
            finally:
                for memory in self.memories.values():
                    memory.close()
            for bank in BANKS:
                self._compare_stored(bank)

    # Parts of the above

    def _open(self, bank: str, name: str, via: int) -> None:
        self._memory(bank, via).session(name)
        self.banks[bank].views.append(View(name))

    def _say(self, bank: str, via: int, view: View, keyed: bool, messages: int) -> None:
        known = self.banks[bank]
        word = self._word()
        one = view.say(word, f"key-{word}" if keyed else None, messages)
        turn = self._session(bank, view, via).add_turn(messages=_messages(one), host_key=one.key)
        assert (turn.session, turn.number) == (view.id, one.number)
        known.buffered[view] = (known.buffered.get(view, 0) + 1) % self.batch
        known.writer[view] = via

    def _memory(self, bank: str, via: int) -> Memory:
        if (bank, via) not in self.memories:
            self.memories[bank, via] = Memory.open(
                self.home,
                bank=bank,
                embedder="none",
                redact=False,
                retain_every_n_turns=self.batch,
                idle_seconds=3600,
            )
        return self.memories[bank, via]

    def _session(self, bank: str, view: View, via: int) -> Session:
        return self._memory(bank, via).session(view.id)

    def _pick(self, bank: str, pick: int) -> View:
        live = self.banks[bank].live
        return live[pick % len(live)]

    def _name(self, bank: str) -> str:
        return f"{bank}/{len(self.banks[bank].views)}"

    def _word(self) -> str:
        self.count += 1
        return f"zebra{self.count}q"

    def _flush(self, bank: str, via: int) -> None:
        memory = self._memory(bank, via)
        assert memory.flush(20.0)
        for view in self.banks[bank].views:
            self.banks[bank].delivered(view)
        assert memory.status().undelivered == 0

    def _look(self, bank: str, via: int) -> None:
        """Compare the journal and every recall with the model."""
        self._flush(bank, via)
        known = self.banks[bank]
        memory = self._memory(bank, via)
        assert {one.id for one in memory.sessions()} == {view.id for view in known.live}
        for view in known.live:
            session = self._session(bank, view, via)
            own = [(t.number, t.taken_back) for t in session.turns()]
            assert own == [(s.number, s in view.lost) for s in view.said if s.number and not s.forgotten]
            history = [(turn.session, turn.number) for turn in session.history()]
            assert history == [(one.session.id, one.number) for one in view.turns() if one.session]
            found = session.recall(COMMON, limit=1000, max_tokens=100_000)
            assert _counted(found) == _expected(view.sees())
        self._compare_bank(bank, memory)

    def _compare_bank(self, bank: str, memory: Memory) -> None:
        known = self.banks[bank]
        found = memory.recall(COMMON, limit=1000, max_tokens=100_000)
        shown = {_word_of(one.text): one.session for one in found}
        expected: Counter[Found] = _expected(one for one in known.notes if not one.forgotten)
        for one in known.everything():
            sees = seers(known.views, one)
            if not sees:
                continue
            if one.session in sees or one.number is None:
                expected += _expected([one])
            else:  # its own session took it back, so it is shown as one of those that kept it
                assert shown.get(one.text) in {view.id for view in sees}
                expected += _expected([one], shown[one.text])
        assert _counted(found) == expected

    def _compare_stored(self, bank: str) -> None:
        """The backend holds, in turn order, what anybody sees, and nothing else."""
        known = self.banks[bank]
        path = self.home / "banks" / bank / "memory.db"
        stored: dict[str, list[tuple[int, int, str]]] = {}
        if path.exists():
            connection = apsw.Connection(str(path))
            for name, *rest in connection.execute(PASSAGES):
                stored.setdefault(name, []).append((rest[0], rest[1], _word_of(rest[2])))
            connection.close()
        notes = Counter(place[2] for name, places in stored.items() if name.startswith("note:") for place in places)
        wanted = [one for view in known.views for one in view.said if one.number is None and not one.forgotten]
        assert notes == Counter(one.text for one in wanted + known.notes)
        for view in known.views:
            expected = [
                (one.number, position, one.text)
                for one in view.said
                if one.number is not None and seers(known.views, one)
                for position in range(one.messages)
            ]
            assert stored.pop(f"session:{view.id}", []) == expected
        assert all(name.startswith("note:") for name in stored)


def _messages(one: Said) -> list[Message]:
    roles = ("user", "assistant")
    return [Message(role, f"{COMMON} {one.text} {role}") for role in roles[: one.messages]]  # type: ignore[arg-type]


def _word_of(text: str) -> str:
    return text.split()[1]


def _counted(found: Iterable[Recalled]) -> Counter[Found]:
    return Counter((one.session, one.turn, one.position, _word_of(one.text)) for one in found)


def _expected(seen: Iterable[Said], shown_as: str | None = None) -> Counter[Found]:
    return Counter(place for one in seen for place in _places(one, shown_as))


def _places(one: Said, shown_as: str | None) -> Iterator[Found]:
    session = shown_as or (one.session.id if one.session else None)
    for position in range(one.messages):
        yield session, one.number, position, one.text


def _with(query: str, seen: Iterable[Said]) -> list[Said]:
    return [one for one in seen if query in (COMMON, one.text)]


Conversations.TestCase.settings = settings(
    max_examples=int(EXAMPLES or 500),
    stateful_step_count=40,
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestConversations = Conversations.TestCase
