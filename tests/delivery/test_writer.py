import asyncio
import os
import random
import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import pytest

from threadline.backends.base import BankFigures, Capabilities
from threadline.delivery.backoff import LONGEST_SECONDS, rest_seconds
from threadline.delivery.outbox import Parcel
from threadline.delivery.writer import Writer
from threadline.documents import Batch, Explained, Passage, Query, Recalled, Reflection, Removal, Wanted
from threadline.errors import BackendRefusedError, BackendUnavailableError, EmbedderError, StorageFullError


class Outbox:
    """A list of parcels; what becomes of them is written down."""

    def __init__(self, *parcels: Parcel) -> None:
        self.parcels = list(parcels)
        self.log: list[tuple[str, int, str]] = []
        self.faults: list[Exception] = []

    def claim(self, resting: Collection[int]) -> Parcel | None:
        if self.faults:
            raise self.faults.pop()
        return next((p for p in self.parcels if p.id not in resting), None)

    def delivered(self, parcel: Parcel) -> None:
        self._settle("delivered", parcel, "")

    def refused(self, parcel: Parcel, error: str) -> None:
        self._settle("refused", parcel, error)

    def delayed(self, parcel: Parcel, error: str) -> None:
        self.log.append(("delayed", parcel.id, error))

    def adopt(self) -> bool:
        return False

    def purge(self) -> None:
        self.log.append(("purged", 0, ""))

    def _settle(self, what: str, parcel: Parcel, error: str) -> None:
        self.parcels.remove(parcel)
        self.log.append((what, parcel.id, error))


class Backend:
    """Runs a script on each verb."""

    name = "scripted"
    capabilities = Capabilities()

    def __init__(self, script: Callable[[str, object], None] = lambda verb, what: None) -> None:
        self.script = script
        self.calls: list[tuple[str, object]] = []

    def retain(self, batch: Batch) -> None:
        self._call("retain", batch.key)

    def retract(self, removal: Removal) -> None:
        self._call("retract", (removal.document, *(removal.turns or ())))

    def forget(self, removal: Removal) -> None:
        self._call("forget", (removal.document, removal.turns))

    def forget_bank(self, bank: str) -> None:
        self._call("forget_bank", bank)

    def recall(self, bank: str, query: Query) -> list[Recalled]:
        return []

    def reflect(self, bank: str, query: Query) -> Reflection:
        return Reflection("")

    def explain(self, bank: str, query: Query, wanted: Wanted | None = None) -> list[Explained]:
        return []

    def upkeep(self, bank: str) -> bool:
        return False

    def rebuild(self, bank: str) -> int:
        return 0

    def figures(self, bank: str) -> BankFigures:
        return BankFigures(0, 0, 0, 0, 0)

    def close(self) -> None:
        self.calls.append(("close", None))

    def _call(self, verb: str, what: object) -> None:
        self.calls.append((verb, what))
        self.script(verb, what)


def _parcel(number: int) -> Parcel:
    passage = Passage(number, 0, "user", "text", datetime(2026, 1, 2, tzinfo=UTC))
    return Parcel(number, "retain", "b", "session:s", 0, Batch("b", "session:s", f"k{number}", (passage,)))


def _run(outbox: Outbox, backend: Backend, until: Callable[[], bool]) -> None:
    writer = Writer(outbox, backend, chance=random.Random(1))
    writer.start()
    assert writer.wait_until(until, 20)
    assert writer.stop(10)


def test_carry_in_order_and_record_each() -> None:
    outbox, backend = Outbox(_parcel(1), _parcel(2), _parcel(3)), Backend()
    _run(outbox, backend, lambda: not outbox.parcels)
    assert backend.calls == [("retain", "k1"), ("retain", "k2"), ("retain", "k3")]
    assert [entry[:2] for entry in outbox.log] == [("delivered", 1), ("delivered", 2), ("delivered", 3)]


def test_skip_a_batch_with_nothing_left_in_it() -> None:
    outbox, backend = Outbox(Parcel(1, "retain", "b", "session:s", 0)), Backend()
    _run(outbox, backend, lambda: not outbox.parcels)
    assert backend.calls == []
    assert outbox.log == [("delivered", 1, "")]


