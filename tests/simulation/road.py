"""The road from the processes to their server: what goes wrong on it, and who is on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from threadline.documents import Batch
from threadline.errors import BackendRefusedError, BackendUnavailableError, ClosedError

from .world import REPEATED, Gone, World

T = TypeVar("T")

#: How likely each fault is, of the calls that meet one.
FAULTS = {
    "slow": 6,
    "down": 4,
    "hangs": 2,
    "answer lost": 6,
    "applied twice": 3,
    "applied twice, answer lost": 2,
    "applied late": 3,
    "busy": 2,
    "raises": 1,
    "refused": 2,
}

#: What a refusal for good says.
REFUSAL = "It never takes such a thing."


class Road:
    """What lies between all processes and their server.

    Args:
        rate: the share of calls that meet a fault.
        refuses: whether the server refuses a write for good now and then.
        haunted: whether what was sent may arrive after its sender gave up, or died.

    Attributes:
        living: the processes that live.
        may_differ: whether a batch may be sent under another key than before.
    """

    def __init__(self, world: World, rate: float, refuses: bool, haunted: bool) -> None:
        self.world = world
        self.rate = rate
        self.refuses = refuses
        self.haunted = haunted
        self.living: set[str] = set()
        self.may_differ: Callable[[Batch], bool] = lambda batch: False
        self.late: list[Callable[[], object]] = []
        self._sending: dict[tuple[str, str], str] = {}
        self._keys: dict[tuple[str, str, int, int], str] = {}
        self._down_until = 0.0

    # Whoever sends

    def call(self, what: str, apply: Callable[[], T], writes: bool, is_closed: Callable[[], bool]) -> T:
        """Let the server do it, some time, perhaps; others go on before and after."""
        fault = self._fault(writes)
        self.world.say(f"{what}{f' - {fault}' if fault else ''}")
        if fault:
            self.world.count(f"fault.{fault}")
        try:
            self._before(fault, is_closed)
        except Gone:
            if writes and self.haunted and self.world.chance.random() < 0.5:
                self._haunt(apply)
            raise
        if fault == "applied late":
            self._haunt(apply)
            raise BackendUnavailableError("No answer came in time.")
        for _ in range(2 if fault in ("applied twice", "applied twice, answer lost") else 1):
            answer = apply()
            self.world.pause()
        if fault in ("answer lost", "applied twice, answer lost"):
            raise BackendUnavailableError("No answer came in time.")
        return answer

    def begin(self, process: str, bank: str, document: str) -> None:
        """Two that live never carry one document at once."""
        other = self._sending.get((bank, document))
        if other is not None and other != process and other in self.living:
            self.world.blame(REPEATED, f"{process} and {other} carry {document} of {bank} at once")
        self._sending[bank, document] = process

    def end(self, process: str, bank: str, document: str) -> None:
        if self._sending.get((bank, document)) == process:
            del self._sending[bank, document]

    def check_key(self, batch: Batch) -> None:
        """The same batch has the same key in every attempt, unless a turn of it was forgotten in between."""
        place = batch.bank, batch.document, batch.first, batch.last
        before = self._keys.setdefault(place, batch.key)
        if before != batch.key and not self.may_differ(batch):
            self.world.blame(REPEATED, f"{batch.document} {batch.first}-{batch.last} is sent under another key")
        self._keys[place] = batch.key

    # What is on its way

    def arrive(self) -> None:
        """Something that was sent long ago arrives, if there is any."""
        if self.late:
            self.world.say("what was sent long ago arrives")
            self.late.pop(self.world.chance.randrange(len(self.late)))()

    def _haunt(self, apply: Callable[[], object]) -> None:
        self.world.count("fault.arrives late")
        self.late.append(apply)

    # What goes wrong

    def _fault(self, writes: bool) -> str | None:
        world = self.world
        if self.rate and world.now < self._down_until:
            return "down"
        if world.chance.random() >= self.rate:
            return None
        fault = world.chance.choices(list(FAULTS), list(FAULTS.values()))[0]
        if fault == "down" and world.chance.random() < 0.5:
            self._down_until = world.now + world.chance.choice((0.1, 1.0, 10.0, 60.0))
        if fault == "refused" and not (self.refuses and writes):
            return None
        if fault == "applied late" and not (self.haunted and writes):
            return "answer lost"
        return fault

    def _before(self, fault: str | None, is_closed: Callable[[], bool]) -> None:
        """What comes before it is applied, if it ever is."""
        world = self.world
        world.pause()
        if fault == "slow":
            for _ in range(world.chance.randint(1, 8)):
                world.pause()
        elif fault == "hangs":
            world.wait(world.chance.choice((1.0, 10.0, 100.0)), is_closed)
        if is_closed():
            raise ClosedError("The backend was closed.")
        match fault:
            case "hangs" | "down":
                raise BackendUnavailableError("It cannot be reached.")
            case "busy":
                raise BackendUnavailableError("It is busy.", retry_after=world.chance.choice((0.5, 5.0, 50.0)))
            case "raises":
                raise RuntimeError("It has a bug.")
            case "refused":
                raise BackendRefusedError(REFUSAL)
            case _:
                return
