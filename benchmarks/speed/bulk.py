"""Banks of any size, filled through `Memory` like any other, but for the embedding of what is stored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.talk import messages, said

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from threadline.engine.late import Encoded

#: The turns of a session; each is two memories, and a session is one delivery.
SESSION = 20
#: What is filled is said from here on, evenly over so many days, whatever its size.
BEGIN, DAYS = datetime(2025, 1, 1, tzinfo=UTC), 300
#: Tag -> the share of the sessions that carry it.
TAGS = {"half": 0.5, "some": 0.05, "few": 0.001}

# How much a text's own noise weighs beside the states of its tokens, so that no two texts have the same vector.
_NOISE = 0.5
_ROUND = 5_000  # turns: then the writer, which gives way to who says them, catches up


class Bulk:
    """Embeds questions for real, and what is stored from a table: a token has the state it had in real talk.

    To embed a million texts for real takes hours. A text's vector is the mean of the states of its tokens, as it is for
    real, but a token has the state of its first occurrence in the sample conversation, or an unknown one a state picked
    by its number. So the files hold what they would hold, and questions come as near to memories as they would.
    """

    def __init__(self) -> None:
        import numpy as np

        from threadline.engine.models.minilm import MiniLM
        from threadline.engine.models.wordpiece import encode

        self._real = MiniLM()
        self.name = self._real.name
        self.dimensions = self._real.dimensions
        self.embed_query = self._real.embed_query
        self.encode_query = self._real.encode_query
        self.close = self._real.close
        self._chance = np.random.default_rng(1)
        states: list[npt.NDArray[np.float32]] = []
        self._rows: dict[int, int] = {}
        talk = said()
        for text, encoded in zip(talk, self._real.encode(talk), strict=True):
            for number, state in zip(encode([text])[0], encoded.states, strict=False):
                if number not in self._rows:
                    self._rows[number] = len(states)
                    states.append(state)
        self._states = np.stack(states)

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Texts as the model might read them."""
        return [self._encode(text) for text in texts]

    def embed(self, texts: Sequence[str]) -> Any:
        """The vectors of texts."""
        import numpy as np

        return np.stack([encoded.vector for encoded in self.encode(texts)])

    def _encode(self, text: str) -> Encoded:
        import numpy as np

        from threadline.engine.late import Encoded
        from threadline.engine.models.wordpiece import encode, written

        numbers = encode([text])[0][:254]
        states = self._states[[self._rows.get(number, number % len(self._states)) for number in numbers]]
        vector = states.mean(axis=0) if len(states) else np.zeros(self.dimensions, np.float32)
        noise = self._chance.standard_normal(self.dimensions, np.float32)
        vector = vector / (np.linalg.norm(vector) or 1) + _NOISE * noise / np.linalg.norm(noise)
        return Encoded(vector / np.linalg.norm(vector), states, written(numbers))


def tags_of(session: int) -> list[str]:
    """The tags of a session, by its number: each on an even share of them, and on the first at least."""
    return [tag for tag, share in TAGS.items() if session % round(1 / share) == 0]


def moment(share: float) -> datetime:
    """When so large a share of a bank had been said."""
    return BEGIN + timedelta(days=DAYS * share)


def build(home: str, memories: str) -> dict[str, Any]:
    """Make a bank of so many memories."""
    from threadline import Memory
    from threadline.backends.embedded import EmbeddedBackend

    talk = messages()
    turns = int(memories) // 2
    text = 0
    started = time.perf_counter()
    backend = EmbeddedBackend(Path(home), Bulk())
    with Memory.open(home, backend=backend, retain_every_n_turns=SESSION) as memory:
        for number in range(turns):
            if number % SESSION == 0:
                session = memory.session(f"s{number // SESSION}", tags=tags_of(number // SESSION))
            user, assistant = next(talk), next(talk)
            text += len(user.encode()) + len(assistant.encode())
            session.add_turn(user=user, assistant=assistant, occurred_at=moment(number / turns))
            if number % _ROUND == _ROUND - 1 and not memory.flush(3_600):
                break
        if not memory.flush(3_600):
            raise SystemExit(memory.status().last_error)
        while backend.upkeep(memory.bank):
            pass
        held = memory.status().held.memories
    disk = sum(path.stat().st_size for path in Path(home).rglob("*") if path.is_file())
    seconds = round(time.perf_counter() - started, 1)
    return {"memories": held, "text_bytes": text, "disk_bytes": disk, "seconds": seconds}
