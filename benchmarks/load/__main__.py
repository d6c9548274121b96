"""Threadline's server and Hindsight's under the same load, one after the other, in one run: `make load`.

python -m benchmarks.load <folder of conversations> [--seconds N] [--clients N] [--banks N] [--fill N]
                          [--only ours|theirs] [--write docs/load.md]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.evaluation import tell
from benchmarks.load.clients import Job
from benchmarks.load.footprint import Watch, busy, installed, resident
from benchmarks.load.material import Material
from benchmarks.load.page import page, verdicts
from benchmarks.load.servers import Ours, Server, Theirs

_SETTLE_SECONDS = 5.0
_STARTS = 3


def measure(server: Server, job: Callable[[str], Job]) -> dict[str, Any]:
    """A server's figures: its starts, what it takes while idle, and how it bears the load.

    Args:
        job: the job of the clients, by the server's address.
    """
    pause = threading.Event()
    tell(f"  {server.name}: start")
    with server:
        server.kill()
        starts = [_timed(server) for _ in range(_STARTS)]
        pause.wait(_SETTLE_SECONDS)
        idle = resident(server.pids())
        tell(f"  {server.name}: load")
        with Watch(server.pids) as watch:
            came = _clients(job(server.url))
        after = busy(server.pids())
        return {
            "start_seconds": sorted(starts)[len(starts) // 2],
            "idle_mb": idle,
            "peak_mb": watch.peak,
            "busy_seconds": after,
            "after_mb": resident(server.pids()),
            "disk_mb": server.disk(),
            "unpacked_mb": server.unpacked(),
            **{name: figure for name, figure in came.items() if name != "job"},
        }


def _timed(server: Server) -> float:
    """How long it takes until it is healthy, in seconds; it runs afterwards, on the data it had."""
    server.kill()
    started = time.perf_counter()
    server.start()
    return round(time.perf_counter() - started, 2)


def _clients(job: Job) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.load.clients"]
    done = subprocess.run(command, input=json.dumps(asdict(job)), stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def main(arguments: argparse.Namespace) -> None:
    """Measure both, print (and write) the page, end with one line of JSON."""
    theirs_python, ours_python = arguments.hindsight_python.absolute(), arguments.ours_python.absolute()
    material = Material.of(arguments.data)
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="threadline-load-") as folder:
        path = Path(folder, "material.json")
        material.write(path)

        def job(url: str) -> Job:
            return Job(url, str(path), arguments.clients, arguments.seconds, arguments.banks, arguments.fill)

        if arguments.only != "ours":
            theirs = Theirs(theirs_python)
            figures["theirs"] = {
                **measure(theirs, job),
                "installed_mb": installed(theirs_python),
            }
        if arguments.only != "theirs":
            figures["ours"] = {
                **measure(Ours(ours_python.with_name("threadline")), job),
                "installed_mb": installed(ours_python),
            }
    if len(figures) == 2:
        text = page(figures["ours"], figures["theirs"], arguments, material, datetime.now(UTC))
        print(text)
        if arguments.write:
            arguments.write.write_text(text + "\n", "utf-8")
        print(json.dumps({**figures, "goals": verdicts(figures["ours"], figures["theirs"])}))
    else:
        print(json.dumps(figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load")
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--banks", type=int, default=100)
    parser.add_argument("--fill", type=int, default=20, help="messages that each bank has before the time begins")
    parser.add_argument("--only", choices=["ours", "theirs"])
    parser.add_argument("--ours-python", type=Path, default=Path(".venv-load/bin/python"))
    parser.add_argument("--hindsight-python", type=Path, default=Path(".venv-hindsight/bin/python"))
    parser.add_argument("--write", type=Path, help="write the page")
    main(parser.parse_args())
