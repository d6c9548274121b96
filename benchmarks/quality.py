"""What recall finds on real conversations: `make bench-quality DATA=<folder>`.

Each conversation is imported into a bank of its own, as `threadline import` does it, and its first questions are
asked through the public API in its default configuration. A question counts as found when a memory of its
evidence is among the first ten. Beside it, plain BM25 over one item a message.

`DATA` holds folders of conversations in the plain format, and `raw/` with LoCoMo and LongMemEval as their makers
wrote them. Where the folder is missing, this says so and measures nothing.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from benchmarks.page import write_section
from benchmarks.speed import machine, quantiles
from threadline import Memory
from threadline.importers import Imported, read

QUESTIONS = 20
TOP = 10


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the ids of which at least one must be found.

    Attributes:
        asked_in: the number of the session it is asked in, from 0: only earlier ones may be seen. None: all.
    """

    text: str
    evidence: frozenset[str]
    asked_in: int | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation and what is asked of it. Evidence is a message's ref or a session's id."""

    source: str
    name: str
    turns: tuple[Imported, ...]
    questions: tuple[Question, ...]
    by_session: bool


def conversations(data: Path) -> Iterator[Conversation]:
    """Every conversation under the folder."""
    for path in sorted(data.glob("*/*.json")):
        if path.parent.name == "raw":
            yield from _raw(path)
        else:
            yield _plain(path)


def _turns(path: Path) -> tuple[Imported, ...]:
    found = list(read(path))
    faults = [item for item in found if not isinstance(item, Imported)]
    if faults:
        raise SystemExit(f"{path}: {faults[0]}")
    return tuple(item for item in found if isinstance(item, Imported))


def _plain(path: Path) -> Conversation:
    whole = json.loads(path.read_text("utf-8"))
    by_session = whole["level"] == "session"
    order = [session["id"] for session in whole["sessions"]]
    prefix = f"{whole['id']}:" if by_session else ""
    questions = [
        Question(
            text=question["text"],
            evidence=frozenset(prefix + gold for gold in question["gold"]),
            asked_in=order.index(question["asked_in"]) if question["asked_in"] else None,
        )
        for question in whole["questions"][:QUESTIONS]
    ]
    return Conversation(path.parent.name, path.stem, _turns(path), tuple(questions), by_session)


def _raw(path: Path) -> Iterator[Conversation]:
    whole = json.loads(path.read_text("utf-8"))
    turns = _turns(path)
    if "conversation" in whole[0]:
        asked = [Question(q["question"], frozenset(q["evidence"])) for q in whole[0]["qa"] if q["evidence"]]
        yield Conversation("raw LoCoMo", path.stem, turns, tuple(asked[:QUESTIONS]), by_session=False)
        return
    for item in whole:
        own = tuple(turn for turn in turns if turn.session.startswith(f"{item['question_id']}:"))
        evidence = frozenset(f"{item['question_id']}:{session}" for session in item["answer_session_ids"])
        asked = [Question(item["question"], evidence)]
        yield Conversation("raw LongMemEval", item["question_id"], own, tuple(asked), by_session=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """Who found the evidence, and how long recall took."""

    found: dict[str, bool]
    seconds: float


def ask(conversation: Conversation) -> list[Answer]:
    """Live through the conversation and ask each question when it is due."""
    sessions = list(dict.fromkeys(turn.session for turn in conversation.turns))
    due = sorted(conversation.questions, key=lambda q: len(sessions) if q.asked_in is None else q.asked_in)
    answers: list[Answer] = []
    rival = Bm25()
    with tempfile.TemporaryDirectory() as home, Memory.open(home, retain_every_n_turns=20) as memory:
        said = 0
        for question in due:
            seen = set(sessions[: question.asked_in])
            while said < len(conversation.turns) and conversation.turns[said].session in seen:
                turn = conversation.turns[said]
                memory.session(turn.session).add_turn(
                    messages=turn.messages, occurred_at=turn.occurred_at, host_key=turn.host_key
                )
                for message in turn.messages:
                    label = turn.session if conversation.by_session else message.ref or ""
                    rival.add(label, message.text)
                said += 1
            if not memory.flush(1_800):
                raise SystemExit(memory.status().last_error)
            started = time.perf_counter()
            recalled = memory.recall(question.text, limit=TOP, max_tokens=10**6)
            seconds = time.perf_counter() - started
            ours = {found.session if conversation.by_session else found.ref for found in recalled}
            found = {"threadline": not question.evidence.isdisjoint(ours)}
            found[rival.name] = not question.evidence.isdisjoint(rival.top(question.text))
            answers.append(Answer(found, seconds))
    return answers


class Bm25:
    """Plain BM25 (Robertson and Walker, 1994) as SQLite's FTS5 has it, over one item a message."""

    name = "bm25"

    def __init__(self) -> None:
        self._connection = apsw.Connection(":memory:")
        self._connection.execute("CREATE VIRTUAL TABLE item USING fts5(label UNINDEXED, text, tokenize='porter')")

    def add(self, label: str, text: str) -> None:
        """Index an item."""
        self._connection.execute("INSERT INTO item VALUES (?, ?)", (label, text))

    def top(self, query: str) -> set[str]:
        """The labels of the best ten items."""
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", query))
        sql = f"SELECT label FROM item WHERE item MATCH ? ORDER BY bm25(item) LIMIT {TOP}"  # noqa: S608 - a constant
        return {str(label) for (label,) in self._connection.execute(sql, (words,))}


def main(data: Path) -> None:
    """Ask everything, write the page, end with one line of JSON."""
    if not data.is_dir():
        print(f"There is no folder {data}: nothing is measured. Name one with DATA=<folder>.", file=sys.stderr)
        print(json.dumps({"skipped": str(data)}))
        return
    answers: dict[str, list[Answer]] = {}
    counts: dict[str, list[int]] = {}
    for conversation in conversations(data):
        print(f"  {conversation.source} {conversation.name}", file=sys.stderr)
        answers.setdefault(conversation.source, []).extend(ask(conversation))
        counts.setdefault(conversation.source, []).append(len(conversation.turns))
    figures = {source: figure(found, counts[source]) for source, found in answers.items()}
    write_section("quality", page(figures))
    print(json.dumps(figures))


def figure(answers: Sequence[Answer], turns: Sequence[int]) -> dict[str, Any]:
    """Shares in percent, times in milliseconds."""
    shares = {
        f"{name}@{TOP}": round(100 * sum(answer.found[name] for answer in answers) / len(answers), 1)
        for name in answers[0].found
    }
    p50, p95 = quantiles([answer.seconds for answer in answers], 0.5, 0.95)
    return {
        "conversations": len(turns),
        "turns": sum(turns),
        "questions": len(answers),
        **shares,
        "ms_p50": p50,
        "ms_p95": p95,
    }


def page(figures: dict[str, dict[str, Any]]) -> str:
    """The figures as a table."""
    return "\n".join(
        [
            f"Taken with `make bench-quality` on {datetime.now(UTC):%Y-%m-%d}: {machine()}.",
            f"The share of questions (percent; the first {QUESTIONS} of each conversation) with a memory of their",
            f"evidence among the first {TOP}.",
            "",
            "| source | conversations | turns | questions | Threadline | plain BM25 | recall p50 ms |",
            "|---|---|---|---|---|---|---|",
            *[
                f"| {source} | {row['conversations']} | {row['turns']:,} | {row['questions']} "
                f"| {row[f'threadline@{TOP}']} | {row[f'bm25@{TOP}']} | {row['ms_p50']} |"
                for source, row in figures.items()
            ],
        ]
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
