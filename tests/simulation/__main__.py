"""`python -m tests.simulation --seeds N`: the last line is one JSON object; the exit code is 1 if anything is wrong."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from .mutations import MUTATIONS
from .runs import Tally, run_seeds
from .simulation import run_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes")
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--trace", action="store_true", help="tell what happens in it, step by step")
    parser.add_argument("--mutation", choices=sorted(MUTATIONS), help="break the code on purpose")
    parser.add_argument("--counts", action="store_true", help="tell how often what happened")
    given = parser.parse_args()
    if given.seed is not None:
        tally = Tally()
        if given.mutation:
            MUTATIONS[given.mutation].apply()
        outcome = run_seed(given.seed, given.trace)
        tally.add(outcome)
        for line in outcome.trace:
            sys.stdout.write(f"{line}\n")
    else:
        began = time.monotonic()

        def say(tally: Tally) -> None:
            _say(f"{tally.seeds} seeds, {len(tally.failed)} failed, {time.monotonic() - began:.0f} s")

        seeds = range(given.first, given.first + given.seeds)
        tally = run_seeds(seeds, given.jobs, given.mutation, say=say)
        _say(f"{tally.seeds} seeds, {tally.steps} steps, {time.monotonic() - began:.1f} s")
    for outcome in sorted(tally.failed, key=lambda failed: failed.seed):
        _say(f"seed {outcome.seed}: {outcome.kind}: {outcome.about}")
        broken = f" --mutation '{given.mutation}'" if given.mutation else ""
        _say(f"  replay: {sys.executable} -m tests.simulation --seed {outcome.seed} --trace{broken}")
    if given.counts:
        sys.stdout.write(f"{json.dumps(dict(sorted(tally.happened.items())))}\n")
    sys.stdout.write(f"{json.dumps(tally.summary())}\n")
    return 1 if tally.failed else 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
