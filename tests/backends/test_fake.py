import threading
from collections.abc import Iterator

import pytest

from threadline import BackendUnavailableError, Capabilities, ClosedError
from threadline.testing import BackendContract, FakeBackend, Fault, batch


@pytest.mark.parametrize(
    "capabilities",
    [
        Capabilities(),
        Capabilities(appends=False),
        Capabilities(idempotent_retain=False),
        Capabilities(deletes=False),
    ],
    ids=["whole", "replaces", "repeats", "keeps"],
)
class TestFake(BackendContract):
    @pytest.fixture
    def backend(self, capabilities: Capabilities) -> Iterator[FakeBackend]:
        backend = FakeBackend(capabilities)
        yield backend
        backend.close()


def test_fail_before_and_after_it_is_carried_out() -> None:
    down, lost = BackendUnavailableError("down"), BackendUnavailableError("no answer")
    backend = FakeBackend(faults=[Fault("retain", down), Fault("retain", lost, applied=1)])
    with pytest.raises(BackendUnavailableError, match="down"):
        backend.retain(batch("b", "session:s", "one"))
    assert backend.texts("b", "session:s") == []
    with pytest.raises(BackendUnavailableError, match="no answer"):
        backend.retain(batch("b", "session:s", "one"))
    assert backend.texts("b", "session:s") == [(1, "one")]
    backend.retain(batch("b", "session:s", "one"))
    assert backend.texts("b", "session:s") == [(1, "one")]


def test_carry_out_twice() -> None:
    backend = FakeBackend(Capabilities(idempotent_retain=False), [Fault("retain", applied=2)])
    backend.retain(batch("b", "session:s", "one"))
    assert backend.texts("b", "session:s") == [(1, "one"), (1, "one")]


def test_hang_until_the_gate_opens_or_the_backend_is_closed() -> None:
    gate = threading.Event()
    backend = FakeBackend(faults=[Fault("retain", applied=1, gate=gate), Fault("retain", gate=threading.Event())])
    thread = threading.Thread(target=backend.retain, args=[batch("b", "session:s", "one")])
    thread.start()
    gate.set()
    thread.join(10)
    assert backend.texts("b", "session:s") == [(1, "one")]
    closer = threading.Timer(0.05, backend.close)
    closer.start()
    with pytest.raises(ClosedError):
        backend.retain(batch("b", "session:s", "two", first=2))
    closer.join()
