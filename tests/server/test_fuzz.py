"""Requests made at random from the server's own OpenAPI document: no server error, and answers as it says.

A small one of `make fuzz`, in the test's own process. The seed is fixed; THREADLINE_EXAMPLES makes more and new ones.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from threadline.engine.models.fake import FakeEmbedder
from threadline.server.app import create_app
from threadline.server.house import House
from threadline.settings import Settings

EXAMPLES = os.environ.get("THREADLINE_EXAMPLES")
BANK = "fuzz"
METHODS = ("get", "put", "post", "patch", "delete")
SLOWEST_SECONDS = 5.0
# They would take away what the others ask for.
LEFT_OUT = {"delete_bank"}

TEXT = st.text(max_size=12) | st.sampled_from(["doc", "a", "2024-03-03T12:00:00Z", "..", "%2e%2e", "\x00", "null"])
# Of a path: these are no name in one.
SEGMENT = TEXT.filter(lambda text: text not in ("", ".", ".."))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


class Maker:
    """Makes values for the schemas of a document: mostly as they say, now and then otherwise."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas = document["components"]["schemas"]

    def value(self, schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
        usual = self._of(schema, depth)
        return st.integers(0, 9).flatmap(lambda die: ANYTHING if die == 0 else usual)

    def _of(self, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
        if "$ref" in schema:
            return self._of(self._schemas[schema["$ref"].rpartition("/")[2]], depth)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return st.one_of(*(self._of(choice, depth) for choice in choices))
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "const" in schema:
            return st.just(schema["const"])
        return self._typed(schema, depth)

    def _typed(self, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                return st.lists(self.value(schema.get("items", {}), depth + 1), max_size=0 if depth > 4 else 3)
            case "integer":
                return st.integers(schema.get("minimum"), schema.get("maximum"))
            case "number":
                return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
            case "boolean":
                return st.booleans()
            case "null":
                return st.none()
            case "string":
                return TEXT
        return ANYTHING

    def _object(self, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
        fields = schema.get("properties", {})
        if not fields or depth > 4:
            return st.dictionaries(TEXT, ANYTHING, max_size=2)
        required = {
            name: self.value(one, depth + 1) for name, one in fields.items() if name in schema.get("required", ())
        }
        optional = {name: self.value(one, depth + 1) for name, one in fields.items() if name not in required}
        return st.fixed_dictionaries(required, optional=optional)


class Server:
    """The server, its operations, and what is there to be asked for."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.document: dict[str, Any] = client.get("/openapi.json").json()
        self.operations = [
            (method, path, item[method])
            for path, item in self.document["paths"].items()
            for method in METHODS
            if method in item and item[method]["operationId"] not in LEFT_OUT
        ]
        self.maker = Maker(self.document)
        self.there = self._stock()

    def _stock(self) -> dict[str, list[str]]:
        item = {"content": "Alice lives in Oslo.", "document_id": "doc", "entities": [{"text": "Alice"}]}
        path = f"/v1/default/banks/{BANK}"
        assert self.client.post(f"{path}/memories", json={"items": [item]}).status_code == 200
        (memory,) = self.client.get(f"{path}/memories/list").json()["items"]
        return {
            "bank_id": [BANK],
            "document_id": ["doc"],
            "memory_id": [memory["id"]],
            "chunk_id": [memory["chunk_id"]],
        }

    def ask(self, data: st.DataObject) -> None:
        method, path, operation = data.draw(st.sampled_from(self.operations))
        query: dict[str, Any] = {}
        for one in operation.get("parameters", ()):
            name, schema = one["name"], one["schema"]
            if one["in"] == "path":
                known = st.sampled_from(self.there.get(name, ["none"]))
                value = data.draw(known if data.draw(st.integers(0, 4)) else SEGMENT)
                path = path.replace(f"{{{name}}}", _quoted(value))
            elif one["in"] == "query" and (one.get("required") or data.draw(st.booleans())):
                query[name] = _flat(data.draw(self.maker.value(schema)))
        request: dict[str, Any] = {"params": query}
        if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
            request["json"] = data.draw(self.maker.value(content["schema"]))
        started = time.perf_counter()
        answer = self.client.request(method.upper(), path, **request)
        assert time.perf_counter() - started < SLOWEST_SECONDS
        self.check(operation, answer, f"{method} {path} {request}: {answer.status_code} {answer.text[:500]}")

    def check(self, operation: dict[str, Any], answer: Any, told: str) -> None:
        """An answer is what the document says."""
        assert answer.status_code < 500 or answer.status_code == 501, told
        if answer.status_code == 404 and answer.json() == {"detail": "Not Found"}:
            return  # what was in the path made it another one
        known = operation["responses"]
        said = known.get(str(answer.status_code)) or known.get(f"{answer.status_code // 100}XX")
        assert said is not None or answer.status_code == 405, told
        schema = (said or {}).get("content", {}).get("application/json", {}).get("schema")
        if schema:
            Draft202012Validator({**schema, "components": self.document["components"]}).validate(answer.json())


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _flat(value: Any) -> Any:
    """A value as a query can carry it."""
    if isinstance(value, list):
        return [str(one).encode("utf-8", "replace").decode() for one in value]
    return "" if value is None else str(value)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    house = House(Settings(home=Path(tmp_path_factory.mktemp("fuzz")), redact=False), embedder=FakeEmbedder)
    with TestClient(create_app(house), raise_server_exceptions=False) as client:
        yield Server(client)
    house.close(5.0)


@settings(
    max_examples=int(EXAMPLES or 200),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_no_request_breaks_the_server(server: Server, data: st.DataObject) -> None:
    server.ask(data)
