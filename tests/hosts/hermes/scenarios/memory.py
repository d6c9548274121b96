"""What was said, what is in memory, and whether that is the same."""

from __future__ import annotations

import difflib
import json
import pprint
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.hosts.hermes.harness.home import Home
from tests.hosts.hermes.harness.model import ModelRequest, Reply
from threadline import Memory
from threadline.hosts.hermes.install import carry_out, plan_install
from threadline.hosts.hermes.places import Places
from threadline.turns import Turn

#: A turn at a glance: `user: ...`, `assistant: ...`, `tool: ...`.
Lines = tuple[str, ...]
_FENCE = re.compile(r"\s*<memory-context>.*</memory-context>\s*", re.DOTALL)
_NOTE = re.compile(r"\[(?:System note|Note): .*?\]", re.DOTALL)


def install(home: Home, **settings: Any) -> Home:
    """Put Threadline into a home by its own installer. Words alone find, unless an embedder is asked for."""
    carry_out(plan_install(Places(home.hermes)))
    home.config["memory"]["provider"] = "threadline"  # `configure` writes the whole file anew
    configure(home, **{"embedder": "none", **settings})
    return home


def configure(home: Home, **settings: Any) -> None:
    """Change settings of the provider; those given as None are taken out."""
    path = home.hermes / "threadline" / "config.json"
    known = {**json.loads(path.read_text("utf-8")), **settings}
    path.write_text(json.dumps({name: value for name, value in known.items() if value is not None}), "utf-8")


# What is said


def spoken(text: str) -> str:
    """What the user said last of a message that the host sent to the model; it may join others, and notes, to it."""
    return _NOTE.sub("", _FENCE.sub("", text)).strip().rpartition("\n\n")[2]


def recalled(request: ModelRequest) -> str:
    """What the host put before the model of memory, beside the user's last message; empty where nothing."""
    found = _FENCE.search(request.user)
    return found[0] if found else ""


def answer(text: str) -> str:
    """What the model answers to a message."""
    return f"Heard: {text}"


def heard(request: ModelRequest) -> Reply:
    """The model: it repeats what the user said, and nothing of what it was told besides."""
    return Reply(answer(spoken(request.user)))


def turn(user: str, *rest: str) -> Lines:
    """A turn as it ought to be remembered: with the answer above, unless another is given."""
    return (f"user: {user}", *(rest or (f"assistant: {answer(user)}",)))


def turns(*users: str) -> list[Lines]:
    """Turns that were answered as above."""
    return [turn(user) for user in users]


@dataclass(frozen=True)
class Told:
    """A session as it was lived, or as it is remembered."""

    turns: Sequence[Lines] = field(default_factory=list)
    undone: Sequence[Lines] = field(default_factory=list)
    kind: str = "fresh"
    parent: str | None = None
    fork_turn: int | None = None
    notes: Sequence[str] = field(default_factory=list)


# What is in memory


@contextmanager
def opened(home: Home, bank: str = "hermes", path: Path | None = None) -> Iterator[Memory]:
    """The memory of a home, beside whoever else has it open."""
    settings = json.loads((home.hermes / "threadline" / "config.json").read_text("utf-8"))
    with Memory.open(
        path or home.hermes / "threadline", bank=bank, embedder=settings.get("embedder", "minilm")
    ) as memory:
        yield memory


def at_a_glance(turn: Turn) -> Lines:
    """A turn of the journal."""
    return tuple(f"{message.role}: {message.text}" for message in turn.messages)


def remembered(memory: Memory) -> dict[str, Told]:
    """All that a memory holds, by session."""
    return {one.id: _remembered(memory, one.id) for one in memory.sessions() if one.turns or one.notes or one.parent}


def _remembered(memory: Memory, session: str) -> Told:
    summary = next(one for one in memory.sessions() if one.id == session)
    own = memory.find_session(session).turns()
    return Told(
        [at_a_glance(turn) for turn in own if not turn.taken_back],
        [at_a_glance(turn) for turn in own if turn.taken_back],
        summary.kind,
        summary.parent,
        summary.fork_turn,
        [note.text for note in memory.find_session(session).notes()],
    )


def check(home: Home, expected: Mapping[str, Told], bank: str = "hermes") -> None:
    """What was said is what is in memory: no turn is missing, none is there twice, none in another session.

    And all of it is found, and nothing that was taken back.
    """
    with opened(home, bank) as memory:
        found = remembered(memory)
        assert found == dict(expected), _difference(expected, found)
        assert memory.flush()
        check_recall(memory, expected)


def _difference(expected: Mapping[str, Told], found: Mapping[str, Told]) -> str:
    said, there = (pprint.pformat(dict(one), width=110).splitlines() for one in (expected, found))
    return "\n".join(["- was said, + is in memory:", *difflib.ndiff(said, there)])


def check_recall(memory: Memory, expected: Mapping[str, Told]) -> None:
    """What each living turn said is found; what was taken back is not, but where it was said again."""
    living = {line for told in expected.values() for lines in told.turns for line in lines}
    for told in expected.values():
        for lines in told.turns:
            asked = lines[0].partition(": ")[2]
            found = memory.recall(asked, limit=50, min_confidence=0)
            assert any(one.text == asked or one.text in asked for one in found), f"not found: {asked}"
        for lines in told.undone:
            asked = lines[0].partition(": ")[2]
            found = memory.recall(asked, limit=50, min_confidence=0)
            gone = {line.partition(": ")[2] for line in set(lines) - living}
            assert not gone & {one.text for one in found}, f"taken back, and found: {asked}"


def seen(home: Home, session: str, bank: str = "hermes") -> list[str]:
    """What a session sees, lineage included: the user's words, in order."""
    with opened(home, bank) as memory:
        return [turn.messages[0].text for turn in memory.find_session(session).history()]
