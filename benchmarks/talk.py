"""Conversation-like text of any length and questions about it, the same for the same seed."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from typing import Any

from threadline.engine.models.wordpiece import VOCABULARY
from threadline.engine.terms import STOP_WORDS

# Of a hundred words of a message so many come from the whole vocabulary of English, and so many are made-up names.
_FOREIGN, _MADE_UP = 0.12, 0.03

_ASKED = (
    "What did {a} say about the {b}?",
    "When did we talk about the {a} and the {b}?",
    "Which {a} did I choose for the {b} in the end?",
    "Where did I put the {a} that came with the {b}?",
    "How much was the {a} for {b}?",
    "Who told me about the {a} {b}?",
    "Why did we decide against the {a} for the {b} {c}?",
    "What is the name of the {a} near the {b} {c}?",
    "Did {a} ever answer about the {b} {c}?",
    "What was the {a} of the {b} last month?",
    "I was thinking about the {a} {b} again. What did we say about {c}?",
    "Please remind me of the {a} for {b} and {c}, I have lost the note.",
)


def sample() -> Any:
    """The sample conversation that ships with the demo."""
    return json.loads(files("threadline.demo").joinpath("sample.json").read_text("utf-8"))


def questions() -> list[str]:
    """Real questions, to be asked of any bank."""
    return [question["text"] for question in sample()["questions"]]


def said() -> list[str]:
    """Every message of the sample conversation."""
    sides = ("user", "assistant")
    return [turn[side] for session in sample()["sessions"] for turn in session["turns"] for side in sides]


def messages(seed: int = 1) -> Iterator[str]:
    """Messages without end: word chains over the sample conversation, with words of all English and made-up names.

    The words follow each other as in real talk, and the further down a vocabulary a word stands, the rarer it is, so
    an index meets the same mix of common and rare words.
    """
    chance = random.Random(seed)
    followers, starts = _chain()
    while True:
        word = chance.choice(starts)
        words = [word]
        for _ in range(chance.randint(8, 40)):
            word = chance.choice(followers.get(word, starts))
            die = chance.random()
            if die < _MADE_UP:
                words.append(f"{chance.choice('BDFGKLMNPRSTVZ')}{chance.choice('aeiou')}{chance.randint(1, 20000)}")
            words.append(_english(chance) if die > 1 - _FOREIGN else word)
        yield " ".join(words)


def asked(seed: int = 1) -> Iterator[str]:
    """Questions without end, none like another: about things that the messages name, in the words of real ones.

    One in four is what a host would ask with: a message just said.
    """
    chance = random.Random(f"asked {seed}")
    talk = messages(seed + 1_000_000)
    before: set[str] = set()
    while True:
        text = next(talk)
        telling = [word.strip(".,?!;:") for word in text.split() if _tells(word)]
        if chance.random() < 0.25:
            question = " ".join(text.split()[:16])
        elif len(telling) < 3:
            continue
        else:
            a, b, c = chance.sample(telling, 3)
            question = chance.choice(_ASKED).format(a=a, b=b, c=c)
        if question not in before:
            before.add(question)
            yield question


@functools.cache
def _chain() -> tuple[dict[str, list[str]], list[str]]:
    followers: dict[str, list[str]] = {}
    starts: list[str] = []
    for text in said():
        words = text.split()
        starts.append(words[0])
        for word, following in pairwise(words):
            followers.setdefault(word, []).append(following)
    return followers, starts


@functools.cache
def _vocabulary() -> list[str]:
    lines = VOCABULARY.read_text("utf-8").split("\n")  # the most frequent first
    return [line for line in lines if len(line) > 3 and line.isascii() and line.isalpha()]


def _english(chance: random.Random) -> str:
    """A word by Zipf's law: the one at rank r half as often as the one at r / 2."""
    words = _vocabulary()
    return words[int(len(words) ** chance.random()) - 1]


def _tells(word: str) -> bool:
    plain = word.strip(".,?!;:").lower()
    return len(plain) > 2 and plain not in STOP_WORDS
