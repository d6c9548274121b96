"""Filtered recall against brute force: whatever a query may see, it finds what a search of that alone would find."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.banks import BEGAN, Said, tell

from threadline.documents import MemoryType, Query, Scope, Span
from threadline.engine.bank import Bank
from threadline.engine.models.fake import FakeEmbedder
from threadline.engine.recall import words
from threadline.engine.recall.rank import Effort, Ranked
from threadline.engine.recall.scope import Visible
from threadline.engine.terms import query_terms
from threadline.tags import Tags

EVERYTHING = Effort(depth=100_000, second_look=0)

WORDS = ["apple", "pear", "plum", "fig", "lime", "kiwi", "melon", "grape"]
DOCUMENTS = [f"session:{name}" for name in "abcdef"]
TAGS = ["red", "green", "blue"]
ROLES = ("user", "assistant", "tool", "Agent")


@dataclass(frozen=True)
class Told:
    """What was told to a bank, and taken out of it again."""

    messages: tuple[Said, ...]
    retracted: Mapping[str, frozenset[int]]


@st.composite
def tellings(draw: st.DrawFn) -> Told:
    """Documents with tags, whose turns come in turns, and what is taken out of them."""
    tagged = {each: tuple(draw(st.lists(st.sampled_from(TAGS), unique=True, max_size=2))) for each in DOCUMENTS}
    turns = dict.fromkeys(DOCUMENTS, 0)
    messages = []
    for document in draw(st.lists(st.sampled_from(DOCUMENTS), min_size=1, max_size=24)):
        turns[document] += draw(st.integers(1, 2))
        for position in range(draw(st.integers(1, 2))):
            said = Said(
                document,
                turns[document],
                " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))),
                position,
                draw(st.sampled_from(ROLES)),
                draw(st.sampled_from([None, "Ann", "Bo"])),
                BEGAN + timedelta(hours=draw(st.integers(0, 9))),
                tagged[document],
            )
            messages.append(said)
    return Told(tuple(messages), draw(st.dictionaries(st.sampled_from(DOCUMENTS), some_turns, max_size=2)))


some_turns = st.frozensets(st.integers(1, 8), max_size=3)
names = st.sampled_from([*DOCUMENTS, "session:unknown"])
scopes = st.one_of(
    st.just(Scope()),
    st.builds(lambda hidden: Scope(None, hidden), st.dictionaries(names, some_turns, max_size=3)),
    st.builds(
        lambda spans: Scope(spans),
        st.dictionaries(names, st.builds(Span, st.none() | st.integers(0, 8), some_turns), max_size=5),
    ),
)
tag_filters = st.recursive(
    st.builds(
        lambda tags, match: Tags(*tags, match=match),
        st.lists(st.sampled_from(TAGS), max_size=2),
        st.sampled_from(["any", "all", "any_strict", "all_strict", "exact"]),
    ),
    lambda inner: st.one_of(
        st.builds(lambda one, other: one & other, inner, inner),
        st.builds(lambda one, other: one | other, inner, inner),
        st.builds(lambda one: ~one, inner),
    ),
    max_leaves=3,
)
types: st.SearchStrategy[list[MemoryType]] = st.lists(
    st.sampled_from(["world", "experience", "observation"]), max_size=2, unique=True
)
moments = st.none() | st.integers(0, 10).map(lambda hours: BEGAN + timedelta(hours=hours))
queries = st.builds(
    Query,
    st.lists(st.sampled_from([*WORDS, "quince"]), min_size=1, max_size=3).map(" ".join),
    scopes,
    tags=st.none() | tag_filters,
    types=types.map(tuple),
    since=moments,
    until=moments,
)


def is_visible(said: Said, told: Told, query: Query) -> bool:
    """What the words of `Query` and `Scope` say, for one message."""
    documents, hidden = query.scope.documents, query.scope.hidden
    if documents is not None:
        if said.document not in documents:
            return False
        span = documents[said.document]
        hidden = {said.document: span.hidden}
        if span.last_turn is not None and said.turn > span.last_turn:
            return False
    kind = "experience" if said.role.lower() in ("assistant", "agent") else "world"
    return (
        said.turn not in told.retracted.get(said.document, ())
        and said.turn not in hidden.get(said.document, ())
        and (query.tags is None or query.tags.passes(frozenset(said.tags)))
        and (not query.types or kind in query.types)
        and (query.since is None or said.at >= query.since)
        and (query.until is None or said.at < query.until)
    )


@contextlib.contextmanager
def bank_of(told: Told, *, embedder: bool) -> Iterator[Bank]:
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank(Path(folder), FakeEmbedder() if embedder else None)
        tell(bank, told.messages)
        for document, turns in told.retracted.items():
            bank.retract(document, turns)
        yield bank
        bank.close()


def ids_of(bank: Bank, messages: Sequence[Said]) -> list[int]:
    """The memories of short messages, each of which is one memory."""
    where = {}
    for document in {said.document for said in messages}:
        for memory in bank.memories_of(document):
            where[document, memory.passage.turn, memory.passage.position] = memory.id
    return sorted(where[said.document, said.turn, said.position] for said in messages)


def every_word_score(bank: Bank, text: str) -> dict[int, float]:
    """The words channel without any filter and without a limit."""
    found = bank._store.words.search(query_terms(text), (), None, 10**6)
    assert found.whole
    return dict(zip(found.memories.tolist(), found.scores.tolist(), strict=True))


def every_cosine(bank: Bank, text: str) -> dict[int, float]:
    """The meaning channel without any filter, in floats of Python."""
    (asked,) = (FakeEmbedder().embed([text]) * 127).round().tolist()
    cosines = {}
    for memory, stored in bank._store.vectors("fake", 0, 10**6):
        vector = np.frombuffer(stored, np.int8).tolist()
        dot = sum(a * b for a, b in zip(asked, vector, strict=True))
        cosines[memory] = dot / (sum(a * a for a in asked) * sum(b * b for b in vector)) ** 0.5
    return cosines


def channel(ranked: Ranked, name: str) -> list[tuple[float, int]]:
    """What a channel of a ranking found, best first, of equal ones the oldest first."""
    ids = ranked.rows.memories[ranked.places].tolist()
    scores = getattr(ranked.signals, name).tolist()
    return in_order({memory: score for memory, score in zip(ids, scores, strict=True) if score > 0})


def in_order(scores: Mapping[int, float]) -> list[tuple[float, int]]:
    return sorted(((round(score, 4), memory) for memory, score in scores.items()), key=lambda one: (-one[0], one[1]))


def within(scores: Mapping[int, float], visible: Sequence[int]) -> dict[int, float]:
    return {memory: scores[memory] for memory in visible if scores.get(memory, 0.0) > 1e-9}


def check_sees(ranked: Ranked, seen: Visible, visible: Sequence[int]) -> None:
    assert ranked.rows.memories[seen.rows].tolist() == list(visible)
    assert set(ranked.rows.memories[ranked.places].tolist()) <= set(visible)


def same_channel(found: list[tuple[float, int]], wanted: list[tuple[float, int]]) -> None:
    assert {memory for _, memory in found} == {memory for _, memory in wanted}
    assert [score for score, _ in found] == pytest.approx([score for score, _ in wanted], abs=2e-4)
    scores = {memory: score for score, memory in wanted}
    assert [scores[memory] for _, memory in found] == pytest.approx([score for score, _ in found], abs=2e-4)


@settings(max_examples=25, deadline=None)
@given(tellings(), st.lists(queries, min_size=3, max_size=8), st.booleans())
def test_equal_brute_force_over_what_is_visible(told: Told, asked: list[Query], embedder: bool) -> None:
    with bank_of(told, embedder=embedder) as bank:
        for query in asked:
            visible = ids_of(bank, [said for said in told.messages if is_visible(said, told, query)])
            ranked, seen = bank.rank(query, EVERYTHING)
            check_sees(ranked, seen, visible)
            same_channel(channel(ranked, "words"), in_order(within(every_word_score(bank, query.text), visible)))
            if embedder:
                cosines = within(every_cosine(bank, query.text), visible)
                same_channel(channel(ranked, "meaning"), in_order(cosines))


@settings(max_examples=25, deadline=None)
@given(tellings(), st.lists(queries, min_size=3, max_size=8))
def test_return_what_is_visible_and_nothing_of_what_is_not(told: Told, asked: list[Query]) -> None:
    with bank_of(told, embedder=True) as bank:
        for query in asked:
            query = replace(query, min_confidence=0.0, max_tokens=10**6, limit=10**6)
            visible = [said for said in told.messages if is_visible(said, told, query)]
            holding = [said for said in visible if set(said.text.split()) & set(query.text.split())]
            hits = bank.recall(query)
            assert {hit.memory.id for hit in hits} <= set(ids_of(bank, visible))
            assert {hit.before for hit in hits} <= {said.text for said in visible} | {None}
            assert len(holding) <= sum(hit.count for hit in hits) <= len(visible)
            found = [hit.memory.text for hit in hits]
            assert len(set(found)) == len(found)
            assert {said.text for said in holding} <= set(found)


# A large bank: 4,000 messages, of which a thousandth, a hundredth and so on carry a tag.

SHARES = {"1/1000": 1000, "1/100": 100, "1/20": 20, "1/4": 4, "1/2": 2, "all": 1}
LARGE = 4_000


def _large_message(number: int) -> Said:
    """A document for every eighth number; the rarer a tag, the later its documents match in the search's order."""
    document = number // 4
    tags = tuple(tag for tag, share in SHARES.items() if document % share == share - 1)
    text = " ".join(["apple", *[WORDS[1 + number * 7 % 5]] * (number % 3), *["filler"] * (document % 41)])
    at = BEGAN + timedelta(minutes=number)
    return Said(f"session:{document}", number % 4 + 1, text, role=ROLES[number % 2], at=at, tags=tags)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bank, Told]]:
    told = Told(tuple(_large_message(number) for number in range(LARGE)), {"session:3": frozenset({2, 3})})
    bank = Bank(tmp_path_factory.mktemp("large"), FakeEmbedder())
    tell(bank, told.messages)
    bank.retract("session:3", [2, 3])
    yield bank, told
    bank.close()


