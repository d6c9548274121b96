from __future__ import annotations

import json
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.engine.banks import Said, fill

from threadline.engine.store import words
from threadline.engine.store.sqlite import SqliteStore
from threadline.engine.store.words import Among, WordIndex
from threadline.engine.terms import identifiers, query_terms
from threadline.errors import StorageBusyError, StorageError


@pytest.fixture(autouse=True)
def _written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """These are about the index on the disk; what is searched beside it has tests of its own."""
    monkeypatch.setattr(words, "LONGEST", 0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "memory.db")
    yield opened
    opened.close()


@pytest.fixture
def index(store: SqliteStore) -> WordIndex:
    return store.words


def keep(store: SqliteStore, *texts: str, first: int = 1, document: str = "session:s") -> None:
    fill(store, [Said(document, turn, text) for turn, text in enumerate(texts, first)])


def found(index: WordIndex, query: str, documents: Sequence[int] | None = None) -> list[int]:
    """Those with the words, the oldest first."""
    among = None if documents is None else Among("document", documents)
    return sorted(index.search(query_terms(query), [], among, 99).memories.tolist())


def test_find_the_best_first(store: SqliteStore, index: WordIndex) -> None:
    keep(store, "a pear and an apple", "an apple", "a fig", "apple apple pie")
    hits = index.search(["appl"], [], None, 99)
    assert hits.memories.tolist() == [4, 2, 1]
    assert list(hits.scores) == sorted(hits.scores, reverse=True)
    assert hits.memories.dtype == np.int64


def test_score_as_a_share_of_what_the_query_weighs(store: SqliteStore, index: WordIndex) -> None:
    keep(store, *["apple fig"] * 50, *["pear"] * 50)
    alone = index.search(["appl"], [], None, 1).scores[0]
    both = index.search(["appl", "fig"], [], None, 1).scores[0]
    assert both == pytest.approx(alone, abs=1e-5)
    half = index.search(["appl", "pear"], [], None, 1).scores[0]
    assert half < 0.8 * alone
    assert index.search(["appl", "unknown"], [], None, 1).scores[0] < half  # what nobody said weighs the most


def test_name_the_holders_of_rare_terms(store: SqliteStore, index: WordIndex) -> None:
    keep(store, "a pear and an apple", "an apple", "a fig", "apples")
    pear, fig = index.holders(["pear", "appl", "plum", "fig"], 2)
    assert [pear.memories.tolist(), fig.memories.tolist()] == [[1], [3]]
    assert pear.memories.dtype == np.int64
    (apple,) = index.holders(["appl"], 3)
    assert sorted(apple.memories.tolist()) == [1, 2, 4]
    assert 0 < apple.rarity < pear.rarity
    store.forget("session:s", [1])
    keep(store, "a pear", first=5)
    assert [held.memories.tolist() for held in index.holders(["pear"], 9)] == [[5]]


def test_follow_the_store(store: SqliteStore, index: WordIndex) -> None:
    assert found(index, "apple") == []
    keep(store, "apple", "apple")
    assert found(index, "apple") == [1, 2]
    keep(store, "apple pie", document="session:t")
    assert found(index, "apple") == [1, 2, 3]
    store.retract("session:s", [1])
    assert found(index, "apple") == [2, 3]
    store.forget("session:t", None)
    assert found(index, "apple") == [2]
    store.clear()
    assert found(index, "apple") == []
    keep(store, "apple", document="session:u")
    assert found(index, "apple") == [4]  # an id is never used again


def test_catch_up_slice_by_slice(store: SqliteStore, index: WordIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "SLICE", 2)
    keep(store, *["apple"] * 5)
    assert index.behind() == 5
    assert [index.catch_up(slices=1) for _ in range(2)] == [False, False]
    assert index.behind() == 1
    assert index.catch_up(slices=2)
    assert index.catch_up(slices=1)
    assert index.behind() == 0
    keep(store, "apple", first=6)
    store.retract("session:s", [2])
    assert len(found(index, "apple")) == 5  # a search never leaves anything out


