"""What recall finds on real conversations: `make bench-quality DATA=<folder>`.

Each conversation of the folder is imported into a bank of its own, as `threadline import` does it, and all its
questions are asked through the public API in its default configuration, each when it is due. Beside it, plain BM25 over
one item a message, with the speaker's name before its text. `benchmarks/evaluation.py` says what the figures mean.

python -m benchmarks.quality <folder>                      print the figures
python -m benchmarks.quality <folder> --write              and write them into docs/performance.md
python -m benchmarks.quality <folder> --dump lines.jsonl   and every question with what was found for it

`DATA` holds folders of conversations in the plain format, or such conversations themselves. Where it is missing, this
says so and measures nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.evaluation import Conversation, Outcome, Summary, grouped, live, load, record, summary, tell
from benchmarks.page import write_section
from benchmarks.peers.base import System
from benchmarks.peers.ours import Threadline
from benchmarks.peers.plain import Bm25
from benchmarks.speed import machine

SYSTEMS: tuple[Callable[[], System], ...] = (Threadline, Bm25)
COLUMNS = ("recall@5", "recall@10", "recall@20", "hit@10", "mrr", "evidence@512", "evidence@1024", "evidence@4096")

#: The outcomes of each system, by its name.
Outcomes = Mapping[str, Sequence[Outcome]]


def main(data: Path, dump: Path | None, write: bool) -> None:
    """Ask everything, print (and write) the tables, end with one line of JSON."""
    if not data.is_dir():
        tell(f"There is no folder {data}: nothing is measured. Name one with DATA=<folder>.")
        print(json.dumps({"skipped": str(data)}))
        return
    conversations = list(load(data))
    if not conversations:
        tell(f"There is no conversation in the plain format in {data}: nothing is measured.")
        print(json.dumps({"skipped": str(data)}))
        return
    outcomes = measure(conversations, [make() for make in SYSTEMS])
    if dump is not None:
        lines = [json.dumps(record(one, name)) for name, some in outcomes.items() for one in some]
        dump.write_text("\n".join(lines) + "\n", "utf-8")
    page = tables(conversations, outcomes)
    print(page)
    if write:
        write_section("quality", page)
    print(json.dumps(figures(conversations, outcomes)))


def measure(conversations: Sequence[Conversation], systems: Sequence[System]) -> dict[str, list[Outcome]]:
    """Have each system live through every conversation."""
    outcomes: dict[str, list[Outcome]] = {system.name: [] for system in systems}
    for conversation in conversations:
        tell(f"  {conversation.source} {conversation.name}: {len(conversation.questions)} questions")
        for system in systems:
            outcomes[system.name].extend(live(conversation, system))
    return outcomes


# What is printed


def tables(conversations: Sequence[Conversation], outcomes: Outcomes) -> str:
    """Every source, whole and by category."""
    sources = list(dict.fromkeys(conversation.source for conversation in conversations))
    head = [
        f"Taken with `make bench-quality` on {datetime.now(UTC):%Y-%m-%d}: {machine()}.",
        "In percent, with 95% bootstrap intervals over conversations in brackets; milliseconds of a recall with",
        "default settings, the question's embedding included. `benchmarks/evaluation.py` says what each figure means.",
        "Beside Threadline, BM25 over one item a message, the speaker's name before its text. Nothing is tuned here:",
        "the package is taken as it is installed.",
    ]
    return "\n".join([*head, *(line for source in sources for line in _source(source, conversations, outcomes))])


def _source(source: str, conversations: Sequence[Conversation], outcomes: Outcomes) -> list[str]:
    own = [conversation for conversation in conversations if conversation.source == source]
    rows: list[list[str]] = []
    categories = sorted({question.category for conversation in own for question in conversation.questions})
    found = {name: [one for one in some if one.source == source] for name, some in outcomes.items()}
    for category in (None, *categories):
        for name, some in found.items():
            chosen = [one for one in some if category in (None, one.question.category)]
            if chosen:
                rows.append(_row(category or "all", name, summary(chosen)))
    unit = "a session" if own[0].by_session else "a message"
    turns = sum(conversation.turns for conversation in own)
    asked = sum(len(conversation.questions) for conversation in own)
    return [
        "",
        f"### {source}",
        "",
        f"{len(own)} conversations, {turns:,} turns, {asked} questions; the unit of evidence is {unit}.",
        "",
        "| questions | n | system | " + " | ".join(COLUMNS) + " | ms p50 | ms p95 |",
        "|---|---|---|" + "---|" * (len(COLUMNS) + 2),
        *("| " + " | ".join(row) + " |" for row in rows),
        *_returned(found),
    ]


def _row(category: str, name: str, found: Summary) -> list[str]:
    shares = [str(found.estimates.get(column, "-")) for column in COLUMNS]
    return [category, str(found.questions), name, *shares, f"{found.ms_p50:.1f}", f"{found.ms_p95:.1f}"]


def _returned(found: Outcomes) -> list[str]:
    """What is returned for questions that nothing answers, beside the others; nothing where there are none."""
    lines: list[str] = []
    for name, some in found.items():
        returned = summary(some).returned
        if "unanswerable" in returned:
            parts = [
                f"{kind} {figures['memories']} memories of {figures['tokens']} tokens together ({figures['questions']})"
                for kind, figures in returned.items()
            ]
            lines.append(f"- {name} returns on average, at its default budget: {'; '.join(parts)}.")
    return ["", *lines] if lines else []


def figures(conversations: Sequence[Conversation], outcomes: Outcomes) -> dict[str, Any]:
    """By source: Threadline's figures, with the other systems and every category inside."""
    whole: dict[str, Any] = {}
    (_, mine), *rivals = outcomes.items()
    for source, own in grouped(mine, lambda outcome: outcome.source).items():
        told = [conversation for conversation in conversations if conversation.source == source]
        whole[source] = {
            "conversations": len(told),
            "turns": sum(conversation.turns for conversation in told),
            **numbers(summary(own)),
            "categories": {
                category: numbers(summary(some))
                for category, some in sorted(grouped(own, lambda outcome: outcome.question.category).items())
            },
            **{name: numbers(summary([one for one in some if one.source == source])) for name, some in rivals},
        }
    return whole


def numbers(found: Summary) -> dict[str, Any]:
    """A summary as plain numbers: shares in percent, times in milliseconds."""
    return {
        "questions": found.questions,
        **{name: round(estimate.value, 1) for name, estimate in found.estimates.items()},
        "ms_p50": found.ms_p50,
        "ms_p95": found.ms_p95,
        "intervals": {name: [round(one.low, 1), round(one.high, 1)] for name, one in found.estimates.items()},
        "returned": found.returned,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality")
    parser.add_argument("data", type=Path)
    parser.add_argument("--dump", type=Path, help="write a line of JSON for every question and system")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    arguments = parser.parse_args()
    main(arguments.data, arguments.dump, arguments.write)
