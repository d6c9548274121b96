"""Held against what Hindsight 1.1.0 answers: the same fields, the same statuses."""

from __future__ import annotations

import errno
import tempfile
from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline import StorageCorruptError
from threadline.server.house import House

HEALTH = {
    "status": "healthy",
    "database": "connected",
    "db_acquire_ms": 0.5,
    "db_pool_waiting": 0,
    "db_pool_in_use": 0,
    "db_pool_max": 100,
    "db_pool_idle": 5,
}
FEATURES = {
    *("observations", "mcp", "worker", "bank_config_api", "bank_llm_health", "file_upload_api"),
    *("document_export_api", "document_import_api", "audit_log", "llm_trace", "store_document_text"),
}


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_be_healthy(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    body = answer.json()
    assert {name: type(value) for name, value in body.items()} == {name: type(value) for name, value in HEALTH.items()}
    assert (body["status"], body["database"]) == ("healthy", "connected")


def test_be_alive(client: TestClient) -> None:
    body = client.get("/health/live").json()
    assert (body.pop("status"), body.pop("version")) == ("alive", "1.1.0")
    assert body.pop("uptime_seconds") >= 0
    assert not body


@pytest.mark.parametrize("path", ["/version", "/v1/version"])
def test_say_which_api_this_is(client: TestClient, path: str) -> None:
    body = client.get(path).json()
    assert body["api_version"] == "1.1.0"
    assert set(body["features"]) == FEATURES
    assert all(isinstance(each, bool) for each in body["features"].values())


def test_be_no_place_to_send_requests_to_once_the_disk_is_full(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert client.get("/health/live").status_code == 200, "a restart would not help"


def test_be_no_place_to_send_requests_to_without_a_database(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: House, name: str = "") -> Any:
        raise StorageCorruptError("/home/somebody/server.db is damaged")

    monkeypatch.setattr(House, "tenant", broken)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, "error: StorageCorruptError")
    assert "somebody" not in answer.text
    monkeypatch.undo()


def test_be_no_place_to_send_requests_to_while_stopping(client: TestClient) -> None:
    client.app.state.stopping = True  # type: ignore[attr-defined]
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, "stopping")
    assert client.get("/health/live").status_code == 200
