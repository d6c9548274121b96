"""Memories as a recall returns them, and what an extractive answer from them must be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from threadline.documents import Reason, Recalled, Reflection, sources
from threadline.engine.reflect.extract import ALSO, HEADING, MAY_CHANGE, NO_ROOM, NOTHING, SOURCES
from threadline.engine.reflect.quotes import GAP

BEGAN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)

_QUOTE = re.compile(
    rf"\[(?P<number>\d+)\] (?P<day>\d{{4}}-\d\d-\d\d)(?: \({MAY_CHANGE} \[(?P<earlier>\d+)\]\))?: “(?P<text>.+)”"
)


def said(text: str, turn: int = 1, *, by: str | None = None, role: str = "user", alike: float = 0.0) -> Recalled:
    """A memory of turn `turn` of session s, said on day `turn`."""
    return Recalled(
        text=text,
        role=role,
        speaker=by,
        occurred_at=BEGAN + timedelta(days=turn),
        document="session:s",
        session="s",
        turn=turn,
        position=0,
        ref=None,
        tags=(),
        metadata={"channel": "#a"},
        score=1.0,
        why=(Reason("meaning", 1, alike),) if alike else (Reason("words", 1, 1.0),),
        tokens=len(text.split()),
    )


def check_honest(answer: Reflection) -> None:
    """Every quote stands in the memory it cites; everything else is one of our phrases, a heading or a source."""
    assert answer.extractive
    if not answer.memories:
        assert answer.text in (NOTHING, NO_ROOM, "")
        return
    body, _, listed = answer.text.partition(f"\n\n{SOURCES}\n")
    assert listed == sources(answer.memories)
    heading, *blocks = body.split("\n\n")
    assert heading == HEADING
    cited = []
    for block in blocks:
        group, *lines = block.split("\n")
        quoted = [_check_quote(line, answer.memories) for line in lines]
        assert quoted
        assert group == ALSO or all(group == _fold(one.speaker or one.role) or group in one.text for one in quoted)
        cited += quoted
    assert cited == list(answer.memories), "in the order of citation"


def _check_quote(line: str, memories: Sequence[Recalled]) -> Recalled:
    found = _QUOTE.fullmatch(line)
    assert found, line
    memory = memories[int(found["number"]) - 1]
    assert found["day"] == memory.occurred_at.date().isoformat()
    if found["earlier"]:
        assert memories[int(found["earlier"]) - 1].occurred_at <= memory.occurred_at
    folded = _fold(memory.text)
    at = 0
    for said in found["text"].strip(f"{GAP} ").split(f" {GAP} "):
        at = folded.find(said.strip(f"{GAP} "), at)
        assert at >= 0, f"nobody said: {said}"
        at += len(said.strip(f"{GAP} "))
    return memory


def _fold(text: str) -> str:
    return " ".join(text.split())
