"""The life of a session through the public door, on the real engine."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import apsw
import pytest

from threadline import (
    BackendUnavailableError,
    Batch,
    ClosedError,
    ForgottenError,
    Identity,
    InputError,
    InvalidIdError,
    InvalidTurnError,
    LineageError,
    Memory,
    Message,
    Recalled,
    StorageBusyError,
    StorageCorruptError,
    UnknownSessionError,
    UnknownTurnError,
)
from threadline.backends.embedded import EmbeddedBackend


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path, bank="alice", embedder="none") as memory:
        yield memory


def texts(found: list[Recalled]) -> set[str]:
    return {recalled.text for recalled in found}


def test_do_what_the_readme_says(memory: Memory) -> None:
    session = memory.session("s1")
    session.add_turn(user="I moved to Lisbon in May.", assistant="Noted! How is it?")
    session.note("Prefers trains to planes", tags=["travel"])
    fork = session.branch("s2")
    fork.add_turn(user="Suppose I had moved to Oslo.", assistant="Then winter coats come first.")
    assert "Suppose I had moved to Oslo." in texts(fork.recall("Lisbon or Oslo?", fresh=True))
    fork.rewind(turns=1)
    for view in (session, fork):
        found = texts(view.recall("Lisbon or Oslo? winter trains", fresh=True))
        assert found >= {"I moved to Lisbon in May.", "Prefers trains to planes"}
        assert not any("Oslo" in text or "winter" in text for text in found)


def test_recall_with_everything_a_host_wants_to_know(memory: Memory) -> None:
    when = datetime(2025, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    session = memory.session("s1", identity=Identity(user="u7"), tags=["work"], metadata={"topic": "boats"})
    session.add_turn(
        messages=[Message("user", "The mast is broken", speaker="Ann", ref="m1"), Message("tool", "mast: 12 m")],
        occurred_at=when,
        metadata={"model": "x"},
    )
    (found,) = session.recall("broken mast", fresh=True, limit=1)
    assert (found.text, found.speaker, found.role, found.ref) == ("The mast is broken", "Ann", "user", "m1")
    assert (found.session, found.turn, found.position, found.document) == ("s1", 1, 0, "session:s1")
    assert found.occurred_at == when
    assert found.tags == ("work",)
    assert found.metadata == {"user": "u7", "topic": "boats", "session": "s1"}
    assert found.why[0].channel == "words"
    assert found.why[0].rank == 1


def test_narrow_recall_to_tags(memory: Memory) -> None:
    memory.retain("Ferries leave at noon", tags=["travel", "sea"])
    memory.retain("Ferries are white", tags=["travel"])
    assert texts(memory.recall("ferries", tags=["travel", "sea"], fresh=True)) == {"Ferries leave at noon"}
    assert len(memory.recall("ferries", tags=["travel"])) == 2


def test_say_in_which_session_a_note_was_made(memory: Memory) -> None:
    memory.session("s1").note("Needs oat milk")
    (found,) = memory.recall("oat milk", fresh=True)
    assert (found.session, found.turn) == ("s1", None)


def test_keep_a_turn_submitted_twice_once(memory: Memory) -> None:
    session = memory.session("s1")
    first = session.add_turn(user="Once only", host_key="h1")
    assert session.add_turn(user="Once only, said the echo", host_key="h1") == first
    assert len(session.recall("once only", fresh=True)) == 1
    assert len(session.turns()) == 1


def test_keep_equal_turns_without_a_key_apart(memory: Memory) -> None:
    session = memory.session("s1")
    session.add_turn(user="Again")
    session.add_turn(user="Again")
    assert [turn.number for turn in session.turns()] == [1, 2]
    (found,) = session.recall("again", fresh=True)
    assert found.count == 2


def test_deliver_a_partial_batch_at_a_switch_under_the_old_session(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder="none", retain_every_n_turns=3, idle_seconds=600) as memory:
        old = memory.session("old", tags=["old"])
        old.add_turn(user="Said before the switch")
        assert memory.status().buffered == 1
        new = old.switch("new")
        assert memory.status().buffered == 0
        new.add_turn(user="Said after the switch")
        assert memory.flush(20)
        (found,) = memory.recall("before")
        assert (found.session, found.tags) == ("old", ("old",))
        assert memory.recall("after")[0].session == "new"


@pytest.mark.parametrize("leave", ["end", "branch", "continuation", "close", "flush"])
def test_leave_no_partial_batch_behind(tmp_path: Path, leave: str) -> None:
    with Memory.open(tmp_path, embedder="none", retain_every_n_turns=5, idle_seconds=600) as memory:
        session = memory.session("s")
        session.add_turn(user="Half a batch")
        if leave == "close":
            memory.close()
        elif leave in ("branch", "continuation"):
            getattr(session, leave)("t")
        else:
            getattr(session, leave)()
    with Memory.open(tmp_path, embedder="none", retain_every_n_turns=5) as memory:
        assert memory.status().undelivered == 0
        assert len(memory.recall("half a batch")) == 1


def test_deliver_a_partial_batch_when_it_is_idle(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder="none", retain_every_n_turns=5, idle_seconds=0.05) as memory:
        memory.session("s").add_turn(user="Nothing more to say")
        context = memory._context
        assert context.writer.wait_until(lambda: memory.status().undelivered == 0, 20)
        assert len(memory.recall("nothing more")) == 1


def test_switch_to_the_same_session_and_change_nothing(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder="none", retain_every_n_turns=5) as memory:
        session = memory.session("s")
        session.add_turn(user="Still here")
        assert session.switch("s").id == "s"
        assert memory.status().buffered == 1


def test_see_ancestors_up_to_the_fork_and_no_sibling(memory: Memory) -> None:
    root = memory.session("root")
    for word in ("first", "second", "third"):
        root.add_turn(user=f"{word} plum")
    left, right = root.branch("left", at_turn=2), root.branch("right", at_turn=0)
    left.add_turn(user="left plum")
    right.add_turn(user="right plum")
    root.add_turn(user="fourth plum")
    assert texts(left.recall("plum", fresh=True)) == {"first plum", "second plum", "left plum"}
    assert texts(right.recall("plum")) == {"right plum"}
    assert texts(root.recall("plum")) == {"first plum", "second plum", "third plum", "fourth plum"}
    assert len(left.recall("plum", scope="bank")) == 6
    assert [turn.messages[0].text for turn in left.history()] == ["first plum", "second plum", "left plum"]


def test_continue_with_all_of_the_parent(memory: Memory) -> None:
    parent = memory.session("long")
    parent.add_turn(user="before the compression")
    child = parent.continuation("long-2")
    child.add_turn(user="after the compression")
    assert len(child.recall("compression", fresh=True)) == 2
    assert child.rewind(2) == [("long-2", 1), ("long", 1)]
    assert memory.recall("compression", fresh=True) == [], "one conversation: what it takes back is gone for both"
    assert parent.recall("compression") == []


def test_keep_a_turn_in_the_branch_forked_before_the_rewind(memory: Memory) -> None:
    session = memory.session("main")
    session.add_turn(user="a doubtful plan")
    branch = session.branch("branch")
    session.rewind()
    assert session.recall("doubtful plan", fresh=True) == []
    (kept,) = branch.recall("doubtful plan")
    assert kept.session == "main"
    (in_bank,) = memory.recall("doubtful plan")
    assert (in_bank.session, in_bank.turn) == ("branch", 1), "bank-wide it is shown as the branch's"
    branch.rewind()
    assert memory.recall("doubtful plan", fresh=True) == []


def test_take_back_what_was_inherited_for_oneself_alone(memory: Memory) -> None:
    session = memory.session("main")
    session.add_turn(user="a shared walnut")
    branch = session.branch("branch")
    assert branch.rewind() == [("main", 1)]
    assert branch.recall("walnut", fresh=True) == []
    assert len(session.recall("walnut")) == 1
    assert len(memory.recall("walnut")) == 1


def test_number_on_after_a_rewind(memory: Memory) -> None:
    session = memory.session("s")
    session.add_turn(user="one")
    session.add_turn(user="two")
    session.rewind()
    assert session.add_turn(user="three").number == 3
    assert [(turn.number, turn.taken_back) for turn in session.turns()] == [(1, False), (2, True), (3, False)]


def test_prefetch_for_the_same_session_epoch_and_query_only(memory: Memory) -> None:
    session = memory.session("s")
    session.add_turn(user="the red kite")
    memory.flush()
    session.prefetch("kite")
    assert len(session.prefetched("kite", 20)) == 1
    session.prefetch("kite")
    session.rewind()
    assert session.prefetched("kite", 20) == []
    assert memory.session("other").prefetched("kite", 20) == []


def test_drop_a_prefetch_of_before_the_switch_however_late_it_ends(tmp_path: Path) -> None:
    backend = SlowRecall(tmp_path)
    with Memory.open(tmp_path, embedder="none", backend=backend) as memory:
        session = memory.session("s")
        session.add_turn(user="the red kite")
        memory.flush()
        backend.hold.clear()
        session.prefetch("kite")
        assert backend.entered.wait(20)
        back = session.switch("t").switch("s")
        assert back.prefetched("kite", 0.0) == [], "the late one is of before the switch"
        backend.hold.set()
        assert len(back.prefetched("kite", 20)) == 1, "this one is its own"
        assert backend.recalls == 2


def test_recall_nothing_rather_than_late(tmp_path: Path) -> None:
    backend = SlowRecall(tmp_path)
    with Memory.open(tmp_path, embedder="none", backend=backend) as memory:
        session = memory.session("s")
        session.add_turn(user="the red kite")
        memory.flush()
        backend.hold.clear()
        assert session.prefetched("kite", 0.01) == []
        backend.hold.set()


class SlowRecall(EmbeddedBackend):
    """Holds a recall until it is let go."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.hold, self.entered = threading.Event(), threading.Event()
        self.hold.set()
        self.recalls = 0

    def recall(self, bank, query):  # type: ignore[no-untyped-def]
        self.recalls += 1
        self.entered.set()
        assert self.hold.wait(20)
        return super().recall(bank, query)