def test_try_again_what_may_pass_and_record_why() -> None:
    failures = [BackendUnavailableError("down"), RuntimeError("odd")]

    def script(verb: str, what: object) -> None:
        if failures:
            raise failures.pop(0)

    outbox, backend = Outbox(_parcel(1)), Backend(script)
    _run(outbox, backend, lambda: not outbox.parcels)
    assert outbox.log == [("delayed", 1, "down"), ("delayed", 1, "RuntimeError: odd"), ("delivered", 1, "")]


def test_put_away_what_is_refused_for_good() -> None:
    def script(verb: str, what: object) -> None:
        if what == "k1":
            raise BackendRefusedError("never")

    outbox, backend = Outbox(_parcel(1), _parcel(2)), Backend(script)
    _run(outbox, backend, lambda: not outbox.parcels)
    assert outbox.log == [("refused", 1, "never"), ("delivered", 2, "")]


def test_carry_retractions_and_purge_after_a_forget() -> None:
    outbox = Outbox(
        Parcel(1, "retract", "b", "session:s", 0, removal=Removal("b", "session:s", (4,))),
        Parcel(2, "forget", "b", "note:n", 0, removal=Removal("b", "note:n")),
        Parcel(3, "forget", "b", "*", 0, removal=Removal("b", "*")),
    )
    backend = Backend()
    _run(outbox, backend, lambda: not outbox.parcels)
    assert backend.calls == [("retract", ("session:s", 4)), ("forget", ("note:n", None)), ("forget_bank", "b")]
    assert [what for what, *_ in outbox.log] == ["delivered", "purged", "delivered", "purged", "delivered"]


def test_survive_its_own_storage_and_say_so() -> None:
    outbox, backend = Outbox(_parcel(1)), Backend()
    outbox.faults.append(StorageFullError("the disk is full"))
    writer = Writer(outbox, backend)
    writer.start()
    assert writer.wait_until(lambda: writer.trouble is not None, 20)
    assert writer.trouble == "the disk is full"
    assert writer.wait_until(lambda: not outbox.parcels and writer.trouble is None, 20)
    assert writer.stop(10)


def test_stop_in_time_though_the_backend_hangs() -> None:
    entered, release, ended = threading.Event(), threading.Event(), threading.Event()

    def script(verb: str, what: object) -> None:
        entered.set()
        assert release.wait(20)

    outbox, backend = Outbox(_parcel(1), _parcel(2)), Backend(script)
    writer = Writer(outbox, backend, on_exit=ended.set)
    writer.start()
    assert entered.wait(20)
    assert not writer.stop(0.01), "the deadline wins"
    assert outbox.log == [], "nothing is recorded that did not happen"
    assert not ended.is_set()
    release.set()
    assert ended.wait(20), "what it used is let go of when it ends"
    assert outbox.log == [("delivered", 1, "")], "what was begun is recorded, the rest stays"


def test_empty_the_outbox_before_stopping() -> None:
    outbox, backend = Outbox(*[_parcel(number) for number in range(1, 30)]), Backend()
    writer = Writer(outbox, backend)
    writer.start()
    assert writer.stop(20)
    assert outbox.parcels == []


def test_look_once_more_when_told_to_stop() -> None:
    """What comes in after the writer looked, and before it is told to stop, is carried all the same."""
    outbox, backend = Outbox(), Backend()
    looked, go_on = threading.Event(), threading.Event()

    def idle() -> None:
        looked.set()
        assert go_on.wait(20)

    writer = Writer(outbox, backend, on_idle=idle)
    writer.start()
    assert looked.wait(20)
    outbox.parcels.append(_parcel(1))
    stopping = threading.Thread(target=writer.stop, args=(20,))
    stopping.start()
    while writer._stop_at is None:
        os.sched_yield()
    go_on.set()
    stopping.join(20)
    assert outbox.log == [("delivered", 1, "")]


def test_do_background_work_in_slices_while_there_is_nothing_to_carry() -> None:
    outbox, backend = Outbox(), Backend()
    done = threading.Event()
    seen: list[int] = []

    def upkeep() -> bool:
        """Three slices; a parcel that comes in after the first goes before the second."""
        seen.append(len(outbox.log))
        if len(seen) == 1:
            outbox.parcels.append(_parcel(1))
        if len(seen) == 3:
            done.set()
        return len(seen) < 3

    writer = Writer(outbox, backend, upkeep=upkeep)
    writer.start()
    assert done.wait(20)
    assert writer.stop(20)
    assert seen[:3] == [0, 1, 1]


