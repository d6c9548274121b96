from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from threadline import (
    ForgottenError,
    InputError,
    Memory,
    Message,
    NewerVersionError,
    Session,
    TranscriptError,
    UnknownTurnError,
    archive,
)
from threadline.journal.archive import ForgottenEntry, NoteEntry, RewindEntry, SessionEntry, TurnEntry
from threadline.journal.journal import Journal


def lines(home: Path, bank: str = "default") -> list[str]:
    with contextlib.closing(Journal(home)) as journal:
        return list(archive.write(journal, journal.bank(bank)))


def restore(home: Path, lines: Sequence[str], bank: str = "default") -> list[str]:
    """What became of each line."""
    outcomes: list[str] = []
    with contextlib.closing(Journal(home)) as journal:
        into = journal.bank(bank)
        for line in lines:
            entry = archive.parse(line)
            if isinstance(entry, archive.Header | archive.End):
                continue
            try:
                outcomes.append(archive.restore(journal, into, entry, max_megabytes=1)[0])
            except InputError as error:
                outcomes.append(type(error).__name__)
        journal.close_batches(into)
    return outcomes


def seen(home: Path) -> object:
    """What every session and the bank see."""
    with Memory.open(home, embedder="none") as memory:
        memory.flush()
        histories = {
            session.id: [(turn.session, turn.number) for turn in memory.find_session(session.id).history()]
            for session in memory.sessions()
        }
        recalled = {
            session.id: sorted(
                (found.document, found.turn or 0, found.text)
                for found in memory.find_session(session.id).recall("word", limit=1000)
            )
            for session in memory.sessions()
        }
        everywhere = sorted(
            (found.document, found.session or "", found.turn or 0, found.text)
            for found in memory.recall("word", limit=1000)
        )
        return histories, recalled, everywhere


def live(home: Path, seed: int, steps: int = 40) -> None:
    """A random life: turns, notes, branches, continuations, rewinds, ends and forgets."""
    chance = random.Random(seed)
    with Memory.open(home, embedder="none", retain_every_n_turns=chance.choice([1, 3])) as memory:
        names = ["s0"]
        memory.session("s0", tags=["first"], metadata={"n": 1})
        for step in range(steps):
            session = memory.find_session(chance.choice(names))
            match chance.choice(["turn"] * 8 + ["note", "branch", "continuation", "rewind", "rewind", "end", "forget"]):
                case "turn":
                    key = f"key {step}" if chance.random() < 0.5 else None
                    session.add_turn(user=f"word {step}", assistant=f"yes {step}" if step % 3 else None, host_key=key)
                case "note":
                    session.note(f"word note {step}", tags=["red"], host_key=f"note {step}" if step % 2 else None)
                case "branch":
                    names.append(f"s{step}")
                    turns = len(session.turns())
                    session.branch(names[-1], at_turn=chance.randint(0, turns) if not _gaps(session) else None)
                case "continuation":
                    names.append(f"s{step}")
                    session.continuation(names[-1])
                case "rewind":
                    with contextlib.suppress(UnknownTurnError):
                        session.rewind(chance.randint(1, 2))
                case "end":
                    session.end()
                case "forget":
                    _forget_something(memory, session, names, chance)


def _gaps(session: Session) -> bool:
    numbers = [turn.number for turn in session.turns()]
    return numbers != list(range(1, len(numbers) + 1))


def _forget_something(memory: Memory, session: Session, names: list[str], chance: random.Random) -> None:
    turns = session.turns()
    if turns and chance.random() < 0.7:
        memory.forget(session=session.id, turn=chance.choice(turns).number)
    elif len(names) > 2:
        names.remove(session.id)
        memory.forget(session=session.id)


@pytest.mark.parametrize("seed", range(12))
def test_a_restored_bank_exports_the_same_lines_and_sees_the_same(tmp_path: Path, seed: int) -> None:
    live(tmp_path / "one", seed)
    written = lines(tmp_path / "one")
    assert set(restore(tmp_path / "two", written)) == {"added"}
    assert lines(tmp_path / "two") == written
    assert set(restore(tmp_path / "two", written)) == {"known"}
    assert lines(tmp_path / "two") == written
    assert seen(tmp_path / "two") == seen(tmp_path / "one")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_restore_that_was_cut_off_anywhere_goes_on(tmp_path: Path, seed: int) -> None:
    live(tmp_path / "one", seed, steps=15)
    written = lines(tmp_path / "one")
    for cut in range(1, len(written), 4):
        restore(tmp_path / str(cut), written[:cut])
        restore(tmp_path / str(cut), written)
        assert lines(tmp_path / str(cut)) == written, cut


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Memory.open(tmp_path / "home", embedder="none") as memory:
        session = memory.session("s1")
        session.add_turn(user="one", host_key="k1")
        session.add_turn(user="two")
        session.add_turn(
            messages=[Message("user", "three", "Ann", None, ""), Message("tool", "42")], metadata={"a": [1]}
        )
        session.branch("b1", at_turn=2).add_turn(user="branched")
        session.note("noted")
        memory.retain("the bank's", context="about", tags=["x"], metadata={"b": None})
    return tmp_path / "home"


