"""`docs/wire.md`: every difference, and why it is one."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.wire.compare import Difference

EXPLANATIONS = Path(__file__).with_name("explanations.toml")

_HEAD = """# Beside Hindsight, answer by answer

`make wire-diff` sends the same {steps} requests, every route of Hindsight's API and what it refuses among them, to
`hindsight-api-slim` {version} and to `threadline serve`, both new and without a language model, and writes this page.
{same} answers are the same in all that a client can tell: the status, the headers it may act on, the shape of what
succeeded (keys, types, nulls, nesting, empty lists), and the words of what was refused, ids and times aside. The other
differences stand here, each with its reason; one without a reason fails the command. Our answers are also held against
Hindsight's own OpenAPI document, and our document against theirs: parameters, bodies and answers of its {operations}
operations.

Taken on {date}.
"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why some differences are there.

    Attributes:
        title: what differs, in a few words.
        why: the reason.
        steps, kinds, wheres: which differences it explains, as shell patterns, one of each must match.
    """

    title: str
    why: str
    steps: tuple[str, ...]
    kinds: tuple[str, ...]
    wheres: tuple[str, ...]

    def explains(self, difference: Difference) -> bool:
        """Is it about this one?"""
        return (
            _matches(difference.step, self.steps)
            and _matches(difference.kind, self.kinds)
            and _matches(difference.where, self.wheres)
        )


def _matches(text: str, patterns: Sequence[str]) -> bool:
    plain = text.replace("[]", "*")  # brackets have a meaning in patterns
    return any(fnmatch.fnmatchcase(plain, pattern.replace("[]", "*")) for pattern in patterns)


def explanations(path: Path = EXPLANATIONS) -> list[Explanation]:
    """The known reasons."""
    read: list[dict[str, Any]] = tomllib.loads(path.read_text("utf-8")).get("explanation", [])
    return [
        Explanation(
            one["title"],
            one["why"],
            tuple(one.get("steps", ["*"])),
            tuple(one.get("kinds", ["*"])),
            tuple(one.get("wheres", ["*"])),
        )
        for one in read
    ]


def sort(
    found: Sequence[Difference], known: Sequence[Explanation]
) -> tuple[dict[str, list[Difference]], list[Difference], list[str]]:
    """The differences by the title of what explains them, those that nothing explains, and what explains nothing."""
    explained: dict[str, list[Difference]] = {one.title: [] for one in known}
    rest: list[Difference] = []
    for difference in found:
        reason = next((one for one in known if one.explains(difference)), None)
        (explained[reason.title] if reason else rest).append(difference)
    return explained, rest, [title for title, its in explained.items() if not its]


def page(
    steps: int,
    operations: int,
    version: str,
    explained: dict[str, list[Difference]],
    rest: Sequence[Difference],
    known: Sequence[Explanation],
    now: datetime,
) -> str:
    """The whole page, without a line break at its end."""
    differing = {one.step for its in explained.values() for one in its if one.kind != "document"}
    differing |= {one.step for one in rest if one.kind != "document"}
    lines = [
        _HEAD.format(steps=steps, version=version, same=steps - len(differing), operations=operations, date=now.date())
    ]
    for reason in known:
        if explained[reason.title]:
            lines += [f"## {reason.title}", "", reason.why.strip(), "", *_table(explained[reason.title]), ""]
    if rest:
        lines += ["## Not explained", "", *_table(rest), ""]
    return "\n".join(lines).rstrip()


def _table(found: Sequence[Difference]) -> list[str]:
    """A line for each kind of difference; requests that differ in the same way share it."""
    same: dict[tuple[str, str, str, str], list[str]] = {}
    for one in found:
        same.setdefault((one.kind, one.where, one.theirs, one.ours), []).append(one.step)
    rows = [
        f"| {_steps(steps)} | {kind}{f' `{where}`' if where else ''} | {_cell(theirs)} | {_cell(ours)} |"
        for (kind, where, theirs, ours), steps in same.items()
    ]
    return ["| request | what | Hindsight | Threadline |", "|---|---|---|---|", *rows]


def _steps(steps: Sequence[str]) -> str:
    shown = ", ".join(f"`{step}`" for step in steps[:6])
    return shown if len(steps) <= 6 else f"{shown} and {len(steps) - 6} more"


def _cell(text: str) -> str:
    short = text if len(text) <= 160 else f"{text[:157]}..."
    return "`" + short.replace("|", "\\|").replace("`", "'") + "`" if short else ""
