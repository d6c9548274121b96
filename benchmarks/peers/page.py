"""`docs/peers.md`: the figures, who is ahead where, and how each peer was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.evaluation import Conversation, Summary
from benchmarks.peers.contenders import OURS, Contender
from benchmarks.speed import machine

SHARES = ("recall@5", "recall@10", "recall@20", "mrr", "evidence@512", "evidence@1024", "evidence@4096")
COSTS = ("ms_p50", "ms_p95", "peak_mb", "disk_mb")
_HEAD = (*SHARES, "ms p50", "ms p95", "peak MB", "disk MB")


@dataclass(frozen=True, slots=True)
class Row:
    """A system's figures over one source."""

    name: str
    summary: Summary
    megabytes: float
    disk_megabytes: float

    def numbers(self) -> dict[str, float]:
        """The figures by name: shares in percent, milliseconds, MB."""
        estimates = self.summary.estimates
        return {
            **{name: round(estimates[name].value, 1) for name in SHARES if name in estimates},
            "ms_p50": self.summary.ms_p50,
            "ms_p95": self.summary.ms_p95,
            "peak_mb": self.megabytes,
            "disk_mb": self.disk_megabytes,
        }


@dataclass(frozen=True, slots=True)
class Absent:
    """A system without figures, and why."""

    name: str
    reason: str


def page(
    conversations: Sequence[Conversation],
    contenders: Sequence[Contender],
    rows: Mapping[str, Sequence[Row]],
    absent: Sequence[Absent],
    now: datetime,
) -> str:
    """The whole page, without a line break at its end.

    Args:
        rows: by source, ours first if it was measured.
    """
    lines = [
        "# Beside its peers",
        "",
        "Memories that work without a language model and can be installed from PyPI, on the same conversations.",
        f"Taken with `make bench-peers` on {now:%Y-%m-%d}: {machine()}.",
        "Compare the figures of this page with each other, not with those of another run.",
        "",
        "Shares are in percent, with 95% bootstrap intervals over conversations in brackets, as",
        "[performance.md](performance.md) has them. Time is that of one search in the peer's own process, with the",
        "embedding of the question; memory and disk are the most that one conversation took. Everyone gets one item a",
        "message, with the speaker's name before the text (but for Threadline, which has a field for it), and is asked",
        "for 50 memories. Who knows no token budget has its ranking cut to it, in Threadline's tokens: the best first,",
        "what does not fit passed over.",
        "",
        "All embed with the same all-MiniLM-L6-v2 in int8, the packaged one: where a peer would download its default,",
        "which is that model in float32, the packaged one lies in the folder of the download.",
    ]
    for source, some in rows.items():
        own = [conversation for conversation in conversations if conversation.source == source]
        lines += ["", *_source(source, own, some)]
    lines += ["", "## How each was run", "", "| system | package | version | how |", "|---|---|---|---|"]
    lines += [f"| {one.name} | {one.package} | {one.version() or '-'} | {one.note} |" for one in contenders]
    if absent:
        lines += ["", "## Not measured", "", *(f"- {one.name}: {one.reason}." for one in absent)]
    return "\n".join(lines)


def _source(source: str, own: Sequence[Conversation], rows: Sequence[Row]) -> list[str]:
    unit = "a session" if own[0].by_session else "a message"
    turns = sum(conversation.turns for conversation in own)
    asked = sum(len(conversation.questions) for conversation in own)
    return [
        f"## {source}",
        "",
        f"{len(own)} conversations, {turns:,} turns, {asked} questions; the unit of evidence is {unit}.",
        "",
        "| system | " + " | ".join(_HEAD) + " |",
        "|---|" + "---|" * len(_HEAD),
        *(f"| {row.name} | {' | '.join(_cells(row))} |" for row in rows),
        "",
        *ahead(rows),
    ]


def _cells(row: Row) -> list[str]:
    found = row.summary
    shares = [str(found.estimates.get(name, "-")) for name in SHARES]
    return [*shares, f"{found.ms_p50:.1f}", f"{found.ms_p95:.1f}", f"{row.megabytes:.0f}", f"{row.disk_megabytes:.1f}"]


def ahead(rows: Sequence[Row]) -> list[str]:
    """Where others do better than Threadline, the best of them for each figure; nothing where it was not measured."""
    if len(rows) < 2 or rows[0].name != OURS:
        return []
    first, *others = [(row.name, row.numbers()) for row in rows]
    lines = []
    for figure in (*SHARES, *COSTS):
        sign = 1 if figure in SHARES else -1
        known = [(name, numbers[figure]) for name, numbers in others if figure in numbers]
        name, value = max(known, key=lambda one: sign * one[1], default=("", 0.0))
        if figure in first[1] and name and sign * value > sign * first[1][figure]:
            lines.append(f"- {figure}: {name} {value:g}, {first[0]} {first[1][figure]:g}")
    return (
        [f"Others are ahead of {first[0]} in:", "", *lines]
        if lines
        else [f"{first[0]} is ahead in everything, or level."]
    )


def figures(rows: Mapping[str, Sequence[Row]], absent: Sequence[Absent]) -> dict[str, Any]:
    """What the last line of the output holds."""
    found: dict[str, Any] = {source: {row.name: row.numbers() for row in some} for source, some in rows.items()}
    return {**found, "not measured": {one.name: one.reason for one in absent}}
