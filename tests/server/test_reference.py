"""The app has every route of Hindsight's, and docs/server.md says of each how far it is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from threadline.server.reference import documented, openapi, written

PAGE = Path(__file__).parents[2] / "docs" / "server.md"

#: Method, path, operation id and query parameters of the operations of Hindsight 1.1.0.
THEIRS = [line.split() for line in Path(__file__).with_name("hindsight-1.1.0.txt").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi()


def test_have_every_operation_of_hindsight(document: dict[str, Any]) -> None:
    ours = {(each.method, each.path, each.operation) for each in documented(document) if each.state != "ours"}
    assert len(THEIRS) == 101
    assert {(method, path, operation) for method, path, operation, _ in THEIRS} == ours


@pytest.mark.parametrize(("method", "path", "operation", "names"), THEIRS, ids=lambda each: str(each))
def test_take_the_same_query_parameters(
    document: dict[str, Any], method: str, path: str, operation: str, names: str
) -> None:
    parameters = document["paths"][path][method.lower()].get("parameters", [])
    taken = sorted(each["name"] for each in parameters if each["in"] == "query")
    assert (",".join(taken) or "-") == names, operation


def test_say_why_of_each_that_differs(document: dict[str, Any]) -> None:
    for route in documented(document):
        assert route.state in ("same", "partly", "not", "ours")
        assert bool(route.why) == (route.state in ("partly", "not")), route
        assert route.summary, route


def test_keep_the_page_up_to_date(document: dict[str, Any]) -> None:
    page = PAGE.read_text("utf-8")
    assert written(page, document) == page, "run `make docs`"
