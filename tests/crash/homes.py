"""Many homes, each of many lives, each life ended by a kill. This process opens nothing and starts no thread."""

from __future__ import annotations

import json
import os
import random
import selectors
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

# Everything that a child would import is imported here, once: a fork then costs a millisecond.
import ahocorasick_rs  # noqa: F401
import tokenizers  # noqa: F401

import threadline.backends.embedded
import threadline.engine.models.minilm  # noqa: F401

from . import check
from .child import FAILED, Life, Point, run
from .program import WRITES, Step, Verb, write

_LENGTH = 80  # steps of a program
_LIVES = 30  # of a home, at most
_AHEAD = 6  # how far a point may lie in the program to be chosen
_PATIENCE = 15  # acknowledged steps after which a child is killed that does not come to its point
_DEADLINE = 120.0  # seconds after which a life that does not end is a failure
#: What happens on the way to the bank, whatever the steps, and what only some of them lead to.
_ON_THE_WAY = ("journal.session", "outbox.claim", "engine.retain", "outbox.delivered", "outbox.adopt")
_AT_FIRST = [(phase, "journal.bank") for phase in ("commit", "committed")]
_OWED = 2
_LEADS_TO: dict[Verb, tuple[str, ...]] = {"rewind": ("engine.retract",), "forget": ("engine.forget",)}


@dataclass
class Tally:
    """What was done so far, and what was wrong with it."""

    kills: int = 0
    homes: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    met: Counter[Point] = field(default_factory=Counter)
    killed_at: Counter[Point] = field(default_factory=Counter)

    def summary(self) -> dict[str, int]:
        return {"kills": self.kills, **{kind: self.wrong[kind] for kind in check.KINDS}}


@dataclass
class Host:
    """One program, and how far it was acknowledged."""

    steps: Sequence[Step]
    done: int = 0


@dataclass
class Child:
    """A living child, its pipe, and when to kill it: after so many lines, or so many seconds."""

    host: Host
    pid: int
    pipe: int
    lines: int
    seconds: float
    born: float = field(default_factory=time.monotonic)
    unread: bytes = b""
    heard: int = 0
    over: bool = False
    shot: bool = False

    def due(self) -> float:
        return self.born + self.seconds

    def kill(self) -> None:
        if not self.shot:
            self.shot = True
            os.kill(self.pid, signal.SIGKILL)


def run_homes(kills: int, seed: int, say: Callable[[str], None]) -> Tally:
    """Kill so many times, over as many homes as it takes.

    Args:
        seed: of everything that is drawn. When two processes or a clock are in it, so is chance.
        say: told what is wrong, with the seed of the home.
    """
    tally = Tally()
    number = 0
    while tally.kills < kills:
        run_home(tally, f"{seed}/{number}", kills, say)
        number += 1
    return tally


def run_home(tally: Tally, seed: str, kills: int, say: Callable[[str], None]) -> None:
    """One home from its first life to what is found in it."""
    chance = random.Random(seed)
    home = Path(tempfile.mkdtemp(prefix="threadline-crash-"))
    try:
        hosts = [Host(write(chance, lane, _LENGTH)) for lane in chance.choice(("a", "a", "ab"))]
        batch = chance.randint(1, 4)
        idle_seconds = chance.choice((60.0, 0.005))
        for _ in range(chance.randint(10, _LIVES)):
            if tally.kills >= kills or all(host.done == len(host.steps) for host in hosts):
                break
            children = [_begin(chance, tally, home, host, batch, idle_seconds) for host in hosts]
            _watch(tally, children, seed)
        if chance.random() < 0.5:  # in the others, nobody ever knows of the step that was under way
            lives = [(Life(home, host.steps, host.done, batch, idle_seconds), host) for host in hosts]
            _watch(tally, [_fork(life, host, sys.maxsize, _DEADLINE) for life, host in lives], seed)
        tally.homes += 1
        for kind, about in _checked(home, hosts):
            tally.wrong[kind] += 1
            say(f"{kind}: {about} (home {seed}, batches of {batch}, {len(hosts)} at once)")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _begin(chance: random.Random, tally: Tally, home: Path, host: Host, batch: int, idle_seconds: float) -> Child:
    rare = [] if home.joinpath("journal.db").exists() else _AT_FIRST  # what only the first life of a home comes by
    owed = [point for point in rare if tally.killed_at[point] < _OWED]
    if (
        not owed and chance.random() < 0.4
    ):  # at a random moment: after some lines, or some time that may end before the first
        lines = chance.choice((chance.randint(0, 8), sys.maxsize))
        seconds = chance.uniform(0, 0.06) if lines == sys.maxsize else _DEADLINE
        return _fork(Life(home, host.steps, host.done, batch, idle_seconds), host, lines, seconds)
    ahead = [step.verb for step in host.steps[host.done : host.done + _AHEAD]]
    names = {
        *_ON_THE_WAY,
        *(WRITES[verb] for verb in ahead),
        *(name for verb in ahead for name in _LEADS_TO.get(verb, ())),
    }
    points = owed or [*((phase, name) for phase in ("commit", "committed") for name in names), *rare]
    point = min(sorted(points), key=lambda one: (tally.killed_at[one], chance.random()))
    life = Life(home, host.steps, host.done, batch, idle_seconds, point, chance.choice((1, 1, 1, 2, 3)))
    return _fork(life, host, _PATIENCE, _DEADLINE)


