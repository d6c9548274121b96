"""Whether a backend works is found out by writing and reading, and leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from threadline import BackendRefusedError, BackendUnavailableError, Capabilities, Query, StorageBusyError
from threadline.backends.embedded import EmbeddedBackend
from threadline.backends.fake import FakeBackend, Fault
from threadline.backends.probe import TAG, Probe, probe
from threadline.documents import Recalled
from threadline.tags import Tags

DOWN = BackendUnavailableError("The server is down.")


def _verbs(backend: FakeBackend) -> list[str]:
    return [verb for verb, _ in backend.calls]


def test_write_read_and_remove() -> None:
    backend = FakeBackend()
    found = probe(backend, "b", 10)
    assert (found.ok, found.error) == (True, None)
    assert found.write_seconds is not None
    assert found.read_seconds is not None
    assert _verbs(backend) == ["retain", "recall", "forget"]
    assert backend.state.banks["b"] == {}


def test_ask_for_nothing_but_its_own_note() -> None:
    backend = FakeBackend()
    probe(backend, "b", 10)
    (_, batch), (_, query), (_, removal) = backend.calls
    assert batch.tags == (TAG,)  # type: ignore[attr-defined]
    assert query.tags == Tags(TAG)  # type: ignore[attr-defined]
    assert batch.document == removal.document  # type: ignore[attr-defined]
    assert batch.document.startswith(f"note:{TAG}-")  # type: ignore[attr-defined]
    assert removal.turns is None  # type: ignore[attr-defined]
    probe(backend, "b", 10)
    assert backend.calls[3][1].document != batch.document  # type: ignore[attr-defined]
    assert query.text not in backend.calls[3][1].passages[0].text  # type: ignore[attr-defined]


@pytest.mark.parametrize("bank", ["known", "unknown"])
def test_leave_the_embedded_engine_as_it_was(tmp_path: Path, bank: str) -> None:
    backend = EmbeddedBackend(tmp_path)
    assert probe(backend, "known", 10).ok
    assert probe(backend, bank, 10).ok
    assert backend.figures(bank).documents == 0
    assert backend.recall(bank, Query("Threadline wrote this")) == []
    assert not any(b"whether memory works" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    backend.close()


@pytest.mark.parametrize("error", [DOWN, BackendRefusedError("No, thank you."), RuntimeError("a bug")])
def test_say_why_nothing_can_be_written(error: Exception) -> None:
    backend = FakeBackend(faults=[Fault("retain", error)])
    found = probe(backend, "b", 10)
    assert found == Probe(False, None, None, f"The backend fake did not take a note: {error}")


def test_remove_what_arrived_although_the_answer_was_lost() -> None:
    backend = FakeBackend(faults=[Fault("retain", BackendUnavailableError("no answer"), applied=1)])
    assert not probe(backend, "b", 10).ok
    assert backend.state.banks["b"] == {}


def test_say_why_it_cannot_be_read_and_remove_it() -> None:
    backend = FakeBackend(faults=[Fault("recall", DOWN)])
    found = probe(backend, "b", 10)
    assert (found.ok, found.read_seconds) == (False, None)
    assert found.write_seconds is not None
    assert found.error == "The backend fake did not find the note it took: The server is down."
    assert backend.state.banks["b"] == {}


def test_look_again_until_it_is_found() -> None:
    backend = _Slow(looks=3)
    assert probe(backend, "b", 10).ok
    assert _verbs(backend) == ["retain", "recall", "recall", "recall", "forget"]


def test_say_that_it_is_not_found_and_remove_it() -> None:
    backend = _Slow(looks=2**30)
    found = probe(backend, "b", 0.1)
    assert not found.ok
    assert "still finds nothing after 0.1 s" in (found.error or "")
    assert backend.state.banks["b"] == {}


def test_find_what_the_backend_put_into_other_words() -> None:
    class Rewording(FakeBackend):
        def recall(self, bank: str, query: Query) -> list[Recalled]:
            from dataclasses import replace

            return [replace(one, text="Somebody tried it.") for one in super().recall(bank, query)]

    assert probe(Rewording(), "b", 10).ok


@pytest.mark.parametrize("error", [DOWN, StorageBusyError("Somebody reads.")])
def test_remove_it_at_the_second_attempt(error: Exception) -> None:
    backend = FakeBackend(faults=[Fault("forget", error)])
    assert probe(backend, "b", 10).ok
    assert backend.state.banks["b"] == {}


def test_say_what_stays_behind() -> None:
    backend = FakeBackend(faults=[Fault("forget", BackendRefusedError("Never."))])
    found = probe(backend, "b", 10)
    (document,) = backend.state.banks["b"]
    assert not found.ok
    assert "did not remove the note: Never." in (found.error or "")
    assert document in (found.error or "")


def test_tell_one_fault_once() -> None:
    backend = FakeBackend(faults=[Fault("retain", DOWN), Fault("forget", DOWN)])
    assert (probe(backend, "b", 10).error or "").count("down") == 1


def test_write_nothing_to_what_cannot_delete() -> None:
    backend = FakeBackend(Capabilities(deletes=False))
    found = probe(backend, "b", 10)
    assert (found.ok, found.write_seconds) == (True, None)
    assert found.read_seconds is not None
    assert _verbs(backend) == ["recall"]
    backend.faults.append(Fault("recall", DOWN))
    assert probe(backend, "b", 10).error == "The backend fake did not answer a recall: The server is down."


def test_do_not_wait_for_a_backend_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadline.backends.probe._GRACE", 0.0)
    gate = threading.Event()
    backend = FakeBackend(faults=[Fault("retain", gate=gate, applied=1)])
    found = probe(backend, "b", 0.1)
    assert found == Probe(False, None, None, "The backend fake did not take a note within 0.1 s.")
    gate.set()
    _join("threadline-probe")
    assert backend.state.banks["b"] == {}, "it is removed when the backend lets go"


def test_write_while_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadline.backends.probe._GRACE", 0.0)
    writing = threading.Lock()
    backend = FakeBackend()
    with writing:
        found = probe(backend, "b", 0.1, writing)
        assert not found.ok
        assert "it was at another write" in (found.error or "")
    _join("threadline-probe")
    assert backend.calls == [], "time was up before it came to it"
    assert probe(backend, "b", 10, writing).ok
    assert not writing.locked()


class _Slow(FakeBackend):
    """What it takes is found at the nth look only."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def recall(self, bank: str, query: Query) -> list[Recalled]:
        self._looks -= 1
        found = super().recall(bank, query)
        return [] if self._looks > 0 else found


def _join(name: str) -> None:
    threads: Iterable[threading.Thread] = threading.enumerate()
    for thread in threads:
        if thread.name == name:
            thread.join(20)
            assert not thread.is_alive()
