"""The fake says what the real server was seen to say. `test_fidelity.py` asks both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pytest

from .fake import Answer, FakeHindsight

BANK = "/v1/default/banks/b"
ONE, TWO = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def ask(
    server: FakeHindsight, method: str, path: str, body: Any = None, query: Mapping[str, Sequence[str]] | None = None
) -> Answer:
    return server.handle(method, path, query or {}, b"" if body is None else json.dumps(body).encode())


def retain(server: FakeHindsight, content: str, document: str = "d", bank: str = BANK, **more: Any) -> Answer:
    """Fields of the request itself are given by `operation`, which makes it asynchronous; the others are the item's."""
    request = {"async": True, "operation_id": more.pop("operation")} if "operation" in more else {}
    return ask(
        server,
        "POST",
        f"{bank}/memories",
        {"items": [{"content": content, "document_id": document, **more}], **request},
    )


def status(server: FakeHindsight, operation: str) -> str:
    return str(ask(server, "GET", f"{BANK}/operations/{operation}").body["status"])


def recalled(server: FakeHindsight, **more: Any) -> list[str]:
    answer = ask(server, "POST", f"{BANK}/memories/recall", {"query": "lisbon", **more})
    return sorted(result["document_id"] for result in answer.body["results"])


def turns(*texts: str) -> str:
    return json.dumps([{"content": text} for text in texts])


def test_append_lines_to_lines() -> None:
    server = FakeHindsight()
    retain(server, "one", tags=["t"], metadata={"k": "v"})
    retain(server, "two", update_mode="append")
    assert server.texts("b") == {"d": "one\ntwo"}
    document = ask(server, "GET", f"{BANK}/documents/d").body
    assert (document["tags"], document["document_metadata"]) == ([], None)


def test_append_arrays_to_arrays() -> None:
    server = FakeHindsight()
    retain(server, turns("one"))
    retain(server, turns("two", "three"), update_mode="append", tags=["t"])
    assert json.loads(server.texts("b")["d"]) == json.loads(turns("one", "two", "three"))
    assert ask(server, "GET", f"{BANK}/documents/d").body["tags"] == ["t"]


def test_join_an_array_and_a_line_by_a_line_break() -> None:
    server = FakeHindsight()
    retain(server, turns("one"))
    retain(server, "two", update_mode="append")
    assert server.texts("b") == {"d": turns("one") + "\ntwo"}


def test_append_to_nothing() -> None:
    server = FakeHindsight()
    retain(server, "one", update_mode="append")
    assert server.texts("b") == {"d": "one"}


def test_append_since_0_5_only() -> None:
    server = FakeHindsight("0.4.9")
    retain(server, "one")
    retain(server, "two", update_mode="append")
    assert server.texts("b") == {"d": "two"}


def test_replace_a_document_with_its_memories() -> None:
    server = FakeHindsight()
    retain(server, "lisbon")
    retain(server, "oslo")
    assert recalled(server) == []
    assert ask(server, "GET", f"{BANK}/documents/d").body["memory_unit_count"] == 1


def test_refuse_what_is_blank_and_what_appends_to_no_document() -> None:
    server = FakeHindsight()
    assert retain(server, " ").status == 422
    body = {"items": [{"content": "q", "update_mode": "append"}]}
    assert ask(server, "POST", f"{BANK}/memories", body) == Answer(
        400, {"detail": "update_mode='append' requires a document_id"}
    )
    assert server.texts("b") == {}


def test_carry_out_an_operation_once() -> None:
    server = FakeHindsight()
    assert retain(server, "one", operation=ONE, update_mode="append").body["operation_id"] == ONE
    assert retain(server, "one", operation=ONE, update_mode="append").body["operation_id"] == ONE
    assert retain(server, "one", operation=ONE.upper(), update_mode="append").body["operation_id"] == ONE
    assert server.texts("b") == {"d": "one"}


def test_ignore_operation_ids_before_0_8_6() -> None:
    server = FakeHindsight("0.8.5")
    told = {retain(server, "one", operation=ONE, update_mode="append").body["operation_id"] for _ in range(2)}
    assert len(told - {ONE}) == 2
    assert server.texts("b") == {"d": "one\none"}
    assert status(server, ONE) == "not_found"


