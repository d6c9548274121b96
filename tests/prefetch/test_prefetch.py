import threading
from collections.abc import Callable

import pytest

from threadline.prefetch.prefetch import Prefetcher, Token


def test_serve_what_was_prefetched_without_running_again() -> None:
    prefetcher: Prefetcher[str] = Prefetcher()
    runs: list[str] = []
    token = Token("s", 1, "q")

    def find() -> str:
        runs.append("run")
        return "found"

    prefetcher.begin(token, find)
    assert prefetcher.take(token, find, 10) == "found"
    assert runs == ["run"]
    prefetcher.close()


@pytest.mark.parametrize("other", [Token("t", 1, "q"), Token("s", 2, "q"), Token("s", 1, "other")])
def test_never_serve_another_token(other: Token) -> None:
    """In flight or cached, however late it ends: another session, epoch or query gets its own result or none."""
    prefetcher: Prefetcher[str] = Prefetcher()
    entered, release = threading.Event(), threading.Event()

    def slow() -> str:
        entered.set()
        assert release.wait(10)
        return "stale"

    prefetcher.begin(Token("s", 1, "q"), slow)
    assert entered.wait(10)
    assert prefetcher.take(other, lambda: "own", 10) == "own"
    release.set()
    assert prefetcher.take(other, lambda: "own again", 10) == "own again"
    prefetcher.close()


def test_return_nothing_when_time_is_up_and_wait_for_no_thread() -> None:
    prefetcher: Prefetcher[str] = Prefetcher()
    release = threading.Event()
    token = Token("s", 1, "q")
    assert prefetcher.take(token, lambda: str(release.wait(10)), 0.0) is None
    release.set()
    assert prefetcher.take(token, lambda: "unused", 10) == "True", "what ended late is still good for the same token"
    prefetcher.close()


def test_skip_a_request_that_was_replaced_before_it_began() -> None:
    prefetcher: Prefetcher[str] = Prefetcher()
    entered, release = [threading.Event(), threading.Event()], threading.Event()
    runs: list[str] = []

    def hold(number: int) -> str:
        entered[number].set()
        assert release.wait(10)
        return ""

    for number in (0, 1):  # both threads are busy
        prefetcher.begin(Token(f"busy{number}", 1, "q"), lambda number=number: hold(number))  # type: ignore[misc]
        assert entered[number].wait(10)

    def find(name: str) -> str:
        runs.append(name)
        return name

    prefetcher.begin(Token("s", 1, "old"), lambda: find("old"))
    prefetcher.begin(Token("s", 1, "new"), lambda: find("new"))
    release.set()
    assert prefetcher.take(Token("s", 1, "new"), lambda: find("again"), 10) == "new"
    assert runs == ["new"]
    prefetcher.close()


def test_raise_what_the_recall_raised_and_go_on() -> None:
    prefetcher: Prefetcher[str] = Prefetcher()
    token = Token("s", 1, "q")

    def fail() -> str:
        raise KeyError("why")

    for _ in range(3):
        with pytest.raises(KeyError, match="why"):
            prefetcher.take(token, fail, 10)
    assert prefetcher.take(token, lambda: "fine", 10) == "fine"
    prefetcher.close()


def test_outlive_a_recall_that_ends_its_thread() -> None:
    """A panic in Rust or a cancelled task is no Exception."""
    prefetcher: Prefetcher[str] = Prefetcher()
    token = Token("s", 1, "q")

    def fail() -> str:
        raise SystemExit("why")

    for _ in range(3):
        with pytest.raises(SystemExit, match="why"):
            prefetcher.take(token, fail, 10)
    assert prefetcher.take(token, lambda: "fine", 10) == "fine"
    prefetcher.close()


def test_remember_what_the_request_before_found() -> None:
    class AtOnce:
        def submit(self, work: Callable[[], None]) -> None:
            work()

        def close(self) -> None:
            pass

    prefetcher: Prefetcher[str] = Prefetcher(AtOnce())
    one, two, three = (Token("s", 1, query) for query in ("one", "two", "three"))
    assert prefetcher.finished(one) is None
    prefetcher.begin(one, lambda: "found one")
    prefetcher.begin(two, lambda: "found two")
    assert prefetcher.finished(one) == "found one"
    assert prefetcher.finished(two) == "found two"
    assert prefetcher.finished(Token("s", 2, "one")) is None
    prefetcher.begin(three, lambda: "found three")
    assert prefetcher.finished(one) is None, "one request back is far enough"
    assert prefetcher.finished(two) == "found two"
