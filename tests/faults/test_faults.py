"""The fault table cannot rot: our side of every fault that is quick is played, and the page names them all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from benchmarks.faults.__main__ import main
from benchmarks.faults.player import OURS
from benchmarks.faults.scenario import Scenario
from benchmarks.faults.scenarios import CONTROL, SCENARIOS

PAGE = Path(__file__).parent.parent.parent / "docs" / "faults.md"


@pytest.mark.parametrize(
    "scenario", [each for each in (CONTROL, *SCENARIOS) if not each.slow and each.can(OURS)], ids=lambda each: each.name
)
def test_hold_against_every_fault(scenario: Scenario) -> None:
    assert scenario.run(OURS, None).verdict() == "held"


def test_name_every_fault_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    assert [each.name for each in SCENARIOS if f"| {each.name} |" not in page] == []
    told = " ".join(page.split())
    assert [each.name for each in SCENARIOS if f"- **{each.name}**: {each.what}" not in told] == []
    assert sum(line.count("|") == 10 for line in page.splitlines()) == len(SCENARIOS) + 2
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)


def test_measure_nothing_where_the_other_side_cannot_be_played(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A driver that does not work is no failure of the provider."""
    page = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["faults", "--hermes-python", sys.executable, "--write", str(page)])
    assert main() == 2
    assert "Nothing was measured: theirs does not start" in capsys.readouterr().err
    assert not page.exists()
