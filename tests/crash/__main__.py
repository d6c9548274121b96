"""`python -m tests.crash --kills N`: the last line is one JSON object; the exit code is 1 if anything is wrong."""

from __future__ import annotations

import argparse
import json
import sys
import time

from .homes import run_homes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", action="store_true", help="list the points met and how often each was killed at")
    given = parser.parse_args()
    began = time.monotonic()
    tally = run_homes(given.kills, given.seed, _say)
    _say(f"{tally.kills} kills in {tally.homes} homes, {time.monotonic() - began:.1f} s")
    if given.points:
        points = {" ".join(point): tally.killed_at[point] for point in sorted(tally.met)}
        sys.stdout.write(f"{json.dumps(points)}\n")
    sys.stdout.write(f"{json.dumps(tally.summary())}\n")
    return 1 if tally.wrong.total() else 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
