import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from threadline.backends.hindsight.options import HindsightOptions
from threadline.backends.hindsight.rendering import (
    bank_id,
    document_id,
    is_of,
    is_seen,
    operation_id,
    to_item,
    to_recalled,
    to_request,
)
from threadline.documents import Batch, Passage, Query, Scope, Span
from threadline.tags import Tags

OPTIONS = HindsightOptions("http://x", source="cli", observation_scopes=(("user:*",),))
WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
BATCH = Batch(
    bank="alice",
    document="session:s1",
    key="k",
    passages=(
        Passage(2, 0, "user", "I moved to Lisbon", WHEN, speaker="Alice", ref="m7"),
        Passage(2, 1, "assistant", "Noted", WHEN),
        Passage(3, 0, "user", "And Bob to Oslo", WHEN),
    ),
    tags=("travel", "session:s1"),
    metadata={"user": "u1", "chat": "c1", "agent": "a1", "platform": "cli", "session": "s1", "depth": 3},
    first=2,
    last=4,
    session="s1",
    parent="s0",
    retained_at=WHEN,
)


def result(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A memory as a server in chunks mode makes it of an item."""
    return {
        "id": "m1",
        "text": item["content"],
        "type": "world",
        "document_id": item["document_id"],
        "metadata": item["metadata"],
        "tags": item["tags"],
        "mentioned_at": "2026-01-02T03:04:05Z",
        "scores": {"final": 0.9, "semantic": 0.4, "keyword": None},
        **more,
    }


def test_carry_everything_that_hindsight_takes() -> None:
    item = to_item(BATCH, OPTIONS)
    assert item["document_id"] == "session:s1#2"
    assert item["context"] == OPTIONS.context
    assert item["timestamp"] == WHEN.isoformat()
    assert item["tags"] == ["session:s1", "parent:s0", "travel"]
    assert item["observation_scopes"] == [["user:*"]]
    assert item["metadata"] == {
        "user_id": "u1",
        "chat_id": "c1",
        "agent_identity": "a1",
        "platform": "cli",
        "depth": "3",
        "session_id": "s1",
        "source": "cli",
        "retained_at": WHEN.isoformat(),
        "message_count": "3",
        "turn_index": "4",
        "threadline_document": "session:s1",
        "threadline_turns": "2,3",
    }
    assert json.loads(item["content"])[0] == {
        "turn": 2,
        "role": "user",
        "content": "I moved to Lisbon",
        "timestamp": WHEN.isoformat(),
        "name": "Alice",
        "ref": "m7",
    }


def test_carry_a_note_as_it_is() -> None:
    note = Batch("b", "note:n", "k", (Passage(1, 0, "note", "Prefers trains", WHEN),), ("t",), context="travel")
    item = to_item(note, OPTIONS)
    assert (item["content"], item["document_id"], item["tags"]) == ("Prefers trains", "note:n", ["t"])
    assert item["context"] == "travel"


def test_name_the_same_write_the_same_and_another_otherwise() -> None:
    item = to_item(BATCH, OPTIONS)
    assert operation_id("b", item) == operation_id("b", to_item(BATCH, OPTIONS))
    less = to_item(replace(BATCH, passages=BATCH.passages[:2]), OPTIONS)
    assert less["document_id"] == item["document_id"]
    assert len({operation_id("b", item), operation_id("c", item), operation_id("b", less)}) == 3


@pytest.mark.parametrize("bank", ["a/b", "..", ".", "a\\b", "50%", "_x", "x" * 256, "ü" * 200])
def test_name_a_bank_so_that_it_is_one_part_of_a_path(bank: str) -> None:
    name = bank_id(bank)
    assert "/" not in name
    assert name.strip(".")
    assert len(name.encode()) <= 192
    assert not name.startswith("_")


def test_name_no_two_banks_the_same() -> None:
    banks = ["a/b", "a%2Fb", "a%252Fb", "..", "%2E%2E", "x" * 255, "x" * 256, "plain", "_x", "%5Fx"]
    assert len({bank_id(bank) for bank in banks}) == len(banks)
    assert bank_id("plain name") == "plain name"


def test_know_the_documents_of_a_session() -> None:
    assert is_of("session:a#1", "session:a")
    assert is_of("note:n", "note:n")
    assert not is_of("session:a#1#1", "session:a")
    assert is_of("session:a#1#1", "session:a#1")
    assert not is_of("session:ab#1", "session:a")
    assert not is_of("session:a#x", "session:a")
    assert document_id("session:a#1", 1) == "session:a#1#1"


def test_find_it_again_as_it_was_said() -> None:
    item = to_item(BATCH, OPTIONS)
    (found,) = to_recalled([result(item)], Query("where"))
    assert found.text == "Alice: I moved to Lisbon\nassistant: Noted\nuser: And Bob to Oslo"
    assert (found.document, found.session, found.turn) == ("session:s1", "s1", 2)
    assert found.tags == ("travel",)
    assert found.metadata == {
        "user": "u1", "chat": "c1", "agent": "a1", "platform": "cli", "depth": "3", "session": "s1"
    }  # fmt: skip
    assert [reason.channel for reason in found.why] == ["meaning"]
    assert found.tokens > 0


def test_show_a_single_message_as_its_speakers() -> None:
    one = to_item(replace(BATCH, passages=BATCH.passages[:1]), OPTIONS)
    (found,) = to_recalled([result(one)], Query("where"))
    assert (found.text, found.role, found.speaker, found.ref) == ("I moved to Lisbon", "user", "Alice", "m7")
    assert found.occurred_at == WHEN


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        (Scope(), True),
        (Scope(hidden={"session:s1": frozenset({3})}), False),
        (Scope(hidden={"session:s1": frozenset({4})}), True),
        (Scope(hidden={"session:s2": frozenset({3})}), True),
        (Scope(documents={"session:s1": Span()}), True),
        (Scope(documents={"session:s1": Span(3)}), True),
        (Scope(documents={"session:s1": Span(2)}), False),
        (Scope(documents={"session:s1": Span(None, frozenset({2}))}), False),
        (Scope(documents={"session:s2": Span()}), False),
    ],
)
def test_see_what_lies_wholly_within_the_scope(scope: Scope, seen: bool) -> None:
    fact = result(to_item(BATCH, OPTIONS), text="Alice moved to Lisbon, Bob to Oslo")
    assert is_seen(fact, {}, scope) is seen
    observation = {"id": "o", "text": "They moved", "type": "observation", "source_fact_ids": ["m1"], "metadata": {}}
    assert is_seen(observation, {"m1": fact}, scope) is seen
    assert not is_seen(observation, {}, scope), "nobody says what it was made from"


def test_see_an_observation_only_where_all_it_was_made_from_is_seen() -> None:
    facts = {
        "m1": result(to_item(BATCH, OPTIONS), text="a fact"),
        "m2": result(to_item(replace(BATCH, document="session:s2", session="s2"), OPTIONS), text="another"),
    }
    observation = {"id": "o", "text": "They moved", "type": "observation", "source_fact_ids": ["m1", "m2"]}
    assert is_seen(observation, facts, Scope(documents={"session:s1": Span(), "session:s2": Span()}))
    assert not is_seen(observation, facts, Scope(documents={"session:s1": Span()}))


def test_cut_a_batch_at_the_fork_where_the_server_cut_it() -> None:
    item = to_item(replace(BATCH, passages=BATCH.passages[:2]), OPTIONS)
    chunk = result(to_item(BATCH, OPTIONS), text=item["content"])
    assert is_seen(chunk, {}, Scope(documents={"session:s1": Span(2)}))


def test_see_what_another_program_wrote_in_the_whole_bank_alone() -> None:
    foreign = {"id": "f", "text": "x", "type": "world", "document_id": "d", "metadata": {"k": "v"}}
    assert is_seen(foreign, {}, Scope())
    assert not is_seen(foreign, {}, Scope(documents={"session:s1": Span()}))


def test_ask_for_the_scopes_sessions_and_all_the_tags() -> None:
    scope = Scope(documents={"session:a": Span(), "session:b": Span(2), "note:n": Span()})
    request = to_request(Query("q", scope, max_tokens=100, tags=Tags("t", "u")), replace(OPTIONS, types=("world",)))
    assert request["tag_groups"] == [
        {"tags": ["session:a", "session:b"], "match": "any_strict"},
        {"tags": ["t", "u"], "match": "all_strict"},
    ]
    assert request["types"] == ["world"]
    assert request["max_tokens"] > 100, "a part of what comes back is left out"
    assert "tag_groups" not in to_request(Query("q"), OPTIONS)


def test_keep_within_budget_and_limit() -> None:
    results = [result(to_item(BATCH, OPTIONS), text=f"fact number {number}") for number in range(5)]
    assert len(to_recalled(results, Query("q", limit=2))) == 2
    found = to_recalled(results, Query("q", max_tokens=7))
    assert sum(one.tokens for one in found) <= 7