def test_drop_what_went_away_from_the_middle_of_a_slice(
    store: SqliteStore, index: WordIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "SLICE", 2)
    keep(store, *["apple"] * 6)
    assert not index.catch_up(slices=1)
    store.retract("session:s", [2, 4])
    assert found(index, "apple") == [1, 3, 5, 6]


def test_look_in_some_documents_alone(store: SqliteStore, index: WordIndex) -> None:
    keep(store, "apple pear")
    keep(store, "apple", document="session:t")
    assert found(index, "apple", [1]) == [1]
    assert found(index, "apple", [2, 77]) == [2]
    assert found(index, "apple", [77]) == []
    assert found(index, "apple", []) == []
    weighed = index.search(["appl"], [], Among("document", [2]), 9).scores[0]
    assert weighed == pytest.approx(index.search(["appl"], [], None, 9).scores[0])  # a filter changes no score


@pytest.mark.parametrize(("limit", "whole"), [(2, False), (3, False), (4, True)])
def test_say_whether_it_found_all(store: SqliteStore, index: WordIndex, limit: int, whole: bool) -> None:
    keep(store, "apple", "apple", "apple", "pear")
    hits = index.search(["appl"], [], None, limit)
    assert (len(hits.memories), hits.whole) == (min(limit, 3), whole)


@pytest.mark.parametrize(
    "terms", [[], ["unknown"], [""], ["a b"], ['x" OR *'], ["\udcff".encode("utf-8", "replace").decode()]]
)
def test_find_nothing_by_what_nobody_said(store: SqliteStore, index: WordIndex, terms: list[str]) -> None:
    keep(store, "apple")
    assert index.search(terms, [], None, 9).memories.tolist() == []
    assert index.search(terms, [], None, 9).whole


def test_find_a_few_hundred_terms(store: SqliteStore, index: WordIndex) -> None:
    keep(store, "apple")
    assert index.search([f"w{n}" for n in range(500)] + ["appl"], [], None, 9).memories.tolist() == [1]


IDENTIFIERS = {
    "ERR_CONN_42": ["ERR_CONN_43", "ERR conn 42", "42 errors in conn"],
    "/etc/nginx/nginx.conf": ["/etc/nginx/sites.conf", "nginx etc conf", "/opt/etc/nginx/nginx.conf.d"],
    "v1.2.3": ["v1.2.4", "v1.2", "1 2 3 v", "v1.2.3.4"],
    "ann@example.org": ["bo@example.org", "ann of example org", "joann@example.org"],
    "2026-11-24": ["2026-11-25", "24 11 2026"],
    "std::vec::Vec": ["std::vec::Drain", "Vec of std vec"],
}


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("said", ["we saw {} again", "is it ({})?", "`{}`, they said", "{}: see above", "it is {}."])
def test_put_an_identifier_as_it_stands_first(store: SqliteStore, index: WordIndex, identifier: str, said: str) -> None:
    lookalikes = [f"we saw {other} again" for other in IDENTIFIERS[identifier]]
    keep(store, *lookalikes, said.format(identifier), *lookalikes)
    question = f"What about {identifier}?"
    hits = index.search(query_terms(question), identifiers(question), None, 99)
    assert hits.memories[0] == len(lookalikes) + 1


def test_make_it_anew_where_it_is_missing(tmp_path: Path, store: SqliteStore) -> None:
    keep(store, "apple")
    assert found(store.words, "apple") == [1]
    store.words.close()
    shutil.rmtree(tmp_path / "words")
    assert found(store.words, "apple") == [1]


