"""The faults that the fake server over HTTP can be told to have."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from .fake import FakeHindsight
from .http import Fault, HttpHindsight

BANK = "/v1/default/banks/b"
#: Long enough for a busy machine, and for a client to give up well before it.
SOON, LONG = 0.3, 20.0


@pytest.fixture
def server() -> Iterator[HttpHindsight]:
    with HttpHindsight(FakeHindsight()) as server:
        yield server


def connect(server: HttpHindsight, timeout: float = LONG) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", urlsplit(server.url).port, timeout=timeout)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def retain(server: HttpHindsight, timeout: float = LONG) -> tuple[int, Any]:
    connection = connect(server, timeout)
    try:
        return ask(connection, "POST", f"{BANK}/memories", {"items": [{"content": "text", "document_id": "d"}]})
    finally:
        connection.close()


def held(server: HttpHindsight) -> bool:
    return server.fake.texts("b") == {"d": "text"}


def eventually(true: Callable[[], bool]) -> bool:
    pause = threading.Event()
    for _ in range(int(LONG / 0.02)):
        if true():
            return True
        pause.wait(0.02)
    return False


def test_answer_many_requests_on_one_connection(server: HttpHindsight) -> None:
    connection = connect(server)
    for _ in range(3):
        assert ask(connection, "GET", "/version")[1]["api_version"] == "1.1.0"
    name = "session:s/1#2%2F ü"
    ask(connection, "POST", f"{BANK}/memories", {"items": [{"content": "one", "document_id": name}]})
    assert ask(connection, "GET", f"{BANK}/documents/{quote(name, safe='')}")[1]["id"] == name
    assert ask(connection, "GET", f"{BANK}/documents?q={quote('#2%')}&limit=5")[1]["total"] == 1
    assert ask(connection, "GET", "/nope") == (404, {"detail": "Not Found"})
    connection.close()


def test_delay(server: HttpHindsight) -> None:
    server.faults.append(Fault("POST .*/memories", "delay", times=1, seconds=SOON))
    began = time.monotonic()
    assert retain(server)[0] == 200
    assert time.monotonic() - began >= SOON
    assert held(server)


def test_hang_and_apply_nothing(server: HttpHindsight) -> None:
    server.faults.append(Fault("POST .*/memories", "hang", times=1))
    with pytest.raises(TimeoutError):
        retain(server, SOON)
    server.release()
    assert not held(server)
    assert retain(server)[0] == 200


def test_apply_and_hang(server: HttpHindsight) -> None:
    server.faults.append(Fault("POST .*/memories", "apply_then_hang", times=1))
    with pytest.raises(TimeoutError):
        retain(server, SOON)
    assert held(server)


def test_reset(server: HttpHindsight) -> None:
    server.faults.append(Fault("POST .*/memories", "reset", times=1))
    with pytest.raises(ConnectionResetError):
        retain(server)
    assert not held(server)


def test_apply_and_reset(server: HttpHindsight) -> None:
    server.faults.append(Fault("POST .*/memories", "apply_then_reset", times=1))
    with pytest.raises(ConnectionResetError):
        retain(server)
    assert held(server)


def test_answer_a_status(server: HttpHindsight) -> None:
    headers, body = {"retry-after": "3"}, {"detail": "busy"}
    server.faults.append(Fault("POST .*/memories", "status", times=1, status=503, headers=headers, body=body))
    connection = connect(server)
    connection.request("POST", f"{BANK}/memories", json.dumps({"items": []}))
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("retry-after"), json.loads(answer.read())) == (503, "3", body)
    connection.close()
    assert not held(server)


def test_answer_garbage(server: HttpHindsight) -> None:
    server.faults.append(Fault("POST .*/memories", "garbage", times=1))
    with pytest.raises(json.JSONDecodeError):
        retain(server)
    assert not held(server)


def test_apply_late(server: HttpHindsight) -> None:
    server.faults.append(Fault("POST .*/memories", "late", times=1, seconds=2 * SOON))
    with pytest.raises(TimeoutError):
        retain(server, SOON)
    assert not held(server)
    assert eventually(lambda: held(server))


def test_strike_what_matches_so_often(server: HttpHindsight) -> None:
    server.faults.append(Fault("GET /version", "status", times=2, status=500))
    server.faults.append(Fault("GET /health", "status", status=500))
    connection = connect(server)
    assert [ask(connection, "GET", "/version")[0] for _ in range(3)] == [500, 500, 200]
    assert [ask(connection, "GET", "/health")[0] for _ in range(3)] == [500, 500, 500]
    server.faults.clear()
    assert ask(connection, "GET", "/health")[0] == 200
    connection.close()
    assert server.seen.count("GET /version") == 3


def test_be_down_and_up_again_at_the_same_place(server: HttpHindsight) -> None:
    retain(server)
    url, kept = server.url, connect(server)
    ask(kept, "GET", "/version")
    server.stop_listening()
    with pytest.raises(OSError, match="refused"):
        retain(server)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(kept, "GET", "/version")
    kept.close()
    server.start_listening()
    assert server.url == url
    assert held(server)
    assert retain(server)[0] == 200


def test_end_at_once_and_leave_no_thread() -> None:
    before = set(threading.enumerate())
    server = HttpHindsight(FakeHindsight())
    server.start_listening()
    server.faults += [Fault("POST .*/memories", "hang", times=1), Fault("POST .*/memories", "apply_then_hang")]
    for _ in range(2):
        with pytest.raises(TimeoutError):
            retain(server, SOON)
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < LONG / 2
    assert eventually(lambda: set(threading.enumerate()) <= before)
