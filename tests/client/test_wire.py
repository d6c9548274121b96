"""What a client does when the road to its server is bad, and when what answers is no server of ours."""

from __future__ import annotations

import http.server
import inspect
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.lossy import Loss, Lossy
from tests.client.running import Running, running
from threadline import (
    AccessError,
    BackendUnavailableError,
    ClosedError,
    InputError,
    Memory,
    RequestError,
    SettingsError,
    ThreadlineError,
    errors,
)
from threadline.client import RemoteMemory


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server") / "home") as server:
        yield server


@pytest.fixture
def road(server: Running) -> Iterator[Lossy]:
    road = Lossy(server.url)
    yield road
    road.close()


@pytest.fixture
def memory(road: Lossy, request: pytest.FixtureRequest) -> Iterator[RemoteMemory]:
    with Memory.connect(road.url, bank=request.node.name) as memory:
        yield memory


@pytest.mark.parametrize("losses", [["request"], ["answer"], ["answer", "request", "answer"]])
def test_say_a_turn_and_a_note_once_over_a_bad_road(memory: RemoteMemory, road: Lossy, losses: list[Loss]) -> None:
    session = memory.session("s")
    road.losses = list(losses)
    assert session.add_turn(user="The mast is twelve metres").number == 1
    road.losses = list(losses)
    session.note("Ann steers")
    road.losses = list(losses)
    memory.retain("Ben cooks")
    assert road.losses == []
    assert len(session.turns()) == 1
    assert [note.text for note in memory.notes()] == ["Ann steers", "Ben cooks"]


@pytest.mark.parametrize("losses", [["request"], ["answer"]])
def test_go_where_the_host_goes_over_a_bad_road(memory: RemoteMemory, road: Lossy, losses: list[Loss]) -> None:
    session = memory.session("s")
    session.add_turn(user="one")
    for go, name in ((session.branch, "b"), (session.switch, "t"), (session.continuation, "c")):
        road.losses = list(losses)
        assert go(name).id == name
    road.losses = list(losses)
    session.end()
    assert [one.id for one in memory.sessions()] == ["s", "b", "t", "c"]


@pytest.mark.parametrize("way", ["rewind", "forget"])
def test_say_that_it_cannot_be_known_whether_it_was_done(memory: RemoteMemory, road: Lossy, way: str) -> None:
    """A rewind done twice takes back twice as much, and of a forget the proof would be lost: neither is sent again."""
    session = memory.session("s")
    session.add_turn(user="one")
    session.add_turn(user="two")
    seen = road.seen
    road.losses = ["answer"]
    with pytest.raises(BackendUnavailableError, match="may or may not have been done"):
        session.rewind() if way == "rewind" else memory.forget(session="s", turn=2)
    assert road.seen == seen + 1
    assert len(session.history()) == 1


def test_give_up_in_time_where_nobody_answers(server: Running) -> None:
    road = Lossy(server.url)
    memory = Memory.connect(road.url, bank="alice", retry_seconds=0.3)
    session = memory.session("s")
    road.close()
    with memory, pytest.raises(BackendUnavailableError, match=r"cannot be reached .*threadline serve"):
        session.add_turn(user="Is anybody there?")


def test_refuse_everything_once_it_is_closed(memory: RemoteMemory) -> None:
    session = memory.session("s")
    memory.close()
    memory.close()
    for use in (memory.status, session.turns, lambda: session.add_turn(user="late")):
        with pytest.raises(ClosedError):
            use()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_give_a_forked_child_connections_of_its_own(server: Running) -> None:
    with Memory.connect(server.url, bank="fork") as memory:
        session = memory.session("s")
        child = os.fork()
        if child == 0:
            try:
                session.add_turn(user="from the child")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        session.add_turn(user="from the parent")
        assert [turn.messages[0].text for turn in session.turns()] == ["from the child", "from the parent"]


# What answers


