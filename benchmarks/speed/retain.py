"""How fast turns become memories: through `Memory`, journal and all, and in the engine alone."""

from __future__ import annotations

import functools
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.speed.bulk import BEGIN
from benchmarks.talk import messages

if TYPE_CHECKING:
    from threadline.documents import Batch

#: How many turns are said, by embedder and by how many are delivered together.
TURNS = {("none", 1): 4_000, ("none", 20): 16_000, ("minilm", 1): 400, ("minilm", 20): 400}
_SESSION = 200


class Watch:
    """Sums up how long functions take, in seconds, by what it was told they are."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def over(self, owner: Any, name: str, stage: str) -> None:
        """Time every call of `owner.name` from now on. For a process that measures and ends."""
        work = getattr(owner, name)

        @functools.wraps(work)
        def timed(*given: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return work(*given, **named)
            finally:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started

        setattr(owner, name, timed)

    def shares(self, elapsed: float) -> dict[str, float]:
        """What each stage took of the whole."""
        return {stage: round(seconds / elapsed, 3) for stage, seconds in self.seconds.items()}


def retain(embedder: str, together: str) -> dict[str, Any]:
    """Say turns, so many a delivery, and wait until all of them can be recalled."""
    from threadline import Memory, Settings
    from threadline.engine.models.minilm import MiniLM

    watch, size = Watch(), int(together)
    count = TURNS[embedder, size]
    home = Path(tempfile.mkdtemp())
    with Memory(Settings.load(home, embedder=embedder, retain_every_n_turns=size)) as memory:
        memory.retain("warm up")
        memory.recall("warm up", fresh=True)
        watch.over(MiniLM, "encode", "embedding")
        talk = messages()
        turns = [(next(talk), next(talk)) for _ in range(count)]
        session = memory.session("s")
        started = time.perf_counter()
        for user, assistant in turns:
            session.add_turn(user=user, assistant=assistant)
        said = time.perf_counter() - started
        memory.flush(600)
        memory.recall("warm up", limit=1)  # brings the word index up to date
        elapsed = time.perf_counter() - started
    text = sum(len(user.encode()) + len(assistant.encode()) for user, assistant in turns)
    held = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    shutil.rmtree(home)
    return {
        "turns_per_s": round(count / elapsed, 1),
        "turns": count,
        "said_s": round(said, 2),
        "elapsed_s": round(elapsed, 2),
        "shares": watch.shares(elapsed),
        "mb_per_1k_turns": round(held / count / 1000, 2),
        "text_mb_per_1k_turns": round(text / count / 1000, 2),
    }


def engine(embedder: str, together: str) -> dict[str, Any]:
    """The same without the journal: batches handed to the engine, until all of them are in its word index."""
    from threadline.engine import bank as banks
    from threadline.engine.models.minilm import MiniLM
    from threadline.engine.store.sqlite import SqliteStore
    from threadline.engine.store.words import WordIndex

    watch, size = Watch(), int(together)
    count = TURNS[embedder, size]
    folder = Path(tempfile.mkdtemp())
    model = None if embedder == "none" else MiniLM()
    bank = banks.Bank(folder, model)
    if model is not None:
        model.encode(["warm up"])
    batches = list(_batches(count, size))
    watch.over(MiniLM, "encode", "embedding")
    watch.over(banks, "prepare", "preparing")
    watch.over(SqliteStore, "missing", "storing")
    watch.over(SqliteStore, "retain", "storing")
    watch.over(WordIndex, "catch_up", "word index")
    started = time.perf_counter()
    for batch in batches:
        bank.retain(batch)
    while bank.upkeep():
        pass
    elapsed = time.perf_counter() - started
    bank.close()
    shutil.rmtree(folder)
    shares = watch.shares(elapsed)
    shares["preparing"] = round(shares["preparing"] - shares.get("embedding", 0.0), 3)
    return {"turns_per_s": round(count / elapsed, 1), "turns": count, "shares": shares}


def _batches(count: int, size: int) -> Iterator[Batch]:
    from threadline.documents import Batch

    talk = messages()
    for start in range(0, count, size):
        number = start % _SESSION + 1
        name = f"s{start // _SESSION}"
        said = [(next(talk), next(talk)) for _ in range(size)]
        yield Batch(
            bank="speed",
            document=f"session:{name}",
            key=f"key {start}",
            passages=tuple(_passages(said, number, start)),
            metadata={"session": name},
            first=number,
            last=number + size - 1,
            session=name,
        )


def _passages(said: Sequence[tuple[str, str]], first: int, start: int) -> Iterator[Any]:
    from threadline.documents import Passage

    for place, (user, assistant) in enumerate(said):
        at = BEGIN + timedelta(minutes=start + place)
        yield Passage(first + place, 0, "user", user, at)
        yield Passage(first + place, 1, "assistant", assistant, at)
