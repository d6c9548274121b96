"""What a server keeps open."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from threadline.documents import Query
from threadline.server import house as houses
from threadline.server.house import House
from threadline.server.recalling import Asked, recall
from threadline.server.retaining import Retaining, retain


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(houses, "BANKS", 4)
    monkeypatch.setattr(houses, "_SPARE", 2)


def test_close_the_banks_that_were_not_used_for_longest(house: House) -> None:
    tenant = house.tenant()
    for number in range(20):
        room = tenant.make_room(f"bank {number}")
        with room.use():
            retain(room, [Retaining(f"apple number {number}")])
    assert 4 <= len(tenant.backend.banks()) <= 6
    for number in range(20):  # and open them again
        room = tenant.room(f"bank {number}")
        with room.use():
            assert [found.unit.text for found in recall(room, Asked(Query("apple")))] == [f"apple number {number}"]


def test_leave_those_open_that_are_used(house: House) -> None:
    tenant = house.tenant()
    first = tenant.make_room("first")
    with first.use():
        engine = first.engine
        for number in range(20):
            room = tenant.make_room(f"bank {number}")
            with room.use():
                retain(room, [Retaining("apple")])
        retain(first, [Retaining("pear")])
        assert first.engine is engine
    with tenant.make_room("spoken").tenant.memory(tenant.room("spoken")) as memory:
        memory.session("s").add_turn(user="A plum.")
        assert memory.flush()
        for number in range(20):
            with tenant.room(f"bank {number}").use():
                assert tenant.room(f"bank {number}").engine.figures().memories == 1
        assert memory.recall("plum")


def test_use_many_from_many_threads(house: House) -> None:
    tenant = house.tenant()
    rooms = [tenant.make_room(f"bank {number}") for number in range(12)]

    def work(number: int) -> None:
        room = rooms[number % len(rooms)]
        with room.use():
            retain(room, [Retaining(f"apple {number}")])
            assert recall(room, Asked(Query("apple")))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(240)))
    assert len(tenant.backend.banks()) <= 12
    for room in rooms:
        with room.use():
            assert room.engine.figures().memories == 20
