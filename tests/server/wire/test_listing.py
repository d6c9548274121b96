"""Tags, entities, the graph and the series of time as a Hindsight shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.wire.bank import BANK, get, refused, retain, shape

# Recorded from Hindsight 1.1.0.
ENTITY = {
    "id": "056826f3-e2ee-4c84-8d92-72889985e926",
    "canonical_name": "Alice Novak",
    "mention_count": 1,
    "first_seen": "2024-03-05T10:00:00+00:00",
    "last_seen": "2024-03-05T10:00:00+00:00",
    "metadata": {},
}
NODE = {"data": {"id": "bae5e665-8cab-47d5-afe3-deedba30279c", "label": "Lima", "mentionCount": 1, "color": "#90caf9"}}
EDGE = {
    "data": {
        "id": "37a765a8-8163-4165-97e2-32003652f686-715bd9dd-1d41-465e-b2d7-81e55a394aef",
        "source": "37a765a8-8163-4165-97e2-32003652f686",
        "target": "715bd9dd-1d41-465e-b2d7-81e55a394aef",
        "linkType": "cooccurrence",
        "weight": 1,
        "color": "#ffd700",
        "lineStyle": "solid",
        "lastCooccurred": "2024-03-05T10:00:00+00:00",
    }
}
MEMORY_NODE = {
    "data": {
        "id": "7364e5e0-23d9-425b-b01a-8f57f514251d",
        "label": "Alice Novak moved to Oslo on 3...",
        "text": "Alice Novak moved to Oslo on 3 March 2024.",
        "date": "2024-03-05T10:00:00+00:00",
        "context": "ctx",
        "entities": "Alice Novak",
        "color": "#90caf9",
    }
}
MEMORY_EDGE = {
    "data": {
        "id": "4fa5b2cc-ff43-40fc-abf8-878c27254692-89640c6a-6361-4ce2-a967-ba4399e1cf56-temporal",
        "source": "4fa5b2cc-ff43-40fc-abf8-878c27254692",
        "target": "89640c6a-6361-4ce2-a967-ba4399e1cf56",
        "linkType": "temporal",
        "weight": 0.9999983438194444,
        "entityName": "",
        "color": "#00bcd4",
        "lineStyle": "dashed",
    }
}
ROW: dict[str, Any] = {
    "id": "7364e5e0-23d9-425b-b01a-8f57f514251d",
    "text": "Alice Novak moved to Oslo on 3 March 2024.",
    "context": "ctx",
    "occurred_start": None,
    "occurred_end": None,
    "mentioned_at": "2024-03-05T10:00:00+00:00",
    "date": "2024-03-05 10:00",
    "entities": "Alice Novak",
    "document_id": "doc1",
    "chunk_id": "probe_doc1_0",
    "fact_type": "world",
    "tags": [],
    "created_at": "2026-11-23T03:05:06.277899+00:00",
    "proof_count": 1,
}
LIMA = {
    "content": "Carla plays chess with Alice Novak.",
    "document_id": "doc2",
    "tags": ["c"],
    "timestamp": "2024-03-05T12:00:00Z",
    "entities": [{"text": "alice novak"}, {"text": "Carla"}],
}


def test_tags_with_how_many_memories_carry_them(client: TestClient) -> None:
    retain(client)
    retain(client, {"content": "x", "tags": ["a"]})
    items = [{"tag": "a", "count": 2}, {"tag": "b", "count": 1}, {"tag": "dt", "count": 1}]
    assert get(client, "/tags") == {"items": items, "total": 3, "limit": 100, "offset": 0}
    assert get(client, "/tags", q="D*")["items"] == items[2:]
    assert get(client, "/tags", limit=1, offset=1)["items"] == items[1:2]
    assert client.get(f"{BANK}/tags", params={"source": "x"}).status_code == 422


def test_tags_of_mental_models(client: TestClient) -> None:
    retain(client)
    for name, tags in (("one", ["User:ann", "t"]), ("two", ["t"])):
        body = {"name": name, "source_query": "Who?", "tags": tags}
        assert client.post(f"{BANK}/mental-models", json=body).status_code == 200
    found = get(client, "/tags", source="mental_models")
    assert found["items"] == [{"tag": "t", "count": 2}, {"tag": "User:ann", "count": 1}]
    assert get(client, "/tags", source="mental_models", q="user:*")["items"] == [{"tag": "User:ann", "count": 1}]


class TestEntities:
    def test_as_hindsight_lists_and_shows_them(self, client: TestClient) -> None:
        retain(client)
        body = get(client, "/entities")
        assert body["items"] == [ENTITY | {"id": body["items"][0]["id"]}]
        assert {key: body[key] for key in ("total", "limit", "offset")} == {"total": 1, "limit": 100, "offset": 0}
        one = get(client, f"/entities/{body['items'][0]['id']}")
        assert one == {**body["items"][0], "observations": []}

    def test_only_memories_with_some_tags_count(self, client: TestClient) -> None:
        retain(client)
        retain(client, LIMA)
        named = {item["canonical_name"]: item for item in get(client, "/entities")["items"]}
        assert {name: item["mention_count"] for name, item in named.items()} == {"Alice Novak": 2, "Carla": 1}
        one = f"/entities/{named['Alice Novak']['id']}"
        assert get(client, one, tags=["c"], tags_match="any_strict")["mention_count"] == 1
        groups = json.dumps([{"not": {"tags": ["c"], "match": "any_strict"}}])
        assert get(client, one, tag_groups=groups)["last_seen"] == "2024-03-05T10:00:00+00:00"
        assert [item["canonical_name"] for item in get(client, "/entities", tag_groups=groups)["items"]] == [
            "Alice Novak"
        ]
        other = f"{BANK}/entities/{named['Carla']['id']}"
        answer = client.get(other, params={"tags": "a", "tags_match": "any_strict"})
        assert refused(answer) == (404, f"Entity {named['Carla']['id']} not found")

    def test_refuse(self, client: TestClient) -> None:
        retain(client)
        assert refused(client.get(f"{BANK}/entities/zzz")) == (400, "Invalid entity_id: 'zzz' is not a valid UUID")
        both = client.get(f"{BANK}/entities", params={"tags": "a", "tag_groups": '[{"tags": ["a"]}]'})
        assert both.status_code == 400
        gone = client.post(f"{BANK}/entities/x/regenerate")
        assert refused(gone) == (410, "This endpoint is deprecated. Entity observations are no longer supported.")

    def test_those_mentioned_together(self, client: TestClient) -> None:
        retain(client)
        nothing = {"nodes": [], "edges": [], "total_entities": 0, "total_edges": 0, "limit": 1000}
        assert get(client, "/entities/graph") == nothing
        retain(client, LIMA)
        body = get(client, "/entities/graph", limit=5)
        assert shape(body["nodes"][0]) == shape(NODE)
        assert shape(body["edges"][0]) == shape(EDGE)
        assert (body["total_entities"], body["total_edges"], body["limit"]) == (2, 1, 5)
        assert {node["data"]["label"]: node["data"]["mentionCount"] for node in body["nodes"]} == {
            "Alice Novak": 2,
            "Carla": 1,
        }
        assert get(client, "/entities/graph", min_count=2)["edges"] == []
        assert get(client, "/entities/graph", tags=["a"], tags_match="any_strict")["edges"] == []


class TestGraph:
    def test_as_hindsight_shows_it(self, client: TestClient) -> None:
        retain(client)
        retain(client, LIMA)
        body = get(client, "/graph")
        assert [node["data"]["text"] for node in body["nodes"]][1:] == [
            "Carla plays chess with Alice Novak.",
            "Alice Novak moved to Oslo on 3 March 2024.",
        ]
        alice = body["nodes"][2]
        assert alice == {"data": MEMORY_NODE["data"] | {"id": alice["data"]["id"]}}
        assert list(body["table_rows"][2]) == list(ROW)
        assert (body["total_units"], body["limit"]) == (3, 1000)
        edges = {edge["data"]["linkType"]: edge for edge in body["edges"]}
        assert shape(edges["temporal"]) == shape(MEMORY_EDGE)
        assert edges["temporal"]["data"]["weight"] == pytest.approx(1 - 2 / 24)
        assert (edges["entity"]["data"]["entityName"], len(body["edges"])) == ("Alice Novak", 2)

    def test_filters(self, client: TestClient) -> None:
        retain(client)
        retain(client, LIMA)

        def total(**params: object) -> int:
            return int(get(client, "/graph", **params)["total_units"])

        assert total(limit=1) == 3
        assert len(get(client, "/graph", limit=1)["nodes"]) == 1
        assert (total(q="CHESS"), total(document_id="doc1"), total(tags=["a"]), total(type="experience")) == (
            1,
            1,
            1,
            0,
        )
        assert total(chunk_id="probe_doc2_0") == 1
        assert total(chunk_id="probe_doc2_1") == total(chunk_id="nonsense") == total(chunk_id="other_doc2_0") == 0
        assert total(chunk_id="probe_doc2_0", document_id="doc1") == 0


class TestSeries:
    def test_each_part_of_the_period_is_there(self, client: TestClient) -> None:
        moment = (datetime.now(UTC) - timedelta(days=3)).isoformat()
        retain(client, {"content": "then", "timestamp": moment}, {"content": "now"})
        body = get(client, "/stats/memories-timeseries")
        assert {key: body[key] for key in body if key != "buckets"} == {
            "bank_id": "probe",
            "period": "7d",
            "trunc": "day",
            "time_field": "created_at",
        }
        assert [bucket["world"] for bucket in body["buckets"]] == [0] * 6 + [2]
        assert list(body["buckets"][0]) == ["time", "world", "experience", "observation"]
        mentioned = get(client, "/stats/memories-timeseries", time_field="mentioned_at", period="30d")
        counts = [bucket["world"] for bucket in mentioned["buckets"]]
        assert (len(counts), counts[-4], counts[-1]) == (30, 1, 1)

    @pytest.mark.parametrize(
        ("period", "trunc", "parts"), [("1h", "minute", 60), ("12h", "hour", 12), ("90d", "day", 90), ("odd", "day", 7)]
    )
    def test_periods(self, client: TestClient, period: str, trunc: str, parts: int) -> None:
        retain(client)
        body = get(client, "/stats/memories-timeseries", period=period, time_field="odd")
        assert (body["trunc"], len(body["buckets"]), body["time_field"]) == (trunc, parts, "created_at")
        assert sum(bucket["world"] for bucket in body["buckets"]) == 2
