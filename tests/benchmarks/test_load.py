"""The load: what is said and asked, what is counted, and what the page says of it."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from benchmarks.load.clients import Job, Seen, work
from benchmarks.load.footprint import Watch, busy, resident
from benchmarks.load.kills import Sent, _judge
from benchmarks.load.material import Material
from benchmarks.load.page import page, verdicts
from benchmarks.load.servers import Ours

MATERIAL = Material("test", ("The cat sleeps on the sofa.", "We fly to Lisbon in May."), ("Where is the cat?",))


def figures(per_second: float, p95: float, size: float) -> dict[str, Any]:
    kind = {"per_second": per_second, "ms_p50": 1.0, "ms_p95": p95, "ms_p99": 3.0, "errors": {}}
    sizes = (
        "idle_mb",
        "peak_mb",
        "after_mb",
        "disk_mb",
        "installed_mb",
        "unpacked_mb",
        "start_seconds",
        "busy_seconds",
    )
    more = {"results": 1.0, "fill_per_second": 1.0, "clients_cpu_percent": 1.0}
    return {"all": kind, "retain": kind, "recall": kind, **dict.fromkeys(sizes, size), **more}


def test_material(tmp_path: Path) -> None:
    made_up = Material.of(tmp_path / "nothing")
    assert len(made_up.texts) == len(made_up.questions) > 1000
    made_up.write(tmp_path / "file")
    assert Material.read(tmp_path / "file") == made_up


def test_the_page_and_the_goals() -> None:
    arguments = argparse.Namespace(clients=64, seconds=180, banks=100, fill=20)
    good, bad = figures(100, 10, 1), figures(10, 100, 5)
    assert all(verdicts(good, bad).values())
    assert not any(verdicts(bad, good).values())
    text = page(good, bad, arguments, MATERIAL, datetime(2026, 1, 1, tzinfo=UTC))
    assert "| requests a second | 100.0 | 10.0 | 10.0 times; goal: 10 times, met |" in text
    assert "| requests a second, that work counted | 99.4 | 9.7 |  |" in text  # 180 of 181 seconds, and of 185
    assert "**not met**" in page(bad, good, arguments, MATERIAL, datetime(2026, 1, 1, tzinfo=UTC))


def test_errors_are_counted_and_late_answers_are_not_throughput() -> None:
    seen = Seen(seconds=[0.1, 0.2, 9.0], in_time=2)
    seen.errors["503"] += 1
    told = seen.figures(2.0)
    assert (told["per_second"], told["ms_p99"], told["errors"]) == (1.0, 9000.0, {"503": 1})


def test_a_process_has_a_size() -> None:
    own = resident([os.getpid()])
    assert own > 5
    with Watch(lambda: [os.getpid()]) as watch:
        pass
    assert watch.peak > 5
    assert resident([]) == 0


def test_a_process_at_rest_is_not_busy() -> None:
    with subprocess.Popen(["sleep", "30"]) as rests, subprocess.Popen([sys.executable, "-c", "while True: 1"]) as works:
        assert busy([rests.pid]) < 1.0
        assert busy([rests.pid, works.pid], most=1.5) == 1.5
        rests.kill()
        works.kill()


@pytest.mark.parametrize(("answered", "listed", "wrong"), [(True, 0, 2), (True, 1, 0), (True, 2, 2), (False, 0, 0)])
def test_judge_what_was_killed(answered: bool, listed: int, wrong: int) -> None:
    sent = Sent("b", "d", "text [m]", "[m]", None, 1, answered)
    assert len(_judge(sent, listed, listed)) == wrong


def test_a_load_of_a_moment(tmp_path: Path) -> None:
    MATERIAL.write(tmp_path / "material")
    with Ours(
        Path(sys.executable).with_name("threadline"), tmp_path / "home", {"THREADLINE_EMBEDDER": "none"}
    ) as server:
        job = Job(server.url, str(tmp_path / "material"), clients=4, seconds=0.5, banks=3, fill=2)
        told = asyncio.run(work(job))
        assert resident(server.pids()) > 10
        assert server.stop() == 0
    assert told["all"]["errors"] == {}
    assert told["all"]["answered"] == told["retain"]["answered"] + told["recall"]["answered"] > 4
    assert told["retain"]["answered"] > 0
