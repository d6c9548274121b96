"""The fault table as a page of the documentation."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from textwrap import fill

from .outcome import EXIT_LIMITS, LIMITS, REAL_END, Outcome, Side
from .player import OURS, OURS_EMBEDDED, OURS_REAL, PLAYERS, THEIRS, THEIRS_REAL, Player, Pythons
from .scenario import Scenario

_SUMMARY = """Of {rows} faults,

| | driven by its host's calls | in the real host |
|---|---|---|
| the bundled provider fails | {theirs} | {theirs_real} |
| Threadline fails | {ours} | {ours_real} |
| Threadline with its embedded backend fails | | {ours_real_embedded} |

Without any fault everyone holds: that is played first, and nothing is written unless it is so."""

_UNPLAYED = """A row in which a side has `-` was not played there. The embedded backend has no server that could fail;
the rows at the end are the real host's own doing. The commands of the real host do not lead to these:"""

_METHOD = """## How it is measured

Both sides play the same program of host events in a process of their own, against the same fake Hindsight server over
HTTP on the loopback interface, whose faults are scripted (`benchmarks/faults/`; what the fake answers is held against
the real server 1.1.0 by `make hindsight`). "The next day" another process is started on the same home, on either side.

- **The bundled provider** is imported unmodified, loaded as its host loads it, and driven through the host's own
  `MemoryManager` with its threads and deadlines, by the calls, arguments and order of the host's command line (of its
  gateway where agents are evicted). Its settings are the defaults but for `recall_types`: all kinds, so that it is seen
  what it recalls. Its client is the one that this version of hermes-agent pins.
- **Threadline** is driven through its session layer, in its default settings, with the Hindsight backend.
- **In the real host** the same program is typed into `hermes chat`, or written to the gateway where a row is about it,
  of the unmodified hermes-agent with a fake model, in a home of its own for each row (`tests/hosts/hermes/harness/`).
  Threadline is installed there by `threadline hermes install`, its defaults unchanged but for the backend; it is played
  with its embedded backend as well, where what it holds is its journal, and a turn counts as lost also when a recall
  for it does not bring it. "The next day" its user says good morning to another process: before that the host has no
  agent. Time is measured around the provider's calls on the host's thread, and from `/exit` to the end of the process.
- Before a switch, and wherever a row does not say that things come at once, the queues of either side are given the
  time to run dry, as a user takes seconds between messages.
- A batch size or a time-out is set where a row names one, to the same value on both sides.

What is counted:

- **lost, repeated, misplaced**: each turn carries a word that nothing else has. At the end it is in none of the
  server's documents; more than once; or only in documents of another session.
- **still remembered**: a turn that was taken back is in one of them.
- **leaked**: what the model was told contains what was recalled for another session's question.
- `not so` is followed by something else that should have been true.
- **the longest call**: of those on the host's thread, in milliseconds, measured around each. `add` records a turn or
  begins the next recall, `switch` is also /undo and a compression, `recall` is what the model waits for before it
  answers, `tool` is the retain tool, `exit` is from the call to the end of the process and shown where it is the
  question. In every row it is `blocked` when it takes more than {add:g} ms to add, {switch:g} ms to switch,
  {tool:,.0f} ms for the tool, {recall:,.0f} ms for a recall (after which the host gives it up), {theirs_exit:,.0f} ms
  for an exit (the host's own watchdog); for Threadline's exit {ours_exit:,.0f} ms (its own `shutdown_seconds` of 5 s,
  and a second), in the real host {real_end:,.0f} ms more for the rest of the host. The first calls of a process
  include what is loaded meanwhile. Where a call took a little too long and
  nothing else was wrong, the row is played again, twice at most: the machine is shared.

The numbers with `#` are issues of hermes-agent; `ours` are faults of our own devising, chosen by us, so the number of
rows says nothing about how often each happens to anybody."""

