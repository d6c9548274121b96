"""Many seeds on all processors: which failed, and how much happened in all of them."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .mutations import MUTATIONS
from .simulation import Outcome, fast_folder, run_seed
from .world import KINDS

_CHUNK = 20


@dataclass
class Tally:
    """What came of some seeds."""

    seeds: int = 0
    steps: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.steps += outcome.steps
        self.happened += outcome.happened
        if outcome.kind is not None:
            self.failed.append(outcome)

    def summary(self) -> dict[str, int]:
        kinds = Counter(outcome.kind for outcome in self.failed)
        return {
            "seeds": self.seeds,
            "violations": len(self.failed),
            **{kind: kinds[kind] for kind in KINDS},
            "steps": self.steps,
            "kills": self.happened["kills"],
            "faults": sum(n for what, n in self.happened.items() if what.startswith("fault.")),
        }


def run_seeds(
    seeds: Sequence[int],
    jobs: int,
    mutation: str | None = None,
    first_only: bool = False,
    say: Callable[[Tally], Any] = lambda tally: None,
) -> Tally:
    """Run them all, or until the first one fails.

    Args:
        mutation: what is broken on purpose.
        say: called now and then with what there is so far.
    """
    tally = Tally()
    for done, outcome in enumerate(_outcomes(seeds, jobs, mutation), 1):
        tally.add(outcome)
        if outcome.kind is not None and first_only:
            break
        if done % 1000 == 0:
            say(tally)
    return tally


def _outcomes(seeds: Sequence[int], jobs: int, mutation: str | None) -> Iterator[Outcome]:
    """The folder is made here: a process of a pool may be ended before it has cleaned up."""
    with tempfile.TemporaryDirectory(prefix="threadline-sims-", dir=fast_folder()) as folder:
        context = multiprocessing.get_context("spawn")
        with context.Pool(jobs, _prepare, (mutation,)) as pool:
            try:
                yield from pool.imap_unordered(partial(run_seed, within=folder), seeds, _CHUNK)
            finally:
                pool.terminate()
                pool.join()  # what they were writing to is removed next


def _prepare(mutation: str | None) -> None:
    if mutation is not None:
        MUTATIONS[mutation].apply()
