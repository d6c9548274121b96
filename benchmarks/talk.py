"""Conversation-like text of any length, the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from typing import Any


def sample() -> Any:
    """The sample conversation that ships with the demo."""
    return json.loads(files("threadline.demo").joinpath("sample.json").read_text("utf-8"))


def questions() -> list[str]:
    """Real questions, to be asked of any bank."""
    return [question["text"] for question in sample()["questions"]]


def messages(seed: int = 1) -> Iterator[str]:
    """Messages without end: word chains over the sample conversation, with rare made-up names and numbers.

    The words follow each other as in real talk, so an index meets the same mix of common and rare words.
    """
    chance = random.Random(seed)
    followers: dict[str, list[str]] = {}
    starts: list[str] = []
    for session in sample()["sessions"]:
        for turn in session["turns"]:
            for text in (turn["user"], turn["assistant"]):
                words = text.split()
                starts.append(words[0])
                for word, following in pairwise(words):
                    followers.setdefault(word, []).append(following)
    while True:
        word = chance.choice(starts)
        words = [word]
        for _ in range(chance.randint(8, 40)):
            word = chance.choice(followers.get(word, starts))
            words.append(word)
            if chance.random() < 0.03:
                words.append(f"{chance.choice('BDFGKLMNPRSTVZ')}{chance.choice('aeiou')}{chance.randint(1, 20000)}")
        yield " ".join(words)
