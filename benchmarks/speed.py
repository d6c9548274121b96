"""How fast, how large: `make bench`. Each figure is taken in a process of its own.

python -m benchmarks.speed                 everything; writes docs/performance.md
python -m benchmarks.speed <part> [...]    one part, printed as JSON
"""

from __future__ import annotations

import functools
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.page import write_section
from benchmarks.talk import messages, questions

SIZES = (1_000, 10_000, 100_000)
OUTAGE_SECONDS = "120"
TURNS = {"process": 4_000, "power": 800}


def quantiles(seconds: Sequence[float], *shares: float) -> list[float]:
    """The quantiles, in milliseconds."""
    ordered = sorted(seconds)
    return [round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 3) for share in shares]


def timed(work: Callable[[], object]) -> float:
    """How long it takes, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak_megabytes() -> float:
    """The most memory this process ever had, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


class Bulk:
    """Embeds what is stored as cheap noise and what is asked for real.

    The time of a scan does not depend on what the vectors say, and embedding 100,000 texts takes six minutes.
    """

    def __init__(self) -> None:
        from threadline.engine.models.minilm import MiniLM

        self._real = MiniLM()
        self.name = self._real.name
        self.dimensions = self._real.dimensions
        self.embed_query = self._real.embed_query
        self.close = self._real.close

    def embed(self, texts: Sequence[str]) -> Any:
        import numpy as np

        noise = np.random.default_rng(len(texts)).standard_normal((len(texts), self.dimensions), np.float32)
        return noise / np.linalg.norm(noise, axis=1, keepdims=True)


# The parts


def add_turn(durability: str, threads: str, pace: str) -> dict[str, Any]:
    """Add turns from several threads: flat out, or each thread a turn every `pace` milliseconds."""
    from threadline import Memory, Settings

    count, rest = TURNS[durability] // int(threads), float(pace) / 1000
    taken: list[float] = []
    home = tempfile.mkdtemp()
    with Memory(Settings.load(home, durability=durability)) as memory:
        memory.session("warm").add_turn(user="warm", assistant="up")
        memory.flush()

        def say(name: int) -> None:
            session, talk = memory.session(f"s{name}"), messages(name)
            for number in range(count):
                turn = {"user": f"{number} {next(talk)}", "assistant": next(talk)}
                taken.append(timed(lambda turn=turn: session.add_turn(**turn)))  # type: ignore[misc]
                if rest:
                    threading.Event().wait(rest)

        crowd = [threading.Thread(target=say, args=(name,)) for name in range(int(threads))]
        started = time.perf_counter()
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        elapsed = time.perf_counter() - started
        memory.close(0)
    shutil.rmtree(home, ignore_errors=True)
    p50, p99 = quantiles(taken, 0.5, 0.99)
    return {"p50_ms": p50, "p99_ms": p99, "turns_per_s": round(len(taken) / elapsed)}


def outage(seconds: str) -> dict[str, Any]:
    """A backend that hangs for so long: what the host feels, how it leaves, and what the next start delivers."""
    from threadline import Memory
    from threadline.testing import FakeBackend, Fault

    home = tempfile.mkdtemp()
    backend = FakeBackend(faults=[Fault("retain", gate=threading.Event())])
    memory = Memory.open(home, backend=backend, retain_every_n_turns=4)
    adds: list[float] = []
    switches: list[float] = []
    talk = messages()
    said: dict[str, list[str]] = {}
    session = memory.session("s0")
    until = time.perf_counter() + float(seconds)
    while time.perf_counter() < until:
        for _ in range(10):
            user = next(talk)
            said.setdefault(session.id, []).append(user)
            adds.append(timed(functools.partial(session.add_turn, user=user)))
            threading.Event().wait(0.005)
        target = f"s{len(switches) + 1}"
        began = time.perf_counter()
        session = session.switch(target, reason="new", parent=session.id)
        switches.append(time.perf_counter() - began)
    closing = timed(lambda: memory.close(3))
    with Memory.open(home, backend=FakeBackend(state=backend.state)) as again:
        recovery = timed(lambda: again.flush(600))
    held = {name: [text for _, text in backend.texts("default", f"session:{name}")] for name in said}
    shutil.rmtree(home)
    add_p50, add_p99 = quantiles(adds, 0.5, 0.99)
    switch_p50, switch_p99 = quantiles(switches, 0.5, 0.99)
    return {
        "hung_s": float(seconds),
        "turns": len(adds),
        "add_p50_ms": add_p50,
        "add_p99_ms": add_p99,
        "switches": len(switches),
        "switch_p50_ms": switch_p50,
        "switch_p99_ms": switch_p99,
        "close_s": round(closing, 2),
        "delivered_at_the_next_start_s": round(recovery, 2),
        "all_there_in_order": held == said,
    }


