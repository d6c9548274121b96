"""Take the figures: `make bench`.

python -m benchmarks.speed                      everything; writes docs/performance.md and its picture
python -m benchmarks.speed --sizes 1000 10000   the same for banks of these sizes alone; prints the page, writes nothing
python -m benchmarks.speed --figures <file>     writes the page from the line of JSON that an earlier run ended in
python -m benchmarks.speed <part> [...]         one part, printed as JSON
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.page import PAGE, write_section
from benchmarks.speed import machine
from benchmarks.speed.bulk import build
from benchmarks.speed.growth import picture
from benchmarks.speed.host import add_turn, outage
from benchmarks.speed.recall import bandwidth, crowd, recall
from benchmarks.speed.report import PICTURE, page
from benchmarks.speed.retain import TURNS, engine, retain

SIZES = (1_000, 10_000, 100_000, 1_000_000)
_OUTAGE_SECONDS = "120"
_THREADS = "8"

PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "add_turn": add_turn,
    "outage": outage,
    "retain": retain,
    "engine": engine,
    "build": build,
    "recall": recall,
    "crowd": crowd,
    "bandwidth": bandwidth,
}


def run(part: str, *arguments: str) -> dict[str, Any]:
    """Run a part in a process of its own."""
    print(f"  {part} {' '.join(argument for argument in arguments if '/' not in argument)}", file=sys.stderr)
    command = [sys.executable, "-m", "benchmarks.speed", part, *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def everything(sizes: Sequence[int]) -> dict[str, Any]:
    """Every figure."""
    figures: dict[str, Any] = {
        "taken": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1),
        "recall": {str(size): _size(size) for size in sizes},
        "bandwidth": run("bandwidth"),
        "retain": {},
        "engine": {},
        "add_turn": {},
    }
    for embedder, together in TURNS:
        for part in ("retain", "engine"):
            figures[part][f"{embedder}, {together}"] = run(part, embedder, str(together))
    for durability in ("process", "power"):
        for threads, pace in (("1", "0"), ("1", "5"), ("8", "0"), ("8", "20")):
            rhythm = "flat out" if pace == "0" else f"a turn each {pace} ms"
            name = f"{durability}, {threads} thread{'s' * (threads != '1')}, {rhythm}"
            figures["add_turn"][name] = run("add_turn", durability, threads, pace)
    figures["outage"] = run("outage", _OUTAGE_SECONDS)
    return figures


def _size(size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        built = run("build", home, str(size))
        return {"built": built, **run("recall", home), "crowd": run("crowd", home, _THREADS)}


def write(figures: dict[str, Any]) -> None:
    """Write the section of the page, and its picture beside it."""
    PAGE.with_name(PICTURE).write_text(picture(figures), "utf-8")
    write_section("speed", page(figures))


def main(arguments: Sequence[str]) -> None:
    """Do what the arguments say, and end with one line of JSON."""
    match arguments:
        case []:
            figures = everything(SIZES)
            write(figures)
        case ["--sizes", *sizes]:
            figures = everything([int(size) for size in sizes])
            print(page(figures))
        case ["--figures", file]:
            figures = json.loads(Path(file).read_text("utf-8").splitlines()[-1])
            write(figures)
        case [part, *rest]:
            figures = PARTS[part](*rest)
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