def test_make_it_anew_where_its_files_went_away_under_it(tmp_path: Path, store: SqliteStore) -> None:
    keep(store, "apple")
    assert found(store.words, "apple") == [1]
    shutil.rmtree(tmp_path / "words")
    keep(store, "apple pie", first=2)
    assert found(store.words, "apple") == [1, 2]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "garbage": lambda content: b"garbage" * (len(content) // 7 + 1),
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "one byte": lambda content: content[: len(content) // 3] + b"\xff\x00" + content[len(content) // 3 + 2 :],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "which", ["meta.json", ".managed.json", "threadline.json", "*.idx", "*.store", "*.fast", "*.term"]
)
@pytest.mark.parametrize("opened", [False, True], ids=["when opened", "while open"])
def test_bear_damage(tmp_path: Path, which: str, damage: str, opened: bool) -> None:
    store = SqliteStore(tmp_path / "memory.db")
    keep(store, *["apple"] * 30, "pear")
    assert found(store.words, "pear") == [31]
    if not opened:
        store.close()
        store = SqliteStore(tmp_path / "memory.db")
    files = list((tmp_path / "words").glob(which))
    assert files
    for file in files:
        damaged = file.with_name("damaged")  # in place it would pull the mapped memory away from under Tantivy
        damaged.write_bytes(DAMAGES[damage](file.read_bytes()))
        damaged.replace(file)
    keep(store, "apple pie", first=32)
    assert len(found(store.words, "apple")) == 31
    store.close()
    again = SqliteStore(tmp_path / "memory.db")
    assert found(again.words, "pear") == [31]
    assert len(found(again.words, "apple")) == 31
    again.close()


def test_name_the_holders_where_the_index_is_damaged(tmp_path: Path, store: SqliteStore, index: WordIndex) -> None:
    keep(store, *["apple"] * 30, "pear")
    assert found(index, "pear") == [31]
    for file in (tmp_path / "words").glob("*.term"):
        file.with_name("damaged").write_bytes(file.read_bytes()[:9])
        file.with_name("damaged").replace(file)
    index.close()
    assert [held.memories.tolist() for held in index.holders(["pear"], 9)] == [[31]]


@pytest.mark.parametrize("folder_is", ["a file", "full of something else"])
def test_bear_something_else_in_its_place(tmp_path: Path, folder_is: str) -> None:
    place = tmp_path / "words"
    if folder_is == "a file":
        place.write_text("not a folder")
    else:
        place.mkdir()
        (place / "meta.json").write_text('{"index": "of somebody else"}')
    store = SqliteStore(tmp_path / "memory.db")
    keep(store, "apple")
    if folder_is == "a file":
        with pytest.raises(StorageError):  # it is nobody's to delete
            found(store.words, "apple")
    else:
        assert found(store.words, "apple") == [1]
    store.close()


def test_make_it_anew_after_another_analysis(
    tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, "apples")
    monkeypatch.setattr(words, "index_terms", lambda text: ["otherwise"])
    assert found(store.words, "otherwis") == []
    assert store.words.search(["otherwise"], [], None, 9).memories.tolist() == [1]
    monkeypatch.undo()
    assert found(store.words, "apple") == []  # nothing tells it
    state = json.loads((tmp_path / "words" / "threadline.json").read_text("utf-8"))
    (tmp_path / "words" / "threadline.json").write_text(json.dumps({**state, "analysis": state["analysis"] - 1}))
    store.words.close()
    assert found(store.words, "apple") == [1]
    assert store.words.search(["otherwise"], [], None, 9).memories.tolist() == []


def test_make_it_anew_where_what_went_away_is_not_known_any_more(store: SqliteStore) -> None:
    keep(store, "apple", "pear")
    assert found(store.words, "apple") == [1]
    store.words.close()
    store.database.write("test", lambda connection: connection.execute("DELETE FROM memories WHERE id = 1"))
    store.database.write(
        "test",
        lambda connection: connection.execute(
            "DELETE FROM gone; UPDATE state SET generation = generation + 1, complete_since = generation + 1"
        ),
    )
    assert found(store.words, "apple") == []
    assert found(store.words, "pear") == [2]


def test_keep_its_files_to_their_user(tmp_path: Path, store: SqliteStore) -> None:
    old = os.umask(0)
    try:
        keep(store, "apple")
        assert found(store.words, "apple") == [1]
        keep(store, "pear", first=2)
        assert found(store.words, "pear") == [2]
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "words").iterdir()}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert stat.S_IMODE((tmp_path / "words").stat().st_mode) == 0o700


