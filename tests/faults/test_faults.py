"""The fault table cannot rot: our side of every fault that is quick is played, and the page names them all."""

from pathlib import Path

import pytest
from benchmarks.faults.page import verdict
from benchmarks.faults.scenarios import SCENARIOS, Scenario

PAGE = Path(__file__).parent.parent.parent / "docs" / "faults.md"


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if not each.slow], ids=lambda each: each.name)
def test_hold_against_every_fault(scenario: Scenario) -> None:
    assert verdict(scenario.run("ours", None)) == "held"


def test_name_every_fault_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    assert [each.name for each in SCENARIOS if f"| {each.name} |" not in page] == []
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)
