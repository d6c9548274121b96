"""The fault table as a page of the documentation."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .scenarios import AT_ONCE, AT_THE_END, BY_ITS_DEADLINE, Scenario
from .world import Outcome

_METHOD = """## How it is measured

Both sides play the same program of host events in a process of their own, against the same fake Hindsight server over
HTTP, whose faults are scripted (`benchmarks/faults/scenarios.py`; the fake answers as the real server 1.1.0 does, which
`make hindsight` checks). The bundled provider is imported unmodified and driven through the host's `MemoryManager`, as
its command line does it; it is given time to empty its queues wherever the program waits, which no host does.
Threadline is driven through its session layer, in its default settings. "The next day" another process is started on
the same home, on either side.

- **lost, repeated, misplaced**: each turn carries a word that nothing else has. At the end it is in none of the
  server's documents, more than once, or only in documents of another session.
- **still remembered**: a turn that was taken back is in one of them.
- **leaked**: what the model was told contains what was recalled for another session's question.
- **ms**: the longest that one call on the host's thread took, the end of the host left out where it is not the
  question. It counts against a side (`blocked`) in the rows that are about it: above {:g} ms for a switch or the retain
  tool, {:,.0f} ms for a turn while recall hangs (Threadline's deadline for a recall is 1.5 s here), {:,.0f} ms for an
  exit on a server that does not answer (its deadline is 10 s).
- `not so` is followed by what else should have been true.

The numbers with `#` are issues of hermes-agent; `ours` are faults of our own devising."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault and what it came to on both sides."""

    scenario: Scenario
    theirs: Outcome
    ours: Outcome


def verdict(outcome: Outcome) -> str:
    """What went wrong, in a few words; `held` when nothing did."""
    parts = [
        f"{count} {word}" for word in ("lost", "repeated", "misplaced", "leaked") if (count := getattr(outcome, word))
    ]
    if outcome.remembered:
        parts.append(f"{outcome.remembered} still remembered")
    if outcome.limit_ms is not None and outcome.blocked_ms > outcome.limit_ms:
        parts.append(f"blocked {outcome.blocked_ms:,.0f} ms")
    parts += [f"not so: {claim}" for claim, holds in outcome.claims.items() if not holds]
    return "; ".join(parts) or "held"


def table_row(row: Row) -> str:
    """One line of the table."""
    scenario = row.scenario
    return (
        f"| {scenario.name} | {scenario.known or 'ours'} | {verdict(row.theirs)} | {row.theirs.blocked_ms:,.0f} "
        f"| {verdict(row.ours)} | {row.ours.blocked_ms:,.0f} |"
    )


def page(rows: list[Row], hermes: Path) -> str:
    """The whole page."""
    theirs = sum(row.theirs.failed for row in rows)
    ours = sum(row.ours.failed for row in rows)
    machine = f"{os.cpu_count()} shared cores, {platform.system()} {platform.machine()}"
    python = f"Python {platform.python_version()}"
    lines = [
        "# The fault table",
        "",
        "What each fault does to the Hindsight memory provider that is bundled with hermes-agent, and to Threadline.",
        f"Written by `make faults` on {datetime.now(UTC):%Y-%m-%d}: {machine}, {python}; {versions(hermes)}.",
        "",
        f"Of {len(rows)} faults, the bundled provider fails {theirs}, Threadline {ours}.",
        "",
        *_METHOD.format(AT_ONCE, BY_ITS_DEADLINE, AT_THE_END).splitlines(),
        "",
        "## The table",
        "",
        "| fault | known from | the bundled provider | ms | Threadline | ms |",
        "|---|---|---|---|---|---|",
        *map(table_row, rows),
        "",
        "## What was done",
        "",
        *[f"- **{row.scenario.name}**: {row.scenario.what}" for row in rows],
        "",
    ]
    return "\n".join(lines)


def versions(hermes: Path) -> str:
    """The versions of what stands on their side."""
    code = (
        "from importlib.metadata import version as v; "
        "print(f\"hermes-agent {v('hermes-agent')}, hindsight-client {v('hindsight-client')}\")"
    )
    return subprocess.run([str(hermes), "-c", code], check=True, capture_output=True, text=True).stdout.strip()
