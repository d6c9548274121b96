"""Webhooks against a real receiver: what arrives, how it is signed, what is tried again, where nothing is sent."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from threadline.engine.models.fake import FakeEmbedder
from threadline.errors import DestinationError
from threadline.server import addresses, posting, webhooks
from threadline.server.addresses import Allowed, destination
from threadline.server.app import create_app
from threadline.server.house import House
from threadline.server.store import webhooks as store
from threadline.settings import Settings

_BANK = "/v1/default/banks/probe"
_SIGNER = "s3cret"
_LOOPBACK = Allowed.parse(["127.0.0.0/8"])

#: What the real server answers to a webhook that is made, and of a delivery.
_CREATED = {
    "id": "150d6895-4fd9-4ee2-a997-df5ecf6fbe0b",
    "bank_id": "probe",
    "url": "https://example.com/h",
    "secret": None,
    "event_types": ["retain.completed"],
    "enabled": True,
    "http_config": {"method": "POST", "timeout_seconds": 30, "headers": {}, "params": {}},
    "created_at": "2026-11-23 03:05:32.326897+00",
    "updated_at": "2026-11-23 03:05:32.326897+00",
}


class Receiver:
    """An HTTP server that notes what it receives, and answers as it is told."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.arrived = threading.Semaphore(0)
        self.answers: list[int] = []
        self.hold: threading.Event | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                receiver.received.append((f"{self.command} {self.path}", dict(self.headers.items()), body))
                receiver.arrived.release()
                if receiver.hold is not None:
                    receiver.hold.wait(20)
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def next(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        """The next that arrives: request line, headers, body."""
        assert self.arrived.acquire(timeout=10)
        line, headers, body = self.received[-1]
        return line, headers, json.loads(body) if body else {}

    def close(self) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house that may send to loopback."""
    opened = House(Settings(home=tmp_path / "home", redact=False), embedder=FakeEmbedder, allowed=_LOOPBACK)
    yield opened
    opened.close(5.0)


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with TestClient(create_app(house), raise_server_exceptions=False) as client:
        yield client


def _make(client: TestClient, url: str, **more: Any) -> str:
    body = {"url": url, "event_types": ["retain.completed"], **more}
    answer = client.post(f"{_BANK}/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _retain(client: TestClient, **more: Any) -> dict[str, Any]:
    body = {"items": [{"content": "Carla plays chess.", "document_id": "doc", "tags": ["a"]}], **more}
    answer = client.post(f"{_BANK}/memories", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _deliveries(client: TestClient, webhook: str, **parameters: Any) -> dict[str, Any]:
    answer = client.get(f"{_BANK}/webhooks/{webhook}/deliveries", params=parameters)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _answered(client: TestClient, webhook: str, status: int) -> bool:
    return bool(_deliveries(client, webhook)["items"][0]["last_response_status"] == status)


def _until(house: House, settled: Callable[[], bool]) -> None:
    assert house.postmen.wait_until(settled, 10)


def test_tell_of_a_retain(client: TestClient, house: House, receiver: Receiver) -> None:
    webhook = _make(
        client, receiver.url, secret=_SIGNER, http_config={"headers": {"X-Mine": "1"}, "params": {"a": "b"}}
    )
    _retain(client)
    line, headers, body = receiver.next()
    assert line == "POST /hook?a=b"
    assert {name: body[name] for name in ("event", "bank_id", "status", "data")} == {
        "event": "retain.completed",
        "bank_id": "probe",
        "status": "completed",
        "data": {"document_id": "doc", "tags": ["a"], "memory_unit_count": 1},
    }
    assert set(body) == {"event_id", "event", "bank_id", "operation_id", "status", "timestamp", "data"}
    assert (headers["X-Hindsight-Event"], headers["X-Mine"]) == ("retain.completed", "1")
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Hindsight-Event-Id"] == body["event_id"]
    _until(house, lambda: _deliveries(client, webhook)["items"][0]["status"] == "completed")
    delivery = _deliveries(client, webhook)["items"][0]
    assert headers["X-Hindsight-Delivery-Id"] == delivery["id"]
    assert (delivery["attempts"], delivery["last_response_status"], delivery["event_id"]) == (1, 204, body["event_id"])
    assert delivery["last_response_body"] is None


def test_sign_what_is_sent(client: TestClient, receiver: Receiver) -> None:
    _make(client, receiver.url, secret=_SIGNER)
    _retain(client)
    _, headers, _ = receiver.next()
    body = receiver.received[0][2]
    of_body = "sha256=" + hmac.new(_SIGNER.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Hindsight-Signature"] == headers["X-Hub-Signature-256"] == of_body
    moment, _, timed = headers["X-Hindsight-Signature-V2"].removeprefix("t=").partition(",v1=")
    assert timed == hmac.new(_SIGNER.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    assert abs(time.time() - int(moment)) < 60


def test_let_nobody_forge_the_headers(client: TestClient, receiver: Receiver) -> None:
    own = {"x-hindsight-signature": "forged", "X-Hub-Signature-256": "forged", "Host": "inner", "content-type": "x/y"}
    _make(client, receiver.url, http_config={"headers": own})
    _retain(client)
    _, headers, _ = receiver.next()
    assert "forged" not in str(headers)
    assert headers["Host"] in receiver.url
    assert headers["content-type"] == "x/y"


def test_tell_of_an_operation_once(client: TestClient, house: House, receiver: Receiver) -> None:
    webhook = _make(client, receiver.url)
    _retain(client, **{"async": True})
    _, _, body = receiver.next()
    listed = client.get(f"{_BANK}/operations", params={"type": "retain"}).json()["operations"]
    assert body["operation_id"] == listed[0]["id"]
    room = house.tenant().room("probe")
    webhooks.emit(room, "retain.completed", [{}], operation_id="x", key=f"operation:{body['operation_id']}")
    assert len(_deliveries(client, webhook)["items"]) == 1


def test_tell_of_a_consolidation(client: TestClient, receiver: Receiver) -> None:
    _make(client, receiver.url, event_types=["consolidation.completed"])
    _retain(client)
    answer = client.post(f"{_BANK}/consolidate")
    assert answer.status_code == 200
    _, headers, body = receiver.next()
    assert headers["X-Hindsight-Event"] == body["event"] == "consolidation.completed"
    assert body["operation_id"] == answer.json()["operation_id"]


def test_tell_only_those_who_want_it(client: TestClient, house: House, receiver: Receiver) -> None:
    off = _make(client, receiver.url, enabled=False)
    other = _make(client, receiver.url, event_types=["consolidation.completed"])
    client.put("/v1/default/banks/quiet", json={})
    _retain(client)
    assert [_deliveries(client, each)["items"] for each in (off, other)] == [[], []]
    assert house.tenant().database.rows("SELECT 1 FROM operations") == []


def test_try_again_later(client: TestClient, house: House, receiver: Receiver) -> None:
    receiver.answers = [500, 302]
    webhook = _make(client, receiver.url)
    _retain(client)
    receiver.next()
    _until(house, lambda: _deliveries(client, webhook)["items"][0]["attempts"] == 2)
    delivery = _deliveries(client, webhook)["items"][0]
    assert (delivery["status"], delivery["last_response_status"]) == ("pending", 500)
    assert delivery["last_error"] == f"{receiver.url} answered 500"
    assert delivery["next_retry_at"] > delivery["updated_at"]
    for status in (302, 204):
        client.post(f"{_BANK}/operations/{delivery['id']}/retry")
        receiver.next()
        _until(house, partial(_answered, client, webhook, status))
    assert _deliveries(client, webhook)["items"][0]["status"] == "completed"
    assert [line for line, _, _ in receiver.received] == ["POST /hook"] * 3
    assert len({body for _, _, body in receiver.received}) == 1


def test_give_up_in_the_end(client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "DELAYS", (0, 0, 0, 0, 0))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        webhook = _make(client, url)
        _retain(client)
        _until(house, lambda: _deliveries(client, webhook)["items"][0]["status"] == "failed")
    delivery = _deliveries(client, webhook)["items"][0]
    assert (delivery["attempts"], delivery["last_response_status"]) == (6, None)
    assert delivery["last_error"].startswith(f"{url} cannot be reached: ")


def test_keep_nobody_waiting_for_a_slow_receiver(client: TestClient, receiver: Receiver) -> None:
    receiver.hold = threading.Event()
    for _ in range(8):
        _make(client, receiver.url)
    began = time.monotonic()
    for _ in range(5):
        _retain(client)
    client.put("/v1/default/banks/other", json={})
    assert client.post("/v1/default/banks/other/memories", json={"items": [{"content": "x"}]}).status_code == 200
    assert time.monotonic() - began < 5
    assert receiver.arrived.acquire(timeout=10)


def test_send_what_waits_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    settings = Settings(home=tmp_path / "again", redact=False)
    receiver.hold = threading.Event()
    house = House(settings, embedder=FakeEmbedder, allowed=_LOOPBACK)
    with TestClient(create_app(house)) as client:
        _make(client, receiver.url)
        _retain(client)
        receiver.next()
        _retain(client)
    house.close(0.1)
    receiver.hold.set()
    house = House(settings, embedder=FakeEmbedder, allowed=_LOOPBACK)
    try:
        house.tenant()
        _until(
            house,
            lambda: house.tenant().database.row("SELECT sum(state = 'completed') FROM operations") == (2,),
        )
    finally:
        house.close(5)
    assert len({headers["X-Hindsight-Event-Id"] for _, headers, _ in receiver.received}) == 2


def test_delete_what_waits_with_the_webhook(client: TestClient, house: House, receiver: Receiver) -> None:
    receiver.answers = [500]
    webhook = _make(client, receiver.url)
    _retain(client)
    receiver.next()
    _until(house, lambda: _deliveries(client, webhook)["items"][0]["status"] == "pending")
    assert client.delete(f"{_BANK}/webhooks/{webhook}").json() == {
        "success": True,
        "message": None,
        "deleted_count": None,
    }
    assert house.tenant().database.rows("SELECT 1 FROM operations") == []
    for method, path in (("DELETE", ""), ("PATCH", ""), ("GET", "/deliveries")):
        answer = client.request(method, f"{_BANK}/webhooks/{webhook}{path}", json={"enabled": True})
        assert (answer.status_code, answer.json()) == (404, {"detail": "Webhook not found"})
        answer = client.request(method, f"{_BANK}/webhooks/zzz{path}", json={"enabled": True})
        assert (answer.status_code, answer.json()) == (422, {"detail": "Invalid webhook ID"})


def test_answer_as_the_real_server(client: TestClient) -> None:
    body = {"url": "https://example.com/h", "event_types": ["retain.completed"], "secret": _SIGNER}
    answer = client.post(f"{_BANK}/webhooks", json=body)
    made = answer.json()
    assert answer.status_code == 201
    assert list(made) == list(_CREATED)
    assert {**made, **{name: _CREATED[name] for name in ("id", "created_at", "updated_at")}} == _CREATED
    assert len(made["created_at"]) == len(str(_CREATED["created_at"]))
    assert client.get(f"{_BANK}/webhooks").json() == {"items": [made], "total": 1, "limit": 100, "offset": 0}
    assert client.get(f"{_BANK}/webhooks", params={"limit": 0}).json()["items"] == []
    assert client.get("/v1/default/banks/none/webhooks").status_code == 404


def test_change_a_webhook(client: TestClient, house: House) -> None:
    webhook = _make(client, "https://example.com/h", secret=_SIGNER)
    path = f"{_BANK}/webhooks/{webhook}"
    changed = client.patch(path, json={"url": "https://example.org/", "enabled": False}).json()
    assert (changed["url"], changed["enabled"], changed["secret"]) == ("https://example.org/", False, None)
    assert changed["event_types"] == ["retain.completed"]
    room = house.tenant().room("probe")
    kept = store.get(room.database, room.uid, webhook)
    assert kept is not None
    assert kept.secret == _SIGNER
    client.patch(path, json={"secret": None})
    kept = store.get(room.database, room.uid, webhook)
    assert kept is not None
    assert kept.secret is None
    answer = client.patch(path, json={})
    assert (answer.status_code, answer.json()) == (422, {"detail": "No fields provided to update"})
    assert client.patch(path, json={"url": None}).status_code == 422
    assert client.patch(path, json={"url": "http://10.0.0.1/"}).status_code == 400


def test_page_deliveries(client: TestClient, house: House, receiver: Receiver) -> None:
    webhook = _make(client, receiver.url)
    for _ in range(3):
        _retain(client)
    first = _deliveries(client, webhook, limit=2)
    second = _deliveries(client, webhook, limit=2, cursor=first["next_cursor"])
    assert second["next_cursor"] is None
    made = [each["created_at"] for each in first["items"] + second["items"]]
    assert (len(made), made) == (3, sorted(made, reverse=True))
    assert client.get(f"{_BANK}/webhooks/{webhook}/deliveries", params={"cursor": "x"}).status_code == 422


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "127.1",
        "0x7f.1",
        "017700000001",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
    ],
)
def test_refuse_the_server_s_own_network(tmp_path: Path, host: str) -> None:
    with pytest.raises(DestinationError, match="is not an allowed destination"):
        destination(f"http://{host}:80/h", Allowed())


def test_say_so_as_the_real_server(tmp_path: Path) -> None:
    house = House(Settings(home=tmp_path / "strict"), embedder=FakeEmbedder)
    with TestClient(create_app(house)) as client:
        answer = client.post(f"{_BANK}/webhooks", json={"url": "http://127.0.0.1:1/h"})
    house.close(5)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "detail": "Webhook URL host '127.0.0.1' targets a private/loopback/link-local address, which is not an "
            "allowed destination"
        },
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.com/", "scheme must be http or https, got 'ftp'"),
        ("example.com", "got 'empty'"),
        ("http:///x", "must include a host"),
        ("http://example.com:99999/", "Invalid webhook URL"),
        ("http://exa mple.com/", "non-printable"),
        ("http://127.0.0.1\\@example.com/", "non-printable"),
        ("http://[::1/", "Invalid webhook URL"),
    ],
)
def test_refuse_what_is_no_url(url: str, message: str) -> None:
    with pytest.raises(DestinationError, match=message):
        destination(url, Allowed())


def test_look_at_every_address_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, 0, 0, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(DestinationError, match=r"resolved to disallowed address 10\.0\.0\.1"):
        destination("http://rebound.example/", Allowed()).addresses()
    for entry in ("10.0.0.0/8", "rebound.example"):
        allowed = Allowed.parse([entry])
        assert destination("http://rebound.example/", allowed).addresses() == ["93.184.216.34", "10.0.0.1"]


def test_connect_to_what_was_looked_at(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that means something else a moment later changes nothing: it is asked for once."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1" if len(asked) == 1 else "10.0.0.1", port))]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, port, *rest, **more: (
            resolve(host, port) if host == "hook.example" else real(host, port, *rest, **more)
        ),
    )
    url = receiver.url.replace("127.0.0.1", "hook.example")
    status = posting.send(destination(url, _LOOPBACK), "POST", body=b"{}", headers={}, params={}, seconds=5)
    assert (status, asked) == (204, ["hook.example"])
    assert receiver.received[0][1]["Host"].startswith("hook.example:")


def test_fail_for_good_where_a_name_leads_inside(
    client: TestClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    webhook = _make(client, "http://metadata.example/")
    _retain(client)
    _until(house, lambda: _deliveries(client, webhook)["items"][0]["status"] == "failed")
    delivery = _deliveries(client, webhook)["items"][0]
    assert delivery["last_error"] == "Webhook host 'metadata.example' resolved to disallowed address 169.254.169.254"


def test_give_a_receiver_so_much_time_and_no_more() -> None:
    """One that sends a letter now and then is as slow as one that sends none."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
                while not stop.wait(0.02):
                    try:
                        connection.sendall(b"a")
                    except OSError:
                        return

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        to = destination(f"http://127.0.0.1:{server.getsockname()[1]}/", _LOOPBACK)
        began = time.monotonic()
        with pytest.raises(TimeoutError, match=r"no answer within 0\.3 seconds"):
            posting.send(to, "POST", body=b"", headers={}, params={}, seconds=0.3)
        assert time.monotonic() - began < 3
        stop.set()
        dripping.join(5)


def test_fail_for_good_with_a_header_that_cannot_be_sent(client: TestClient, house: House, receiver: Receiver) -> None:
    webhook = _make(client, receiver.url, http_config={"headers": {"X-A": "b\r\nX-Hindsight-Event: forged"}})
    _retain(client)
    _until(house, lambda: _deliveries(client, webhook)["items"][0]["status"] == "failed")
    assert receiver.received == []


def test_send_a_get_without_a_body(client: TestClient, receiver: Receiver) -> None:
    _make(client, receiver.url, http_config={"method": "get"})
    _retain(client)
    line, headers, body = receiver.next()
    assert (line, body) == ("GET /hook", {})
    assert headers["X-Hindsight-Event"] == "retain.completed"


def test_know_what_is_public() -> None:
    for text in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"):
        assert addresses._is_public(ipaddress.ip_address(text))
