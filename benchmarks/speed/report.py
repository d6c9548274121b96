"""The figures as a section of `docs/performance.md`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.speed.bulk import SESSION
from benchmarks.speed.goals import disk_bytes, goals
from benchmarks.speed.growth import limits

#: The picture, beside the page.
PICTURE = "performance-growth.svg"

_TAKEN = """
Taken with `make bench` on {taken}: {machine}, load average {load} before the first figure. Nothing is kept from one run
to the next.
"""

# Above this load average, the machine was not ours alone.
_IDLE = 1.0

_BUSY = "The machine was busy with other things at the same time: on an idle one every time is shorter."

_RECALL = """
Words, vectors, late interaction, the journal's scope and the question's embedding included; default settings. Every
question is asked once, so that nothing comes from a cache. The limit is what no recall of this design goes below: to
embed the question, and to read every vector once at {speed:g} GB/s, which is what one core copies here (bytes read and
written). CPU is what the asking thread worked: where it is much less than the time, others had the machine.
"""

_FILLED = """
The first recall loads the model and reads the catalogue of memories. Disk is everything: the journal (which holds the
text a second time), the bank and its word index. The banks are filled through `Memory`, but the embedding of what is
stored comes from a table: a token has the state that the model gave it in the sample conversation, and a text the mean
of them, with some noise. To embed a million texts for real takes hours; questions are embedded for real. The text is
made up of the words of that conversation and of all English, {session} turns a session, two memories a turn.
"""

_FILTERS = """
The p50 with a filter over that without, questions with and without asked in turn. In percent, what share of the bank
passes, but for a tag one session of {memories} memories at least.
"""

_SAID = """
Until all of them can be recalled. A turn is two messages of about 36 tokens each.
"""

_ADDED = """
While the writer delivers in the background, embedding included. Flat out, eight threads wait for each other: what one
turn takes, eight at once take eight times, and Python hands its lock on every 5 ms at the latest.
"""

_HUNG = """
For {hung_s:g} s, in batches of 4, with a switch to a new session after every ten turns; the memory is then closed
within 3 s, and opened again on a backend that works.
"""


def page(figures: dict[str, Any]) -> str:
    """The section."""
    parts = [
        _prose(_TAKEN + (_BUSY if figures["load"] > _IDLE else ""), **figures),
        _goals(figures),
        _recall(figures),
        _filters(figures),
        _retain(figures),
        _add_turn(figures),
        _outage(figures["outage"]),
    ]
    return "\n\n".join(parts)


def _prose(text: str, **given: Any) -> str:
    return textwrap.fill(" ".join(text.split()).format(**given), 116)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _goals(figures: dict[str, Any]) -> str:
    found = goals(figures)
    missed = sum(not goal.met for goal in found)
    return "\n".join(
        [
            "### Goals",
            "",
            f"{len(found) - missed} of {len(found)} are met. The figures come from the tables below.",
            "",
            _table(
                ("what", "goal", "figure", ""),
                ((goal.what, goal.goal, goal.figure, "met" if goal.met else "**not met**") for goal in found),
            ),
        ]
    )


def _recall(figures: dict[str, Any]) -> str:
    rows = figures["recall"].values()
    speed = figures["bandwidth"]["gb_per_s"]
    return "\n".join(
        [
            "### Recall",
            "",
            f"![Milliseconds of a recall by the number of memories, beside the physical limit]({PICTURE})",
            "",
            _prose(_RECALL, speed=speed),
            "",
            _table(
                (
                    "memories",
                    "p50 ms",
                    "p95 ms",
                    "CPU p50 ms",
                    "embedding ms",
                    "limit ms",
                    "low p50",
                    "high p50",
                    "returned",
                    "8 threads, recalls/s",
                ),
                (
                    (
                        f"{row['memories']:,}",
                        row["p50_ms"],
                        row["p95_ms"],
                        row["cpu_p50_ms"],
                        row["embedding_p50_ms"],
                        f"{sum(limits(figures, row['memories'])):.1f}",
                        row["low_p50_ms"],
                        row["high_p50_ms"],
                        row["returned"],
                        row["crowd"]["recalls_per_s"],
                    )
                    for row in rows
                ),
            ),
            "",
            _table(
                (
                    "memories",
                    "import ms",
                    "open ms",
                    "first recall ms",
                    "MB resident",
                    "MB at the peak",
                    "MB, 8 threads",
                    "disk MB",
                    "bytes a memory beyond its text",
                ),
                (
                    (
                        f"{row['memories']:,}",
                        row["import_ms"],
                        row["open_ms"],
                        row["first_recall_ms"],
                        row["resident_mb"],
                        row["peak_mb"],
                        row["crowd"]["peak_mb"],
                        round(row["built"]["disk_bytes"] / 1e6, 1),
                        f"{disk_bytes(row):,.0f}",
                    )
                    for row in rows
                ),
            ),
            "",
            _prose(_FILLED, session=SESSION),
        ]
    )


def _filters(figures: dict[str, Any]) -> str:
    rows = figures["recall"].values()
    names = list(next(iter(rows))["filters"])
    return "\n".join(
        [
            "### Filters",
            "",
            _prose(_FILTERS, memories=2 * SESSION),
            "",
            _table(
                ("memories", *names),
                ((f"{row['memories']:,}", *(f"{row['filters'][name]['ratio']:.2f}" for name in names)) for row in rows),
            ),
        ]
    )


def _retain(figures: dict[str, Any]) -> str:
    stages = ("embedding", "preparing", "storing", "word index")
    return "\n".join(
        [
            "### Turns said and delivered",
            "",
            _prose(_SAID),
            "",
            _table(
                (
                    "embedder",
                    "turns a delivery",
                    "turns/s",
                    "share of embedding",
                    "MB on disk per 1,000 turns",
                    "of that, the text itself once",
                ),
                (
                    (
                        *name.split(", "),
                        f"{row['turns_per_s']:,}",
                        f"{row['shares'].get('embedding', 0.0):.0%}",
                        row["mb_per_1k_turns"],
                        row["text_mb_per_1k_turns"],
                    )
                    for name, row in figures["retain"].items()
                ),
            ),
            "",
            "The engine alone, without the journal and its writer, and what takes its time:",
            "",
            _table(
                ("embedder", "turns a batch", "turns/s", *stages),
                (
                    (
                        *name.split(", "),
                        f"{row['turns_per_s']:,}",
                        *(f"{row['shares'].get(stage, 0.0):.0%}" for stage in stages),
                    )
                    for name, row in figures["engine"].items()
                ),
            ),
        ]
    )


def _add_turn(figures: dict[str, Any]) -> str:
    return "\n".join(
        [
            "### A turn recorded (`add_turn`)",
            "",
            _prose(_ADDED),
            "",
            _table(
                ("durability, threads, pace", "p50 ms", "p99 ms", "turns/s"),
                ((name, row["p50_ms"], row["p99_ms"], row["turns_per_s"]) for name, row in figures["add_turn"].items()),
            ),
        ]
    )


def _outage(row: dict[str, Any]) -> str:
    add = f"{row['add_p50_ms']} ms, {row['add_p99_ms']} ms ({row['turns']:,} turns)"
    switch = f"{row['switch_p50_ms']} ms, {row['switch_p99_ms']} ms ({row['switches']:,} switches)"
    return "\n".join(
        [
            "### A backend that hangs",
            "",
            _prose(_HUNG, **row),
            "",
            _table(
                ("what", "figure"),
                (
                    ("`add_turn` p50, p99", add),
                    ("`switch` p50, p99", switch),
                    ("`close`", f"{row['close_s']} s"),
                    ("everything delivered at the next start", f"{row['delivered_at_the_next_start_s']} s"),
                    ("all there, once, in order", "yes" if row["all_there_in_order"] else "NO"),
                ),
            ),
        ]
    )