_WAITS = (
    "Before an answer it waits only for a recall that is under way. Its longest wait, at the median of the rows: "
    "{theirs:,.1f} ms. Threadline asks the server for the message itself, unless just that was prefetched: "
    "{ours:,.0f} ms."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault and what it came to for everyone who can live it."""

    scenario: Scenario
    outcomes: Mapping[Player, Outcome]

    def line(self) -> str:
        """Its line of the table."""
        one = self.scenario
        simulated = [cell for player in (THEIRS, OURS) for cell in (self._verdict(player), self._slowest(player))]
        real = [self._verdict(player) for player in (THEIRS_REAL, OURS_REAL, OURS_EMBEDDED)]
        return f"| {' | '.join([one.name, one.known or 'ours', *simulated, *real])} |"

    def _verdict(self, player: Player) -> str:
        outcome = self.outcomes.get(player)
        return "-" if outcome is None else outcome.verdict()

    def _slowest(self, player: Player) -> str:
        outcome = self.outcomes.get(player)
        return "" if outcome is None else outcome.slowest(self.scenario.exits)


def failures(rows: Sequence[Row], player: Player) -> dict[str, int]:
    """How many rows a player played, and failed."""
    outcomes = _outcomes(rows, player)
    return {"rows": len(outcomes), "failed": sum(outcome.failed for outcome in outcomes)}


def page(rows: Sequence[Row], pythons: Pythons) -> str:
    """The whole page."""
    return f"""# The fault table

What each fault does to the Hindsight memory provider that is bundled with hermes-agent, and to Threadline.
Written whole by `make faults` on {datetime.now(UTC):%Y-%m-%d}, in one run, on {_machine()}.
Their side: {_versions(pythons["theirs"])}.
Ours: Python {platform.python_version()}; in the real host {_versions(pythons["ours"])}.

{_summary(rows)}

{_METHOD.format_map(_limits())}

## The table

| fault | known from | the bundled provider | longest call, ms | Threadline | longest call, ms \
| in the real host: the bundled provider | in the real host: Threadline | in the real host: Threadline, embedded |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(row.line() for row in rows)}

{_UNPLAYED}

{_bullets(_unlived(rows))}

## What the bundled provider does well

{_bullets(_praise(rows))}

## What the table does not say

How often these faults happen; what a server's language model makes of what it is given; how good the recall is. A turn
that is repeated within a document is extracted again by a real server, which may or may not merge what comes of it.
Rows share causes: whatever the bundled provider repeats at a switch, an /undo or a compression is one and the same
re-append of the session, and most of what it loses is one and the same queue in memory without a retry.

## What was done

{_bullets([f"**{row.scenario.name}**: {_whole(row.scenario)}" for row in rows])}
"""


def _summary(rows: Sequence[Row]) -> str:
    told = {player.key: "{failed} of {rows}".format_map(failures(rows, player)) for player in PLAYERS}
    return _SUMMARY.format_map({"rows": len(rows), **told})


def _unlived(rows: Sequence[Row]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.scenario.unlived:
            reasons.setdefault(row.scenario.unlived, []).append(row.scenario.name)
    return [f"{'; '.join(names)}: {reason}." for reason, names in reasons.items()]


def _praise(rows: Sequence[Row]) -> list[str]:
    played = [row for row in rows if THEIRS in row.outcomes]
    held = [row.scenario.name for row in played if not row.outcomes[THEIRS].failed]
    added = max(row.outcomes[THEIRS].longest.get("add", 0.0) for row in played)
    waited: dict[str, float] = {
        side: median(row.longest["recall"] for row in of if "recall" in row.longest) for side, of in _sides(rows)
    }
    lines = [
        f"It holds in {len(held)} of the {len(played)} rows that its host's calls lead to: {'; '.join(held)}.",
        f"To record a turn never kept its host's thread for more than {added:,.0f} ms, whatever the server did.",
        _WAITS.format_map(waited),
    ]
    if {"an answer that is lost", "a time-out that did apply", "a request that arrives late"} <= set(held):
        lines.append("A lost answer, a time-out or a late request does not make it repeat a turn: it sends each once.")
    return lines


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(
        fill(f"- {text}", 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) for text in texts
    )


def _sides(rows: Sequence[Row]) -> list[tuple[Side, list[Outcome]]]:
    return [("theirs", _outcomes(rows, THEIRS)), ("ours", _outcomes(rows, OURS))]


def _outcomes(rows: Sequence[Row], player: Player) -> list[Outcome]:
    return [row.outcomes[player] for row in rows if player in row.outcomes]


def _limits() -> dict[str, float]:
    return {"real_end": REAL_END, **dict(LIMITS), **{f"{side}_exit": limit for side, limit in EXIT_LIMITS.items()}}


def _machine() -> str:
    return f"{os.cpu_count()} shared cores, {platform.system()} {platform.machine()}"


def _whole(scenario: Scenario) -> str:
    return scenario.what + ("" if scenario.version == "1.1.0" else f" (The fake is Hindsight {scenario.version}.)")


def _versions(hermes: Path) -> str:
    code = (
        "import platform; from importlib.metadata import version as v; "
        "print(f\"hermes-agent {v('hermes-agent')}, hindsight-client {v('hindsight-client')}, "
        'Python {platform.python_version()}")'
    )
    return subprocess.run([str(hermes), "-c", code], check=True, capture_output=True, text=True).stdout.strip()
