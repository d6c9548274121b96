"""The official client, over HTTP: each failure on the wire becomes the error that delivery has a rule for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.hindsight.fake import FakeHindsight
from tests.hindsight.http import Fault, HttpHindsight, Kind

from threadline import BackendRefusedError, BackendUnavailableError, ClosedError, Memory, Query
from threadline.backends.hindsight import HindsightBackend, HindsightOptions
from threadline.backends.hindsight.client import ClientWire
from threadline.testing import BackendContract, batch

RETAIN = r"POST .*/memories$"


@pytest.fixture
def server() -> Iterator[HttpHindsight]:
    with HttpHindsight(FakeHindsight()) as server:
        yield server


@pytest.fixture
def backend(server: HttpHindsight) -> Iterator[HindsightBackend]:
    backend = connect(server)
    yield backend
    backend.close()


def connect(server: HttpHindsight, timeout: float = 5.0) -> HindsightBackend:
    options = HindsightOptions(server.url, api_key="k", timeout=timeout)
    return HindsightBackend(ClientWire(options), options)


class TestOverHttp(BackendContract):
    @pytest.fixture
    def backend(self, server: HttpHindsight) -> Iterator[HindsightBackend]:
        backend = connect(server)
        yield backend
        backend.close()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(RETAIN, "status", status=500, body={"detail": "boom"}), "failed \\(500: boom\\)"),
        (Fault(RETAIN, "status", status=502, body="bad gateway"), "failed \\(502"),
        (Fault(RETAIN, "status", status=503), "failed \\(503"),
        (Fault(RETAIN, "status", status=429), "busy \\(429"),
        (Fault(RETAIN, "status", status=408), "busy \\(408"),
        (
            Fault(RETAIN, "status", status=401, body={"detail": "no key"}),
            "refuses the key.*THREADLINE_HINDSIGHT_API_KEY",
        ),
        (Fault(RETAIN, "status", status=403), "refuses the key"),
        (Fault(RETAIN, "status", status=404), "check the url"),
        (Fault(RETAIN, "garbage"), "does not speak Hindsight's language"),
        (Fault("GET /version", "garbage"), "does not speak Hindsight's language"),
        (Fault("GET .*/operations/", "garbage"), "does not speak Hindsight's language"),
        (Fault(RETAIN, "reset"), "broke"),
        (Fault(RETAIN, "apply_then_reset"), "broke"),
        (Fault("GET .*/operations/", "reset"), "broke"),
    ],
    ids=lambda value: f"{value.match} {value.kind} {value.status}" if isinstance(value, Fault) else "",
)
def test_try_again_what_may_pass(server: HttpHindsight, backend: HindsightBackend, fault: Fault, says: str) -> None:
    server.faults.append(fault)
    with pytest.raises(BackendUnavailableError, match=says):
        backend.retain(batch("b", "session:s", "one"))
    server.faults.clear()
    backend.retain(batch("b", "session:s", "one"))
    assert [text.count("one") for text in server.fake.texts("b").values()] == [1]


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_give_up_what_never_passes(server: HttpHindsight, backend: HindsightBackend, status: int) -> None:
    server.faults.append(Fault(RETAIN, "status", status=status, body={"detail": [{"msg": "not like this"}]}))
    with pytest.raises(BackendRefusedError, match="not like this"):
        backend.retain(batch("b", "session:s", "one"))


def test_wait_as_long_as_the_server_asks_for(server: HttpHindsight, backend: HindsightBackend) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for value, least, most in (("7", 7, 7), (later, 60, 90), ("soon", 0, 0), ("-3", 0, 0), ("1e9", 3600, 3600)):
        server.faults[:] = [Fault(RETAIN, "status", status=429, headers={"Retry-After": value})]
        with pytest.raises(BackendUnavailableError) as unavailable:
            backend.retain(batch("b", "session:s", "one"))
        assert least <= unavailable.value.retry_after <= most


@pytest.mark.parametrize("kind", ["hang", "apply_then_hang"])
def test_wait_no_longer_than_the_time_out(server: HttpHindsight, kind: Kind) -> None:
    server.faults.append(Fault(RETAIN, kind, times=1))
    backend = connect(server, timeout=0.5)
    with pytest.raises(BackendUnavailableError, match="did not answer in time"):
        backend.retain(batch("b", "session:s", "one"))
    server.release()
    backend.retain(batch("b", "session:s", "one"))
    backend.close()
    assert [text.count("one") for text in server.fake.texts("b").values()] == [1]


def test_recall_no_longer_than_its_own_time_out(server: HttpHindsight) -> None:
    server.faults.append(Fault("POST .*/recall$", "hang"))
    options = HindsightOptions(server.url, timeout=60.0, recall_timeout=0.3)
    backend = HindsightBackend(ClientWire(options), options)
    with pytest.raises(BackendUnavailableError, match="did not answer in time"):
        backend.recall("b", Query("one"))
    backend.close()


def test_ask_a_busy_server_once(server: HttpHindsight, backend: HindsightBackend) -> None:
    """Whether and when to try again is delivery's to say, or the host's: the client keeps nobody waiting for it."""
    server.faults.append(Fault("POST .*/recall$", "status", status=503, headers={"Retry-After": "1"}))
    with pytest.raises(BackendUnavailableError):
        backend.recall("b", Query("one"))
    assert len(server.seen) == 1


def test_say_that_nobody_listens(server: HttpHindsight, backend: HindsightBackend) -> None:
    server.stop_listening()
    with pytest.raises(BackendUnavailableError, match=r"cannot be reached at .*is it running"):
        backend.retain(batch("b", "session:s", "one"))
    server.start_listening()
    backend.retain(batch("b", "session:s", "one"))
    assert len(server.fake.texts("b")) == 1


def test_write_once_what_arrives_late(server: HttpHindsight) -> None:
    """The first request is held on the way, and arrives when the second has long been answered."""
    server.faults.append(Fault(RETAIN, "late", times=1, seconds=60))
    backend = connect(server, timeout=0.5)
    with pytest.raises(BackendUnavailableError):
        backend.retain(batch("b", "session:s", "one"))
    backend.retain(batch("b", "session:s", "one"))
    operations = len(server.fake.log)
    server.release()
    assert server.wait_for(RETAIN, count=2)
    backend.close()
    server.stop_listening()
    assert len(server.fake.operations) == 1
    assert [text.count("one") for text in server.fake.texts("b").values()] == [1]
    assert operations


def test_end_a_request_when_it_is_closed(server: HttpHindsight, backend: HindsightBackend) -> None:
    server.faults.append(Fault(RETAIN, "hang"))
    errors: list[BaseException] = []

    def retain() -> None:
        try:
            backend.retain(batch("b", "session:s", "one"))
        except ClosedError as error:
            errors.append(error)

    thread = threading.Thread(target=retain)
    thread.start()
    assert server.wait_for(RETAIN)
    backend.close()
    thread.join(10)
    assert not thread.is_alive()
    assert [type(error) for error in errors] == [ClosedError]
    with pytest.raises(ClosedError):
        backend.recall("b", Query("one"))


def test_leave_no_thread_behind(server: HttpHindsight) -> None:
    for _ in range(3):
        backend = connect(server)
        backend.retain(batch("b", "session:s", "one"))
        backend.close()
    for thread in threading.enumerate():
        if thread.name == "threadline-hindsight":
            thread.join(10)
            assert not thread.is_alive()


def test_deliver_through_a_memory_that_is_opened_by_name(server: HttpHindsight, tmp_path: Path) -> None:
    with Memory.open(tmp_path, backend="hindsight", backend_options={"url": server.url}) as memory:
        session = memory.session("s")
        session.add_turn(user="Alice keeps bees", assistant="Noted")
        session.add_turn(user="Bob keeps goats")
        assert memory.flush()
        assert [found.turn for found in session.recall("goats")] == [2]
        session.rewind()
        assert memory.flush()
        assert session.recall("goats") == []
        status = memory.status()
    assert (status.backend, status.healthy, status.held.documents) == ("hindsight", True, 1)
    assert list(server.fake.texts("default")) == ["session:s#1"]


def test_a_client_that_is_too_old_is_told_from_a_server_that_is_none(
    backend: HindsightBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Old:  # as of 0.6.1, which hosts bring along
        def __init__(self, base_url: str, api_key: str | None = None, timeout: float = 1.0) -> None: ...

    monkeypatch.setattr("hindsight_client.Hindsight", Old)
    with pytest.raises(BackendUnavailableError, match=r"too old.*pip install --upgrade 'threadline\[hindsight\]'"):
        backend.recall("b", Query("x"))