def test_begin_no_slice_once_told_to_stop() -> None:
    begun, go_on = threading.Event(), threading.Event()
    slices: list[int] = []

    def upkeep() -> bool:
        slices.append(1)
        begun.set()
        assert go_on.wait(20)
        return True

    writer = Writer(Outbox(), Backend(), upkeep=upkeep)
    writer.start()
    assert begun.wait(20)
    stopping = threading.Thread(target=writer.stop, args=(20,))
    stopping.start()
    while writer._stop_at is None:
        os.sched_yield()
    go_on.set()
    stopping.join(20)
    assert slices == [1]


def test_say_what_keeps_the_background_work_from_being_done() -> None:
    told = threading.Event()

    def upkeep() -> bool:
        told.set()
        raise EmbedderError("The embedding model failed.")

    writer = Writer(Outbox(), Backend(), upkeep=upkeep)
    writer.start()
    assert told.wait(20)
    while writer.trouble is None:
        os.sched_yield()
    assert "embedding model failed" in writer.trouble
    assert writer.stop(20)


def test_act_on_a_reminder_and_put_it_off() -> None:
    outbox, backend = Outbox(), Backend()
    acted: list[str] = []
    done = threading.Event()
    writer = Writer(outbox, backend)
    writer.remind("s", 60, lambda: acted.append("early"))
    writer.remind("s", 0.01, lambda: (acted.append("late"), done.set())[0])  # type: ignore[func-returns-value]
    writer.start()
    assert done.wait(20)
    assert writer.stop(10)
    assert acted == ["late"]


def test_rest_longer_each_time_up_to_a_bound() -> None:
    chance = random.Random(3)
    for attempts in range(1, 40):
        ceiling = min(LONGEST_SECONDS, 0.5 * 2 ** (attempts - 1))
        assert ceiling / 2 <= rest_seconds(attempts, chance) <= ceiling


@pytest.mark.parametrize("error", [SystemExit("odd"), asyncio.CancelledError("odd"), KeyboardInterrupt("odd")])
def test_survive_whatever_a_backend_raises(error: BaseException) -> None:
    failures = [error]

    def script(verb: str, what: object) -> None:
        if failures:
            raise failures.pop()

    outbox, backend = Outbox(_parcel(1)), Backend(script)
    _run(outbox, backend, lambda: not outbox.parcels)
    assert outbox.log == [("delayed", 1, f"{type(error).__name__}: odd"), ("delivered", 1, "")]


def test_survive_any_fault_of_its_own_and_say_so() -> None:
    outbox, backend = Outbox(_parcel(1)), Backend()
    outbox.faults.append(OSError("too many open files"))
    writer = Writer(outbox, backend)
    writer.start()
    assert writer.wait_until(lambda: writer.trouble is not None, 20)
    assert writer.trouble == "OSError: too many open files"
    assert writer.wait_until(lambda: not outbox.parcels and writer.trouble is None, 20)
    assert writer.stop(10)


def test_stop_in_time_though_closing_the_backend_hangs() -> None:
    release, stopped = threading.Event(), threading.Event()

    def script(verb: str, what: object) -> None:
        assert release.wait(20)

    class Stuck(Backend):
        def close(self) -> None:
            assert release.wait(20)

    writer = Writer(Outbox(_parcel(1)), Stuck(script))
    writer.start()

    def stop() -> None:
        writer.stop(0.01)
        stopped.set()

    threading.Thread(target=stop).start()
    assert stopped.wait(10)
    release.set()


def test_do_its_upkeep_though_there_is_always_something_to_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadline.delivery.writer.SWEEP_SECONDS", 0.0)
    outbox = Outbox(*[_parcel(number) for number in range(1, 4)])
    left: list[int] = []
    writer = Writer(outbox, Backend(), on_idle=lambda: left.append(len(outbox.parcels)))
    writer.start()
    assert writer.wait_until(lambda: not outbox.parcels, 20)
    assert writer.stop(10)
    assert left[:3] == [2, 1, 0]