class _Answers(http.server.BaseHTTPRequestHandler):
    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        script: list[tuple[int, dict[str, str], bytes]] = self.server.script  # type: ignore[attr-defined]
        status, headers, body = script.pop(0) if len(script) > 1 else script[0]
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names are the handler's

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[tuple[str, list[tuple[int, dict[str, str], bytes]]]]:
    """A server that answers what it is told to; the last answer again and again."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as answers:
        answers.script = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=answers.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{answers.server_address[1]}", answers.script  # type: ignore[attr-defined]
        answers.shutdown()
        thread.join(10)


Scripted = tuple[int, dict[str, str], bytes]

BANK: Scripted = (200, {}, b'{"bank": "default"}')


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ((404, {}, b"<h1>Not here</h1>"), SettingsError, "no Threadline server"),
        ((404, {}, b'{"detail": "Not Found"}'), SettingsError, "no Threadline server"),
        ((200, {}, b"<h1>Welcome</h1>"), SettingsError, "no Threadline server"),
        ((200, {}, b'["bank"]'), SettingsError, "no BankName"),
        ((200, {}, b'{"bank": 7}'), SettingsError, "no BankName"),
        ((401, {}, b'{"detail": "A key is needed."}'), AccessError, "A key is needed."),
        ((403, {}, b'{"detail": "This key may read."}'), AccessError, "This key may read."),
        ((413, {}, b'{"detail": "Too large."}'), RequestError, "Too large."),
        ((500, {}, b"\xff oops"), BackendUnavailableError, "500"),
        ((503, {}, b'{"error": {"type": "StorageBusyError", "message": "Busy."}}'), errors.StorageBusyError, "Busy."),
        (
            (418, {}, b'{"error": {"type": "NewError", "message": "From the future."}}'),
            ThreadlineError,
            "NewError: From",
        ),
        ((418, {}, b'{"error": {"type": "errors", "message": "x"}}'), ThreadlineError, "errors: x"),
    ],
)
def test_say_what_is_wrong_with_what_answers(
    stranger: tuple[str, list[Any]], answer: Any, kind: type[ThreadlineError], says: str
) -> None:
    url, script = stranger
    script[:] = [answer]
    with pytest.raises(kind, match=says) as raised:
        Memory.connect(url, retry_seconds=0)
    assert type(raised.value) is kind


def test_wait_as_long_as_a_server_asks_for(stranger: tuple[str, list[Any]]) -> None:
    url, script = stranger
    busy: Scripted = (429, {"retry-after": "0.2"}, b'{"detail": "Slowly."}')
    away: Scripted = (502, {}, b"Bad gateway")
    script[:] = [busy, away, BANK, (429, {"retry-after": "3600"}, b'{"detail": "Tomorrow."}')]
    memory = Memory.connect(url, retry_seconds=20)
    with memory, pytest.raises(BackendUnavailableError, match="Tomorrow") as raised:
        memory.status()
    assert raised.value.retry_after > 100


def test_do_not_try_again_what_a_gateway_may_have_let_through(stranger: tuple[str, list[Any]]) -> None:
    url, script = stranger
    script[:] = [BANK, (504, {}, b"Gateway time-out"), BANK]
    with Memory.connect(url) as memory, pytest.raises(BackendUnavailableError, match="504"):
        memory.forget(session="s")


@pytest.mark.parametrize("url", ["", "localhost:8888", "ftp://example.com", "http://", "http://[::", "http://a b/"])
def test_refuse_what_is_no_address(url: str) -> None:
    with pytest.raises((SettingsError, BackendUnavailableError)):
        Memory.connect(url, retry_seconds=0)


@pytest.mark.parametrize(
    "kind",
    [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ThreadlineError)],
    ids=lambda kind: kind.__name__,
)
def test_raise_every_error_as_what_it_was(
    server: Running, monkeypatch: pytest.MonkeyPatch, kind: type[ThreadlineError]
) -> None:
    """From the server's own call to the client's: the class, and the message."""

    def fails(*_: object) -> None:
        raise kind("It is so, and do this.")

    with Memory.connect(server.url, bank="errors", retry_seconds=0) as memory:
        monkeypatch.setattr(Memory, "session_statuses", fails)
        with pytest.raises(kind) as raised:
            memory.session_statuses()
        assert type(raised.value) is kind
        said = "middle of this request" if kind is ClosedError else str(kind("It is so, and do this."))
        assert said in str(raised.value)


def test_tell_nothing_of_what_was_said_in_an_answer_to_bad_input(server: Running) -> None:
    import httpx2

    body = {"user": "a secret " * 10, "roole": ["a secret"], "occurred_at": "a secret"}
    with Memory.connect(server.url, bank="faults") as memory:
        memory.session("s")
    answer = httpx2.post(f"{server.url}/v1/threadline/session/turns?bank=faults&session=s", json=body)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["type"] == "InputError"
    assert "roole" in error["message"]
    assert "occurred_at" in error["message"]
    assert "secret" not in json.dumps(error)


def test_need_httpx2_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"threadline\[client\]"):
        Memory.connect("http://127.0.0.1:1")


def test_refuse_a_bank_name_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bank name"):
        Memory.connect("http://127.0.0.1:1", bank="a\nb", retry_seconds=0)
