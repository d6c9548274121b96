from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadline.backends.base import Backend, BankFigures
from threadline.backends.embedded import EmbeddedBackend, bank_folder
from threadline.documents import Batch, Passage, Query, Recalled, Removal, Scope, Span
from threadline.engine.models.base import Embedder
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.models.minilm import MiniLM
from threadline.errors import BackendRefusedError

WHEN = datetime(2024, 5, 3, 12, tzinfo=UTC)


@pytest.fixture(params=[None, FakeEmbedder()], ids=["words", "words and meaning"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedBackend]:
    opened = EmbeddedBackend(tmp_path, request.param)
    yield opened
    opened.close()


def batch(key: str, *turns: tuple[int, str], document: str = "session:s", bank: str = "b") -> Batch:
    # Each its own text: what says the same is recalled once.
    return Batch(bank, document, key, tuple(Passage(turn, 0, "user", f"{text} {turn}", WHEN) for turn, text in turns))


def recall(backend: Backend, text: str) -> list[tuple[str, int | None]]:
    return sorted((found.document, found.turn) for found in backend.recall("b", Query(text)))


def bytes_of(home: Path) -> bytes:
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_be_a_backend(backend: EmbeddedBackend) -> None:
    seam: Backend = backend
    assert seam.name == "embedded"


def test_recall_what_was_retained(backend: EmbeddedBackend) -> None:
    passage = Passage(3, 1, "assistant", "The apple is red.", WHEN, "Ann", "m-7")
    backend.retain(Batch("b", "session:s:1", "k", (passage,), ("fruit",), {"channel": "#a"}))
    (found,) = backend.recall("b", Query("apple"))
    assert found == Recalled(
        text="The apple is red.",
        role="assistant",
        speaker="Ann",
        occurred_at=WHEN,
        document="session:s:1",
        session="s:1",
        turn=3,
        position=1,
        ref="m-7",
        tags=("fruit",),
        metadata={"channel": "#a"},
        score=found.score,
        why=found.why,
        tokens=5,
        type="experience",
        confidence=found.confidence,
    )
    assert {reason.rank for reason in found.why} == {1}


def test_recall_a_note_as_nobodys_turn(backend: EmbeddedBackend) -> None:
    backend.retain(batch("k", (1, "apples are in the cellar"), document="note:n"))
    (found,) = backend.recall("b", Query("apples"))
    assert (found.document, found.session, found.turn) == ("note:n", None, None)


def test_apply_a_key_once(backend: EmbeddedBackend) -> None:
    for _ in range(3):
        backend.retain(batch("k", (1, "apple"), (2, "apple")))
    assert recall(backend, "apple") == [("session:s", 1), ("session:s", 2)]


def test_leave_alone_what_another_batch_brought(backend: EmbeddedBackend) -> None:
    backend.retain(batch("k1", (1, "apple"), (2, "apple")))
    backend.retain(batch("k2", (2, "apple"), (3, "apple")))
    assert recall(backend, "apple") == [("session:s", turn) for turn in (1, 2, 3)]


def test_refuse_turns_out_of_order(backend: EmbeddedBackend) -> None:
    backend.retain(batch("k1", (2, "apple")))
    with pytest.raises(BackendRefusedError, match="in their order"):
        backend.retain(batch("k2", (1, "apple")))
    assert recall(backend, "apple") == [("session:s", 2)]


def test_retract_turns_for_good(backend: EmbeddedBackend) -> None:
    backend.retain(batch("k1", (1, "apple"), (2, "apple"), (3, "apple")))
    backend.retract(Removal("b", "session:s", (2, 3, 9)))
    assert recall(backend, "apple") == [("session:s", 1)]
    backend.retain(batch("late", (2, "apple"), (3, "apple"), (4, "apple")))
    assert recall(backend, "apple") == [("session:s", 1), ("session:s", 4)]
    assert backend.rebuild("b") == 2
    assert recall(backend, "apple") == [("session:s", 1), ("session:s", 4)]


def test_retract_before_the_turns_arrive(backend: EmbeddedBackend) -> None:
    backend.retract(Removal("b", "session:s", (2,)))
    backend.retain(batch("k", (1, "apple"), (2, "apple")))
    assert recall(backend, "apple") == [("session:s", 1)]


@pytest.mark.parametrize("turns", [(1, 2), None], ids=["turns", "document"])
def test_forget_every_byte(backend: EmbeddedBackend, tmp_path: Path, turns: tuple[int, ...] | None) -> None:
    said = "The Vault code is XYLOPHONIST, said Zebulon"
    backend.retain(batch("k0", (1, "an apple"), document="session:other"))
    backend.retain(batch("k1", (1, said), (2, said), (3, "a pear")))
    backend.retract(Removal("b", "session:s", (2,)))
    assert said.encode() in bytes_of(tmp_path)
    backend.forget(Removal("b", "session:s", turns))
    left = bytes_of(tmp_path).lower()
    assert [word for word in (b"vault", b"xylophon", b"zebulon", b"code is") if word in left] == []
    backend.retain(batch("k1", (1, said), (2, said), (3, "a pear")))
    expected = [("session:other", 1)] + ([("session:s", 3)] if turns else [])
    assert recall(backend, "xylophonist vault apple pear") == expected
    assert b"XYLOPHONIST" not in bytes_of(tmp_path)


def test_forget_a_bank(backend: EmbeddedBackend, tmp_path: Path) -> None:
    backend.retain(batch("k", (1, "apple")))
    backend.retain(batch("k", (1, "apple"), bank="other"))
    backend.forget_bank("b")
    backend.forget_bank("never was")
    assert [path.name for path in (tmp_path / "banks").iterdir()] == ["other"]
    backend.retain(batch("k", (1, "pear")))
    assert [found.text for found in backend.recall("b", Query("apple pear"))] == ["pear 1"]
    assert [found.text for found in backend.recall("other", Query("apple pear"))] == ["apple 1"]


def test_forget_a_bank_that_another_process_has_open(backend: EmbeddedBackend, tmp_path: Path) -> None:
    other = EmbeddedBackend(tmp_path)
    backend.retain(batch("k", (1, "xylophonist")))
    assert recall(other, "xylophonist") == [("session:s", 1)]
    backend.forget_bank("b")
    assert b"xylophonist" not in bytes_of(tmp_path)
    other.retain(batch("k", (1, "apple")))
    assert recall(other, "apple") == recall(backend, "apple") == [("session:s", 1)]
    other.close()


def test_answer_for_an_unknown_bank_without_making_it(backend: EmbeddedBackend, tmp_path: Path) -> None:
    assert backend.recall("b", Query("apple")) == []
    assert backend.figures("b") == BankFigures(0, 0, 0, 0, 0)
    assert backend.rebuild("b") == 0
    backend.forget(Removal("b", "session:s", None))
    backend.forget_bank("b")
    assert list(tmp_path.rglob("*")) == []


def test_count_what_a_bank_holds(backend: EmbeddedBackend, tmp_path: Path) -> None:
    backend.retain(batch("k1", (1, "apple"), (2, "Some words. " * 100)))
    backend.retract(Removal("b", "session:gone", (1,)))
    figures = backend.figures("b")
    assert (figures.documents, figures.passages, figures.memories) == (1, 2, 3)
    assert figures.vectors in (0, 3)
    assert figures.bytes == len(bytes_of(tmp_path)) > 0


def test_keep_files_private(backend: EmbeddedBackend, tmp_path: Path) -> None:
    backend.retain(batch("k", (1, "apple")))
    for path in (tmp_path / "banks").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_close_twice(tmp_path: Path) -> None:
    backend = EmbeddedBackend(tmp_path)
    backend.retain(batch("k", (1, "apple")))
    backend.close()
    backend.close()


spans = st.builds(Span, st.none() | st.integers(0, 5), st.frozensets(st.integers(1, 5), max_size=2))
names = st.sampled_from(["session:a", "session:b", "session:c", "note:d", "session:unknown"])
scopes = st.builds(
    Scope,
    st.none() | st.dictionaries(names, spans, max_size=4),
    st.dictionaries(names, st.frozensets(st.integers(1, 5), max_size=3), max_size=3),
)


@pytest.fixture(scope="module", params=[None, FakeEmbedder()], ids=["words", "words and meaning"])
def orchard(request: pytest.FixtureRequest) -> Iterator[EmbeddedBackend]:
    """Four documents of four turns, all of which match `apple`, some better than others."""
    with TemporaryDirectory() as home:
        backend = EmbeddedBackend(Path(home), request.param)
        for number, document in enumerate(["session:a", "session:b", "session:c", "note:d"]):
            said = [(turn, "apple " * turn + "pear " * number) for turn in range(1, 5)]
            backend.retain(batch(document, *said, document=document))
        yield backend
        backend.close()


def sees(scope: Scope, document: str, turn: int) -> bool:
    if scope.documents is None:
        return turn not in scope.hidden.get(document, ())
    if document not in scope.documents:
        return False
    span = scope.documents[document]
    return turn not in span.hidden and (span.last_turn is None or turn <= span.last_turn)


@settings(deadline=None)
@given(scope=scopes, limit=st.integers(1, 20))
def test_rank_exactly_what_the_scope_sees(orchard: EmbeddedBackend, scope: Scope, limit: int) -> None:
    everything = orchard.recall("b", Query("apple"))
    assert len(everything) == 16
    visible = {
        (document, turn)
        for document in ("session:a", "session:b", "session:c", "note:d")
        for turn in range(1, 5)
        if sees(scope, document, turn)
    }
    found = orchard.recall("b", Query("apple", scope, limit=limit))
    places = [(one.document, one.text.count("apple")) for one in found]
    assert len(set(places)) == len(places) == min(limit, len(visible))
    assert set(places) <= visible
    for channel in {reason.channel for one in found for reason in one.why}:
        ranks = {reason.rank for one in found for reason in one.why if reason.channel == channel}
        assert max(ranks) <= len(visible)


@pytest.mark.parametrize("embedder", [None, FakeEmbedder()], ids=["words", "words and meaning"])
def test_see_what_another_instance_does(tmp_path: Path, embedder: Embedder | None) -> None:
    one, other = EmbeddedBackend(tmp_path, embedder), EmbeddedBackend(tmp_path, embedder)
    one.retain(batch("k1", (1, "apple"), (2, "apple")))
    assert len(recall(other, "apple")) == 2
    one.retain(batch("k2", (3, "apple")))
    other.retain(batch("k3", (4, "apple")))
    assert recall(one, "apple") == recall(other, "apple") == [("session:s", turn) for turn in (1, 2, 3, 4)]
    other.retract(Removal("b", "session:s", (1,)))
    assert recall(one, "apple") == [("session:s", turn) for turn in (2, 3, 4)]
    one.forget(Removal("b", "session:s", (2,)))
    assert recall(other, "apple") == [("session:s", turn) for turn in (3, 4)]
    other.rebuild("b")
    assert recall(one, "apple") == [("session:s", turn) for turn in (3, 4)]
    one.close()
    other.close()


def test_see_what_another_process_does(tmp_path: Path) -> None:
    backend = EmbeddedBackend(tmp_path, FakeEmbedder())
    backend.retain(batch("k1", (1, "apple")))
    assert len(recall(backend, "apple")) == 1
    code = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from threadline.backends.embedded import EmbeddedBackend
from threadline.documents import Batch, Passage, Removal
from threadline.engine.models.fake import FakeEmbedder

backend = EmbeddedBackend(Path(sys.argv[1]), FakeEmbedder())
backend.retain(Batch("b", "session:s", "k2", (Passage(2, 0, "user", "apple", datetime.now(UTC)),)))
backend.retract(Removal("b", "session:s", (1,)))
backend.close()
"""
    subprocess.run([sys.executable, "-c", code, os.fspath(tmp_path)], check=True, timeout=60)
    assert recall(backend, "apple") == [("session:s", 2)]
    backend.close()


def test_recall_while_another_thread_retains(backend: EmbeddedBackend) -> None:
    backend.retain(batch("k0", (1, "apple 0")))
    stop = threading.Event()
    faults: list[Exception] = []
    seen: list[int] = []

    def watch() -> None:
        try:
            while not stop.is_set():
                seen.append(len(backend.recall("b", Query("apple", limit=100))))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test below shows it
            faults.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    for number in range(1, 60):
        backend.retain(batch(f"k{number}", (number + 1, f"apple {number}")))
    stop.set()
    thread.join()
    assert faults == []
    assert seen == sorted(seen)
    assert len(recall(backend, "apple")) == 50


def test_write_to_the_new_file_when_the_folder_was_replaced(backend: EmbeddedBackend, tmp_path: Path) -> None:
    backend.retain(batch("k1", (1, "apple")))
    folder = tmp_path / "banks" / "b"
    folder.rename(tmp_path / "moved")
    assert recall(backend, "apple") == []
    backend.retain(batch("k1", (1, "pear")))
    fresh = EmbeddedBackend(tmp_path)
    assert recall(fresh, "pear") == [("session:s", 1)]
    fresh.close()


@given(st.lists(st.text(min_size=1, max_size=80), min_size=2, max_size=8, unique=True))
def test_give_each_bank_its_own_folder(banks: list[str]) -> None:
    folders = [bank_folder(name) for name in banks]
    assert len({folder.lower() for folder in folders}) == len(banks)
    assert all(folder.isascii() and folder.isprintable() and "/" not in folder for folder in folders)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("agent-1_b.c", "agent-1_b.c"),
        ("Agent", "%41gent"),
        ("..", "%2e."),
        ("-rf", "%2drf"),
        ("a/b\\c:d", "a%2fb%5cc%3ad"),
        ("é", "%c3%a9"),
        ("%41gent", "%2541gent"),
    ],
)
def test_name_a_folder(name: str, folder: str) -> None:
    assert bank_folder(name).startswith(folder)


def test_keep_a_folders_name_short() -> None:
    one, other = bank_folder("é" * 10_000), bank_folder("é" * 9_999)
    assert one != other
    assert max(len(one), len(other)) < 200


def test_find_by_meaning_with_the_model(tmp_path: Path) -> None:
    backend = EmbeddedBackend(tmp_path, MiniLM())
    backend.retain(
        batch("k", (1, "We adopted a puppy called Rex."), (2, "The invoice is due on Friday."), (3, "I love tea."))
    )
    first = backend.recall("b", Query("Do they have any pets?"))[0]
    assert first.turn == 1
    before = [(one.text, one.score, one.why) for one in backend.recall("b", Query("dog"))]
    assert backend.rebuild("b") == 3
    assert [(one.text, one.score, one.why) for one in backend.recall("b", Query("dog"))] == before
    backend.close()