def _fork(life: Life, host: Host, lines: int, seconds: float) -> Child:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        run(life, writing)
    os.close(writing)
    return Child(host, pid, reading, lines, seconds)


def _watch(tally: Tally, children: Sequence[Child], seed: str) -> None:
    """Hear what the children say, and kill each when it is due, until all are gone."""
    with selectors.DefaultSelector() as selector:
        for child in children:
            selector.register(child.pipe, selectors.EVENT_READ, child)
        while selector.get_map():
            living: list[Child] = [key.data for key in selector.get_map().values()]
            for key, _ in selector.select(_patience(living)):
                if not _hear(tally, key.data):
                    selector.unregister(key.fileobj)
                    os.close(key.data.pipe)
            for child in living:
                if time.monotonic() >= child.due():
                    child.kill()
    for child in children:
        _bury(tally, child, seed)


def _patience(living: Sequence[Child]) -> float | None:
    """How long nobody is to be killed, in seconds."""
    due = [child.due() for child in living if not child.shot]
    return max(0.0, min(due) - time.monotonic()) if due else None


def _hear(tally: Tally, child: Child) -> bool:
    """Read what is in the pipe. Returns False at its end."""
    chunk = os.read(child.pipe, 65536)
    *lines, child.unread = (child.unread + chunk).split(b"\n")
    for line in lines:
        what, *about = line.decode().split()
        match what:
            case "done":
                child.host.done = int(about[0]) + 1
                child.heard += 1
            case "met":
                tally.met[about[0], about[1]] += 1
            case "killed":
                tally.killed_at[about[0], about[1]] += 1
            case _:
                child.over = True
    if child.heard >= child.lines and not child.over:
        child.kill()
    return bool(chunk)


def _bury(tally: Tally, child: Child, seed: str) -> None:
    _, status = os.waitpid(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        if child.seconds == _DEADLINE and time.monotonic() >= child.due():
            raise AssertionError(f"a life of home {seed} did not end within {_DEADLINE:g} s")
        tally.kills += 1
    elif code != 0:
        what = "met the error above" if code == FAILED else f"ended with {code}"
        raise AssertionError(f"a child of home {seed} {what}")


def _checked(home: Path, hosts: Sequence[Host]) -> list[check.Fault]:
    """Check in a child of its own, so that this process stays clean."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _check(home, hosts, writing)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:  # noqa: PTH123 - a descriptor, not a path
        text = pipe.read()
    os.waitpid(pid, 0)
    if not text:
        raise AssertionError("the check met the error above")
    return [(kind, about) for kind, about in json.loads(text)]


def _check(home: Path, hosts: Sequence[Host], descriptor: int) -> NoReturn:
    try:
        wrong = check.faults(check.look(home), [(host.steps, host.done) for host in hosts])
        with open(descriptor, "w", encoding="utf-8") as pipe:
            json.dump(wrong, pipe)
    except BaseException:  # noqa: BLE001 - a forked child must never return into its parent's code
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(0)
