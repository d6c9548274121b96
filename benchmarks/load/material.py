"""What the clients say and ask: real conversations where there are any, else talk made up of the sample's words."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from benchmarks.evaluation import load
from benchmarks.talk import asked, messages

# A message of a chat; what is longer is another program's output, or an essay.
_SHORTEST, _LONGEST = 40, 600
_MADE_UP = 5_000


@dataclass(frozen=True, slots=True)
class Material:
    """Texts to retain and questions to recall by."""

    source: str
    texts: tuple[str, ...]
    questions: tuple[str, ...]

    @classmethod
    def of(cls, data: Path) -> Self:
        """The messages of and the questions about the conversations in a folder; made-up ones where there are none."""
        conversations = list(load(data)) if data.is_dir() else []
        if not conversations:
            texts = tuple(itertools.islice(messages(), _MADE_UP))
            return cls("talk made up of the demo's words", texts, tuple(itertools.islice(asked(), _MADE_UP)))
        said = (item.text for talk in conversations for session in talk.sessions for turn in session for item in turn)
        texts = tuple(dict.fromkeys(text for text in said if _SHORTEST <= len(text) <= _LONGEST))
        questions = tuple(dict.fromkeys(question.text for talk in conversations for question in talk.questions))
        return cls(", ".join(sorted({talk.source for talk in conversations})), texts, questions)

    def write(self, path: Path) -> None:
        """Hand it to another process."""
        path.write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Take it from another process."""
        given = json.loads(path.read_text("utf-8"))
        return cls(given["source"], tuple(given["texts"]), tuple(given["questions"]))
