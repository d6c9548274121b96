"""How many turns a host took back, told from what it still has."""

from __future__ import annotations

from collections.abc import Sequence

from threadline.errors import UnknownTurnError
from threadline.turns import Turn


def turns_undone(seen: Sequence[Turn], kept: Sequence[str], session: str) -> int:
    """How many of the last turns are gone.

    The last text kept belongs to one of the turns seen; where the same thing was said more than once, it is the turn
    before which the most of the other texts match as well; of equals the one with which everything said is everything
    kept, else the latest.

    Args:
        seen: the turns that the session sees, last first.
        kept: what the user said in the turns that the host has, oldest first, perhaps only the latest of them.
        session: its id, for the message.

    Raises:
        UnknownTurnError: the last text kept was said in no turn seen.
    """
    if not kept:
        return len(seen)
    said = [_user_text(turn) for turn in seen]
    wanted = [text.strip() for text in reversed(kept)]
    best, longest = 0, 0
    for undone in range(len(said)):
        run = _common(said[undone:], wanted)
        if run > longest or (run == longest == len(wanted) == len(said) - undone):
            best, longest = undone, run
    if not longest:
        raise UnknownTurnError(
            f"Session {session!r} has no turn whose user message is the last one that its host still has; nothing was "
            "taken back. Record what is missing first, or say how many turns to take back."
        )
    return best


def _common(said: Sequence[str], wanted: Sequence[str]) -> int:
    """How many of the texts agree, from the first on."""
    count = 0
    for one, other in zip(said, wanted, strict=False):
        if one != other:
            break
        count += 1
    return count


def _user_text(turn: Turn) -> str:
    return "\n".join(message.text for message in turn.messages if message.role == "user").strip()
