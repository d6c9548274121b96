from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.engine.banks import Said, fill
from tests.engine.recall.rows import ASKED

from threadline.documents import Query
from threadline.engine.late import Encoded
from threadline.engine.models.base import Embedder
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.recall.catalogue import Catalogue
from threadline.engine.recall.fuse import DEFAULT, Confidence, Fusion, Fusions, Weights
from threadline.engine.recall.question import read_question
from threadline.engine.recall.rank import EFFORTS, RERANKED, Effort, Ranked, effort_of, rank, rerank
from threadline.engine.recall.scope import Visible
from threadline.engine.store.sqlite import SqliteStore
from threadline.engine.vectors import quantise

PLAIN = Confidence(1.0, 1.0, 1.0, 0.0)
BY_WORDS = Fusion(Weights(words=1.0), PLAIN)
BY_MEANING = Fusion(Weights(meaning=1.0), PLAIN)
BY_TOKENS = Fusion(Weights(tokens=1.0), PLAIN)
EACH = Fusions(BY_WORDS, BY_MEANING, BY_TOKENS)

SAID = ["apple", "apple pie", "apple pie crust", "an old pear", "apple crust"]


class Reader(FakeEmbedder):
    """An embedder that shows the words of a text as its tokens."""

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        each = [tuple(text.lower().split()) for text in texts]
        return [
            Encoded(self.embed([text])[0], self.embed(tokens), tokens) for text, tokens in zip(texts, each, strict=True)
        ]

    def encode_query(self, text: str) -> Encoded:
        return self.encode([text])[0]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "memory.db")
    yield opened
    opened.close()


def ranked(
    store: SqliteStore,
    text: str,
    embedder: Embedder | None = None,
    effort: Effort = EFFORTS["mid"],
    hidden: Collection[int] = (),
    fusions: Fusions = EACH,
) -> Ranked:
    rows = Catalogue(store, embedder.name if embedder else "", embedder.dimensions if embedder else 0).rows()
    question = read_question(text, ASKED, rows, embedder)
    seen = Visible(~np.isin(rows.memories, list(hidden)), None)
    model = embedder.name if embedder else ""
    return rank(question, rows, seen, store.words, lambda ids: store.token_vectors(model, ids), fusions, effort)


def order(found: Ranked) -> list[int]:
    return [int(memory) for memory in found.rows.memories[found.places]]


def keep(store: SqliteStore, embedder: Embedder | None = None) -> None:
    fill(store, [Said(f"session:{number}", 1, text) for number, text in enumerate(SAID)], embedder)


def test_rank_by_words_where_there_is_no_embedder(store: SqliteStore) -> None:
    keep(store)
    found = ranked(store, "apple crust")
    assert found.fusion == BY_WORDS
    assert order(found) == [5, 3, 1, 2]
    assert found.scores.tolist() == sorted(found.scores, reverse=True)
    assert found.scores.tolist() == found.signals.words.tolist()


def test_rank_by_meaning_where_the_embedder_has_no_tokens(store: SqliteStore) -> None:
    keep(store, FakeEmbedder())
    found = ranked(store, "apple crust", FakeEmbedder())
    assert found.fusion == BY_MEANING
    assert order(found)[0] == 5
    assert found.signals.meaning[0] == pytest.approx(1.0, abs=0.01)
    assert not found.signals.tokens.any()


def test_compare_tokens_of_the_best(store: SqliteStore) -> None:
    keep(store, Reader())
    found = ranked(store, "crust pie", Reader())
    assert found.fusion == BY_TOKENS
    assert order(found)[0] == 3
    assert found.signals.tokens[0] == pytest.approx(1.0)
    few = ranked(store, "crust pie", Reader(), Effort(depth=100, second_look=2))
    assert np.count_nonzero(few.signals.tokens) == 2
    assert few.signals.tokens[:2].all()  # those that were not looked at stay behind, in their order
    assert few.signals.meaning[2:].tolist() == sorted(few.signals.meaning[2:], reverse=True)
    assert few.scores.tolist() == sorted(few.scores, reverse=True)


def test_take_what_has_no_tokens_to_fit_as_its_meaning_does(store: SqliteStore) -> None:
    fill(store, [Said("session:s", 1, "crust pie"), Said("session:t", 1, "crust")], Reader())
    fill(store, [Said("session:u", 1, "crust pie")], FakeEmbedder())
    found = ranked(store, "crust pie", Reader())
    tokens = dict(zip(order(found), found.signals.tokens.tolist(), strict=True))
    assert 0 < tokens[2] < tokens[1]
    assert tokens[3] > tokens[2]


