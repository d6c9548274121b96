"""One open memory for each bank in a process."""

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from threadline import Memory
from threadline.errors import ClosedError, StorageError
from threadline.hosts.hermes.pool import Opening, Pool, Shared


def opening(home: Path, bank: str = "b", **settings: object) -> Opening:
    return Opening(home, bank, {"embedder": "none", **settings})


def test_share_what_is_opened_alike(tmp_path: Path) -> None:
    pool = Pool()
    one, same = pool.lease(opening(tmp_path)), pool.lease(opening(tmp_path))
    assert one.memory is same.memory
    other = pool.lease(opening(tmp_path, "c"))
    differently = pool.lease(opening(tmp_path, retain_every_n_turns=2))
    assert len({id(lease.memory) for lease in (one, other, differently)}) == 3
    assert pool.open_banks() == ["b", "b", "c"]
    for lease in (one, other, differently):
        lease.give_back()
    assert pool.open_banks() == ["b"]
    same.memory.retain("still open")
    same.give_back()
    same.give_back()
    with pytest.raises(ClosedError):
        same.memory.retain("closed")


def test_open_once_for_all_who_come_at_once(tmp_path: Path) -> None:
    opened: list[Shared] = []
    gate = threading.Event()

    def share(one: Opening) -> Shared:
        gate.wait(10)
        opened.append(Shared(one.open()))
        return opened[-1]

    pool = Pool(share)
    leases = []
    threads = [threading.Thread(target=lambda: leases.append(pool.lease(opening(tmp_path)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert len(opened) == 1
    assert len({id(lease.memory) for lease in leases}) == 1
    for lease in leases:
        lease.give_back()
    assert pool.open_banks() == []


def test_try_again_after_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    pool = Pool()
    wanted = opening(tmp_path / "file" / "below")
    for _ in range(2):
        with pytest.raises(StorageError):
            pool.lease(wanted)
    assert pool.open_banks() == []
    (tmp_path / "file").unlink()
    lease = pool.lease(wanted)
    lease.give_back()


def test_open_anew_what_was_closed_by_another(tmp_path: Path) -> None:
    pool = Pool()
    lease, late = pool.lease(opening(tmp_path)), pool.lease(opening(tmp_path))
    lease.memory.close()
    lease.discard()
    again = pool.lease(opening(tmp_path))
    assert again.memory is not lease.memory
    again.memory.retain("open")
    late.give_back()  # of the closed one: the new one is not touched
    again.memory.retain("still open")
    again.give_back()


class Owner:
    """What a lease may end with."""


def test_give_back_with_the_owner(tmp_path: Path) -> None:
    pool = Pool()
    owner = Owner()
    lease = pool.lease(opening(tmp_path))
    lease.end_with(owner)
    memory = lease.memory
    memory.session("s").add_turn(user="said before it was dropped")
    del owner, lease
    gc.collect()
    _until(lambda: pool.open_banks() == [])
    with Memory.open(tmp_path, bank="b", embedder="none") as again:
        assert len(again.find_session("s").turns()) == 1


def test_do_once_what_is_for_all(tmp_path: Path) -> None:
    pool = Pool()
    one, same = pool.lease(opening(tmp_path)), pool.lease(opening(tmp_path))
    assert one.shared.first("reconcile")
    assert not same.shared.first("reconcile")
    assert same.shared.first("another")
    one.give_back()
    same.give_back()


def test_leave_the_parents_memories_alone_in_a_child(tmp_path: Path) -> None:
    pool = Pool()
    lease = pool.lease(opening(tmp_path))
    pool.forget_parent()  # as after a fork
    assert pool.open_banks() == []
    lease.process = -1
    lease.give_back()
    lease.memory.retain("still open")
    lease.memory.close()


def test_show_no_key() -> None:
    assert "secret" not in repr(Opening(Path("h"), "b", {"backend_options": {"api_key": "secret"}}))


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    turn = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        turn.wait(0.01)
