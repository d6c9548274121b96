"""python -m benchmarks.faults --hermes-python PATH [--only NAME] [--write docs/faults.md]"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .host import HarnessError
from .page import Row, failures, page
from .player import PLAYERS, Player, Pythons
from .scenario import Scenario
from .scenarios import CONTROL, SCENARIOS

#: How many players play at once. More of them would wait for each other, and that would be measured.
_WORKERS = 2


def main() -> int:
    """Have every player play every fault it can live, print the table, and end with one line of JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.faults")
    parser.add_argument("--hermes-python", type=Path, required=True, help="an interpreter that has hermes-agent")
    parser.add_argument("--ours-python", type=Path, help="one that has Threadline with its Hindsight client as well")
    parser.add_argument("--only", default="", help="the faults whose name contains this")
    parser.add_argument("--players", default="", help="only these, e.g. theirs_real,ours_real; not with --write")
    parser.add_argument("--write", type=Path, help="the page to write; not with --only")
    given = parser.parse_args()
    hermes = given.hermes_python.absolute()
    pythons: Pythons = {"theirs": hermes, "ours": (given.ours_python or hermes).absolute()}
    try:
        rows = _play([one for one in SCENARIOS if given.only in one.name], pythons, _players(given.players))
    except HarnessError as error:
        print(f"Nothing was measured: {error}", file=sys.stderr)
        return 2
    if given.write and not given.only and not given.players:
        given.write.write_text(page(rows, pythons), "utf-8")
    figures = {player.key: failures(rows, player) for player in PLAYERS}
    print(json.dumps({"rows": len(rows), **figures}))
    return 1 if any(failures(rows, player)["failed"] for player in PLAYERS if player.side == "ours") else 0


def _players(keys: str) -> list[Player]:
    return [player for player in PLAYERS if not keys or player.key in keys.split(",")]


def _play(scenarios: list[Scenario], pythons: Pythons, players: Sequence[Player]) -> list[Row]:
    rows: list[Row] = []
    with ThreadPoolExecutor(_WORKERS) as pool:
        played = [
            (one, {player: pool.submit(one.run, player, pythons) for player in players if one.can(player)})
            for one in (CONTROL, *scenarios)
        ]
        try:
            for scenario, running in played:
                rows.append(Row(scenario, {player: outcome.result() for player, outcome in running.items()}))
                print(rows[-1].line(), flush=True)
                _check_control(rows[0])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return rows[1:]


def _check_control(row: Row) -> None:
    if any(outcome.failed for outcome in row.outcomes.values()):
        raise HarnessError(f"without any fault: {row.line()}")


if __name__ == "__main__":
    sys.exit(main())