def _large_queries() -> Iterator[tuple[str, Query]]:
    for tag in SHARES:
        yield f"tag {tag}", Query("apple plum", tags=Tags(tag))
        yield f"agent's of {tag}", Query("apple plum", tags=Tags(tag), types=("experience",))
    for hours in (1, 10, 60):
        yield f"last {hours} hours", Query("apple", since=BEGAN + timedelta(minutes=LARGE, hours=-hours))
    spans = {f"session:{number}": Span(last_turn=2, hidden=frozenset({1})) for number in range(0, 1000, 3)}
    yield "a third of the documents", Query("apple melon", Scope(spans))
    yield "ten documents", Query("apple melon", Scope(dict(list(spans.items())[:10])))
    hidden = {f"session:{number}": frozenset({1, 2, 3, 4}) for number in range(990)}
    yield "all but ten documents", Query("apple melon", Scope(None, hidden))
    yield "none", Query("apple", tags=Tags("unknown"))


@pytest.mark.parametrize(("depth", "breadth", "alone"), [(5, 3, 0), (60, 50, 0), (60, 50, 500), (100, 2_000, 1_000)])
@pytest.mark.parametrize("query", [pytest.param(query, id=name) for name, query in _large_queries()])
def test_find_the_best_at_any_selectivity(
    large: tuple[Bank, Told], query: Query, depth: int, breadth: int, alone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, told = large
    monkeypatch.setattr(words, "BREADTH", breadth)
    monkeypatch.setattr(words, "_MEMORIES", alone)
    visible = ids_of(bank, [said for said in told.messages if is_visible(said, told, query)])
    ranked, seen = bank.rank(query, Effort(depth, second_look=0))
    check_sees(ranked, seen, visible)
    wanted = in_order(within(every_word_score(bank, query.text), visible))[:depth]
    best = channel(ranked, "words")[: len(wanted)]
    assert [score for score, _ in best] == pytest.approx([score for score, _ in wanted], abs=2e-4)


def test_look_further_until_enough_is_visible(large: tuple[Bank, Told], monkeypatch: pytest.MonkeyPatch) -> None:
    bank, _ = large
    monkeypatch.setattr(words, "BREADTH", 10)
    monkeypatch.setattr(words, "_MEMORIES", 0)
    looks = []
    search = bank._store.words.search

    def watched(*given: object) -> object:
        looks.append(given[-1])
        return search(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(bank._store.words, "search", watched)
    bank.rank(Query("apple", tags=Tags("all")), Effort(depth=10, second_look=0))
    assert looks == [10]
    looks.clear()
    bank.rank(Query("apple", since=BEGAN + timedelta(minutes=LARGE - 20)), Effort(depth=10, second_look=0))
    assert looks == [10, 80, 640, 5_120]
    looks.clear()
    monkeypatch.setattr(words, "_MEMORIES", 20)  # so few are looked for by themselves
    bank.rank(Query("apple", since=BEGAN + timedelta(minutes=LARGE - 20)), Effort(depth=10, second_look=0))
    assert looks == [10]
