from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.guarded import BANK, bearer, guarded, retain
from threadline.server.house import House
from threadline.server.keys import Keys


@pytest.fixture
def keys(house: House) -> Iterator[Keys]:
    opened = Keys(house.settings.home)
    yield opened
    opened.close()


def _samples(page: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(page)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def test_count_what_was_done(house: House, keys: Keys) -> None:
    def value(name: str, **labels: str) -> float:
        return _samples(client.get("/metrics").text).get((name, frozenset(labels.items())), 0.0)

    with guarded(house, keys) as client:
        retains = {"method": "POST", "endpoint": "/v1/default/banks/{bank_id}/memories"}
        ended = {"status_code": "200", "status_class": "2xx"}
        before = value("hindsight_http_requests_total", **retains, **ended)
        operations = value("hindsight_operation_operations_total", operation="retain", success="true")
        items, found = value("threadline_retained_items_total"), value("threadline_recalled_memories_total")
        retain(client)
        client.post(f"{BANK}/memories/recall", json={"query": "door"})
        client.post("/v1/default/banks/none/memories/recall", json={"query": "door"})
        assert value("hindsight_http_requests_total", **retains, **ended) == before + 1
        assert value("hindsight_operation_operations_total", operation="retain", success="true") == operations + 1
        assert value("threadline_retained_items_total") == items + 1
        assert value("threadline_recalled_memories_total") == found + 1
        assert value("threadline_open_banks") == 1
        assert value("hindsight_http_requests_in_progress_requests") == 1, "the one that asks"
        assert value("hindsight_process_threads") > 0


def test_name_no_bank_and_no_tenant(house: House, keys: Keys) -> None:
    _, admin = keys.create()
    _, acme = keys.create("acme-tenant")
    with guarded(house, keys) as client:
        retain(client, bank="/v1/default/banks/acme-bank", headers=bearer(acme))
        page = client.get("/metrics", headers=bearer(admin)).text
    assert "threadline_open_tenants 2.0" in page
    assert "acme" not in page


def test_show_the_figures_of_all_to_the_house_alone(house: House, keys: Keys) -> None:
    narrower = [keys.create("acme")[1], keys.create(banks=["b"])[1], keys.create(scope="write")[1]]
    _, admin = keys.create()
    with guarded(house, keys) as client:
        assert [client.get("/metrics", headers=bearer(token)).status_code for token in narrower] == [403] * 3
        assert client.get("/metrics").status_code == 401
        page = client.get("/metrics", headers=bearer(admin))
        assert page.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_have_no_figures_where_that_is_set(house: House, keys: Keys) -> None:
    with guarded(house, keys, metrics=False) as client:
        assert client.get("/metrics").status_code == 404