def retain(embedder: str) -> dict[str, Any]:
    """Say turns, each a delivery of its own, and wait until all of them can be recalled."""
    from threadline import Memory, Settings

    count = {"none": 3_000, "minilm": 400}[embedder]
    home = Path(tempfile.mkdtemp())
    talk = messages()
    with Memory(Settings.load(home, embedder=embedder)) as memory:
        memory.retain("warm up")
        memory.recall("warm up", fresh=True)
        session = memory.session("s")
        started = time.perf_counter()
        for _ in range(count):
            session.add_turn(user=next(talk), assistant=next(talk))
        memory.flush(600)
        elapsed = time.perf_counter() - started
        text = sum(len(message.text.encode()) for turn in session.turns() for message in turn.messages)
    held = sum(path.stat().st_size for path in home.rglob("*.db"))
    shutil.rmtree(home)
    return {
        "turns_per_s": round(count / elapsed),
        "turns": count,
        "mb_per_1k_turns": round(held / count / 1000, 2),
        "text_mb_per_1k_turns": round(text / count / 1000, 2),
    }


def build(home: str, memories: str) -> dict[str, Any]:
    """Make a bank of so many memories."""
    from threadline import Memory
    from threadline.backends.embedded import EmbeddedBackend

    talk = messages()
    backend = EmbeddedBackend(Path(home), Bulk())
    with Memory.open(home, backend=backend, retain_every_n_turns=50) as memory:
        turns = int(memories) // 2
        for number in range(turns):
            memory.session(f"s{number // 200}").add_turn(user=next(talk), assistant=next(talk))
        if not memory.flush(3_600):
            raise SystemExit(memory.status().last_error)
        return {"memories": memory.status().held.memories}


def recall(home: str) -> dict[str, Any]:
    """Ask a bank many different questions, first cold, then warm."""
    started = time.perf_counter()
    from threadline import Memory

    imported = time.perf_counter() - started
    words = [next(talk) for talk in [messages(9)] for _ in range(190)]
    asked = questions() + [" ".join(text.split()[:9]) for text in words]
    opened_at = time.perf_counter()
    memory = Memory.open(home)
    opened = time.perf_counter() - opened_at
    first = timed(lambda: memory.recall(asked[0]))
    taken = [timed(lambda question=question: memory.recall(question)) for question in asked[1:]]  # type: ignore[misc]
    scoped = memory.session("s0")
    others = [" ".join(next(talk).split()[:9]) for talk in [messages(10)] for _ in range(100)]  # not embedded before
    in_session = [timed(lambda question=question: scoped.recall(question)) for question in others]  # type: ignore[misc]
    held = memory.status().held
    memory.close()
    p50, p95 = quantiles(taken, 0.5, 0.95)
    session_p50, session_p95 = quantiles(in_session, 0.5, 0.95)
    return {
        "memories": held.memories,
        "p50_ms": p50,
        "p95_ms": p95,
        "session_p50_ms": session_p50,
        "session_p95_ms": session_p95,
        "import_ms": round(imported * 1000, 1),
        "open_ms": round(opened * 1000, 1),
        "first_recall_ms": round(first * 1000, 1),
        "peak_mb": peak_megabytes(),
        "bank_mb": round(held.bytes / 1e6, 1),
    }


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "add_turn": add_turn,
    "outage": outage,
    "retain": retain,
    "build": build,
    "recall": recall,
}


