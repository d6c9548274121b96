"""The OpenAPI document of the server."""

from __future__ import annotations

from starlette.testclient import TestClient


def test_every_route_says_how_it_refuses(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert schemas["Refused"]["required"] == ["detail"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            schema = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert schema["$ref"].rpartition("/")[2] in schemas, f"{method} {path}"


def test_a_refusal_is_as_it_says(client: TestClient) -> None:
    refused = client.post("/v1/default/banks/b/memories", json={"items": 1})
    assert refused.status_code == 422
    assert isinstance(refused.json()["detail"], (str, list))
