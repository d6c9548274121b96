"""How fast a bank answers, how large the process becomes for it, and what the machine allows at best."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.speed import peak_megabytes, quantiles, timed
from benchmarks.speed.bulk import TAGS, moment
from benchmarks.talk import asked, questions

if TYPE_CHECKING:
    from threadline import Memory

_ASKED, _FILTERED, _BUDGETS = 300, 60, 60
_CROWD_SECONDS = 10.0
_COPIED = 256 * 2**20
_COPIES = 8
_IMPORTS = 5
_IMPORT = "import time; began = time.perf_counter(); from threadline import Memory; print(time.perf_counter() - began)"


def recall(home: str) -> dict[str, Any]:
    """Ask a bank many different questions, first cold, then warm. No question is asked twice."""
    from threadline import Memory

    others = asked(9)
    opened_at = time.perf_counter()
    memory = Memory.open(home)
    opened = time.perf_counter() - opened_at
    first = timed(lambda: memory.recall(questions()[0]))
    for question in questions()[1:]:
        memory.recall(question)
    figures = _plain(memory, others)
    resident, peak = _resident_megabytes(), peak_megabytes()
    figures["embedding_p50_ms"] = _embedding(others)
    for budget in ("low", "high"):
        taken = [timed(lambda q=q, b=budget: memory.recall(q, budget=b)) for q in itertools.islice(others, _BUDGETS)]  # type: ignore[misc]
        figures[f"{budget}_p50_ms"] = quantiles(taken, 0.5)[0]
    figures["filters"] = {name: _beside(memory, narrowed, others) for name, narrowed in _filters(memory).items()}
    memories = memory.status().held.memories
    memory.close()
    return {
        "memories": memories,
        **figures,
        "import_ms": min(_import() for _ in range(_IMPORTS)),
        "open_ms": round(opened * 1000, 1),
        "first_recall_ms": round(first * 1000, 1),
        "resident_mb": resident,
        "peak_mb": peak,
    }


def crowd(home: str, threads: str) -> dict[str, Any]:
    """Ask from several threads at once, each question but once."""
    from threadline import Memory

    memory = Memory.open(home)
    for question in questions():
        memory.recall(question)
    counts = [0] * int(threads)
    until = time.perf_counter() + _CROWD_SECONDS

    def ask(place: int) -> None:
        mine = asked(100 + place)
        while time.perf_counter() < until:
            memory.recall(next(mine))
            counts[place] += 1

    everybody = [threading.Thread(target=ask, args=(place,)) for place in range(len(counts))]
    elapsed = timed(lambda: _all(everybody))
    memory.close()
    return {"recalls_per_s": round(sum(counts) / elapsed, 1), "peak_mb": peak_megabytes()}


def bandwidth() -> dict[str, Any]:
    """How fast one core moves memory: the best of some copies of an array far larger than any cache, read and write."""
    import numpy as np

    source = np.ones(_COPIED // 8)
    target = np.empty_like(source)
    np.copyto(target, source)
    best = min(timed(lambda: np.copyto(target, source)) for _ in range(_COPIES))
    return {"gb_per_s": round(2 * _COPIED / best / 1e9, 2)}


def _import() -> float:
    """What a new process takes to import the package, in milliseconds."""
    told = subprocess.run([sys.executable, "-c", _IMPORT], check=True, stdout=subprocess.PIPE, text=True).stdout
    return round(float(told) * 1000, 1)


def _plain(memory: Memory, others: Iterator[str]) -> dict[str, Any]:
    taken: list[float] = []
    worked: list[float] = []
    hits = 0
    for question in itertools.islice(others, _ASKED):
        started, worked_before = time.perf_counter(), time.thread_time()
        found = memory.recall(question)
        worked.append(time.thread_time() - worked_before)
        taken.append(time.perf_counter() - started)
        hits += len(found)
    p50, p95 = quantiles(taken, 0.5, 0.95)
    return {"p50_ms": p50, "p95_ms": p95, "cpu_p50_ms": quantiles(worked, 0.5)[0], "returned": round(hits / _ASKED, 1)}


def _embedding(others: Iterator[str]) -> float:
    """The time that the model takes for a question, alone."""
    from threadline.engine.models.minilm import MiniLM

    model = MiniLM()  # the one that is loaded already: it is shared
    return quantiles([timed(lambda q=q: model.encode_query(q)) for q in itertools.islice(others, 100)], 0.5)[0]  # type: ignore[misc]


def _filters(memory: Memory) -> dict[str, Callable[[str], object]]:
    filters: dict[str, Callable[[str], object]] = {}
    for tag, share in TAGS.items():
        filters[f"tag, {share:.1%}"] = lambda q, tag=tag: memory.recall(q, tags=[tag])  # type: ignore[misc]
        begin, end = moment(0.45), moment(0.45 + share)
        filters[f"time, {share:.1%}"] = lambda q, begin=begin, end=end: memory.recall(q, since=begin, until=end)  # type: ignore[misc]
    session = memory.session("s0")
    filters["one session"] = session.recall
    return filters


def _beside(memory: Memory, narrowed: Callable[[str], object], others: Iterator[str]) -> dict[str, float]:
    """The time with a filter beside the time without one, asked in turn: whatever else the machine does hits both."""
    plain: list[float] = []
    taken: list[float] = []
    for one, other in itertools.islice(zip(others, others, strict=False), _FILTERED):
        plain.append(timed(lambda one=one: memory.recall(one)))  # type: ignore[misc]
        taken.append(timed(lambda other=other: narrowed(other)))  # type: ignore[misc]
    with_filter, without = quantiles(taken, 0.5)[0], quantiles(plain, 0.5)[0]
    return {"p50_ms": with_filter, "ratio": round(with_filter / without, 2)}


def _resident_megabytes() -> float:
    """The memory of this process now, in MB of 10^6 bytes; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
