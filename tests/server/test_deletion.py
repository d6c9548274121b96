"""A bank that is deleted while it is read and written: no request meets a fault of the server."""

from __future__ import annotations

import threading

import pytest
from starlette.testclient import TestClient

from threadline.server import leases

BANK = "/v1/default/banks/shared"


def _hammer(client: TestClient, stop: threading.Event, statuses: list[int]) -> None:
    while not stop.is_set():
        retained = client.post(f"{BANK}/memories", json={"items": [{"content": "an apple", "document_id": "d"}]})
        recalled = client.post(f"{BANK}/memories/recall", json={"query": "apple"})
        listed = client.get(f"{BANK}/memories/list")
        cleared = client.delete(f"{BANK}/memories")
        statuses += [each.status_code for each in (retained, recalled, listed, cleared)]


def test_delete_a_bank_that_is_in_use(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_MOMENT", 30.0)  # on a slow machine a deletion may take longer than a request waits
    stop = threading.Event()
    statuses: list[int] = []
    threads = [threading.Thread(target=_hammer, args=(client, stop, statuses)) for _ in range(3)]
    for thread in threads:
        thread.start()
    deleted = [client.delete(BANK).status_code for _ in range(25)]
    stop.set()
    for thread in threads:
        thread.join()
    assert set(deleted) == {200}
    assert set(statuses) <= {200, 404}
    assert client.delete(BANK).status_code == 200
    assert client.post(f"{BANK}/memories/recall", json={"query": "apple"}).status_code == 404
