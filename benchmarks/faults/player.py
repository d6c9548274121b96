"""Who plays a fault: which provider, driven by what, on which backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .outcome import Side

#: An interpreter that has hermes-agent, for each side: the one has the Hindsight client that hermes-agent pins beside
#: it, the other the one that Threadline needs.
Pythons = Mapping[Side, Path]


@dataclass(frozen=True, slots=True)
class Player:
    """One column of verdicts.

    Attributes:
        real: within the real host, driven through its own commands; else by the calls that it makes.
        embedded: with the embedded backend, so that no server's fault can be played.
    """

    side: Side
    real: bool = False
    embedded: bool = False

    @property
    def key(self) -> str:
        """What it is called among the figures."""
        return self.side + ("_real" if self.real else "") + ("_embedded" if self.embedded else "")

    @property
    def name(self) -> str:
        """What it is called in a message."""
        return self.side + (" in the real host" if self.real else "") + (", embedded" if self.embedded else "")


THEIRS, OURS = Player("theirs"), Player("ours")
THEIRS_REAL, OURS_REAL = Player("theirs", real=True), Player("ours", real=True)
OURS_EMBEDDED = Player("ours", real=True, embedded=True)
PLAYERS = (THEIRS, OURS, THEIRS_REAL, OURS_REAL, OURS_EMBEDDED)
