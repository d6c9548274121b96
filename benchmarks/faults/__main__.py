"""python -m benchmarks.faults --hermes-python PATH [--only NAME] [--write docs/faults.md]"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .page import Row, page, table_row
from .scenarios import SCENARIOS


def main() -> int:
    """Play every fault on both sides at once, print the table, and end with one line of JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.faults")
    parser.add_argument("--hermes-python", type=Path, required=True, help="an interpreter that has hermes-agent")
    parser.add_argument("--only", help="the faults whose name contains this")
    parser.add_argument("--write", type=Path, help="the page to write")
    given = parser.parse_args()
    hermes = given.hermes_python.absolute()
    rows: list[Row] = []
    with ThreadPoolExecutor(2) as pool:
        for scenario in SCENARIOS:
            if given.only and given.only not in scenario.name:
                continue
            theirs = pool.submit(scenario.run, "theirs", hermes)
            ours = pool.submit(scenario.run, "ours", None)
            rows.append(Row(scenario, theirs.result(), ours.result()))
            print(table_row(rows[-1]), file=sys.stderr, flush=True)
    if given.write and not given.only:
        given.write.write_text(page(rows, hermes), "utf-8")
    failed = {"ours": sum(row.ours.failed for row in rows), "theirs": sum(row.theirs.failed for row in rows)}
    print(json.dumps({"rows": len(rows), "ours_failed": failed["ours"], "theirs_failed": failed["theirs"]}))
    return 1 if failed["ours"] else 0


if __name__ == "__main__":
    sys.exit(main())
