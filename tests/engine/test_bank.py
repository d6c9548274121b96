from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from threadline.documents import Batch, Passage, Query
from threadline.engine.bank import Bank, Hit
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.recall.fuse import reciprocal_rank
from threadline.errors import ClosedError

WHEN = datetime(2024, 5, 3, tzinfo=UTC)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    opened = Bank(tmp_path, FakeEmbedder())
    yield opened
    opened.close()


def retain(bank: Bank, *texts: str, document: str = "session:s", speaker: str | None = None) -> None:
    passages = tuple(Passage(turn, 0, "user", text, WHEN, speaker) for turn, text in enumerate(texts, 1))
    bank.retain(Batch("b", document, f"key of {document}", passages))


def texts(hits: list[Hit]) -> list[str]:
    return [hit.memory.text for hit in hits]


def test_say_why_a_memory_was_found(bank: Bank) -> None:
    retain(bank, "a red apple", "a green pear")
    first, second = bank.recall(Query("red apple"))
    assert first.memory.text == "a red apple"
    assert [(reason.channel, reason.rank) for reason in first.why] == [("words", 1), ("meaning", 1)]
    assert [(reason.channel, reason.rank) for reason in second.why] == [("meaning", 2)]
    assert first.score > second.score


def test_take_a_fusion_as_a_value(tmp_path: Path) -> None:
    bank = Bank(tmp_path, FakeEmbedder(), reciprocal_rank)
    retain(bank, "a red apple")
    assert bank.recall(Query("red apple"))[0].score == pytest.approx(2 / 61)
    bank.close()


@pytest.mark.parametrize("text", ["", "?!", "  \n", "\ud800"])
def test_answer_nothing_to_nothing(bank: Bank, text: str) -> None:
    retain(bank, "a red apple")
    assert bank.recall(Query(text)) == []


def test_bear_any_query(bank: Bank) -> None:
    retain(bank, "a red apple")
    assert texts(bank.recall(Query('apple" OR text:NEAR(* \ud800 "AND NOT'))) == ["a red apple"]
    assert texts(bank.recall(Query("apple " + "pear\n" * 1_000_000))) == ["a red apple"]


def test_keep_within_the_budget_and_the_limit(bank: Bank) -> None:
    retain(bank, *(f"apple number {number}" for number in range(120)))
    assert len(bank.recall(Query("apple", max_tokens=10**6, limit=100))) == 100
    assert sum(hit.tokens for hit in bank.recall(Query("apple", max_tokens=10))) <= 10
    assert bank.recall(Query("apple", limit=0)) == []


def test_recall_the_pieces_of_a_long_message(bank: Bank) -> None:
    retain(bank, "Nothing of note happened. " * 200 + "The apple was red. " + "Nothing of note happened. " * 200)
    (hit, *_) = bank.recall(Query("red apple"))
    assert "The apple was red." in hit.memory.text
    assert len(hit.memory.text) <= 800


def test_embed_a_query_without_the_names_of_speakers(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded: list[str] = []
    embed = FakeEmbedder.embed

    def remember(self: FakeEmbedder, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        embedded.extend(texts)
        return embed(self, texts)

    retain(bank, "I painted it green", speaker="John")
    monkeypatch.setattr(FakeEmbedder, "embed", remember)
    bank.recall(Query("What did John paint?"))
    assert embedded == ["What did paint?"]


def test_find_by_the_name_of_who_said_it(bank: Bank) -> None:
    retain(bank, "I painted it blue", speaker="Maria")
    retain(bank, "I painted it green", speaker="John", document="session:t")
    assert texts(bank.recall(Query("What did John paint?")))[0] == "I painted it green"


def test_rebuild_to_the_same_recall(bank: Bank) -> None:
    for number in range(5):
        retain(bank, *(f"{word} apple {number}" for word in ("red", "old", "sour")), document=f"session:{number}")
    bank.retract("session:2", [2])
    queries = [Query("red apple"), Query("old"), Query("sour apple 3", limit=4)]
    before = [[(hit.memory.text, hit.score, hit.why) for hit in bank.recall(query)] for query in queries]
    assert bank.rebuild() == 14
    assert [[(hit.memory.text, hit.score, hit.why) for hit in bank.recall(query)] for query in queries] == before


def test_rebuild_for_another_embedder(tmp_path: Path) -> None:
    old = Bank(tmp_path, FakeEmbedder("older"))
    retain(old, "a red apple", "a green pear")
    old.close()
    new = Bank(tmp_path, FakeEmbedder())
    assert [reason.channel for hit in new.recall(Query("red apple")) for reason in hit.why] == ["words"]
    new.rebuild()
    assert len(new.recall(Query("red apple"))) == 2
    new.close()


def test_join_the_tags_and_keep_the_latest_metadata(bank: Bank) -> None:
    bank.retain(Batch("b", "session:s", "k1", (Passage(1, 0, "user", "apple", WHEN),), ("a",), {"v": 1}, "context"))
    bank.retain(Batch("b", "session:s", "k2", (Passage(2, 0, "user", "apple", WHEN),), ("b",), {"v": 2}))
    hits = bank.recall(Query("apple", tags=("a", "b")))
    assert [(hit.memory.tags, hit.memory.metadata) for hit in hits] == [(("a", "b"), {"v": 2})] * 2
    assert bank.recall(Query("apple", tags=("a", "c"))) == []


def test_refuse_to_work_when_closed(bank: Bank) -> None:
    bank.close()
    bank.close()
    with pytest.raises(ClosedError):
        bank.recall(Query("apple"))
