from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from tests.engine.banks import BEGAN, Said, say, tell, texts

from threadline.documents import Batch, Budget, Passage, Query, Scope, Span
from threadline.engine import bank as bank_module
from threadline.engine.bank import Bank
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.recall.fuse import DEFAULT, Confidence, Fusion, Fusions, Weights
from threadline.engine.store.tail import LONGEST
from threadline.errors import ClosedError
from threadline.tags import Tags

WHEN = datetime(2024, 5, 3, tzinfo=UTC)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    opened = Bank(tmp_path, FakeEmbedder())
    yield opened
    opened.close()


def everything(text: str) -> Query:
    return Query(text, min_confidence=0.0, max_tokens=10**6, limit=10**6)


# What is found.


def test_say_why_a_memory_was_found(bank: Bank) -> None:
    say(bank, "a red apple", "a green pear")
    first, second = bank.recall(everything("a red apple"))
    assert first.memory.text == "a red apple"
    assert [(reason.channel, reason.rank) for reason in first.why] == [("words", 1), ("meaning", 1)]
    assert "words" not in [reason.channel for reason in second.why]
    assert first.score > second.score
    assert 0 < second.confidence < first.confidence < 1


def test_take_fusions_as_a_value(tmp_path: Path) -> None:
    longest_first = Fusion(Weights(length=1.0), DEFAULT.words.confidence)
    bank = Bank(tmp_path, None, Fusions(longest_first, longest_first, longest_first))
    say(bank, "apple", "an apple and many other words", "an apple pie")
    assert texts(bank.recall(Query("apple"))) == ["an apple and many other words", "an apple pie", "apple"]
    bank.close()


@pytest.mark.parametrize("text", ["", "?!", "  \n", "\ud800"])
def test_answer_nothing_to_nothing(bank: Bank, text: str) -> None:
    say(bank, "a red apple")
    assert bank.recall(Query(text)) == []


