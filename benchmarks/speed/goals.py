"""What the figures are to be, and whether they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.speed.growth import P50_GOALS

_SPREAD = 2.5
_CROWD = 10_000, 200.0
_RETAIN = {"minilm": 60.0, "none": 5_000.0}
_MEGABYTES = 100_000, 350.0
_DISK_BYTES = 2_500.0
_FILTERED = 2.0


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure beside its goal.

    Attributes:
        what: what is measured.
        goal: what it is to be, in words.
        figure: what it is, in words.
        met: whether that is enough.
    """

    what: str
    goal: str
    figure: str
    met: bool


def goals(figures: dict[str, Any]) -> list[Goal]:
    """Every goal that the figures say something about."""
    rows = {int(size): row for size, row in figures["recall"].items()}
    return [*_times(rows), *_crowds(rows), *_retained(figures), *_sizes(rows), *_filters(rows)]


def disk_bytes(row: dict[str, Any]) -> float:
    """The bytes on the disk a memory, of journal, bank and word index, beyond the text itself once."""
    built = row["built"]
    return float(built["disk_bytes"] - built["text_bytes"]) / float(built["memories"])


def _below(what: str, goal: float, figure: float, unit: str) -> Goal:
    return Goal(what, f"under {goal:g} {unit}", f"{figure:,.4g} {unit}", figure < goal)


def _above(what: str, goal: float, figure: float, unit: str) -> Goal:
    return Goal(what, f"over {goal:,g} {unit}", f"{figure:,.6g} {unit}", figure > goal)


def _times(rows: dict[int, dict[str, Any]]) -> Iterator[Goal]:
    for size, row in rows.items():
        if size in P50_GOALS:
            yield _below(f"recall p50, {size:,} memories", P50_GOALS[size], row["p50_ms"], "ms")
    for size, row in rows.items():
        yield _below(f"recall p95 over p50, {size:,} memories", _SPREAD, row["p95_ms"] / row["p50_ms"], "times")


def _crowds(rows: dict[int, dict[str, Any]]) -> Iterator[Goal]:
    size, least = _CROWD
    if size in rows:
        yield _above(f"8 threads at once, {size:,} memories", least, rows[size]["crowd"]["recalls_per_s"], "recalls/s")


def _retained(figures: dict[str, Any]) -> Iterator[Goal]:
    for part, how in (("engine", "the engine alone"), ("retain", "journal and all")):
        for name, row in figures[part].items():
            embedder, together = name.split(", ")
            vectors = "with vectors" if embedder != "none" else "without vectors"
            what = f"retain {vectors}, {together} turn{'s' * (together != '1')} a delivery, {how}"
            yield _above(what, _RETAIN[embedder], row["turns_per_s"], "turns/s")


def _sizes(rows: dict[int, dict[str, Any]]) -> Iterator[Goal]:
    size, most = _MEGABYTES
    if size in rows:
        yield _below(f"memory of the process at its peak, {size:,} memories", most, rows[size]["peak_mb"], "MB")
    for size, row in rows.items():
        yield _below(f"disk a memory beyond its text, {size:,} memories", _DISK_BYTES, disk_bytes(row), "bytes")


def _filters(rows: dict[int, dict[str, Any]]) -> Iterator[Goal]:
    for size, row in rows.items():
        slowest = max(row["filters"], key=lambda name: float(row["filters"][name]["ratio"]))
        what = f"slowest filter ({slowest}) over none, {size:,} memories"
        yield _below(what, _FILTERED, row["filters"][slowest]["ratio"], "times")
