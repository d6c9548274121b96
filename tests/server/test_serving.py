from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.cli.conftest import process
from tests.server.processes import SECONDS, Running, serving
from threadline.backup import back_up, restore
from threadline.server.keys import Keys

BANK = "/v1/default/banks/b"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with small limits, for all that does not end it."""
    folder = tmp_path_factory.mktemp("serving")
    limits = {"THREADLINE_BODY_SECONDS": "0.7", "THREADLINE_MAX_CONNECTIONS": "300"}
    with serving(folder / "home", log=folder / "log", **limits) as found:
        yield found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def _retain(client: httpx2.Client, text: str = "The door is green.") -> httpx2.Response:
    return client.post(f"{BANK}/memories", json={"items": [{"content": text}]})


def _post(length: int, *headers: str) -> bytes:
    """The head of a retain."""
    lines = (f"POST {BANK}/memories HTTP/1.1", "host: localhost", "content-type: application/json", *headers)
    return "\r\n".join((*lines, f"content-length: {length}", "", "")).encode()


def _raw(running: Running, request: bytes) -> bytes:
    """Everything that a server answers on one connection until it closes it."""
    with socket.create_connection(running.address, SECONDS) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def test_answer_and_remember(running: Running) -> None:
    with running.client() as client:
        assert _retain(client).status_code == 200
        found = client.post(f"{BANK}/memories/recall", json={"query": "door"}).json()
        assert found["results"][0]["text"] == "The door is green."
        assert client.get("/health/ready").json()["status"] == "healthy"
        assert client.get("/version").json()["api_version"] == "1.1.0"
        assert "server" not in client.get("/health/live").headers


def test_take_no_50_megabytes_and_no_memory_for_them(running: Running) -> None:
    def peak() -> int:
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    before = peak()
    with running.client() as client:
        for body in (b"x" * 50_000_000, (b"x" * 1_000_000 for _ in range(50))):
            refused = client.post(f"{BANK}/memories", content=body, headers={"content-type": "application/json"})
            assert refused.status_code == 413
            assert refused.json() == {"detail": "The body is larger than 32,000,000 bytes."}
        assert client.get("/health").status_code == 200
    assert peak() - before < 45_000, "no more than one body may have"


def test_wait_for_no_slow_body(running: Running) -> None:
    with socket.create_connection(running.address, SECONDS) as connection:
        connection.sendall(_post(99) + b'{"items"')
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b"connection: close" in answer.lower()


def test_wait_for_no_slow_headers(running: Running) -> None:
    answer = _raw(running, b"GET /health HTTP/1.1\r\nhost: local")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"detail": "The request did not begin in time."}
    assert _raw(running, b"") == b"", "who asks for nothing is told nothing"


@pytest.mark.parametrize(
    "header",
    [b"a: " + b"x" * 70_000 + b"\r\n", b"".join(b"a%d: x\r\n" % n for n in range(9_000)), b"a: " + b"x" * 900_000],
    ids=["large", "many", "endless"],
)
def test_take_no_endless_headers(running: Running, header: bytes) -> None:
    with socket.create_connection(running.address, SECONDS) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n")
        try:
            connection.sendall(header + b"\r\n")
            answer = connection.recv(65536)
        except ConnectionError:  # it was closed while more was being sent, and what it said is lost with it
            answer = b"HTTP/1.1 431 "
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_answer_what_is_no_http_in_shape(running: Running) -> None:
    answer = _raw(running, b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"detail"}


def test_take_a_body_that_comes_with_its_headers(running: Running) -> None:
    """In one piece of more than the headers may have, and another request behind it."""
    body = json.dumps({"items": [{"content": "word " * 25_000}]}).encode()
    get = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    assert _raw(running, _post(len(body)) + body + get).count(b"HTTP/1.1 200 OK") == 2


def test_live_through_many_connections(running: Running) -> None:
    """Those beyond the limit are told so; the others, and everybody after, are served."""
    with ExitStack() as stack, running.client() as client:
        assert client.get("/health").status_code == 200
        for _ in range(400):
            stack.enter_context(socket.create_connection(running.address, SECONDS))
        refused = _until(client, 503)
        assert refused.json() == {"detail": "The server has too many connections; try again later."}
        assert refused.headers["retry-after"] == "1"
    with running.client() as client:
        _until(client, 200)


def _until(client: httpx2.Client, status: int) -> httpx2.Response:
    """Ask until it is answered so."""
    deadline = time.monotonic() + SECONDS
    while (answer := client.get("/health")).status_code != status:
        assert time.monotonic() < deadline, answer.text
    return answer


def test_finish_what_is_under_way_and_stop(tmp_path: Path, log: Path) -> None:
    """A request whose body is still arriving when the signal comes is answered, and what it retained is there."""
    home = tmp_path / "home"
    body = json.dumps({"items": [{"content": "The last word."}]}).encode()
    with serving(home, log=log) as running:
        with socket.create_connection(running.address, SECONDS) as connection:
            connection.sendall(_post(len(body), "expect: 100-continue"))
            assert connection.recv(65536).startswith(b"HTTP/1.1 100 "), "it is under way"
            running.process.send_signal(signal.SIGINT)
            with running.client() as client:
                deadline = time.monotonic() + SECONDS
                while _answers(client):
                    assert time.monotonic() < deadline
            connection.sendall(body)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert running.process.wait(SECONDS) == 0
    with serving(home, log=log) as running, running.client() as client:
        found = client.post(f"{BANK}/memories/recall", json={"query": "last word"}).json()
        assert [each["text"] for each in found["results"]] == ["The last word."]


def _answers(client: httpx2.Client) -> bool:
    """Whether a new connection is still accepted, as what is ready or on its way out."""
    try:
        return client.get("/health", headers={"connection": "close"}).status_code in (200, 503)
    except httpx2.TransportError:
        return False


def test_hurry_at_a_second_signal(tmp_path: Path, log: Path) -> None:
    with (
        serving(tmp_path / "home", log=log, THREADLINE_STOP_SECONDS="60") as running,
        socket.create_connection(running.address, SECONDS) as connection,
    ):
        connection.sendall(_post(5, "expect: 100-continue"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        running.process.send_signal(signal.SIGTERM)
        with running.client() as client:
            deadline = time.monotonic() + SECONDS
            while _answers(client):
                assert time.monotonic() < deadline
        began = time.monotonic()
        running.stop()
        assert time.monotonic() - began < 20


def test_lose_no_retain_that_was_answered_when_stopped(tmp_path: Path, log: Path) -> None:
    home = tmp_path / "home"
    answered: list[str] = []

    def write(number: int) -> None:
        with running.client() as client:
            for count in range(1000):
                text = f"word{number}x{count}"
                try:
                    if _retain(client, text).status_code == 200:
                        answered.append(text)
                except httpx2.TransportError:
                    return
                if len(answered) >= 20:
                    enough.set()

    enough = threading.Event()
    with serving(home, log=log) as running:
        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        assert enough.wait(SECONDS)
        assert running.stop() == 0
        for writer in writers:
            writer.join(SECONDS)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(line["level"] == "info" for line in lines), lines
    with serving(home, log=log) as running, running.client() as client:
        for text in answered:
            found = client.post(f"{BANK}/memories/recall", json={"query": text}).json()
            assert text in {each["text"] for each in found["results"]}


def test_back_up_a_server_that_is_writing(tmp_path: Path, log: Path) -> None:
    """What was answered before the backup began is in it; what is served from it is whole and goes on."""
    home, restored = tmp_path / "home", tmp_path / "restored"
    stop = threading.Event()
    first = [f"first{number}" for number in range(5)]

    def write(running: Running) -> None:
        with running.client() as client:
            number = 0
            while not stop.is_set():
                number += 1
                assert _retain(client, f"later{number}").status_code == 200

    with serving(home, log=log) as running, running.client() as client:
        for text in first:
            assert _retain(client, text).status_code == 200
        writer = threading.Thread(target=write, args=(running,))
        writer.start()
        back_up(home, tmp_path / "backup")
        stop.set()
        writer.join(SECONDS)
    restore(tmp_path / "backup", restored)
    with serving(restored, log=log) as running, running.client() as client:
        assert _retain(client, "after").status_code == 200
        for text in (*first, "after"):
            found = client.post(f"{BANK}/memories/recall", json={"query": text}).json()
            assert [each["text"] for each in found["results"]].count(text) == 1


def test_refuse_to_be_reached_by_others_without_a_key(tmp_path: Path) -> None:
    home = tmp_path / "home"
    refused = process(home, "serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - that is what is refused
    assert refused.returncode == 1
    assert "threadline keys create" in refused.stderr
    assert "--token-file" in refused.stderr


def test_ask_for_the_key_that_lets_others_reach_it(tmp_path: Path, log: Path) -> None:
    home, token = tmp_path / "home", tmp_path / "token"
    token.write_text("a-token-for-the-server\n")
    with serving(home, "--host", "0.0.0.0", "--token-file", str(token), log=log) as running:  # noqa: S104 - as above
        url = running.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        with httpx2.Client(base_url=url, timeout=SECONDS) as client:
            assert _retain(client).status_code == 401
            client.headers["authorization"] = "Bearer a-token-for-the-server"
            assert _retain(client).status_code == 200


def test_say_that_the_port_is_taken(running: Running, tmp_path: Path) -> None:
    refused = process(tmp_path / "home", "serve", "--port", str(running.address[1]))
    assert refused.returncode == 1
    assert f"Port {running.address[1]} of 127.0.0.1 is in use" in refused.stderr
    assert "--port" in refused.stderr


def test_say_that_another_server_runs_here(running: Running) -> None:
    home = running.log.parent / "home"
    refused = process(home, "serve", "--port", "0")
    assert refused.returncode == 1
    assert "Another server runs on this data directory" in refused.stderr


def test_refuse_a_key_that_was_revoked_while_it_runs(tmp_path: Path, log: Path) -> None:
    home = tmp_path / "home"
    with serving(home, log=log) as running, running.client() as client:
        assert _retain(client).status_code == 200
        keys = Keys(home)
        key, token = keys.create()
        assert _retain(client).status_code == 401
        client.headers["authorization"] = f"Bearer {token}"
        assert _retain(client).status_code == 200
        keys.revoke(key.id)
        assert _retain(client).status_code == 401
        running.stop()
        assert keys.list()[0].used_at is not None, "kept when it stops"
        keys.close()


def test_start_soon(tmp_path: Path, log: Path) -> None:
    """The best of three: the machine may be busy. Started to answering takes less than 1.5 s when it is not."""
    took = []
    for _ in range(3):
        began = time.monotonic()
        with serving(tmp_path / "home", log=log) as running, running.client() as client:
            assert client.get("/health").status_code == 200
            took.append(time.monotonic() - began)
        if took[-1] < 1.5:
            break
    assert min(took) < 3.0, took


def test_end_although_something_hangs(tmp_path: Path) -> None:
    """A thread that never ends keeps a process alive; the way to the end has a limit, and what it was to do is told."""
    code = (
        "import threading\n"
        "from threadline.server.logs import start_logging\n"
        "from threadline.server.serving import Stop\n"
        "start_logging(); Stop(0.1).asked(); threading.Event().wait()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 1
    assert "still hangs" in json.loads(ended.stderr)["event"]