def test_leave_no_byte_of_what_went_away(tmp_path: Path, store: SqliteStore) -> None:
    keep(store, *["filler text"] * 10)
    keep(store, "the sesame word, sesame@example.org", document="session:t")
    assert found(store.words, "sesame") == [11]
    before = segments(tmp_path / "words")
    store.retract("session:t", [1])
    store.words.remake()
    assert found(store.words, "filler") == list(range(1, 11))
    assert found(store.words, "sesame") == []
    after = segments(tmp_path / "words")
    assert before.keys().isdisjoint(after)
    clean = SqliteStore(tmp_path / "clean" / "memory.db")
    keep(clean, *["filler text"] * 10)
    clean.words.catch_up()
    # A dictionary of words is compressed: it has no trace of a word if it is the one that never had it.
    assert sorted(after.values()) == sorted(segments(tmp_path / "clean" / "words").values())
    clean.close()


def test_leave_no_byte_while_another_one_reads(tmp_path: Path, store: SqliteStore) -> None:
    keep(store, "the sesame word", "filler")
    other = SqliteStore(tmp_path / "memory.db")
    assert found(other.words, "sesame") == [1]
    before = segments(tmp_path / "words")
    store.forget("session:s", [1])
    assert before.keys().isdisjoint(segments(tmp_path / "words"))
    assert found(other.words, "sesame") == []
    assert found(other.words, "filler") == [2]
    other.close()


def test_follow_a_removal_where_the_index_is_damaged(tmp_path: Path, store: SqliteStore) -> None:
    keep(store, "the sesame word", "filler")
    assert found(store.words, "sesame") == [1]
    store.words.close()
    (tmp_path / "words" / "meta.json").write_text("garbage")
    store.forget("session:s", [1])
    assert found(store.words, "sesame") == []
    assert found(store.words, "filler") == [2]


def segments(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith((".json", ".lock"))}


def test_delete_its_files(tmp_path: Path, store: SqliteStore) -> None:
    keep(store, "apple")
    assert found(store.words, "apple") == [1]
    store.words.remove()
    assert not (tmp_path / "words").exists()
    store.words.remove()


# Two of one folder.


def test_write_in_turns(tmp_path: Path) -> None:
    one, other = SqliteStore(tmp_path / "memory.db"), SqliteStore(tmp_path / "memory.db")
    for turn in range(1, 7):
        writer, reader = (one, other) if turn % 2 else (other, one)
        keep(writer, f"apple number{turn}", first=turn)
        assert writer.words.catch_up()
        assert found(reader.words, f"number{turn}") == [turn]
    one.retract("session:s", [3])
    assert one.words.catch_up()
    assert found(other.words, "apple") == [1, 2, 4, 5, 6]
    other.forget("session:s", [4])
    assert found(one.words, "apple") == [1, 2, 5, 6]
    one.clear()
    assert found(other.words, "apple") == []
    one.close()
    other.close()


def test_write_at_once(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "memory.db") for _ in range(3)]
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(1, 6):
                keep(stores[number], f"apple {number}", first=turn, document=f"session:{number}")
                assert len(found(stores[number].words, f"{number}")) == turn
        except Exception as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [found(each.words, "apple") for each in stores] == [list(range(1, 16))] * 3
    for each in stores:
        each.close()


def test_say_that_another_one_is_writing(tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_LOCK_SECONDS", 0.05)
    keep(store, "apple")
    other = SqliteStore(tmp_path / "memory.db")
    with store.words._writer(), pytest.raises(StorageBusyError, match="try again"):
        found(other.words, "apple")
    assert found(other.words, "apple") == [1]
    other.close()