def test_take_nothing_without_tokens_to_fit_better_than_the_best(store: SqliteStore) -> None:
    keep(store, Reader())
    opposite = -Reader().embed(["apple"])[0]
    vectors = {1: opposite, 2: opposite, 4: opposite, 5: opposite, 3: Reader().embed(["apple"])[0]}
    with_tokens = store.token_vectors(Reader().name, [1, 2, 4, 5])
    rows = Catalogue(store, Reader().name, Reader().dimensions).rows()
    for memory, vector in vectors.items():
        rows.vectors[memory - 1] = quantise(vector)
    question = read_question("apple", ASKED, rows, Reader())
    seen = Visible(np.ones(5, np.bool_), None)
    found = rank(question, rows, seen, store.words, lambda _: with_tokens, EACH, EFFORTS["mid"])
    assert found.signals.tokens.max() <= 1.0


def test_compare_no_tokens_where_there_is_little_time(store: SqliteStore) -> None:
    keep(store, Reader())
    assert ranked(store, "crust pie", Reader(), EFFORTS["low"]).fusion == BY_MEANING


def test_compare_no_tokens_where_none_are_kept(store: SqliteStore) -> None:
    keep(store, FakeEmbedder())  # of the same name
    assert ranked(store, "crust pie", Reader()).fusion == BY_MEANING


def test_rank_nothing_hidden(store: SqliteStore) -> None:
    keep(store, Reader())
    assert 3 in order(ranked(store, "crust pie", Reader()))
    assert 3 not in order(ranked(store, "crust pie", Reader(), hidden=[3]))
    assert order(ranked(store, "crust pie", Reader(), hidden=range(1, 6))) == []


def test_rank_an_empty_bank_and_an_empty_question(store: SqliteStore) -> None:
    assert order(ranked(store, "apple", Reader())) == []
    keep(store, Reader())
    assert order(ranked(store, "?!", Reader())) == []


def test_put_equal_ones_oldest_first(store: SqliteStore) -> None:
    fill(store, [Said(f"session:{number}", 1, "apple") for number in range(20)])
    assert order(ranked(store, "apple")) == list(range(1, 21))


def test_say_by_what_a_memory_was_found(store: SqliteStore) -> None:
    keep(store, Reader())
    found = ranked(store, "crust pie", Reader())
    reasons = found.reasons()
    assert [(reason.channel, reason.rank) for reason in reasons(0)] == [("words", 1), ("meaning", 1), ("tokens", 1)]
    for name in ("words", "meaning", "tokens"):
        column = getattr(found.signals, name).tolist()
        for place in range(len(found.places)):
            told = [(reason.rank, reason.score) for reason in reasons(place) if reason.channel == name]
            better = sum(other > column[place] for other in column)
            assert told == ([(better + 1, column[place])] if column[place] > 0 else [])


def test_weigh_more_where_more_is_returned() -> None:
    assert effort_of(Query("x")) == EFFORTS["mid"]
    assert effort_of(Query("x", budget="low")) == EFFORTS["low"]
    assert effort_of(Query("x", budget="high", limit=1_000)).depth == 1_000


def test_rerank_the_best(store: SqliteStore) -> None:
    fill(store, [Said(f"session:{number}", 1, f"apple {number:02d}") for number in range(RERANKED + 10)])
    before = ranked(store, "apple")
    asked: list[str] = []

    def last_first(question: str, texts: Sequence[str]) -> list[float]:
        asked.append(question)
        return [float(text.split()[1]) for text in texts]

    after = rerank(before, "apple", last_first, store.memories)
    assert asked == ["apple"]
    assert order(after) == [*range(RERANKED, 0, -1), *range(RERANKED + 1, RERANKED + 11)]
    assert after.scores.tolist() == before.scores.tolist()
    assert after.signals.length.tolist() == [before.signals.length[order(before).index(one)] for one in order(after)]


def test_rerank_without_what_went_away(store: SqliteStore) -> None:
    keep(store)
    before = ranked(store, "apple crust")
    store.retract("session:2", [1])
    after = rerank(before, "apple crust", lambda _, texts: [-len(text) for text in texts], store.memories)
    assert order(before) == [5, 3, 1, 2]
    assert order(after) == [1, 3, 2, 5]  # the third stays where it was; nobody can read it any more


def test_use_the_default_fusions(store: SqliteStore) -> None:
    keep(store, Reader())
    found = ranked(store, "Which crust has the pie?", Reader(), fusions=DEFAULT)
    assert found.fusion == DEFAULT.tokens
    assert order(found)[0] == 3
    assert ((found.confidence > 0) & (found.confidence < 1)).all()
