"""Many use a bank at once; who deletes it waits for them, and they for it."""

from __future__ import annotations

import threading

import pytest

from threadline.errors import StorageBusyError
from threadline.server import leases as leases_module
from threadline.server.leases import Leases


def test_delete_behind_those_who_use_it_and_before_the_next() -> None:
    leases = Leases()
    told: list[str] = []
    using, deleting = threading.Event(), threading.Event()
    done = threading.Event()

    def use() -> None:
        with leases.shared("bank"):
            using.set()
            assert done.wait(20)
            told.append("used")

    def delete() -> None:
        assert using.wait(20)
        deleting.set()
        with leases.exclusive("bank"):
            told.append("deleted")

    def use_later() -> None:
        with leases.shared("bank"):
            told.append("used again")

    threads = [threading.Thread(target=use), threading.Thread(target=delete)]
    for thread in threads:
        thread.start()
    assert deleting.wait(20)
    while "bank" not in leases._deleting:
        pass
    threads.append(threading.Thread(target=use_later))
    threads[-1].start()
    with leases.shared("other"):  # another bank is not waited for
        done.set()
    for thread in threads:
        thread.join(20)
    assert told == ["used", "deleted", "used again"]


def test_let_a_user_use_it_again_while_somebody_waits_to_delete_it() -> None:
    leases = Leases()
    with leases.shared("bank"):
        thread = threading.Thread(target=lambda: leases.exclusive("bank").__enter__())
        thread.start()
        while "bank" not in leases._deleting:
            pass
        with leases.shared("bank"):
            pass
    thread.join(20)
    assert not thread.is_alive()


def test_delete_what_one_uses_oneself() -> None:
    leases = Leases()
    with leases.shared("bank"), leases.exclusive("bank", 0.0), leases.shared("bank"):
        pass
    assert not leases._users


def test_delete_what_one_deletes_already() -> None:
    leases = Leases()
    with leases.exclusive("b"), leases.exclusive("b", seconds=0.0):
        pass
    with leases.shared("b"):
        pass


def test_let_two_users_delete_it_one_behind_the_other() -> None:
    leases = Leases()
    both = threading.Barrier(2)
    inside: list[str] = []

    def use_and_delete(name: str) -> None:
        with leases.shared("bank"):
            both.wait(20)
            with leases.exclusive("bank", 20.0):
                assert inside == []
                inside.append(name)
                inside.remove(name)
            with leases.shared("bank"):
                done.append(name)

    done: list[str] = []
    threads = [threading.Thread(target=use_and_delete, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(done) == ["a", "b"]
    assert not leases._users


def test_say_that_it_is_in_use() -> None:
    leases = Leases()
    inside, done = threading.Event(), threading.Event()

    def use() -> None:
        with leases.shared("bank"):
            inside.set()
            assert done.wait(20)

    thread = threading.Thread(target=use)
    thread.start()
    assert inside.wait(20)
    with pytest.raises(StorageBusyError, match="in use"), leases.exclusive("bank", 0.01):
        pass
    done.set()
    thread.join(20)
    with leases.exclusive("bank", 0.0):
        pass


def test_wait_a_moment_only_for_one_who_deletes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases_module, "_MOMENT", 0.01)
    leases = Leases()
    inside, done = threading.Event(), threading.Event()

    def delete() -> None:
        with leases.exclusive("bank"):
            inside.set()
            assert done.wait(20)

    thread = threading.Thread(target=delete)
    thread.start()
    assert inside.wait(20)
    with pytest.raises(StorageBusyError, match="being deleted"), leases.shared("bank"):
        pass
    done.set()
    thread.join(20)
    with leases.shared("bank"):
        pass
