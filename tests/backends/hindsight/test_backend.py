"""The rules, on a fake server in the same process: old and new, slow, failing, restored from nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.hindsight.direct import DirectWire
from tests.hindsight.fake import FakeHindsight

from threadline import (
    BackendRefusedError,
    BackendUnavailableError,
    ClosedError,
    Query,
    Removal,
    Run,
    Scope,
    Span,
    UnsupportedError,
)
from threadline.backends.hindsight import HindsightBackend, HindsightOptions
from threadline.testing import BackendContract, batch

OPTIONS = HindsightOptions("http://fake", timeout=5.0)

#: Before `append`, before operation ids, with them, and as it is today.
VERSIONS = ("0.4.22", "0.6.1", "0.8.6", "1.1.0")


class Clock:
    """Seconds pass only while somebody waits for the server; then something may happen there."""

    def __init__(self, happens: Callable[[], object] = lambda: None) -> None:
        self.now = 0.0
        self.happens = happens

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.happens()


def connect(server: FakeHindsight, clock: Clock | None = None, **options: object) -> HindsightBackend:
    clock = clock or Clock()
    settings = replace(OPTIONS, **options)  # type: ignore[arg-type]
    return HindsightBackend(DirectWire(server), settings, clock=clock, pause=clock.pause)


@pytest.mark.parametrize("version", VERSIONS)
class TestHindsight(BackendContract):
    @pytest.fixture
    def backend(self, version: str) -> Iterator[HindsightBackend]:
        backend = connect(FakeHindsight(version))
        yield backend
        backend.close()


def sent(server: FakeHindsight) -> list[tuple[bool, str | None]]:
    """Each retain that came: whether it was asynchronous, and under which id."""
    retains = [one.body for one in server.log if one.method == "POST" and one.path.endswith("/memories")]
    return [(body["async"], body["operation_id"]) for body in retains]


@pytest.mark.parametrize(("version", "asynchronous"), [("0.8.5", False), ("0.8.6", True), ("v1.0", True), ("?", False)])
def test_use_operation_ids_where_the_server_has_them(version: str, asynchronous: bool) -> None:
    server = FakeHindsight("1.1.0")
    server.version = version
    connect(server).retain(batch("b", "session:s", "one"))
    assert [one for one, _ in sent(server)] == [asynchronous]
    assert list(server.texts("b")) == ["session:s#1"]


def test_send_the_same_write_under_the_same_id_from_any_process() -> None:
    server = FakeHindsight()
    connect(server).retain(batch("b", "session:s", "one"))
    connect(server).retain(batch("b", "session:s", "one"))
    (_, first), (_, second) = sent(server)
    assert first == second
    assert len(server.operations) == 1


def test_wait_until_the_server_has_processed_it() -> None:
    server = FakeHindsight(auto_run=False)
    clock = Clock(lambda: clock.now > 1 and server.run_next_operation())
    connect(server, clock).retain(batch("b", "session:s", "one"))
    assert clock.now > 1
    assert server.texts("b")


def test_ask_again_for_what_was_accepted_and_not_finished() -> None:
    server = FakeHindsight(auto_run=False)
    with pytest.raises(BackendUnavailableError, match="did not finish it within 5 s"):
        connect(server).retain(batch("b", "session:s", "one"))
    connect(server, Clock(server.run_next_operation)).retain(batch("b", "session:s", "one"))
    assert len(server.operations) == 1, "the second attempt is the same operation"


def test_have_a_failed_operation_tried_again() -> None:
    server = FakeHindsight()
    server.fail_operations = 1
    backend = connect(server)
    with pytest.raises(BackendUnavailableError, match="the model did not answer"):
        backend.retain(batch("b", "session:s", "one"))
    backend.retain(batch("b", "session:s", "one"))
    assert len(server.operations) == 1
    assert server.texts("b")


def test_say_that_the_server_lost_an_operation() -> None:
    server = FakeHindsight(auto_run=False)
    clock = Clock(server.operations.clear)
    with pytest.raises(BackendUnavailableError, match="not_found"):
        connect(server, clock).retain(batch("b", "session:s", "one"))


def test_write_again_what_an_old_operation_no_longer_holds() -> None:
    """Somebody deleted the document on the server; the operation that wrote it is still known there."""
    server = FakeHindsight()
    backend = connect(server)
    backend.retain(batch("b", "session:s", "one"))
    server.banks["b"].documents.clear()
    backend.retain(batch("b", "session:s", "one"))
    assert list(server.texts("b")) == ["session:s#1"]


def test_correct_a_batch_that_is_still_known_under_its_old_contents() -> None:
    server = FakeHindsight()
    backend = connect(server)
    whole, left = batch("b", "session:s", "one", "two"), batch("b", "session:s", "one")
    backend.retain(whole)
    backend.retract(Removal("b", "session:s", (2,), (Run(1, 2, left),)))
    assert "two" not in server.texts("b")["session:s#1"]
    backend.retract(Removal("b", "session:s", (1,), (Run(1, 2, None),)))
    assert server.texts("b") == {}


def test_ask_for_the_version_again_after_a_failure_and_after_a_while() -> None:
    server = FakeHindsight("0.6.1")
    clock = Clock()
    backend = connect(server, clock)
    backend.retain(batch("b", "session:s", "one"))
    server.version = "1.1.0"
    backend.retain(batch("b", "session:s", "two", first=2))
    assert [one for one, _ in sent(server)] == [False, False], "believed for a while"
    with pytest.raises(BackendRefusedError):
        backend.retain(batch("b", "note:n", " "))
    backend.retain(batch("b", "session:s", "three", first=4))
    assert sent(server)[-1][0], "doubted after a failure"
    server.version = "0.6.1"
    clock.now += 700
    backend.retain(batch("b", "session:s", "four", first=5))
    assert not sent(server)[-1][0], "doubted after ten minutes"


def test_set_missions_once_before_the_first_write() -> None:
    server = FakeHindsight()
    backend = connect(server, retain_mission="Keep decisions.")
    backend.retain(batch("b", "session:s", "one"))
    backend.retain(batch("b", "session:s", "two", first=2))
    assert server.banks["b"].missions == {"retain_mission": "Keep decisions."}
    assert [one.method for one in server.log].count("PUT") == 1
    backend.forget_bank("b")
    backend.retain(batch("b", "session:s", "three"))
    assert server.banks["b"].missions == {"retain_mission": "Keep decisions."}


def test_leave_alone_what_others_wrote_to_the_bank() -> None:
    server = FakeHindsight()
    backend = connect(server)
    backend.retain(batch("b", "session:s", "ours"))
    wire = DirectWire(server)
    wire.retain("b", {"content": "theirs", "document_id": "s", "tags": ["session:s"]}, None)
    assert [found.text for found in backend.recall("b", Query("theirs"))] == ["theirs"]
    assert backend.recall("b", Query("theirs", Scope(documents={"session:s": Span()}))) == []
    backend.forget(Removal("b", "session:s"))
    assert list(server.texts("b")) == ["s"]
    backend.retain(batch("b", "session:s", "ours"))
    backend.forget_bank("b")
    assert list(server.texts("b")) == ["s"]
    backend.retain(batch("b", "session:s", "ours"))
    assert len(server.texts("b")) == 2, "the operation of before does not keep it from being written again"


def test_forget_a_session_of_many_batches() -> None:
    server = FakeHindsight()
    backend = connect(server)
    for number in range(1, 6):
        backend.retain(batch("b", "session:s", f"turn {number}", first=number))
    backend.retain(replace(batch("b", "note:n", "noted"), session="s"))
    backend.forget(Removal("b", "session:s"))
    assert list(server.texts("b")) == ["note:n"]


def test_ask_no_server_a_question_without_a_word() -> None:
    server = FakeHindsight()
    assert connect(server).recall("b", Query("?!")) == []
    assert server.log == []


def test_reflect_where_the_server_has_a_model() -> None:
    server = FakeHindsight(reflects=True)
    backend = connect(server)
    backend.retain(batch("b", "session:s", "Alice lives in Lisbon"))
    answer = backend.reflect("b", Query("Alice"))
    assert "Lisbon" in answer.text
    assert [memory.turn for memory in answer.memories] == [1]


def test_pass_on_that_the_server_has_no_model() -> None:
    server = FakeHindsight()
    backend = connect(server)
    backend.retain(batch("b", "session:s", "one"))
    with pytest.raises(BackendRefusedError, match="requires an LLM provider"):
        backend.reflect("b", Query("one"))


def test_refuse_an_answer_that_stands_on_what_is_not_seen() -> None:
    server = FakeHindsight(reflects=True)
    backend = connect(server)
    backend.retain(batch("b", "session:s", "Alice lives in Lisbon"))
    with pytest.raises(UnsupportedError, match="taken back"):
        backend.reflect("b", Query("Alice", Scope(hidden={"session:s": frozenset({1})})))


def test_count_what_the_server_holds() -> None:
    backend = connect(FakeHindsight())
    assert backend.figures("b").memories == 0
    backend.retain(batch("b", "session:s", "one"))
    assert (backend.figures("b").documents, backend.figures("b").memories) == (1, 1)


def test_rebuild_nothing_on_a_server() -> None:
    with pytest.raises(UnsupportedError, match="--from-journal"):
        connect(FakeHindsight()).rebuild("b")


def test_end_a_wait_when_it_is_closed() -> None:
    server = FakeHindsight(auto_run=False)
    backend = HindsightBackend(DirectWire(server), OPTIONS)
    backend._closed.set()
    with pytest.raises(ClosedError):
        backend.retain(batch("b", "session:s", "one"))


def test_say_the_same_at_another_time() -> None:
    """Nothing in a write may differ from one attempt to the next."""
    server = FakeHindsight()
    sent_at = datetime(2026, 5, 6, tzinfo=UTC)
    one = replace(batch("b", "session:s", "one"), retained_at=sent_at)
    connect(server).retain(one)
    connect(server).retain(one)
    bodies = [request.body for request in server.log if request.method == "POST"]
    assert bodies[0] == bodies[1]
