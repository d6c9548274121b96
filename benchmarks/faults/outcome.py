"""What a fault came to on one side, and what counts as a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Side = Literal["theirs", "ours"]

#: What one call on the host's thread may take, in milliseconds, on either side. `add` records a turn or begins the next
#: recall, `switch` is also /undo and a compression, `recall` is what the model waits for before it answers (the host
#: gives up after 8 s), `tool` is the retain tool.
LIMITS: Mapping[str, float] = {"add": 50.0, "switch": 50.0, "recall": 8_000.0, "tool": 2_500.0}
#: What an exit may take: 30 s is the host's own watchdog; Threadline is held to its own `shutdown_seconds` of 5 s, and
#: a second for the process to end.
EXIT_LIMITS: Mapping[Side, float] = {"theirs": 30_000.0, "ours": 6_000.0}
#: What the real host's own end may take beside the provider's.
REAL_END = 2_000.0
#: A call that takes so many times its limit is slow by design, not because the machine is shared.
_CLEARLY = 6


@dataclass(slots=True)
class Outcome:
    """What a fault came to.

    Attributes:
        real: whether it is the real host whose exit was timed.
        lost, repeated, misplaced, remembered: turns that are nowhere; once too often; in another session's documents
            only; there although they were taken back.
        leaked: what was recalled for another session's question was told to this one.
        longest: the longest call of each kind on the host's thread, in milliseconds.
        raised: what a call raised into the host.
        claims: what else must be true, and whether it is.
    """

    side: Side
    real: bool = False
    lost: int = 0
    repeated: int = 0
    misplaced: int = 0
    remembered: int = 0
    leaked: int = 0
    longest: dict[str, float] = field(default_factory=dict)
    raised: list[str] = field(default_factory=list)
    claims: dict[str, bool] = field(default_factory=dict)

    def took(self, kind: str, milliseconds: float) -> None:
        """A call of the host's thread ended."""
        self.longest[kind] = max(self.longest.get(kind, 0.0), milliseconds)

    @property
    def blocked(self) -> dict[str, float]:
        """The kinds of call that took longer than they may."""
        return {kind: took for kind, took in self.longest.items() if took > self._limit(kind)}

    @property
    def wrong(self) -> list[str]:
        """What is not as it should be, in a few words each, but for the time it took."""
        counted = {
            "lost": self.lost,
            "repeated": self.repeated,
            "misplaced": self.misplaced,
            "still remembered": self.remembered,
            "leaked": self.leaked,
        }
        return [
            *(f"{count} {word}" for word, count in counted.items() if count),
            *(f"raised {one}" for one in self.raised),
            *(f"not so: {claim}" for claim, holds in self.claims.items() if not holds),
        ]

    @property
    def failed(self) -> bool:
        """Whether anything is not as it should be."""
        return bool(self.wrong or self.blocked)

    @property
    def hardly_slow(self) -> bool:
        """Whether all that is wrong is that a call took a little too long: it is played again then."""
        slow = self.blocked
        return bool(slow) and not self.wrong and all(took < _CLEARLY * self._limit(kind) for kind, took in slow.items())

    def verdict(self) -> str:
        """What went wrong, in a few words; `held` when nothing did."""
        slow = [f"blocked {took:,.0f} ms" for took in self.blocked.values()]
        return "; ".join([*self.wrong, *slow]) or "held"

    def slowest(self, exits: bool) -> str:
        """The longest call on the host's thread; that of the end only where it is the question."""
        calls = {kind: took for kind, took in self.longest.items() if exits or kind != "exit"}
        if not calls:
            return ""
        kind = max(calls, key=lambda one: calls[one])
        return f"{calls[kind]:,.{0 if calls[kind] >= 10 else 1}f} {kind}"

    def _limit(self, kind: str) -> float:
        return EXIT_LIMITS[self.side] + REAL_END * self.real if kind == "exit" else LIMITS[kind]
