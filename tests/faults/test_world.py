"""What counts as a failure: judged from what the server holds, and from what the host's thread was kept for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from benchmarks.faults.outcome import LIMITS, Outcome
from benchmarks.faults.player import OURS
from benchmarks.faults.real import BANK
from benchmarks.faults.world import Said, World


@pytest.fixture
def world() -> Iterator[World]:
    with World(OURS, None) as world:
        world.said = [Said("marker1x", "a"), Said("marker2x", "b")]
        yield world


def hold(world: World, document: str, text: str, session: str) -> None:
    item = {"content": text, "document_id": document, "tags": [f"session:{session}"]}
    body = json.dumps({"items": [item]}).encode()
    assert world.fake.handle("POST", f"/v1/default/banks/{BANK}/memories", {}, body).status == 200


def test_hold_where_everything_is_there_once(world: World) -> None:
    hold(world, "one", "User: Remember marker1x\nAssistant: Noted.", "a")
    hold(world, "two", "User: Remember marker2x\nAssistant: Noted.", "b")
    assert (world.judge().verdict(), world.outcome.failed) == ("held", False)


def test_count_what_is_nowhere(world: World) -> None:
    hold(world, "one", "Remember marker1x", "a")
    hold(world, "ten", "Remember marker22x and marker2xy", "b")
    assert (world.judge().verdict(), world.outcome.failed) == ("1 lost", True)


def test_count_everything_on_a_server_that_got_nothing(world: World) -> None:
    assert world.judge().verdict() == "2 lost"


def test_count_what_is_there_twice_in_one_document_or_in_two(world: World) -> None:
    hold(world, "one", "Remember marker1x Remember marker1x", "a")
    hold(world, "two", "Remember marker2x", "b")
    hold(world, "more", "Remember marker2x", "b")
    assert world.judge().verdict() == "2 repeated"


def test_count_what_is_in_another_session_alone(world: World) -> None:
    hold(world, "one", "Remember marker1x Remember marker2x", "a")
    assert world.judge().verdict() == "1 misplaced"


def test_count_what_was_taken_back(world: World) -> None:
    world.said[1].undone = True
    hold(world, "one", "Remember marker1x, not marker2x", "a")
    assert world.judge().verdict() == "1 still remembered"


def test_count_what_was_told_to_the_wrong_session(world: World) -> None:
    world.said = []
    world.leak({"recalled": "- Remember marker1x"}, ["marker1x", "marker2x"])
    assert world.judge().verdict() == "1 leaked"


def test_name_what_is_not_so_and_what_was_raised(world: World) -> None:
    world.said = []
    world.claim("it rains", True)
    world.claim("it pours", False)
    world.outcome.raised.append("KeyError: 'x'")
    assert world.judge().verdict() == "raised KeyError: 'x'; not so: it pours"


@pytest.mark.parametrize("kind", LIMITS)
def test_count_a_call_that_keeps_the_host_for_too_long(kind: str) -> None:
    outcome = Outcome("theirs")
    outcome.took(kind, LIMITS[kind])
    assert not outcome.failed
    outcome.took(kind, LIMITS[kind] + 1)
    outcome.took(kind, 0.1)
    assert (outcome.verdict(), outcome.hardly_slow) == (f"blocked {LIMITS[kind] + 1:,.0f} ms", True)
    outcome.lost = 1
    assert not outcome.hardly_slow, "another play would not help"


def test_play_nothing_again_that_is_slow_by_design() -> None:
    outcome = Outcome("theirs")
    outcome.took("switch", 3_000)
    assert (outcome.failed, outcome.hardly_slow) == (True, False)


def test_hold_our_own_exit_to_our_own_deadline() -> None:
    for side, verdict in (("theirs", "held"), ("ours", "blocked 10,000 ms")):
        outcome = Outcome(side)  # type: ignore[arg-type]
        outcome.took("exit", 10_000)
        outcome.took("add", 2.0)
        assert (outcome.verdict(), outcome.slowest(exits=False)) == (verdict, "2.0 add")
