"""`docs/load.md`: the figures of both servers in one table, and whether the goals are met."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.load.material import Material
from benchmarks.speed import machine

_HEAD = """# Under load

`make load` puts Threadline's server and Hindsight's under the same load, one after the other, and writes this page.

{clients} clients in a process of their own, {seconds:g} seconds, {banks} banks. Each client sends its next request once
the last is answered: with even odds it retains one message, or recalls by a question; all defaults. Each bank has
{fill} messages when the time begins. What they say and ask is from {source}. Both servers run without a language model
and with the same embedder, {embedder}.

Taken on {date}: {machine}, which the clients share with the server.

| | Threadline | Hindsight {version} | |
|---|---:|---:|---|
"""

_NOTES = """
- Times are from the request to the last byte of the answer, the quantiles over all that were answered. A request that
  is answered after the time is over counts for the quantiles and not for the throughput.
- A retain is answered by both once the message is stored and can be recalled. With more than three requests at once,
  Threadline finds it by its words from then on, and embeds it in the background, to be found by its meaning too.
  "At work after the load" is how long either server goes on working when the clients are done.
- Memory is that of all processes of the server together, PostgreSQL's included, looked at every half second; a page
  that several share counts once. MB are of 2^20 bytes for memory and 10^6 on disk.
- Start is the median of three, on data that is there; Hindsight's PostgreSQL ran already. {idle}
- Installed is what the packages take in a fresh environment (`threadline[server]`,
  `hindsight-api-slim[embedded-db,local-onnx]`), without `pip` and without compiled modules. PostgreSQL's programs are
  unpacked beside that when it first starts.
- The two do not return equally much: Threadline leaves out what has next to nothing of the question.
- The fill rate is with batches of {fill}, four at a time.
"""
_IDLE = "Idle is five seconds after that."


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: its name, where its figure stands, and how it is written."""

    name: str
    path: tuple[str, ...]
    form: str = "{:,.0f}"


_LINES = (
    Line("requests a second", ("all", "per_second"), "{:,.1f}"),
    Line("all, p50 ms", ("all", "ms_p50")),
    Line("all, p95 ms", ("all", "ms_p95")),
    Line("all, p99 ms", ("all", "ms_p99")),
    Line("retains a second", ("retain", "per_second"), "{:,.1f}"),
    Line("retain, p50 ms", ("retain", "ms_p50")),
    Line("retain, p95 ms", ("retain", "ms_p95")),
    Line("retain, p99 ms", ("retain", "ms_p99")),
    Line("recalls a second", ("recall", "per_second"), "{:,.1f}"),
    Line("recall, p50 ms", ("recall", "ms_p50")),
    Line("recall, p95 ms", ("recall", "ms_p95")),
    Line("recall, p99 ms", ("recall", "ms_p99")),
    Line("memories a recall returned", ("results",), "{:,.1f}"),
    Line("errors", ("all", "errors")),
    Line("messages a second while filling", ("fill_per_second",), "{:,.0f}"),
    Line("at work after the load, s", ("busy_seconds",), "{:,.0f}"),
    Line("requests a second, that work counted", ("all", "with_the_rest"), "{:,.1f}"),
    Line("start to healthy, s", ("start_seconds",), "{:.2f}"),
    Line("memory, idle, MB", ("idle_mb",)),
    Line("memory, peak, MB", ("peak_mb",)),
    Line("memory, after the load, MB", ("after_mb",)),
    Line("data on disk at the end, MB", ("disk_mb",)),
    Line("installed, MB", ("installed_mb",)),
    Line("unpacked at the first start, MB", ("unpacked_mb",)),
    Line("CPU of the clients, % of a core", ("clients_cpu_percent",)),
)


def page(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    arguments: argparse.Namespace,
    material: Material,
    now: datetime,
) -> str:
    """The whole page, without a line break at its end."""
    goals = {goal.path: goal for goal in _GOALS}
    head = _HEAD.format(
        clients=arguments.clients,
        seconds=arguments.seconds,
        banks=arguments.banks,
        fill=arguments.fill,
        source=material.source,
        embedder="all-MiniLM-L6-v2 in int8",
        date=now.date(),
        machine=machine(),
        version="1.1.0",
    )
    ours, theirs = (_with_the_rest(figures, arguments.seconds) for figures in (ours, theirs))
    rows = [
        f"| {line.name} | {_written(line, ours)} | {_written(line, theirs)} "
        f"| {goals[line.path].told(ours, theirs) if line.path in goals else ''} |"
        for line in _LINES
    ]
    return head + "\n".join(rows) + "\n" + _NOTES.format(idle=_IDLE, fill=arguments.fill).rstrip()


def _with_the_rest(figures: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The figures with the throughput as it is when the time counts that a server goes on working after the load."""
    every = figures["all"]
    rest = every["per_second"] * seconds / (seconds + figures["busy_seconds"])
    return {**figures, "all": {**every, "with_the_rest": rest}}


@dataclass(frozen=True, slots=True)
class Goal:
    """What Threadline's figure has to be: at most, or at least, so many times Hindsight's.

    Attributes:
        absolute: whether `times` is the figure itself.
    """

    path: tuple[str, ...]
    words: str
    times: float
    at_least: bool = False
    absolute: bool = False

    def met(self, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
        """Is it?"""
        limit = self.times if self.absolute else self.times * _at(theirs, self.path)
        own = float(_at(ours, self.path))
        return own >= limit if self.at_least else own <= limit

    def told(self, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
        """The goal, whether it is met, and how many times one is the other."""
        share = _at(ours, self.path) / _at(theirs, self.path)
        times = f"{share:.1f} times" if share >= 1 else f"1/{1 / share:.1f}"
        return f"{times}; goal: {self.words}, {'met' if self.met(ours, theirs) else '**not met**'}"


_GOALS = (
    Goal(("all", "per_second"), "10 times", 10, at_least=True),
    Goal(("all", "ms_p95"), "a tenth", 0.1),
    Goal(("idle_mb",), "a fifth", 0.2),
    Goal(("installed_mb",), "a fifth", 0.2),
    Goal(("start_seconds",), "under 1.5 s", 1.5, absolute=True),
)


def verdicts(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, bool]:
    """Which goals are met, by name."""
    return {"_".join(goal.path): goal.met(ours, theirs) for goal in _GOALS}


def _at(figures: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = figures
    for name in path:
        found = found[name]
    return found


def _written(line: Line, figures: Mapping[str, Any]) -> str:
    value = _at(figures, line.path)
    if isinstance(value, dict):
        return ", ".join(f"{count:,} {name}" for name, count in value.items()) or "0"
    return "-" if value is None else line.form.format(value)
