from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.engine.banks import BEGAN, say, texts

from threadline.documents import Batch, Passage, Query
from threadline.engine.bank import Bank
from threadline.engine.models.base import Embedder
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.retain.prepare import prepare
from threadline.engine.retain.reembed import SLICE_SECONDS
from threadline.errors import EmbedderError

Open = Callable[..., Bank]


class Closing(FakeEmbedder):
    """Knows whether it was closed, and what it embedded."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.closed = False
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        return super().embed(texts)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A bank of ten memories with the vectors of `older`."""
    bank = Bank(tmp_path / "bank", FakeEmbedder("older"))
    say(bank, *(f"apple of sort {number}" for number in range(10)))
    bank.close()
    return tmp_path / "bank"


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice embeds four memories at most: the clock is past its end the second time it is looked at."""
    moments = iter(range(10**9))
    monkeypatch.setattr("time.monotonic", lambda: next(moments) * SLICE_SECONDS / 2)


def open_newer(folder: Path, reopen: Callable[[str], Embedder | None] | None = None, name: str = "newer") -> Bank:
    return Bank(folder, FakeEmbedder(name), reopen=reopen or FakeEmbedder)


def by_meaning(bank: Bank, text: str = "apple of sort 3") -> list[str]:
    """What the meaning channel has, best first."""
    ranked, _ = bank.rank(Query(text))
    found = np.argsort(-ranked.signals.meaning, kind="stable")
    ids = ranked.rows.memories[ranked.places[found]].tolist()
    memories = bank.memories(ids)
    return [
        memories[number].text for place, number in zip(found, ids, strict=True) if ranked.signals.meaning[place] > 0
    ]


def index_words(bank: Bank) -> None:
    bank._store.words.catch_up()


def counts(bank: Bank) -> dict[str, int]:
    return {name: len(bank._store.vectors(name, 0, 99)) for name in ("older", "newer", "newest")}


def test_search_the_old_vectors_until_all_new_ones_are_there(older: Path) -> None:
    bank = open_newer(older)
    index_words(bank)
    serving, made = [], []
    while True:
        assert by_meaning(bank)[0] == "apple of sort 3"
        assert len(by_meaning(bank)) == 10
        serving.append(bank._store.state().serving)
        made.append(counts(bank)["newer"])
        if not bank.upkeep():
            break
    assert set(serving) == {"older"}
    assert made == sorted(set(made))
    assert made[-1] >= 8
    assert bank._store.state().serving == "newer"
    assert counts(bank) == {"older": 0, "newer": 10, "newest": 0}
    assert by_meaning(bank)[0] == "apple of sort 3"
    assert not bank.upkeep()
    bank.close()


def test_leave_no_vector_of_the_old_model(older: Path) -> None:
    bank = open_newer(older)
    while bank.upkeep():
        pass
    assert bank._store.database.rows("SELECT name FROM models") == [("newer",)]  # type: ignore[attr-defined]
    assert bank.figures().vectors == 10
    bank.close()


def test_go_on_after_being_opened_again(older: Path) -> None:
    embedded: list[str] = []
    for _ in range(10):
        embedder = Closing("newer")
        bank = Bank(older, embedder, reopen=FakeEmbedder)
        index_words(bank)
        more = bank.upkeep()
        embedded += embedder.texts
        bank.close()
        if not more:
            break
    assert sorted(embedded) == sorted(f"apple of sort {number}" for number in range(10))  # each once


def test_find_what_is_retained_meanwhile(older: Path) -> None:
    bank = open_newer(older)
    index_words(bank)
    assert bank.upkeep()
    say(bank, "apple of a new sort", first=11)
    assert by_meaning(bank, "apple of a new sort")[0] == "apple of a new sort"
    assert "meaning" in [reason.channel for reason in bank.recall(Query("apple of a new sort"))[0].why]
    while bank.upkeep():
        pass
    assert by_meaning(bank, "apple of a new sort")[0] == "apple of a new sort"
    assert counts(bank) == {"older": 0, "newer": 11, "newest": 0}
    bank.close()


def test_embed_nothing_that_went_away_meanwhile(older: Path) -> None:
    bank = open_newer(older)
    index_words(bank)
    assert bank.upkeep()
    bank.retract("session:s", [1, 2, 9])
    while bank.upkeep():
        pass
    assert counts(bank) == {"older": 0, "newer": 7, "newest": 0}
    bank.close()


def test_find_by_words_where_the_old_embedder_is_not_to_be_had(older: Path) -> None:
    asked: list[str] = []

    def reopen(name: str) -> None:
        asked.append(name)

    bank = open_newer(older, reopen)
    assert texts(bank.recall(Query("sort 3")))[0] == "apple of sort 3"
    assert by_meaning(bank) == []
    assert bank.upkeep()
    say(bank, "apple of a new sort", first=11)
    while bank.upkeep():
        pass
    assert len(by_meaning(bank)) == 11
    assert asked == ["older"]  # once
    bank.close()


def test_search_the_new_vectors_in_another_one_that_is_open(older: Path) -> None:
    one, other = open_newer(older), open_newer(older)
    assert by_meaning(other)[0] == "apple of sort 3"
    while one.upkeep():
        pass
    assert len(by_meaning(other)) == 10
    assert not other.upkeep()
    say(other, "apple of a new sort", first=11)
    assert by_meaning(one, "apple of a new sort")[0] == "apple of a new sort"
    assert counts(one) == {"older": 0, "newer": 11, "newest": 0}
    one.close()
    other.close()


def test_share_the_work_between_two(older: Path) -> None:
    one, other = open_newer(older), open_newer(older)
    index_words(one)
    while one.upkeep() or other.upkeep():
        pass
    assert not other.upkeep()
    assert counts(one) == {"older": 0, "newer": 10, "newest": 0}
    one.close()
    other.close()


def test_go_to_a_third_model_halfway(older: Path) -> None:
    bank = open_newer(older)
    index_words(bank)
    assert bank.upkeep()
    bank.close()
    third = open_newer(older, name="newest")
    assert len(by_meaning(third)) == 10
    while third.upkeep():
        pass
    assert counts(third) == {"older": 0, "newer": 0, "newest": 10}
    third.close()


def test_go_back_to_the_old_model_halfway(older: Path) -> None:
    bank = open_newer(older)
    index_words(bank)
    assert bank.upkeep()
    bank.close()
    back = Bank(older, FakeEmbedder("older"))
    say(back, "apple of a new sort", first=11)
    while back.upkeep():
        pass
    assert len(by_meaning(back)) == 11
    assert counts(back)["older"] == 11
    back.close()
    again = open_newer(older)
    while again.upkeep():
        pass
    assert counts(again) == {"older": 0, "newer": 11, "newest": 0}
    again.close()


def test_embed_a_bank_that_never_was(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    say(bank, *(f"apple of sort {number}" for number in range(6)))
    bank.close()
    newer = open_newer(tmp_path)
    say(newer, "one more", first=7)
    while newer.upkeep():
        pass
    assert len(by_meaning(newer, "apple")) >= 6
    assert (newer.figures().vectors, newer._store.state().serving) == (7, "newer")
    newer.close()


def test_embed_what_a_bank_of_words_alone_retained(older: Path) -> None:
    plain = Bank(older)
    say(plain, "apple of a new sort", first=11)
    while plain.upkeep():
        pass
    assert plain.figures().vectors == 10
    plain.close()
    again = Bank(older, FakeEmbedder("older"))
    while again.upkeep():
        pass
    assert again.figures().vectors == 11
    again.close()


def test_embed_what_was_under_way_with_the_old_model(older: Path) -> None:
    bank = open_newer(older)
    while bank.upkeep():
        pass
    passage = Passage(11, 0, "user", "apple of a new sort", BEGAN)
    late = Batch("b", "session:s", "late", (passage,))
    bank._store.retain(late, prepare([passage], FakeEmbedder("older")), "older")
    while bank.upkeep():
        pass
    assert counts(bank)["newer"] == 11
    bank.close()
    again = open_newer(older)
    assert by_meaning(again, "apple of a new sort")[0] == "apple of a new sort"
    again.close()


def test_close_what_it_opened(older: Path) -> None:
    old = Closing("older")
    bank = Bank(older, FakeEmbedder("newer"), reopen=lambda _: old)
    bank.recall(Query("apple"))
    assert not old.closed
    bank.close()
    assert old.closed


def test_stand_where_it_was_after_the_model_failed(older: Path) -> None:
    class Failing(FakeEmbedder):
        fails = True

        def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
            if self.fails:
                raise EmbedderError("no model")
            return super().embed(texts)

    embedder = Failing("newer")
    bank = Bank(older, embedder, reopen=FakeEmbedder)
    index_words(bank)
    with pytest.raises(EmbedderError):
        bank.upkeep()
    assert len(by_meaning(bank)) == 10
    embedder.fails = False
    while bank.upkeep():
        pass
    assert counts(bank) == {"older": 0, "newer": 10, "newest": 0}
    bank.close()
