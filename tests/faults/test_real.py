"""The real host as a player: what it can live, what is held where there is no server, and what keeps it waiting."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from benchmarks.faults.holding import JournalHolding
from benchmarks.faults.outcome import Outcome
from benchmarks.faults.page import Row, failures, page
from benchmarks.faults.player import OURS, OURS_EMBEDDED, OURS_REAL, PLAYERS, THEIRS, THEIRS_REAL, Player, Pythons
from benchmarks.faults.real import _kind
from benchmarks.faults.scenario import Scenario
from benchmarks.faults.scenarios import CONTROL, SCENARIOS
from benchmarks.hermes.probed import Took

from threadline import Memory

BY_NAME: Mapping[str, Scenario] = {each.name: each for each in SCENARIOS}


@pytest.mark.parametrize(
    ("name", "players"),
    [
        ("a partial batch at exit", PLAYERS),
        ("a server that is busy", (THEIRS, OURS, THEIRS_REAL, OURS_REAL)),
        ("the same turn twice", (THEIRS, OURS)),
        ("an interrupted turn", (THEIRS_REAL, OURS_REAL, OURS_EMBEDDED)),
    ],
)
def test_tell_who_can_live_a_fault(name: str, players: tuple[Player, ...]) -> None:
    assert tuple(player for player in PLAYERS if BY_NAME[name].can(player)) == players


def test_play_most_faults_in_the_real_host() -> None:
    assert sum(each.can(THEIRS_REAL) for each in SCENARIOS) == sum(each.can(OURS_REAL) for each in SCENARIOS) >= 45


def test_count_what_keeps_the_host_waiting_and_nothing_else() -> None:
    def kind(call: str, thread: str) -> str | None:
        return _kind(Took(call, 1.0, thread))

    assert kind("on_session_switch", "Thread-5 (process_loop)") == "switch"
    assert kind("on_session_switch", "mem-sync_0") is None
    assert kind("prefetch", "memory-prefetch-threadline") == "recall"
    assert kind("sync_turn", "mem-sync_0") is None
    assert kind("handle_tool_call", "Thread-7 (run_agent)") == "tool"


def test_hold_what_is_in_the_journal_and_find_what_recall_finds(tmp_path: Path) -> None:
    with Memory.open(tmp_path, bank="bank", embedder="minilm") as memory:
        session = memory.session("one")
        session.add_turn(user="Remember marker1x", assistant="Noted.")
        session.add_turn(user="Remember marker2x", assistant="Noted.")
        session.take_back(2)
        session.branch("two").add_turn(user="Remember marker3x", assistant="Noted.")
        memory.retain("Remember the milk")
    holding = JournalHolding(tmp_path, "bank")
    assert {document.text: set(document.tags) for document in holding.documents()} == {
        "Remember marker1x Noted.": {"session:one"},
        "Remember marker3x Noted.": {"session:two", "parent:one"},
        "Remember the milk": set(),
    }
    assert holding.find(["marker1x", "marker2x", "marker3x", "marker4x"]) == {"marker1x", "marker3x"}


def test_show_a_dash_where_nobody_played() -> None:
    lost = Outcome("theirs", real=True, lost=2)
    row = Row(BY_NAME["an interrupted turn"], {THEIRS_REAL: lost, OURS_REAL: Outcome("ours", real=True)})
    assert row.line() == "| an interrupted turn | ours | - |  | - |  | 2 lost | held | - |"
    assert failures([row], THEIRS_REAL) == {"rows": 1, "failed": 1}
    assert failures([row], OURS_REAL) == {"rows": 1, "failed": 0}
    assert failures([row], THEIRS) == {"rows": 0, "failed": 0}


def test_allow_the_real_host_its_own_end() -> None:
    for real, verdict in ((False, "blocked 7,000 ms"), (True, "held")):
        outcome = Outcome("ours", real)
        outcome.took("exit", 7_000)
        assert outcome.verdict() == verdict


# With the real host: `make hermes`


@pytest.fixture(scope="session")
def pythons() -> Pythons:
    python = os.environ.get("THREADLINE_HERMES_PYTHON")
    assert python, "run this with `make hermes`"
    return {"theirs": Path(python).absolute(), "ours": Path(python).absolute()}


@pytest.mark.hermes
@pytest.mark.parametrize("player", [THEIRS_REAL, OURS_EMBEDDED], ids=lambda player: player.key)
def test_hold_without_a_fault(player: Player, pythons: Pythons) -> None:
    outcome = CONTROL.run(player, pythons)
    assert outcome.verdict() == "held"
    assert {"recall", "exit"} <= outcome.longest.keys(), "the provider's calls were timed"


@pytest.mark.hermes
@pytest.mark.parametrize("name", ["a partial batch at exit", "an interrupted turn", "an agent that is evicted"])
def test_tell_a_loss_of_the_bundled_provider_from_ours(name: str, pythons: Pythons) -> None:
    assert "lost" in BY_NAME[name].run(THEIRS_REAL, pythons).verdict()
    assert BY_NAME[name].run(OURS_EMBEDDED, pythons).verdict() == "held"


@pytest.mark.hermes
def test_write_a_page_that_says_who_failed(pythons: Pythons) -> None:
    outcomes = {player: Outcome(player.side, player.real) for player in PLAYERS}
    for outcome in outcomes.values():
        outcome.took("recall", 5.0)
    outcomes[THEIRS_REAL].lost = 1
    rows = [Row(BY_NAME["a partial batch at exit"], outcomes)]
    told = page(rows, pythons)
    assert "| the bundled provider fails | 0 of 1 | 1 of 1 |" in told
    assert "| Threadline fails | 0 of 1 | 0 of 1 |" in told
