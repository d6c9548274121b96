"""What is lived through: a conversation as the steps its host takes, and the questions asked afterwards."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from threadline.errors import TranscriptError
from threadline.turns import Message

#: A turn: the session it was said in and its number there.
Place = tuple[str, int]

_QUESTIONS = 10
_RARE_WORDS = 4
_WORD = re.compile(r"[^\W_]{3,}")


@dataclass(frozen=True, slots=True)
class Said:
    """A turn is said. `undone`: it is taken back later."""

    session: str
    number: int
    messages: tuple[Message, ...]
    occurred_at: datetime
    host_key: str
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Undone:
    """The last turns of a session are taken back."""

    session: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """A note is retained."""

    session: str
    text: str
    tags: tuple[str, ...]
    occurred_at: datetime
    host_key: str


@dataclass(frozen=True, slots=True)
class Branched:
    """A session forks off after a turn of another."""

    session: str
    parent: str
    at_turn: int


Step = Said | Undone | Noted | Branched


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked afterwards.

    Attributes:
        session: the session it is asked in; None: of the whole bank.
        evidence: the turns that hold the answer; one of them will do.
        never: turns that must not be returned.
    """

    text: str
    session: str | None
    evidence: frozenset[Place]
    never: frozenset[Place] = frozenset()


@dataclass(frozen=True, slots=True)
class Story:
    """A conversation, in the order in which it is lived.

    Attributes:
        faults: what of the transcript could not be read, with its place.
    """

    title: str
    steps: tuple[Step, ...]
    questions: tuple[Question, ...]
    faults: tuple[str, ...] = ()

    @property
    def turns(self) -> list[Said]:
        """The turns, those taken back included."""
        return [step for step in self.steps if isinstance(step, Said)]

    @property
    def notes(self) -> list[Noted]:
        """The notes."""
        return [step for step in self.steps if isinstance(step, Noted)]

    @property
    def sessions(self) -> list[str]:
        """The ids of the sessions, in order."""
        return list(dict.fromkeys(step.session for step in self.steps))


def load(path: Path | None) -> Story:
    """The story of a transcript, or with None the sample.

    Raises:
        TranscriptError: it cannot be read, or there is no turn in it.
    """
    return sample() if path is None else transcript(path)


def sample() -> Story:
    """The sample conversation that comes with Threadline."""
    told = json.loads(resources.files("threadline.demo").joinpath("sample.json").read_text("utf-8"))
    questions = tuple(
        Question(asked["text"], asked["session"], _places(asked["evidence"]), _places(asked["never"]))
        for asked in told["questions"]
    )
    steps = tuple(step for session in told["sessions"] for step in _session(session, told["notes"]))
    return Story(told["title"], steps, questions)


def transcript(path: Path) -> Story:
    """The story of a user's own transcript. Its questions are made of its words.

    Raises:
        TranscriptError: it cannot be read, or there is no turn in it.
    """
    from threadline.importers import Fault, Imported, read

    turns: list[Said] = []
    faults: list[str] = []
    keys: dict[str, set[str]] = {}
    for one in read(path):
        if isinstance(one, Fault):
            faults.append(f"{one.place}: {one.reason}")
        elif isinstance(one, Imported):
            known = keys.setdefault(one.session, set())
            if one.host_key not in known:  # the same key again is the same turn
                known.add(one.host_key)
                turns.append(Said(one.session, len(known), one.messages, one.occurred_at, one.host_key))
    if not turns:
        raise TranscriptError("there is no turn in it that could be lived through.", str(path))
    return Story(path.name, tuple(turns), tuple(made_questions(turns)), tuple(faults))


def made_questions(turns: Sequence[Said], count: int = _QUESTIONS) -> list[Question]:
    """Questions made without a model: of turns spread over the conversation, the rarest words of one message.

    The evidence is that turn, so they ask whether a turn is found again by a few of its words, and no more.
    """
    messages = [message.text for turn in turns for message in turn.messages]
    spread = Counter(word for text in messages for word in set(_words(text)))
    able = [turn for turn in turns if any(_words(message.text) for message in turn.messages)]
    chosen = [able[place * len(able) // count] for place in range(count)] if len(able) > count else able
    questions = []
    for turn in chosen:
        text = next(message.text for message in turn.messages if _words(message.text))
        rare = sorted(dict.fromkeys(_words(text)), key=lambda word: spread[word])[:_RARE_WORDS]
        in_order = sorted(rare, key=_words(text).index)
        questions.append(Question(" ".join(in_order), None, frozenset({(turn.session, turn.number)})))
    return questions


def visible(story: Story, session: str) -> frozenset[Place]:
    """The turns a session may see: its own and its ancestors' up to each fork, without what was taken back."""
    forks = {step.session: step for step in story.steps if isinstance(step, Branched)}
    last: dict[str, float] = {session: float("inf")}
    while session in forks:
        fork = forks[session]
        last[fork.parent] = fork.at_turn
        session = fork.parent
    return frozenset(
        (turn.session, turn.number)
        for turn in story.turns
        if not turn.undone and turn.number <= last.get(turn.session, 0)
    )


def onlookers(story: Story, session: str) -> list[str]:
    """The sessions in which a leak would show first: the next of kin by a branch, and the next in order."""
    forks = [(step.session, step.parent) for step in story.steps if isinstance(step, Branched)]
    kin = [one if other == session else other for one, other in forks if session in (one, other)]
    sessions = story.sessions
    following = sessions[(sessions.index(session) + 1) % len(sessions)]
    return [one for one in dict.fromkeys([*kin, following]) if one != session]


def _session(session: dict[str, Any], notes: Sequence[dict[str, Any]]) -> Iterator[Step]:
    name = session["id"]
    if session["parent"] is not None:
        yield Branched(name, session["parent"]["session"], session["parent"]["turn"])
    open_undo: list[int] = []
    for number, turn in enumerate(session["turns"], start=1):
        if open_undo and not turn["undone"]:
            yield Undone(name, tuple(open_undo))
            open_undo = []
        at = datetime.fromisoformat(turn["at"])
        messages = (Message("user", turn["user"]), Message("assistant", turn["assistant"]))
        yield Said(name, number, messages, at, f"sample:{name}:{number}", turn["undone"])
        if turn["undone"]:
            open_undo.append(number)
        for place, note in enumerate(notes):
            if (note["session"], note["after_turn"]) == (name, number):
                yield Noted(name, note["text"], tuple(note["tags"]), at, f"sample:note:{place}")
    if open_undo:
        yield Undone(name, tuple(open_undo))


def _places(pairs: Sequence[tuple[str, int]]) -> frozenset[Place]:
    return frozenset((session, number) for session, number in pairs)


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