HOSTILE = [
    'apple" OR text:NEAR(* \ud800 "AND NOT',
    "apple " + "pear\n" * 400_000,
    "apple" + "\u0301" * 10_000 + " apple",
    "apple\x00\x01\ufffe",
    "x" * 1_000_000 + " apple",
    " ".join(f"w{number}" for number in range(50)) + " apple",
    "apple " + "a.b/c@d::e " * 300,
    "🍎 apple 🍏",
    "apple on 99/99/9999 and 2024-13-45 or 10000000 years ago",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_bear_any_query(bank: Bank, tmp_path: Path, text: str) -> None:
    say(bank, "grass", "a red apple")
    assert "a red apple" in texts(bank.recall(Query(text, min_confidence=0.0)))
    by_words_alone = Bank(tmp_path)
    assert texts(by_words_alone.recall(Query(text, min_confidence=0.0)))[0] == "a red apple"
    by_words_alone.close()


@pytest.mark.parametrize("text", [*HOSTILE, "𒀀" * 3_000, "word " * 20_000, "\n" * 5_000, "a\u0000b"])
def test_bear_any_message(bank: Bank, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    say(bank, "a red apple", text)
    assert "a red apple" in texts(bank.recall(everything("red apple")))


def test_keep_within_the_budget_and_the_limit(bank: Bank) -> None:
    say(bank, *(f"apple number {number} {'x' * (number % 7)}" for number in range(120)))
    assert len(bank.recall(Query("apple", max_tokens=10**6, limit=90))) == 90
    assert 0 < sum(hit.tokens for hit in bank.recall(Query("apple", max_tokens=10))) <= 10
    assert bank.recall(Query("apple", limit=0)) == bank.recall(Query("apple", max_tokens=0)) == []


def test_recall_the_pieces_of_a_long_message(bank: Bank) -> None:
    say(bank, "Nothing of note happened. " * 200 + "The apple was red. " + "Nothing of note happened. " * 200)
    (hit, *_) = bank.recall(Query("red apple"))
    assert "The apple was red." in hit.memory.text
    assert len(hit.memory.text) <= 800


def test_embed_a_query_without_the_names_of_speakers(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded: list[str] = []
    embed = FakeEmbedder.embed

    def remember(self: FakeEmbedder, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        embedded.extend(texts)
        return embed(self, texts)

    say(bank, "I painted it green", speaker="John")
    monkeypatch.setattr(FakeEmbedder, "embed", remember)
    bank.recall(Query("What did John paint?"))
    assert embedded == ["What did paint?"]


def test_find_by_the_name_of_who_said_it(bank: Bank) -> None:
    say(bank, "I painted it blue", speaker="Maria")
    say(bank, "I painted it green", speaker="John", document="session:t")
    assert texts(bank.recall(everything("What did John paint?")))[0] == "I painted it green"


def test_join_the_tags_and_keep_the_latest_metadata(bank: Bank) -> None:
    bank.retain(Batch("b", "session:s", "k1", (Passage(1, 0, "user", "apple one", WHEN),), ("a",), {"v": 1}, "context"))
    bank.retain(Batch("b", "session:s", "k2", (Passage(2, 0, "user", "apple two", WHEN),), ("b",), {"v": 2}))
    hits = bank.recall(Query("apple", tags=Tags("a", "b")))
    assert [(hit.memory.tags, hit.memory.metadata) for hit in hits] == [(("a", "b"), {"v": 2})] * 2
    assert bank.recall(Query("apple", tags=Tags("a", "c"))) == []


def test_see_yesterday_from_when_it_is_asked(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    said = [Said("session:s", day, f"an apple in basket {day}", at=BEGAN + timedelta(days=day)) for day in range(1, 9)]
    tell(bank, said)
    for day in (3, 7):
        asked_at = BEGAN + timedelta(days=day + 1, hours=9)
        hits = bank.recall(Query("What was in the basket yesterday?", asked_at=asked_at))
        assert texts(hits)[0] == f"an apple in basket {day}"
        assert "time" in [reason.channel for reason in hits[0].why]
    bank.close()


def test_find_more_with_more_effort(bank: Bank) -> None:
    say(bank, *(f"apple {number}" for number in range(400)))
    weighed = {budget: len(bank.rank(Query("apple", budget=budget))[0].places) for budget in get_args(Budget)}
    assert weighed["low"] < weighed["mid"] < weighed["high"]
    assert len(bank.rank(Query("apple"))[0].places) == weighed["mid"]


def test_ask_a_reranker_where_the_budget_is_high(tmp_path: Path) -> None:
    asked: list[tuple[str, list[str]]] = []

    def shortest_first(question: str, texts: Sequence[str]) -> list[float]:
        asked.append((question, list(texts)))
        return [-len(text) for text in texts]

    bank = Bank(tmp_path, FakeEmbedder(), reranker=shortest_first)
    say(bank, "apple apple apple", "an apple", "apple pie of old")
    assert texts(bank.recall(Query("apple")))[0] != "an apple"
    assert asked == []
    hits = bank.recall(Query("apple", budget="high"))
    assert texts(hits) == ["an apple", "apple pie of old", "apple apple apple"]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert asked[0][0] == "apple"
    assert sorted(asked[0][1]) == sorted(texts(hits))
    bank.close()


# What changes.


def test_apply_a_batch_once(bank: Bank) -> None:
    batch = Batch("b", "session:s", "k", (Passage(1, 0, "user", "a red apple", WHEN),))
    bank.retain(batch)
    bank.retain(batch)
    bank.retain(replace(batch, key="another"))
    assert bank.figures().memories == 1


def test_take_turns_out(bank: Bank) -> None:
    say(bank, "a red apple", "a green apple", "a sour apple")
    assert len(bank.recall(everything("apple"))) == 3
    bank.retract("session:s", [2])
    assert sorted(texts(bank.recall(everything("green apple")))) == ["a red apple", "a sour apple"]
    say(bank, "a green apple", first=2)
    assert len(bank.recall(everything("apple"))) == 2
    assert [memory.text for memory in bank.memories_of("session:s")] == ["a red apple", "a sour apple"]
    assert bank.memories_of("session:s", 2) == []


def holders(folder: Path, secret: str) -> list[str]:
    """The files with a word in them; a dictionary of words is compressed and holds a part of it at least."""
    needles = [secret.encode(), secret.encode()[::-1], secret.encode("utf-16-le")]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(needle in path.read_bytes() for needle in needles)]


@pytest.mark.parametrize("turns", [[2], None], ids=["a turn", "a document"])
def test_leave_no_byte_of_what_is_forgotten(tmp_path: Path, turns: list[int] | None) -> None:
    bank = Bank(tmp_path, FakeEmbedder())
    say(bank, "something else", "the quixotic secret", *(f"filler {number}" for number in range(30)))
    say(bank, "a red apple", document="session:t")
    vector = FakeEmbedder().embed(["the quixotic secret"])
    stored = (np.clip(np.rint(vector * 127), -127, 127).astype(np.int8)).tobytes()
    assert texts(bank.recall(Query("quixotic")))[0] == "the quixotic secret"
    bank.upkeep()
    assert holders(tmp_path, "quixotic")
    assert any(stored in path.read_bytes() for path in tmp_path.glob("memory.db*"))
    bank.forget("session:s", turns)
    assert holders(tmp_path, "quixotic") == []
    assert not any(stored in path.read_bytes() for path in tmp_path.glob("memory.db*"))
    assert "the quixotic secret" not in texts(bank.recall(everything("quixotic secret")))
    assert texts(bank.recall(Query("red apple")))[0] == "a red apple"
    bank.close()
    assert holders(tmp_path, "quixotic") == []


def test_forget_before_anything_was_indexed(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    say(bank, "the quixotic secret", "a red apple")
    bank.forget("session:s", [1])
    assert texts(bank.recall(everything("quixotic apple"))) == ["a red apple"]
    assert holders(tmp_path, "quixotic") == []
    bank.close()


def test_remove_everything(tmp_path: Path) -> None:
    bank = Bank(tmp_path, FakeEmbedder())
    say(bank, "a red apple")
    bank.recall(Query("apple"))
    assert bank.remove()
    assert list(tmp_path.iterdir()) == []


def test_keep_an_emptied_bank_that_somebody_else_has_open(tmp_path: Path) -> None:
    bank, other = Bank(tmp_path, FakeEmbedder()), Bank(tmp_path, FakeEmbedder())
    say(bank, "the quixotic secret")
    assert len(other.recall(everything("secret"))) == 1
    assert not bank.remove()
    assert other.recall(everything("secret")) == []
    assert holders(tmp_path, "quixotic") == []
    say(other, "a red apple")
    assert texts(other.recall(Query("apple"))) == ["a red apple"]
    other.close()


def _told(bank: Bank, queries: Sequence[Query]) -> list[list[tuple[object, ...]]]:
    return [[(hit.memory.text, hit.score, hit.why, hit.count, hit.before) for hit in bank.recall(q)] for q in queries]


def test_rebuild_to_the_same_recall(bank: Bank) -> None:
    for number in range(5):
        say(bank, *(f"{word} apple {number}" for word in ("red", "old", "sour")), document=f"session:{number}")
    bank.retract("session:2", [2])
    queries = [Query("red apple"), Query("old"), Query("sour apple 3", limit=4), everything("apple 2")]
    waiting = [texts(bank.recall(query)) for query in queries]
    bank._store.words.catch_up()
    before = _told(bank, queries)
    assert [texts(bank.recall(query)) for query in queries] == waiting, "what waits for the index is ranked as in it"
    assert bank.rebuild() == 14
    assert _told(bank, queries) == before


def test_give_the_same_answers_when_opened_again(tmp_path: Path) -> None:
    queries = [Query("red apple"), everything("apple 2")]
    told = []
    bank = Bank(tmp_path, FakeEmbedder())
    for number in range(4):
        say(bank, *(f"{word} apple {number}" for word in ("red", "old", "sour")), document=f"session:{number}")
        bank.recall(Query("apple"))  # the words are indexed in many small parts
    bank.retract("session:1", [1, 3])
    bank.recall(Query("apple"))
    told.append([texts(bank.recall(query)) for query in queries])
    bank.close()
    again = Bank(tmp_path, FakeEmbedder())
    told.append([texts(again.recall(query)) for query in queries])
    again.close()
    assert told[0] == told[1]


def test_rebuild_for_another_embedder(tmp_path: Path) -> None:
    old = Bank(tmp_path, FakeEmbedder("older"))
    say(old, "a red apple", "a green pear")
    old.close()
    new = Bank(tmp_path, FakeEmbedder())
    assert [reason.channel for hit in new.recall(Query("red apple")) for reason in hit.why] == ["words"]
    new.rebuild()
    assert "meaning" in [reason.channel for reason in new.recall(Query("red apple"))[0].why]
    assert new.figures().vectors == 2
    new.close()


def test_recall_by_words_alone_from_a_bank_with_vectors(tmp_path: Path) -> None:
    bank = Bank(tmp_path, FakeEmbedder())
    say(bank, "a red apple")
    bank.close()
    plain = Bank(tmp_path)
    say(plain, "a green apple", first=2)
    assert sorted(texts(plain.recall(everything("apple")))) == ["a green apple", "a red apple"]
    assert not plain.upkeep()
    assert plain.figures().vectors == 1
    plain.close()


def test_index_what_is_new_in_the_background(bank: Bank) -> None:
    say(bank, *(f"apple {number}" for number in range(LONGEST)))
    while bank.upkeep():
        pass
    assert bank._store.words.behind() == LONGEST, "a few are searched as they stand"
    say(bank, "one more apple", first=LONGEST + 1)
    while bank.upkeep():
        pass
    assert bank._store.words.behind() == 0


def test_index_at_once_what_would_be_too_much_later(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank_module, "_BEHIND", 10)
    say(bank, *["apple"] * 10)
    assert bank._store.words.behind() == 10
    say(bank, "one more", first=11)
    assert bank._store.words.behind() == 0


def test_refuse_to_work_when_closed(bank: Bank) -> None:
    say(bank, "a red apple")
    bank.recall(Query("apple"))
    bank.close()
    bank.close()
    with pytest.raises(ClosedError):
        bank.recall(Query("apple"))
    with pytest.raises(ClosedError):
        say(bank, "more", first=2)
    with pytest.raises(ClosedError):
        bank.upkeep()


def test_keep_its_files_to_their_user(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        bank = Bank(tmp_path / "deep" / "bank", FakeEmbedder())
        say(bank, "a red apple")
        bank.recall(Query("apple"))
        say(bank, "a pear", first=2)
        bank.forget("session:s", [1])
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").rglob("*")}
    finally:
        os.umask(before)
    bank.close()
    assert len(modes) > 5
    assert [path for path, mode in modes.items() if mode & 0o077] == []


# Several at once.


def test_see_what_another_one_writes_and_removes(tmp_path: Path) -> None:
    one, other = Bank(tmp_path, FakeEmbedder()), Bank(tmp_path, FakeEmbedder())
    say(one, "a red apple")
    assert texts(other.recall(everything("apple"))) == ["a red apple"]
    say(other, "a green apple", first=2)
    assert sorted(texts(one.recall(everything("apple")))) == ["a green apple", "a red apple"]
    one.retract("session:s", [1])
    assert texts(other.recall(everything("red apple"))) == ["a green apple"]
    other.forget("session:s")
    assert one.recall(everything("apple")) == []
    say(one, "an old apple", document="session:t")
    assert texts(other.recall(everything("apple"))) == ["an old apple"]
    other.rebuild()
    assert texts(one.recall(everything("apple"))) == ["an old apple"]
    assert [reason.channel for reason in one.recall(Query("old apple"))[0].why] == ["words", "meaning"]
    one.close()
    other.close()


_OTHER = """
import sys
from pathlib import Path
from tests.engine.banks import say, texts
from threadline.documents import Query
from threadline.engine.bank import Bank
from threadline.engine.models.fake import FakeEmbedder

bank = Bank(Path(sys.argv[1]), FakeEmbedder())
for line in sys.stdin:
    what, _, text = line.strip().partition(" ")
    if what == "say":
        say(bank, text, document=f"session:{text}")
    elif what == "forget":
        bank.forget(f"session:{text}")
    found = bank.recall(Query("apple", min_confidence=0.0))
    print(sorted(texts(found)), flush=True)
"""


def test_see_what_another_process_writes_and_removes(bank: Bank, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as other:
        assert other.stdin
        assert other.stdout

        def there(order: str) -> str:
            assert other.stdin
            assert other.stdout
            print(order, file=other.stdin, flush=True)
            return other.stdout.readline().strip()

        say(bank, "a red apple")
        assert there("look") == "['a red apple']"
        assert there("say green apple") == "['a red apple', 'green apple']"
        assert sorted(texts(bank.recall(everything("apple")))) == ["a red apple", "green apple"]
        bank.forget("session:s")
        assert there("look") == "['green apple']"
        assert there("forget green apple") == "[]"
        assert bank.recall(everything("apple")) == []
        other.stdin.close()
        assert other.wait(10) == 0


def _write(bank: Bank, name: str) -> None:
    for turn in range(1, 40):
        say(bank, f"an apple {name} {turn}", first=turn, document=f"session:{name}")
        if turn % 5 == 0:
            bank.retract(f"session:{name}", [turn - 1])


def _read(bank: Bank, written: threading.Event) -> None:
    while not written.is_set():
        assert all(text.startswith("an apple") for text in texts(bank.recall(everything("apple"))))


def test_recall_while_others_write_and_remove(tmp_path: Path) -> None:
    banks = [Bank(tmp_path, FakeEmbedder()) for _ in range(2)]
    written = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(_read, bank, written) for bank in banks]
        writing = [pool.submit(_write, bank, name) for bank, name in zip(banks, "ab", strict=True)]
        wait(writing)
        written.set()
        assert [one.exception() for one in [*reading, *writing]] == [None] * 4
    found = [sorted(hit.memory.id for hit in bank.recall(everything("apple"))) for bank in banks]
    assert found[0] == found[1]
    seen = [bank.rank(everything("apple"))[0].rows.memories.tolist() for bank in banks]
    assert len(seen[0]) == len(seen[1]) == 2 * (39 - 7)
    for bank in banks:
        bank.close()


def test_show_no_more_of_a_document_than_its_span(bank: Bank) -> None:
    say(bank, "a red apple", "a green apple", "a sour apple")
    scope = Scope({"session:s": Span(last_turn=2, hidden=frozenset({1}))})
    assert texts(bank.recall(replace(everything("apple"), scope=scope))) == ["a green apple"]
    assert bank.recall(replace(everything("apple"), scope=Scope({}))) == []


def test_return_few_where_it_was_most_likely_never_said(tmp_path: Path) -> None:
    doubt = Fusion(DEFAULT.words.weights, Confidence(0.0, 0.0, 0.0, bias=-4.0))
    bank = Bank(tmp_path, None, Fusions(doubt, doubt, doubt))
    say(bank, *(f"apple {number}" for number in range(9)))
    assert len(bank.recall(Query("apple"))) == 3
    assert len(bank.recall(Query("apple", min_confidence=0.01))) == 9
    assert bank.recall(Query("apple", min_confidence=0.02)) == []
    bank.close()
