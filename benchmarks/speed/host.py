"""What a host feels: how long a turn takes to record, and a backend that hangs."""

from __future__ import annotations

import functools
import shutil
import tempfile
import threading
import time
from typing import Any

from benchmarks.speed import quantiles, timed
from benchmarks.talk import messages

_TURNS = {"process": 4_000, "power": 800}


def add_turn(durability: str, threads: str, pace: str) -> dict[str, Any]:
    """Add turns from several threads: flat out, or each thread a turn every `pace` milliseconds."""
    from threadline import Memory, Settings

    count, rest = _TURNS[durability] // int(threads), float(pace) / 1000
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