def test_what_was_forgotten_here_does_not_come_back(home: Path) -> None:
    old = lines(home)
    with Memory.open(home, embedder="none") as memory:
        memory.forget(session="s1", turn=1)
        memory.forget(session="s1", turn=3)
        for note in memory.notes():
            memory.forget(document=f"note:{note.id}")
    after = lines(home)
    outcomes = restore(home, old)
    assert outcomes.count("ForgottenError") == 4
    assert set(outcomes) == {"known", "ForgottenError"}
    assert lines(home) == after

    with Memory.open(home, embedder="none") as memory:
        memory.forget(session="s1")
    after = lines(home)
    outcomes = restore(home, old)
    assert outcomes.count("ForgottenError") == 6  # the session, its turns, its note, and the bank's note
    assert lines(home) == after


def test_a_mark_keeps_a_host_from_bringing_it_back_elsewhere(home: Path, tmp_path: Path) -> None:
    with Memory.open(home, embedder="none") as memory:
        memory.forget(session="s1", turn=1)
        memory.forget(session="b1")
    restore(tmp_path / "other", lines(home))
    with Memory.open(tmp_path / "other", embedder="none") as memory:
        with pytest.raises(ForgottenError):
            memory.find_session("s1").add_turn(user="one", host_key="k1")
        with pytest.raises(ForgottenError):
            memory.session("b1")


def test_a_mark_takes_nothing_away_from_another_bank(home: Path) -> None:
    other = home.with_name("other")
    restore(other, lines(home))
    with Memory.open(home, embedder="none") as memory:
        memory.forget(session="s1", turn=2)
    before = lines(other)
    assert "added" not in restore(other, lines(home))
    assert lines(other) == before


def test_a_bank_that_went_on_keeps_what_it_has(home: Path) -> None:
    old = lines(home)
    with Memory.open(home, embedder="none") as memory:
        memory.find_session("s1").add_turn(user="four")
        memory.find_session("s1").rewind(2)
    before = lines(home)
    assert set(restore(home, old)) == {"known"}
    assert lines(home) == before


def test_another_turn_in_its_place_is_refused(home: Path) -> None:
    changed = [line.replace('"two"', '"too"') for line in lines(home)]
    before = lines(home)
    outcomes = restore(home, changed)
    assert outcomes.count("InputError") == 1
    assert lines(home) == before


def test_a_session_of_another_descent_is_refused(home: Path) -> None:
    changed = [line.replace('"fork_turn":2', '"fork_turn":1') for line in lines(home)]
    assert restore(home, changed).count("LineageError") == 1


def test_a_turn_without_its_session_is_refused(home: Path, tmp_path: Path) -> None:
    turns = [line for line in lines(home) if line.startswith('{"turn"')]
    assert set(restore(tmp_path / "other", turns)) == {"UnknownSessionError"}


def test_a_line_that_was_skipped_cannot_come_late(home: Path, tmp_path: Path) -> None:
    written = lines(home)
    broken = [line for line in written if '"two"' not in line]
    assert "InputError" not in restore(tmp_path / "other", broken)
    assert restore(tmp_path / "other", written).count("InputError") == 1


def test_secrets_are_taken_out_on_the_way_in(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "plain", embedder="none", redact=False) as memory:
        memory.session("s1").add_turn(user="password: hunter2xyz9")
        memory.retain("password: hunter2xyz9")
    written = lines(tmp_path / "plain")
    for _ in range(2):
        restore(tmp_path / "other", written)
        assert "hunter2xyz9" not in "".join(lines(tmp_path / "other"))
        assert "".join(lines(tmp_path / "other")).count('"redactions":1') == 2
    with Memory.open(tmp_path / "other", embedder="none") as memory:
        assert memory.status().redactions == 2


def test_an_export_is_the_bank_as_it_was_at_the_first_line(home: Path) -> None:
    with contextlib.closing(Journal(home)) as journal, Memory.open(home, embedder="none") as memory:
        writing = archive.write(journal, journal.bank("default"))
        begun = [next(writing), next(writing)]
        memory.session("s2").add_turn(user="said meanwhile")
        assert "said meanwhile" not in "".join([*begun, *writing])
        assert "said meanwhile" in "".join(archive.write(journal, journal.bank("default")))