def test_keep_the_operations_of_banks_apart() -> None:
    server = FakeHindsight()
    retain(server, "one", operation=ONE)
    other = "/v1/default/banks/other"
    refused = retain(server, "one", operation=ONE, bank=other)
    assert refused == Answer(409, {"detail": f"operation_id {ONE} is already in use"})
    assert ask(server, "GET", f"{other}/operations/{ONE}").body["status"] == "not_found"


def test_refuse_an_id_that_is_none() -> None:
    server = FakeHindsight()
    assert retain(server, "one", operation="zz").status == 422
    assert ask(server, "GET", f"{BANK}/operations/zz") == Answer(400, {"detail": "Invalid operation_id format: zz"})


def test_carry_operations_out_one_by_one_in_their_order() -> None:
    server = FakeHindsight(auto_run=False)
    retain(server, "one", operation=ONE, update_mode="append")
    retain(server, "two", operation=TWO, update_mode="append")
    assert (server.pending, status(server, ONE)) == (2, "pending")
    assert server.run_next_operation()
    assert (server.texts("b"), status(server, ONE), status(server, TWO)) == ({"d": "one"}, "completed", "pending")
    assert server.run_next_operation()
    assert not server.run_next_operation()
    assert (server.texts("b"), server.pending) == ({"d": "one\ntwo"}, 0)


def test_fail_and_be_retried() -> None:
    server = FakeHindsight()
    server.fail_operations = 1
    retain(server, "one", operation=ONE)
    failed = ask(server, "GET", f"{BANK}/operations/{ONE}").body
    assert (failed["status"], bool(failed["error_message"]), server.texts("b")) == ("failed", True, {})
    retain(server, "one", operation=ONE)  # which is the failed one, and tries nothing again
    assert status(server, ONE) == "failed"
    assert ask(server, "POST", f"{BANK}/operations/{ONE}/retry").status == 200
    assert (status(server, ONE), server.texts("b")) == ("completed", {"d": "one"})
    assert ask(server, "POST", f"{BANK}/operations/{ONE}/retry").status == 409
    assert ask(server, "DELETE", f"{BANK}/operations/{ONE}").status == 409


def test_lose_operations_with_their_bank() -> None:
    server = FakeHindsight(auto_run=False)
    retain(server, "one", operation=ONE)
    assert ask(server, "DELETE", BANK).status == 200
    assert (server.pending, status(server, ONE)) == (0, "not_found")
    retain(server, "new", operation=ONE)
    assert server.run_next_operation()
    assert server.texts("b") == {"d": "new"}


@pytest.mark.parametrize(
    ("mode", "asked", "found"),
    [
        ("any", ["x"], ["none", "x", "xy"]),
        ("any", ["y", "z"], ["none", "xy"]),
        ("all", ["x", "y"], ["none", "xy"]),
        ("any_strict", ["x"], ["x", "xy"]),
        ("all_strict", ["x", "y"], ["xy"]),
        ("all_strict", ["x"], ["x", "xy"]),
        ("exact", ["x"], ["x"]),
        ("exact", ["y", "x"], ["xy"]),
        ("any", [], ["none", "x", "xy"]),
        ("all_strict", [], ["none", "x", "xy"]),
    ],
)
def test_match_tags(mode: str, asked: list[str], found: list[str]) -> None:
    assert recalled(tagged(), tags=asked, tags_match=mode) == found


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        ([{"tags": ["x"]}], ["x", "xy"]),
        ([{"tags": ["x"], "match": "any"}], ["none", "x", "xy"]),
        ([{"tags": [], "match": "exact"}], ["none"]),
        ([{"tags": ["x"]}, {"tags": ["y"]}], ["xy"]),
        ([{"and": [{"tags": ["x"]}, {"not": {"tags": ["y"]}}]}], ["x"]),
        ([{"or": [{"tags": ["y"]}, {"tags": [], "match": "exact"}]}], ["none", "xy"]),
        ([{"not": {"or": [{"tags": ["y"]}, {"tags": [], "match": "exact"}]}}], ["x"]),
        ([], ["none", "x", "xy"]),
    ],
)
def test_match_groups_of_tags(groups: list[dict[str, Any]], found: list[str]) -> None:
    assert recalled(tagged(), tag_groups=groups) == found


