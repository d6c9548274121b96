"""The shapes of the routes are the library's values, field for field, and say so in the API's own page."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from starlette.testclient import TestClient

import threadline
from threadline.server.sessions import answers, shapes
from threadline.session.recall import RecallOptions
from threadline.tags import from_group

VALUES = (
    "BankFigures",
    "BankStatus",
    "Delivery",
    "Explained",
    "Message",
    "Note",
    "Probe",
    "Proof",
    "Reason",
    "Recalled",
    "Reflection",
    "SessionStatus",
    "SessionSummary",
    "Trace",
    "Turn",
)


@pytest.fixture
def page(client: TestClient) -> dict[str, Any]:
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    page: dict[str, Any] = answer.json()
    return page


def ours(page: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (verb, path, route)
        for path, verbs in page["paths"].items()
        if path.startswith("/v1/threadline/")
        for verb, route in verbs.items()
    ]


@pytest.mark.parametrize("name", VALUES)
def test_answer_every_field_of_a_value(name: str) -> None:
    value = getattr(threadline, name, None) or getattr(threadline.backends.probe, name)
    assert set(getattr(answers, name).model_fields) == {field.name for field in fields(value)}


def test_take_every_option_of_a_recall() -> None:
    assert set(shapes.Asked.model_fields) == {"query", *RecallOptions.__annotations__}
    assert set(shapes.Identity.model_fields) == {field.name for field in fields(threadline.Identity)}
    assert set(shapes.Message.model_fields) == {field.name for field in fields(threadline.Message)}


def test_describe_every_route(page: dict[str, Any]) -> None:
    routes = ours(page)
    assert len(routes) >= 40
    for verb, path, route in routes:
        assert route["summary"], path
        assert route["description"], path
        assert route["tags"][0].startswith("Threadline: "), path
        assert route["x-threadline"]["state"] == "ours", path
        assert "4XX" in route["responses"], path
        names = {parameter["name"]: parameter for parameter in route.get("parameters", [])}
        assert ("bank" in names) == (path != "/v1/threadline/banks"), path
        assert all(parameter["description"] for parameter in names.values()), f"{verb} {path}"


def test_give_each_route_an_id_of_its_own(page: dict[str, Any]) -> None:
    ids = [route["operationId"] for verbs in page["paths"].values() for route in verbs.values()]
    assert len(ids) == len(set(ids))


def test_show_an_example_that_works(page: dict[str, Any]) -> None:
    group = page["components"]["schemas"]["SessionRecall"]["properties"]["tags"]["examples"][0]
    assert from_group(group).passes({"travel"})
