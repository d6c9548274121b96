"""Everything that happens at once, one step at a time: actors, the clock, and who goes next, drawn from one seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from greenlet import greenlet

LOST, REPEATED, REORDERED = "lost", "repeated", "reordered"
MISATTRIBUTED, LEAKED, TAKEN_BACK = "misattributed", "leaked", "recallable_after_rewind"
STUCK, BROKEN = "stuck", "broken"

#: What can be wrong. `stuck`: not delivered although nothing is in the way any more; `broken`: a call that raised or
#: returned what it must not.
KINDS = (LOST, REPEATED, REORDERED, MISATTRIBUTED, LEAKED, TAKEN_BACK, STUCK, BROKEN)

_BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_STEP_SECONDS = 0.02


class Gone(BaseException):
    """Raised in what a dead process was doing, so that it ends; nothing it still does has an effect."""


class Violation(Exception):  # noqa: N818 - it is told, and no error of the program
    """The first thing that is wrong ends a run.

    Attributes:
        kind: one of `KINDS`.
    """

    def __init__(self, kind: str, about: str) -> None:
        super().__init__(f"{kind}: {about}")
        self.kind = kind
        self.about = about


class Actor:
    """One thread of the world: it runs until it pauses, and goes on when the scheduler picks it.

    Attributes:
        weight: how likely it is picked.
        committed: called with the name and the result of each write that it has just committed.
    """

    def __init__(self, world: World, name: str, work: Callable[[], object], weight: float) -> None:
        self.name = name
        self.weight = weight
        self.until = 0.0
        self.condition: Callable[[], bool] | None = None
        self.committed: Callable[[str, object], None] = lambda name, result: None
        self._world = world
        self._dead = False
        self._greenlet = greenlet(lambda: self._live(work), parent=world.hub)

    @property
    def done(self) -> bool:
        return self._dead or bool(self._greenlet.dead)

    def ready(self) -> bool:
        """Whether it can go on: it waits for nothing, or what it waits for is so, or its time is up."""
        return self.condition is None or self._world.now >= self.until or self.condition()

    def go(self) -> None:
        self.condition = None
        self._greenlet.switch()

    def die(self) -> None:
        self._dead = True
        if self._greenlet:  # has begun, and has not ended
            self._greenlet.throw(Gone)

    def _live(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Gone:
            return


class World:
    """One run.

    Args:
        seed: from which everything follows.
        home: the data directory of all simulated processes.
        tracing: whether to write down what happens.
    """

    def __init__(self, seed: int, home: Path, tracing: bool = False) -> None:
        self.seed = seed
        self.home = home
        self.chance = random.Random(seed)
        self.hub = greenlet.getcurrent()
        self.actors: list[Actor] = []
        self.now = 1000.0
        self.steps = 0
        self.happened: Counter[str] = Counter()
        self.trace: list[str] | None = [] if tracing else None
        self._current: Actor | None = None
        self._wall = _BEGAN
        self._wrong: Violation | None = None

    # Time

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.now

    def wall(self) -> datetime:
        """What the clock on the wall shows. It may go back."""
        return self._wall + timedelta(seconds=self.now)

    def set_wall(self, seconds: float) -> None:
        """Somebody sets the clock on the wall."""
        self.count("clock.set")
        self.say(f"the clock on the wall is set by {seconds:+.0f} s")
        self._wall += timedelta(seconds=seconds)

    def uuid(self) -> UUID:
        """A random id that follows from the seed."""
        return UUID(int=self.chance.getrandbits(128), version=4)

    # Actors

    @property
    def actor(self) -> Actor | None:
        """Who is at it just now; None for the scheduler itself."""
        return self._current

    def start(self, name: str, work: Callable[[], object], weight: float = 1.0) -> Actor:
        actor = Actor(self, name, work, weight)
        self.actors.append(actor)
        return actor

    def pause(self) -> None:
        """Let others go first. Of the scheduler itself nothing can come between."""
        if self._current is not None:
            self.hub.switch()

    def wait(self, seconds: float, condition: Callable[[], bool]) -> bool:
        """Wait until the condition is so, or the time is up. Returns whether it is so."""
        if self._current is not None:
            self._current.until = self.now + seconds
            self._current.condition = condition
            self.hub.switch()
        elif not condition():
            self.now += seconds
        return condition()

    def step(self) -> bool:
        """Let one actor go on. Returns False when there is none that ever will."""
        self.steps += 1
        self.now += self.chance.random() * _STEP_SECONDS
        self.actors = [actor for actor in self.actors if not actor.done]
        if not self.actors:
            return False
        ready = [actor for actor in self.actors if actor.ready()]
        if not ready:
            self.now = max(self.now, min(actor.until for actor in self.actors))
            return True
        self.let(self.chance.choices(ready, [actor.weight for actor in ready])[0])
        return True

    def blame(self, kind: str, about: str) -> None:
        """Something is wrong where raising would be taken for a fault of the backend. The scheduler raises it."""
        self._wrong = self._wrong or Violation(kind, about)

    def look(self) -> None:
        """Raise what somebody was blamed for.

        Raises:
            Violation: that.
        """
        if self._wrong is not None:
            raise self._wrong

    def let(self, actor: Actor) -> None:
        """Let this one go on until it pauses."""
        self._current = actor
        try:
            actor.go()
        finally:
            self._current = None
        self.look()

    # What is told

    def count(self, what: str) -> None:
        self.happened[what] += 1

    def say(self, what: str) -> None:
        if self.trace is not None:
            who = self._current.name if self._current else "-"
            self.trace.append(f"{self.steps:5} {self.now - 1000.0:8.2f}  {who:<14} {what}")