def run(part: str, *arguments: str) -> dict[str, Any]:
    """Run a part in a process of its own."""
    print(f"  {part} {' '.join(argument for argument in arguments if '/' not in argument)}", file=sys.stderr)
    command = [sys.executable, "-m", "benchmarks.speed", part, *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def main() -> None:
    """Take every figure, write the page, end with one line of JSON."""
    figures: dict[str, Any] = {"add_turn": {}, "retain": {}, "recall": {}}
    for durability in ("process", "power"):
        for threads, pace in (("1", "0"), ("1", "5"), ("8", "0"), ("8", "20")):
            rhythm = "flat out" if pace == "0" else f"a turn each {pace} ms"
            name = f"{durability}, {threads} thread{'s' * (threads != '1')}, {rhythm}"
            figures["add_turn"][name] = run("add_turn", durability, threads, pace)
    figures["outage"] = run("outage", OUTAGE_SECONDS)
    for embedder in ("none", "minilm"):
        figures["retain"][embedder] = run("retain", embedder)
    for size in SIZES:
        home = tempfile.mkdtemp()
        run("build", home, str(size))
        figures["recall"][str(size)] = run("recall", home)
        shutil.rmtree(home)
    write_section("speed", page(figures))
    print(json.dumps(figures))


def page(figures: dict[str, Any]) -> str:
    """The figures as tables."""
    lines = [
        f"Taken with `make bench` on {datetime.now(UTC):%Y-%m-%d}: {machine()}.",
        "",
        "### A turn recorded (`add_turn`)",
        "",
        "While the writer delivers in the background, embedding included. Flat out, eight threads wait for each other:",
        "what one turn takes, eight at once take eight times, and Python hands its lock on every 5 ms at the latest.",
        "",
        "| durability, threads, pace | p50 ms | p99 ms | turns/s |",
        "|---|---|---|---|",
        *[
            f"| {name} | {row['p50_ms']} | {row['p99_ms']} | {row['turns_per_s']} |"
            for name, row in figures["add_turn"].items()
        ],
        "",
        "### A backend that hangs",
        "",
        f"For {figures['outage']['hung_s']:g} s, in batches of 4, with a switch to a new session after every ten",
        "turns; the memory is then closed within 3 s, and opened again on a backend that works.",
        "",
        *outage_table(figures["outage"]),
        "",
        "### Turns said and delivered (embedded engine, each turn a delivery of its own)",
        "",
        "| embedder | turns/s | MB on disk per 1,000 turns (journal and bank) | of that, the text itself once |",
        "|---|---|---|---|",
        *[
            f"| {name} | {row['turns_per_s']} | {row['mb_per_1k_turns']} | {row['text_mb_per_1k_turns']} |"
            for name, row in figures["retain"].items()
        ],
        "",
        "### Recall, words and vectors, query embedding included",
        "",
        "| memories | p50 ms | p95 ms | one session, p50 | import ms | open ms | first recall ms | peak MB | bank MB |",
        "|---|---|---|---|---|---|---|---|---|",
        *[
            f"| {row['memories']:,} | {row['p50_ms']} | {row['p95_ms']} | {row['session_p50_ms']} | {row['import_ms']} "
            f"| {row['open_ms']} | {row['first_recall_ms']} | {row['peak_mb']} | {row['bank_mb']} |"
            for row in figures["recall"].values()
        ],
        "",
        "The stored vectors of this table are noise of the right shape: a scan takes as long whatever they say. The",
        "questions are embedded for real. The first recall loads the model.",
    ]
    return "\n".join(lines)


def outage_table(row: dict[str, Any]) -> list[str]:
    """What the host felt of an outage."""
    return [
        "| what | figure |",
        "|---|---|",
        f"| `add_turn` p50, p99 | {row['add_p50_ms']} ms, {row['add_p99_ms']} ms ({row['turns']:,} turns) |",
        f"| `switch` p50, p99 | {row['switch_p50_ms']} ms, {row['switch_p99_ms']} ms ({row['switches']:,} switches) |",
        f"| `close` | {row['close_s']} s |",
        f"| everything delivered at the next start | {row['delivered_at_the_next_start_s']} s |",
        f"| all there, once, in order | {'yes' if row['all_there_in_order'] else 'NO'} |",
    ]


def machine() -> str:
    """What this ran on."""
    return (
        f"{os.cpu_count()} shared cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(PARTS[sys.argv[1]](*sys.argv[2:])))
    else:
        main()