class Down(EmbeddedBackend):
    """Cannot retain until it is mended."""

    mended = False

    def retain(self, batch: Batch) -> None:
        if not self.mended:
            raise BackendUnavailableError("The server is down.")
        super().retain(batch)


def test_lose_nothing_to_a_backend_that_is_down(tmp_path: Path) -> None:
    with Memory.open(tmp_path, backend=Down(tmp_path)) as memory:
        memory.session("s").add_turn(user="hello from the outage")
        assert not memory.flush(0.2)
        status = memory.status()
        assert not status.healthy
        assert (status.last_error, status.undelivered, status.retrying) == ("The server is down.", 1, 1)
        assert status.oldest_undelivered is not None
        memory.close(0.1)
    with Memory.open(tmp_path, embedder="none") as memory:
        assert memory.flush(20)
        assert len(memory.recall("outage")) == 1
        assert memory.status().healthy


def test_redact_before_anything_is_written(memory: Memory, tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    session = memory.session("s")
    session.add_turn(user=f"my token is {token}, keep it", assistant="I will not.")
    session.note(f"uses {token}", context=f"about {token}", metadata={"deep": [{"key": token}]})
    assert memory.flush(20)
    assert "[redacted:" in session.turns()[0].messages[0].text
    assert memory.status().redactions == 4
    assert not any(token.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_leave_secrets_alone_where_the_bank_says_so(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    with Memory.open(tmp_path, bank="plain", embedder="none", redact=False) as memory:
        memory.session("s").add_turn(user=token)
    with Memory.open(tmp_path, bank="plain", embedder="none") as memory:
        assert memory.session("s").turns()[0].messages[0].text == token
        assert not memory.status().redact, "it stays as it was made"


def test_forget_a_turn_everywhere_and_prove_it(memory: Memory, tmp_path: Path) -> None:
    session = memory.session("s")
    session.add_turn(user="The bicycle is green", host_key="k1")
    session.add_turn(user="Grandmother's confidential recipe needs cardamom and quinces" * 40, host_key="k2")
    memory.flush()
    proof = memory.forget(session="s", turn=2)
    assert (proof.complete, proof.traces, proof.texts) == (True, (), 1)
    assert proof.files >= 2
    assert memory.recall("cardamom quinces") == []
    assert len(memory.recall("bicycle")) == 1
    with pytest.raises(ForgottenError):
        session.add_turn(user="Grandmother's confidential recipe", host_key="k2")
    assert session.add_turn(user="something new").number == 3
    assert not any(b"cardamom" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_prove_what_is_left(memory: Memory, tmp_path: Path) -> None:
    memory.session("s").add_turn(user="A secret that somebody copied elsewhere")
    memory.flush()
    (tmp_path / "copy.txt").write_text("notes: A secret that somebody copied elsewhere")
    proof = memory.forget(session="s")
    assert {trace.path.name for trace in proof.traces} == {"copy.txt"}


def test_forget_a_session_and_refuse_its_return(memory: Memory) -> None:
    session = memory.session("s")
    session.add_turn(user="the walrus sleeps")
    session.note("the walrus note")
    branch = session.branch("b")
    memory.flush()
    assert memory.forget(session="s").traces == ()
    assert memory.recall("walrus") == []
    assert branch.recall("walrus") == []
    assert [summary.id for summary in memory.sessions()] == ["b"]
    for again in (lambda: memory.session("s"), lambda: session.add_turn(user="the walrus")):
        with pytest.raises(ForgottenError):
            again()


def test_forget_a_note_by_its_document(memory: Memory) -> None:
    note = memory.retain("the heron stands still", host_key="n1")
    memory.flush()
    assert memory.forget(document=f"note:{note.id}").traces == ()
    assert memory.recall("heron") == []
    with pytest.raises(ForgottenError):
        memory.retain("the heron stands still", host_key="n1")


def test_forget_a_bank_and_nothing_of_another(tmp_path: Path) -> None:
    with Memory.open(tmp_path, bank="other", embedder="none") as other:
        other.session("s").add_turn(user="the otter swims")
    with Memory.open(tmp_path, bank="gone", embedder="none") as memory:
        memory.session("s").add_turn(user="the badger digs")
        memory.flush()
        proof = memory.forget(everything=True)
        assert (proof.complete, proof.traces) == (True, ())
        with pytest.raises(ClosedError):
            memory.recall("badger")
    assert not (tmp_path / "banks" / "gone").exists()
    with Memory.open(tmp_path, bank="other", embedder="none") as other:
        assert len(other.recall("otter")) == 1


def test_forget_a_note_that_looks_like_a_turn_of_the_journal(memory: Memory) -> None:
    for text in ('[{"role": "user", "content": "from another host"}]', '[{"role": cut off'):
        memory.retain(text, context="what the clipboard held")
    proof = memory.forget(everything=True)
    assert (proof.texts, proof.complete, proof.traces) == (4, True, ())


def test_forget_what_only_a_forgotten_branch_kept(memory: Memory, tmp_path: Path) -> None:
    session = memory.session("main")
    session.add_turn(user="the marmot whistles")
    session.branch("keeper")
    session.rewind()
    memory.flush()
    assert len(memory.recall("marmot")) == 1
    memory.forget(session="keeper")
    assert memory.recall("marmot") == []


def test_rebuild_from_documents_and_from_the_journal(memory: Memory) -> None:
    session = memory.session("s")
    for number in range(8):
        session.add_turn(user=f"fact {number} about cranes", assistant="I see.")
    session.rewind()
    memory.retain("cranes fly far")
    memory.flush()
    before = memory.recall("cranes fact")
    assert memory.rebuild() == 15
    assert memory.recall("cranes fact") == before
    assert memory.rebuild(from_journal=True) == 15
    after = memory.recall("cranes fact")
    assert [(f.text, f.session, f.turn, f.score) for f in after] == [
        (f.text, f.session, f.turn, f.score) for f in before
    ]


@pytest.mark.parametrize("damage", ["gone", "garbage", "hole"])
def test_fill_a_bank_again_that_was_lost_or_damaged(tmp_path: Path, damage: str) -> None:
    with Memory.open(tmp_path, embedder="none") as memory:
        for number in range(60):
            memory.session("s").add_turn(user=f"the crane number {number} " * 40)
        memory.flush()
    bank = tmp_path / "banks" / "default" / "memory.db"
    content = bank.read_bytes()
    if damage == "gone":
        bank.unlink()
    else:
        bank.write_bytes(b"garbage" * 999 if damage == "garbage" else content[:4096] + b"\xa5" * (len(content) - 4096))
    with Memory.open(tmp_path, embedder="none") as memory:
        if damage != "gone":
            with pytest.raises(StorageCorruptError, match="backup"):
                memory.recall("crane")
            assert "backup" in (memory.status().last_error or "")
        else:
            assert "from-journal" in (memory.status().last_error or "")
        assert memory.rebuild(from_journal=True) == 60
        assert memory.status().healthy
        assert len({found.turn for found in memory.recall("crane", limit=200, max_tokens=10**6)}) == 60


def test_keep_out_of_a_forked_child(tmp_path: Path) -> None:
    """The child can neither use nor close its parent's memory, and holds no lock of it."""
    program = """
import os, sys
from threadline import ClosedError, Memory
memory = Memory.open(sys.argv[1], embedder="none")
session = memory.session("s")
session.add_turn(user="from the parent")
child = os.fork()
if child == 0:
    try:
        session.add_turn(user="from the child")
    except ClosedError as error:
        print(error, flush=True)
    try:
        Memory.open(sys.argv[1], embedder="none")
    except ClosedError as error:
        print(error, flush=True)
    Memory.open(sys.argv[1] + "/other", embedder="none").close()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
session.add_turn(user="after the child")
assert memory.flush(20)
print(len(memory.recall("parent child")), flush=True)
memory.close()
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second, found = done.stdout.splitlines()
    assert first == second
    assert "Open memories only after forking" in first
    assert found == "2"


def test_let_two_memories_share_a_home(tmp_path: Path) -> None:
    with (
        Memory.open(tmp_path, bank="b", embedder="none") as one,
        Memory.open(tmp_path, bank="b", embedder="none") as two,
    ):
        for number in range(20):
            for memory in (one, two):
                memory.session("shared").add_turn(user=f"pebble {number} of {memory is one}")
        assert one.flush(30)
        assert two.flush(30)
        for memory in (one, two):
            found = memory.recall("pebble", limit=100)
            assert sorted(f.turn or 0 for f in found) == list(range(1, 41))


def test_add_turns_from_many_threads(memory: Memory) -> None:
    def say(name: int) -> None:
        for number in range(25):
            memory.session("crowd").add_turn(user=f"cricket {name}-{number}")

    threads = [threading.Thread(target=say, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.flush(60)
    assert sorted(f.turn or 0 for f in memory.recall("cricket", limit=500, max_tokens=10**6)) == list(range(1, 201))


def test_keep_the_clock_out_of_the_order(memory: Memory) -> None:
    session = memory.session("s")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for hours in (5, -5, 0):
        session.add_turn(user=f"tick {hours}", occurred_at=now + timedelta(hours=hours))
    assert [turn.messages[0].text for turn in session.turns()] == ["tick 5", "tick -5", "tick 0"]


# What it refuses, and why


@pytest.mark.parametrize("user", ["", "   ", "\n", None])
def test_refuse_an_empty_turn(memory: Memory, user: str | None) -> None:
    session = memory.session("s")
    with pytest.raises(InvalidTurnError, match="empty"):
        session.add_turn(user=user)
    assert session.turns() == []


@pytest.mark.parametrize("user", [b"bytes", 7, ["list"]])
def test_refuse_what_is_not_text(memory: Memory, user: object) -> None:
    with pytest.raises(InvalidTurnError, match="must be text"):
        memory.session("s").add_turn(user=user)  # type: ignore[arg-type]


def test_refuse_what_a_host_has_in_another_form_and_say_which(memory: Memory) -> None:
    session = memory.session("s")
    with pytest.raises(InvalidTurnError, match=r"threadline\.Message"):
        session.add_turn(messages=[{"role": "user", "content": "hello"}])  # type: ignore[list-item]
    with pytest.raises(InputError, match=r"threadline\.Identity"):
        memory.session("t", identity={"user": "ann"})  # type: ignore[arg-type]
    with pytest.raises(InvalidTurnError, match="A note must be text"):
        memory.retain(7)  # type: ignore[arg-type]
    assert (session.turns(), memory.notes()) == ([], [])


def test_refuse_one_text_where_tags_are_a_list(memory: Memory) -> None:
    session = memory.session("s")
    for call in (lambda: session.note("x", tags="ops"), lambda: memory.session("t", tags="ops")):
        with pytest.raises(InvalidIdError, match=r"\['ops'\]"):
            call()
    for asked in (memory, session):
        with pytest.raises(InvalidIdError, match=r"\['ops'\]"):
            asked.recall("x", tags="ops")
    assert memory.notes() == []


def test_take_a_huge_message_and_refuse_a_larger(memory: Memory) -> None:
    session = memory.session("s")
    huge = "".join(f"Sentence number {number} is about herons. " for number in range(260_000))
    assert len(huge) > 10_000_000
    session.add_turn(user=huge)
    assert session.turns()[0].messages[0].text == huge
    with pytest.raises(InvalidTurnError, match="max_turn_megabytes"):
        session.add_turn(user="x" * 33_000_000)
    assert len(session.turns()) == 1
    assert memory.flush(60)
    assert "259999" in session.recall("sentence 259999")[0].text


def test_keep_broken_unicode_and_null_bytes_readable(memory: Memory) -> None:
    session = memory.session("s")
    session.add_turn(user="half \ud83d an emoji and \0 nothing", assistant="\udcff")
    assert [message.text for message in session.turns()[0].messages] == [
        "half \ufffd an emoji and \ufffd nothing",
        "\ufffd",
    ]
    assert session.recall("emoji nothing \ud83d \0", fresh=True)[0].text.startswith("half")


def test_take_any_printable_id(memory: Memory, tmp_path: Path) -> None:
    for name in (
        "a/b/../c",
        "..",
        ".",
        "/etc/passwd",
        "  spaced  ",
        "日本語",
        "C:\\x",
        "x" * 1024,
        "'; DROP TABLE turn",
    ):
        memory.session(name).add_turn(user=f"in {name} the quail, {len(name)}")
    assert memory.flush(20)
    assert sum(found.count for found in memory.recall("quail", limit=99, max_tokens=10**6)) == 9
    outside = [path for path in tmp_path.parent.iterdir() if path != tmp_path]
    assert not any("quail" in path.name for path in outside)


@pytest.mark.parametrize("name", ["", "  ", "x" * 10_000, "new\nline", "nul\0", "\ud800", None, 7])
def test_refuse_an_id_that_cannot_be_one(memory: Memory, name: object) -> None:
    with pytest.raises(InputError):
        memory.session(name)  # type: ignore[arg-type]
    assert memory.sessions() == []


@pytest.mark.parametrize("name", ["a/b", "..", ".", "Ünïcode", "con", "x" * 256, "a:b", "UPPER"])
def test_take_any_printable_bank_name_and_stay_inside(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    with Memory.open(home, bank=name, embedder="none") as memory:
        memory.session("s").add_turn(user="inside")
        assert memory.flush(20)
        assert memory.bank == name
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert len(list((home / "banks").iterdir())) == 1


@pytest.mark.parametrize("name", ["x" * 10_000, "a\0b", "a\nb", "\ud800"])
def test_refuse_a_bank_name_that_cannot_be_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        Memory.open(tmp_path, bank=name, embedder="none")


def test_refuse_a_bank_name_in_another_case(tmp_path: Path) -> None:
    Memory.open(tmp_path, bank="Alice", embedder="none").close()
    with pytest.raises(InputError, match="'Alice' already"):
        Memory.open(tmp_path, bank="alice", embedder="none")


def test_refuse_rewinds_and_branches_that_cannot_be(memory: Memory) -> None:
    session = memory.session("s")
    session.add_turn(user="only one")
    with pytest.raises(UnknownTurnError, match="only 1"):
        session.rewind(2)
    assert not session.turns()[0].taken_back
    for bad in (0, -1, True, "1"):
        with pytest.raises(InputError):
            session.rewind(bad)  # type: ignore[arg-type]
    with pytest.raises(UnknownTurnError):
        session.branch("t", at_turn=2)
    with pytest.raises(InputError):
        session.branch("t", at_turn=-1)
    with pytest.raises(LineageError, match="itself"):
        session.branch("s")
    memory.session("taken")
    with pytest.raises(LineageError, match="another id"):
        session.branch("taken")
    assert [summary.id for summary in memory.sessions()] == ["s", "taken"]


def test_branch_again_into_the_same_branch(memory: Memory) -> None:
    session = memory.session("s")
    session.add_turn(user="one")
    session.branch("t")
    session.add_turn(user="two")
    assert session.branch("t").id == "t", "a host that repeats itself after a crash is not refused"
    assert len(session.branch("t").history()) == 1


@pytest.mark.parametrize("arguments", [{"max_tokens": 0}, {"limit": 0}, {"scope": "world"}, {"max_tokens": True}])
def test_refuse_a_recall_that_cannot_be(memory: Memory, arguments: dict[str, object]) -> None:
    with pytest.raises(InputError):
        memory.session("s").recall("x", **arguments)  # type: ignore[arg-type]


def test_refuse_to_forget_what_is_not_there(memory: Memory) -> None:
    memory.session("s").add_turn(user="stay")
    with pytest.raises(UnknownSessionError):
        memory.forget(session="nobody")
    with pytest.raises(UnknownTurnError):
        memory.forget(session="s", turn=9)
    with pytest.raises(InputError):
        memory.forget(document="note:none")
    with pytest.raises(InputError):
        memory.forget()
    with pytest.raises(InputError):
        memory.forget(session="s", everything=True)
    assert len(memory.find_session("s").turns()) == 1


def test_refuse_everything_once_closed(memory: Memory) -> None:
    session = memory.session("s")
    memory.close()
    memory.close()
    with pytest.raises(ClosedError):
        memory.session("s")
    with pytest.raises(ClosedError):
        session.add_turn(user="too late")


def test_survive_metadata_that_is_no_json(memory: Memory) -> None:
    session = memory.session("s")
    with pytest.raises(InputError):
        session.add_turn(user="x", metadata={"when": datetime.now(UTC)})  # type: ignore[dict-item]
    with pytest.raises(InputError, match="nan is none"):
        session.add_turn(user="x", metadata={"score": [float("nan")]})
    assert session.turns() == []
    session.add_turn(user="fine", metadata=json.loads('{"a": [1, null, {"b": true}]}'))
    assert session.turns()[0].metadata == {"a": [1, None, {"b": True}]}


def test_say_so_when_another_process_forgot_the_bank(tmp_path: Path) -> None:
    with Memory.open(tmp_path, bank="b", embedder="none") as mine, Memory.open(tmp_path, bank="b") as other:
        session = mine.session("s")
        session.add_turn(user="the heron waits")
        assert mine.flush(10)
        assert other.forget(everything=True).complete
        for refused in (
            lambda: session.add_turn(user="again"),
            lambda: session.recall("heron"),
            lambda: session.rewind(),
            lambda: session.switch("new"),
            lambda: mine.session("new"),
            lambda: mine.retain("a note"),
            lambda: mine.rebuild(from_journal=True),
            lambda: mine.forget(everything=True),
        ):
            with pytest.raises(ForgottenError):
                refused()
        session.end()
        assert mine.recall("heron") == []


def test_close_though_the_journal_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadline.database._BUSY_MS", 50)
    memory = Memory.open(tmp_path, embedder="none", redact=False, retain_every_n_turns=4)
    memory.session("s").add_turn(user="the heron waits")
    other = apsw.Connection(str(tmp_path / "journal.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageBusyError):
        memory.close()
    other.close()
    writer = memory._context.writer._thread
    writer.join(10)
    assert not writer.is_alive()
    with Memory.open(tmp_path, embedder="none", redact=False) as memory:
        assert memory.flush(10)
        assert texts(memory.recall("heron")) == {"the heron waits"}


def test_miss_nothing_while_the_first_batch_is_on_its_way(tmp_path: Path) -> None:
    entered, release = threading.Event(), threading.Event()

    class Slow(EmbeddedBackend):
        def retain(self, batch: Batch) -> None:
            entered.set()
            assert release.wait(20)
            super().retain(batch)

    with Memory.open(tmp_path, backend=Slow(tmp_path), redact=False, retain_every_n_turns=4) as memory:
        for number in range(4):
            memory.session("s").add_turn(user=f"heron {number}")
        memory.retain("a note")
        assert entered.wait(20)
        assert memory.status().last_error is None
        release.set()