def tagged() -> FakeHindsight:
    server = FakeHindsight()
    for document, tags in (("none", []), ("x", ["x"]), ("xy", ["x", "y"])):
        retain(server, "lisbon", document, tags=tags)
    return server


def test_list_documents_by_name_tag_and_page() -> None:
    server = tagged()

    def listed(**query: list[str]) -> tuple[list[str], int]:
        body = ask(server, "GET", f"{BANK}/documents", query=query).body
        return sorted(item["id"] for item in body["items"]), body["total"]

    assert listed(q=["X"]) == (["x", "xy"], 2)
    assert listed(tags=["x", "y"]) == (["x", "xy"], 2)  # strictly, unlike a recall
    assert listed(tags=["x", "y"], tags_match=["all_strict"]) == (["xy"], 1)
    assert listed(tags=["x"], tags_match=["any"]) == (["none", "x", "xy"], 3)
    names, total = listed(limit=["2"], offset=["2"])
    assert (len(names), total) == (1, 3)


def test_recall_by_words_within_types_and_tokens() -> None:
    server = FakeHindsight()
    retain(server, "lisbon " + "word " * 100, "long")
    retain(server, "lisbon", "short")
    assert recalled(server) == ["long", "short"]
    assert recalled(server, types=["world"]) == ["long", "short"]
    assert recalled(server, types=["opinion"]) == []
    assert recalled(server, query="nothing of it") == []
    assert len(recalled(server, max_tokens=60)) < 2
    assert ask(server, "POST", f"{BANK}/memories/recall", {"query": "!?"}).status == 422
    missing = ask(server, "POST", "/v1/default/banks/none/memories/recall", {"query": "x"})
    assert missing == Answer(404, {"detail": "Bank 'none' not found"})


def test_cut_an_array_between_its_messages() -> None:
    server = FakeHindsight()
    retain(server, turns(*(f"lisbon {number} " + "w" * 900 for number in range(7))), context="talk", tags=["t"])
    results = ask(server, "POST", f"{BANK}/memories/recall", {"query": "lisbon"}).body["results"]
    assert sorted(len(json.loads(result["text"])) for result in results) == [1, 3, 3]
    assert {result["chunk_id"] for result in results} == {"b_d_0", "b_d_1", "b_d_2"}
    assert all((result["context"], result["tags"], result["document_id"]) == ("talk", ["t"], "d") for result in results)


@pytest.mark.parametrize("name", ["session:s/1#2%2F ü", "/lead", "trail/", "a//b", "..", "../x", "%41", "a?b&c=d", " "])
def test_name_documents_as_one_likes(name: str) -> None:
    server = FakeHindsight()
    retain(server, "text", name)
    assert server.texts("b") == {name: "text"}
    path = f"{BANK}/documents/{quote(name, safe='')}"
    assert ask(server, "GET", path).body["id"] == name
    assert ask(server, "DELETE", path).body["document_id"] == name
    assert ask(server, "GET", path) == Answer(404, {"detail": "Document not found"})


def test_reflect_with_a_model_alone() -> None:
    assert ask(FakeHindsight(), "POST", f"{BANK}/reflect", {"query": "x"}).status == 400
    server = FakeHindsight(reflects=True)
    for number in range(4):
        retain(server, f"lisbon {number}", f"d{number}")
    told = ask(server, "POST", f"{BANK}/reflect", {"query": "lisbon"}).body
    assert len(told["based_on"]["memories"]) == 3
    assert all(memory["text"] in told["text"] for memory in told["based_on"]["memories"])


def test_note_what_came() -> None:
    server = FakeHindsight()
    retain(server, "one")
    ask(server, "GET", f"{BANK}/documents", query={"q": ["d"]})
    assert [(request.method, request.path) for request in server.log] == [
        ("POST", f"{BANK}/memories"),
        ("GET", f"{BANK}/documents"),
    ]
    assert server.log[0].body == {"items": [{"content": "one", "document_id": "d"}]}
    assert server.log[1].query == {"q": ["d"]}