def test_an_export_that_is_dropped_lets_go(home: Path) -> None:
    with contextlib.closing(Journal(home)) as journal:
        writing = archive.write(journal, journal.bank("default"))
        next(writing)
        next(writing)
        writing.close()
        assert not journal.database.read().in_transaction


def test_banks_are_not_mixed(home: Path, tmp_path: Path) -> None:
    with Memory.open(home, bank="other", embedder="none") as memory:
        memory.session("s1").add_turn(user="elsewhere")
    assert "elsewhere" not in "".join(lines(home))
    restore(tmp_path / "third", lines(home), bank="third")
    assert lines(tmp_path / "third", "third")[1:] == lines(home)[1:]


def test_every_line_is_what_it_says(home: Path) -> None:
    with Memory.open(home, embedder="none") as memory:
        memory.find_session("s1").rewind()
        memory.forget(session="s1", turn=1)
    kinds = {type(archive.parse(line)) for line in lines(home)}
    assert kinds == {archive.Header, archive.End, SessionEntry, TurnEntry, NoteEntry, RewindEntry, ForgottenEntry}
    assert all(len(json.loads(line)) == 1 for line in lines(home)[1:])


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "not a line of JSON"),
        ("[]", "not an object"),
        ("{}", "not an object"),
        ('{"tern": {}}', "'tern' is not one of"),
        ('{"turn": 1}', "'turn' is not one of"),
        ('{"turn": {}, "note": {}}', "'turn' is not one of"),
        ('{"threadline": "1", "bank": "x"}', "version '1'"),
        ('{"turn": {"number": 1}}', "turn.session is missing"),
        ('{"turn": {"session": "s", "number": true}}', "turn.number is bool"),
        ('{"turn": {"session": "s", "number": 0}}', "turn.number = 0 is out of range"),
        ('{"turn": {"session": "\\u0007", "number": 1}}', "control characters"),
        ('{"turn": {"session": "s", "number": 1, "messages": [1]}}', "turn.messages is not a list of objects"),
        ('{"turn": {"session": "s", "number": 1, "messages": [{}]}}', r"turn.messages\[0\].role is missing"),
        ('{"turn": {"session": "s", "number": 1, "occurred_at": "noon"}}', "noon"),
        ('{"turn": {"session": "s", "number": 1, "occurred_at": 5}}', "turn.occurred_at is int, not str"),
        ('{"session": {"id": "s", "kind": "branch", "parent": "p"}}', "do not agree"),
        ('{"session": {"id": "s", "kind": "odd"}}', "do not agree"),
        ('{"session": {"id": "s", "kind": "fresh", "identity": {"shoe": "9"}}}', "session.identity"),
        ('{"note": {"text": "x"}}', "note.id is missing"),
        ('{"note": {"id": "n", "text": "x", "occurred_at": "2026-01-01", "tags": [1]}}', "not a list of texts"),
        ('{"rewind": {"session": "s", "turns": [["s"]]}}', "rewind.turns"),
        ('{"forgotten": {"session": "s"}}', "neither a turn nor a key"),
        ('{"forgotten": {"key": "xyz"}}', "not hexadecimal"),
    ],
)
def test_a_bad_line_is_told(line: str, complaint: str) -> None:
    with pytest.raises(TranscriptError, match=complaint):
        archive.parse(line)


def test_a_newer_version_is_told() -> None:
    with pytest.raises(NewerVersionError, match="upgrade"):
        archive.parse('{"threadline": 2, "bank": "x"}')


def test_a_turn_with_nothing_in_it_is_refused(home: Path) -> None:
    turn = '{"turn":{"session":"s1","number":9,"occurred_at":"2026-01-01T00:00:00+00:00","messages":[]}}'
    assert restore(home, [turn]) == ["InvalidTurnError"]
    turn = turn.replace("[]", '[{"role":"king","text":"x"}]')
    assert restore(home, [turn]) == ["InvalidTurnError"]


def test_what_was_taken_back_leaves_the_backend_too(home: Path, tmp_path: Path) -> None:
    with Memory.open(home, embedder="none") as memory:
        memory.find_session("s1").rewind()
    written = lines(home)
    before = [line for line in written if not line.startswith('{"rewind"')]
    restore(tmp_path / "other", before)
    with Memory.open(tmp_path / "other", embedder="none") as memory:
        memory.flush()
        held = memory.status().held.passages
    restore(tmp_path / "other", written)
    with Memory.open(tmp_path / "other", embedder="none") as memory:
        memory.flush()
        assert memory.status().held.passages == held - 2  # the turn's two messages
