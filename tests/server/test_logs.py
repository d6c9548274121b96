from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.guarded import BANK, bearer, guarded, retain
from threadline.server.house import House
from threadline.server.keys import Keys
from threadline.server.logs import start_logging

SECRET = "the-word-nobody-may-read"  # noqa: S105 - it stands for what somebody said


@pytest.fixture
def keys(house: House) -> Iterator[Keys]:
    opened = Keys(house.settings.home)
    yield opened
    opened.close()


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the server logs; the loggers are as they were after it."""
    names = ("", "threadline", "threadline.server.requests")
    before = {name: (logging.getLogger(name).level, list(logging.getLogger(name).handlers)) for name in names}
    stream = io.StringIO()
    start_logging(stream)
    yield stream
    for name, (level, handlers) in before.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).handlers[:] = handlers


def _lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_write_a_line_for_each_request(house: House, keys: Keys, written: io.StringIO) -> None:
    key, token = keys.create("acme")
    with guarded(house, keys) as client:
        answer = retain(client, headers={**bearer(token), "x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    (line,) = _lines(written)
    assert line.pop("ms") > 0
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "event": "request",
        "id": "mine-1",
        "method": "POST",
        "route": "/v1/default/banks/{bank_id}/memories",
        "status": 200,
        "tenant": "acme",
        "key": key.id,
    }


def test_write_nothing_of_what_was_said_or_asked(house: House, keys: Keys, written: io.StringIO) -> None:
    bank = f"/v1/default/banks/{SECRET}"
    with guarded(house, keys) as client:
        retain(client, SECRET, bank)
        client.post(f"{bank}/memories/recall?{SECRET}=1", json={"query": SECRET, SECRET: SECRET})
        client.get(f"/{SECRET}?q={SECRET}", headers={"x-request-id": f"bad {SECRET}"})
        client.request(SECRET.upper(), "/version")
        client.post(f"{bank}/memories", content=SECRET, headers={"content-type": "application/json"})
    assert len(_lines(written)) == 5
    assert SECRET.lower() not in written.getvalue().lower()


def test_write_where_an_error_comes_from_and_not_what_it_says(
    house: House, keys: Keys, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: House, name: str = "") -> Any:
        raise RuntimeError(SECRET) from ValueError(SECRET)

    monkeypatch.setattr(House, "tenant", broken)
    with guarded(house, keys) as client:
        answer = client.post(f"{BANK}/memories/recall", json={"query": "x"})
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal server error"})
    assert answer.headers["x-content-type-options"] == "nosniff"
    (line,) = _lines(written)
    assert (line["level"], line["status"]) == ("error", 500)
    assert [each["kind"] for each in line["error"]] == ["RuntimeError", "ValueError"]
    assert line["error"][0]["at"][-1].startswith("test_logs.py:")
    assert SECRET not in written.getvalue()


def test_write_only_where_from_for_loggers_of_others(written: io.StringIO) -> None:
    logging.getLogger("mcp.server").error("failed on %s", SECRET)
    logging.getLogger("asyncio").error(f"{SECRET}")
    assert [line["event"].split(":")[0] for line in _lines(written)] == ["mcp.server", "asyncio"]
    assert SECRET not in written.getvalue()


def test_write_no_requests_where_that_is_set(house: House, keys: Keys, written: io.StringIO) -> None:
    start_logging(written, requests=False)
    with guarded(house, keys) as client:
        client.get("/version")
    assert written.getvalue() == ""


def test_give_each_request_an_id(house: House, keys: Keys) -> None:
    with guarded(house, keys) as client:
        ids = {client.get("/version", headers={"x-request-id": "a\tb"}).headers["x-request-id"] for _ in range(3)}
        assert len(ids) == 3
        assert client.get("/version", headers={"x-request-id": "x" * 129}).headers["x-request-id"] != "x" * 129


def test_answer_nothing_that_a_browser_would_run(house: House, keys: Keys) -> None:
    with guarded(house, keys) as client:
        headers = client.get("/nope").headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "content-security-policy" not in client.get("/docs").headers, "a page of its own scripts"
