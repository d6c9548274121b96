"""python -m benchmarks.faults --hermes-python PATH [--only NAME] [--write docs/faults.md]"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .host import HarnessError
from .page import Row, page
from .scenario import Scenario
from .scenarios import CONTROL, SCENARIOS


def main() -> int:
    """Play every fault on both sides, print the table, and end with one line of JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.faults")
    parser.add_argument("--hermes-python", type=Path, required=True, help="an interpreter that has hermes-agent")
    parser.add_argument("--only", default="", help="the faults whose name contains this")
    parser.add_argument("--write", type=Path, help="the page to write; not with --only")
    given = parser.parse_args()
    hermes = given.hermes_python.absolute()
    try:
        rows = _play([one for one in SCENARIOS if given.only in one.name], hermes)
    except HarnessError as error:
        print(f"Nothing was measured: {error}", file=sys.stderr)
        return 2
    if given.write and not given.only:
        given.write.write_text(page(rows, hermes), "utf-8")
    failed = {"ours": sum(row.ours.failed for row in rows), "theirs": sum(row.theirs.failed for row in rows)}
    print(json.dumps({"rows": len(rows), "ours_failed": failed["ours"], "theirs_failed": failed["theirs"]}))
    return 1 if failed["ours"] else 0


def _play(scenarios: list[Scenario], hermes: Path) -> list[Row]:
    rows = []
    with ThreadPoolExecutor(2) as pool:
        for scenario in (CONTROL, *scenarios):
            theirs, ours = pool.submit(scenario.run, "theirs", hermes), pool.submit(scenario.run, "ours", None)
            row = Row(scenario, theirs.result(), ours.result())
            if scenario is not CONTROL:
                rows.append(row)
            elif row.theirs.failed or row.ours.failed:
                raise HarnessError(f"without any fault: {row.line()}")
            print(row.line(), flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
