"""A process is started, killed at chosen moments, and started again until it has lived through the whole story.

The kill is SIGKILL: nothing in the process can notice it. The moments are chosen by a seeded generator and come
by the process's own lines; since it goes on while the signal is under way, it dies a little later each time.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from threadline.demo.inspection import missing_steps, read_journal
from threadline.demo.life import is_decision
from threadline.demo.story import Step, Story, Undone
from threadline.errors import ThreadlineError

#: What is being written at the kill. Those of the writer fall into a delivery: taken up, about to be stored,
#: stored and not yet recorded as delivered.
MOMENTS = (
    ("committed", "outbox.claim"),
    ("committed", "journal.turn"),
    ("committed", "engine.retain"),
    ("commit", "journal.turn"),
    ("commit", "engine.retain"),
)
_BEGUN = ("doing", "")
_DELIVERY_BEGINS, _DELIVERY_ENDS = "outbox.claim", "outbox.delivered"
# How likely it is that an undo or a branch, where there is one near, is chosen.
_LIKING = 0.7
# A moment that does not come within so many steps is not waited for.
_PATIENCE = 6
_KILLED = 1 if sys.platform == "win32" else -9


@dataclass(frozen=True, slots=True)
class Trigger:
    """Kill at the first such line when this step was begun, or a few steps later in any case."""

    step: int
    line: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill that happened.

    Attributes:
        step: the step that was begun last.
        kept: that step was in the journal all the same.
        acknowledged: how many steps the process said were done.
        recorded: how many turns were in the journal afterwards.
        mid_delivery: a delivery was taken up and not recorded as delivered.
        lost: what was acknowledged and not in the journal afterwards.
    """

    step: int
    kept: bool
    acknowledged: int
    recorded: int
    mid_delivery: bool
    lost: frozenset[str]


@dataclass(slots=True)
class _Watch:
    """What the lines of one process say."""

    step: int = 0
    acknowledged: int = 0
    delivering: bool = False
    killed: bool = False

    def note(self, what: str, about: int | str) -> None:
        if what == "doing":
            self.step = int(about)
        elif what == "done":
            self.acknowledged = int(about) + 1
        elif (what, about) == ("committed", _DELIVERY_BEGINS):
            self.delivering = True
        elif (what, about) == ("committed", _DELIVERY_ENDS):
            self.delivering = False


def choose(story: Story, kills: int, chance: random.Random) -> list[Trigger]:
    """Moments spread over the story, with a liking for undos and branches."""
    share = len(story.steps) / max(kills, 1)
    triggers = []
    for part in range(kills):
        steps = range(int(part * share), max(int((part + 1) * share), int(part * share) + 1))
        decisions = [at for at in steps if is_decision(story.steps[at])]
        if decisions and chance.random() < _LIKING:
            at = chance.choice(decisions)
            triggers.append(Trigger(at, chance.choice(_decision_moments(story.steps[at]))))
        else:
            triggers.append(Trigger(chance.choice(steps), chance.choice(MOMENTS)))
    return triggers


def _decision_moments(step: Step) -> tuple[tuple[str, str], ...]:
    write = "journal.rewind" if isinstance(step, Undone) else "journal.branch"
    return _BEGUN, _BEGUN, ("commit", write), ("committed", write)


def live_through(
    story: Story, home: Path, path: Path | None, embedder: str, triggers: Sequence[Trigger]
) -> Iterator[Kill]:
    """Live through a story in a process of its own; yields every kill. When it ends, everything was said.

    Raises:
        ThreadlineError: the process ended by itself before the end of the story.
    """
    command = [sys.executable, "-P", "-m", "threadline.demo.life", str(home), embedder]
    command.append(str(path.absolute()) if path else "")
    acknowledged = 0
    for trigger in [*triggers, None]:
        watch, code = _run(story, command, trigger)
        acknowledged = max(acknowledged, watch.acknowledged)
        if code == 0:
            return
        if trigger is None or code != _KILLED:
            raise ThreadlineError(
                f"The process that lives through the conversation ended by itself with code {code}; "
                "why is on its standard error."
            )
        found = read_journal(home)
        yield Kill(
            step=watch.step,
            kept=not missing_steps([story.steps[watch.step]], found),
            acknowledged=acknowledged,
            recorded=len({one.what for one in found if one.number}),
            mid_delivery=watch.delivering,
            lost=missing_steps(story.steps[:acknowledged], found),
        )


def _run(story: Story, command: Sequence[str], trigger: Trigger | None) -> tuple[_Watch, int]:
    """Run the process to its end, or to the trigger; what it said and its exit code."""
    watch = _Watch()
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:  # noqa: S603 - our own module, no shell
        try:
            for line in process.stdout or ():
                what, about = json.loads(line)
                watch.note(what, about)
                if watch.killed:
                    continue  # what it says until it is dead still counts
                if trigger is not None and _is_time(trigger, watch.step, what, about):
                    process.kill()
                    watch.killed = True
                elif what == "doing" and is_decision(story.steps[watch.step]):
                    _decide(process)
        except BaseException:
            process.kill()
            raise
        return watch, process.wait()


def _decide(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):  # it ended by itself: its exit code says so
            os.write(process.stdin.fileno(), b"\n")


def _is_time(trigger: Trigger, step: int, what: str, about: int | str) -> bool:
    if step < trigger.step:
        return False
    return (
        (what, about) == trigger.line or (trigger.line == _BEGUN and what == "doing") or step > trigger.step + _PATIENCE
    )
