"""How two servers' answers are compared, and whether a difference is explained."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from benchmarks.wire.compare import Difference, differences
from benchmarks.wire.document import document_differences, misfits, operation_of
from benchmarks.wire.page import Explanation, explanations, page, sort
from benchmarks.wire.record import Answer
from benchmarks.wire.script import SCRIPT, Step

ID, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def answer(body: Any, status: int = 200, size: int = 10, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, size)


def found(theirs: Answer, ours: Answer) -> list[tuple[str, str]]:
    return [(one.kind, one.where) for one in differences("step", theirs, ours)]


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        ({"a": 1, "b": "x"}, {"a": 7.5, "b": "y"}, []),
        ({"a": 1}, {}, [("missing", "a")]),
        ({}, {"a": {"b": 1}}, [("extra", "a")]),
        ({"a": {"b": None}}, {"a": {"b": 1}}, [("null", "a.b")]),
        ({"a": "1"}, {"a": 1}, [("type", "a")]),
        ({"a": True}, {"a": 1}, [("type", "a")]),
        ({"a": []}, {"a": [1]}, [("empty", "a")]),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {}]}, [("missing", "a[].b")]),
        ({"a": [{"text": "x", "b": 1}, {"text": "y"}]}, {"a": [{"text": "y"}, {"text": "x", "b": 2}]}, []),
        ({"entities": {"Ann": {"a": 1}}}, {"entities": {"Bob": {}}}, [("missing", "entities[].a")]),
    ],
)
def test_shapes(theirs: Any, ours: Any, expected: list[tuple[str, str]]) -> None:
    assert found(answer(theirs), answer(ours)) == expected


def test_statuses_headers_and_words() -> None:
    assert found(answer({}, 200), answer({"detail": "No."}, 404)) == [("status", "")]
    assert found(answer({"detail": f"No {ID}"}, 404), answer({"detail": f"No {OTHER}"}, 404)) == []
    assert found(answer({"detail": "No"}, 404), answer({"detail": "Nope"}, 404)) == [("text", "")]
    assert found(answer({}, content_type="a"), answer({}, content_type="b")) == [("header", "content-type")]
    packed, plain = answer({}, size=2000, content_encoding="gzip"), answer({}, size=2000)
    assert found(packed, plain) == [("header", "content-encoding")]
    assert found(packed, answer({}, size=20)) == []
    assert found(Answer(0, {}, None, 0, missing="memory"), answer({})) == [("unsent", "")]


DOCUMENT: dict[str, Any] = {
    "paths": {
        "/v1/default/banks/{bank_id}/tags": {
            "get": {
                "parameters": [{"in": "query", "name": "limit", "schema": {"type": "integer", "default": 100}}],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/T"}}}}},
            }
        }
    },
    "components": {"schemas": {"T": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}},
}


def test_documents() -> None:
    own: dict[str, Any] = {"paths": {"/v1/threadline/x": {"get": {"responses": {}}}}, "components": {"schemas": {}}}
    assert [one.theirs for one in document_differences(DOCUMENT, own)] == ["a route"]
    assert list(document_differences(DOCUMENT, DOCUMENT)) == []
    step = Step("tags", "GET", "~/tags")
    assert operation_of(DOCUMENT, step) is not None
    assert list(misfits(DOCUMENT, step, answer({"n": 1}))) == []
    assert [one.where for one in misfits(DOCUMENT, step, answer({"n": "1"}))] == ["n"]


def test_explain_differences() -> None:
    known = [
        Explanation("Names", "why", ("list*",), ("missing",), ("items[].name",)),
        Explanation("Idle", "why", ("*",), ("text",), ("*",)),
    ]
    explained = Difference("list_q", "missing", "items[].name", "1", "-")
    others = [Difference("recall", "missing", "items[].name", "1", "-"), Difference("list", "extra", "a", "-", "1")]
    by_title, rest, idle = sort([explained, *others], known)
    assert (by_title["Names"], rest, idle) == ([explained], others, ["Idle"])
    text = page(10, 5, "1.1.0", by_title, rest, known, datetime(2026, 1, 1, tzinfo=UTC))
    assert "\n7 answers are the same" in text
    assert text.index("## Names") < text.index("## Not explained")


def test_the_explanations_can_be_read_and_the_names_are_unique() -> None:
    titles = [one.title for one in explanations()]
    assert len(titles) == len(set(titles)) > 0
    names = [step.name for step in SCRIPT]
    assert len(names) == len(set(names))
