"""The figures of the real host, and their page."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from .inhost import Figures

NOBODY = "no provider"
BUNDLED = "the bundled provider, fake server"
BUNDLED_REAL = "the bundled provider, real server"
OURS = "Threadline, embedded"
OURS_SERVED = "Threadline, fake server"

#: What is to be held by Threadline's embedded backend, in milliseconds.
GOALS: Mapping[str, float] = {
    "wait_long_p95": 100.0,
    "wait_short_p95": 100.0,
    "sync_turn_p99": 5.0,
    "load_p50": 500.0,
    "exit_added": 1_000.0,
}


@dataclass(frozen=True, slots=True)
class Past:
    """What was said before anything is timed.

    Attributes:
        seconds: how long Threadline took to take it over from the host's log.
        hermes: where it is.
    """

    turns: int
    seconds: float
    hermes: str


def figures(measured: Mapping[str, Figures], turns: int, rounds: int) -> dict[str, dict[str, float]]:
    """What each provider's figures come to, in milliseconds."""
    nobody = measured[NOBODY]
    return {name: _summary(one, nobody, turns, turns * (rounds - 1)) for name, one in measured.items()}


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies: of few values, the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _summary(one: Figures, nobody: Figures, short: int, long: int) -> dict[str, float]:
    found: dict[str, float] = {
        "first_answer": median(one.ready),
        "first_answer_added": median(one.ready) - median(nobody.ready),
        "exit": median(one.exits),
        "exit_added": median(one.exits) - median(nobody.exits),
        "told_share": one.told / one.turns,
    }
    if not one.calls:
        return _rounded(found)
    found |= {"load_p50": median(one.loads), "load_max": max(one.loads), "first_wait": median(one.first_waits)}
    sessions = {
        "short": [wait for place, wait in one.waits.items() if place <= short],
        "long": [wait for place, wait in one.waits.items() if place > long],
    }
    for length, waits in sessions.items():
        found |= {f"wait_{length}_p50": quantile(waits, 0.5), f"wait_{length}_p95": quantile(waits, 0.95)}
    for call in ("sync_turn", "queue_prefetch"):
        took = one.calls[call]
        found |= {f"{call}_p50": quantile(took, 0.5), f"{call}_p99": quantile(took, 0.99), f"{call}_max": max(took)}
    switches = one.calls["on_session_switch"]
    found |= {"switch_p50": quantile(switches, 0.5), "switch_max": max(switches)}
    return _rounded(found)


def _rounded(found: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in found.items()}


_ROWS: Sequence[tuple[str, str]] = (
    ("wait for memories, turns 2 to {short} of the session, p50", "wait_short_p50"),
    ("... p95", "wait_short_p95"),
    ("wait for memories, turns after {long}, p50", "wait_long_p50"),
    ("... p95", "wait_long_p95"),
    ("wait for memories, the first turn of a process, median", "first_wait"),
    ("`sync_turn`, p50", "sync_turn_p50"),
    ("... p99", "sync_turn_p99"),
    ("... longest", "sync_turn_max"),
    ("`queue_prefetch`, p50", "queue_prefetch_p50"),
    ("... p99", "queue_prefetch_p99"),
    ("`on_session_switch`, p50", "switch_p50"),
    ("... longest", "switch_max"),
    ("import and `initialize`, median", "load_p50"),
    ("... longest", "load_max"),
    ("from the start of the process to its first answer, median", "first_answer"),
    ("... more than without a provider", "first_answer_added"),
    ("from `/exit` to the end of the process, median", "exit"),
    ("... more than without a provider", "exit_added"),
    ("turns that were told something of the past, %", "told_share"),
)

_PAGE = """# What a memory adds to a turn of Hermes

The Hindsight memory provider that is bundled with hermes-agent, and Threadline's plug-in, in the real host.
Written whole by `make bench-hermes` on {date}, in one run, on {machine}.
Theirs: {theirs}. Ours: {ours}.

{table}

All in milliseconds but the last row.

## Goals

For Threadline with its embedded backend, at {turns:,} turns of history:

{goals}

## How it is measured

- The unmodified host runs `hermes chat` in a process of its own, with a fake model that answers at once. The turns and
  commands are typed into it (`tests/hosts/hermes/harness/`); the calls of the provider that the host loaded are timed
  around each, within its process and on the host's own threads (`benchmarks/hermes/inside/probe.py`).
- By turns, each provider has a process, {rounds} times. In each the same session goes on for {each} turns; then `/new`,
  `/branch` and `/resume` are typed, with a turn after each, and `/exit` when nothing is left to do. After each turn the
  queues are given the time to run dry, as a user takes seconds between messages.
- **The past**: {turns:,} turns are in the host's own log, for everyone. Threadline with its embedded backend took them
  over with `threadline hermes reconcile` before ({seconds:,.0f} s; that is not timed otherwise), with the embedder
  `minilm`; everything else is at its default, comparing the log with the journal at each start included. The
  servers are fakes on the loopback interface that answer at once, and begin empty; Threadline with a server does not
  compare the log here, as it would begin by sending it the whole past.
- **Wait for memories** is `on_turn_start` and `prefetch` together: what a turn waits before the model is asked.
  Threadline recalls for the message itself. The bundled provider hands over what it looked up after the message before,
  and so has nothing to wait for, and nothing for the first turn.
- `sync_turn` and `queue_prefetch` run on the host's worker; they keep nobody waiting, but what is slow there delays the
  turns behind it.

The machine is shared: a p99 says as much of it as of the provider.
"""


def page(measured: Mapping[str, Figures], past: Past, turns: int, rounds: int, pythons: Mapping[str, Path]) -> str:
    """The whole page."""
    found = figures(measured, turns, rounds)
    return _PAGE.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=f"{os.cpu_count()} shared cores, {platform.system()} {platform.machine()}",
        theirs=_versions(pythons["theirs"]),
        ours=_versions(pythons["ours"]),
        table=_table(found, turns, turns * (rounds - 1)),
        goals=_goals(found[OURS]),
        turns=past.turns,
        seconds=past.seconds,
        rounds=rounds,
        each=turns,
    )


def _table(found: Mapping[str, Mapping[str, float]], short: int, long: int) -> str:
    lines = [["", *found], ["---"] * (len(found) + 1)]
    for what, name in _ROWS:
        cells = [_shown(name, one.get(name)) for one in found.values()]
        lines.append([what.format(short=short, long=long), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name == "told_share":
        return f"{value:.0%}".removesuffix("%")
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def _goals(ours: Mapping[str, float]) -> str:
    named = {name: what for what, name in _ROWS}
    named |= {
        "wait_short_p95": "wait for memories in a short session, p95",
        "wait_long_p95": "wait for memories in a long session, p95",
        "sync_turn_p99": "`sync_turn`, p99",
        "exit_added": "exit, more than without a provider",
    }
    lines = ["| | goal, ms | measured, ms | |", "|---|---|---|---|"]
    for name, goal in GOALS.items():
        met = "met" if ours[name] < goal else "**not met**"
        lines.append(f"| {named[name]} | < {goal:,.0f} | {_shown(name, ours[name])} | {met} |")
    return "\n".join(lines)


def _versions(python: Path) -> str:
    code = (
        "import platform\n"
        "from importlib.metadata import PackageNotFoundError, version\n"
        "for name in ('hermes-agent', 'hindsight-client'):\n"
        "    print(name, version(name), end=', ')\n"
        "print('Python', platform.python_version())"
    )
    done: Any = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True)
    return str(done.stdout).strip()
