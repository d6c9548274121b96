"""Things that were looked at, in order, with what to do where one is not right: what every doctor tells."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from threadline.cli.output import advice, age, count, say, say_json
from threadline.database import os_error
from threadline.journal.figures import BankStatus

_PROBE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: in a word.
        ok: whether it is right; None: it could not be looked at, for a reason that is told before.
        told: what was found.
        advice: what to do, where it is not right.
    """

    name: str
    ok: bool | None
    told: str
    advice: str = ""


def exit_code(checks: Sequence[Check]) -> int:
    """0 where nothing is wrong."""
    return int(any(check.ok is False for check in checks))


def tell(checks: Sequence[Check], as_json: bool, **where: object) -> None:
    """Print a line for each, and another with what to do about what is wrong.

    Args:
        where: what was looked at, for JSON.
    """
    if as_json:
        say_json({**where, "checks": checks})
        return
    for check in checks:
        mark = {True: "ok", False: "WRONG", None: "-"}[check.ok]
        say(f"{mark:<5}  {check.name:<10}  {advice(' '.join(check.told.split()))}")
        if check.ok is False and check.advice:
            say(f"{'':<5}  {'':<10}  {advice(check.advice)}")


def check_folder(folder: Path) -> Check:
    """Whether a data directory can be written, and by its owner alone."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError as error:
        return Check("folder", False, str(os_error(error, folder)), "Until then nothing can be remembered.")
    if os.name == "posix" and mode & 0o077:
        return Check("folder", False, f"{folder} is open to others (mode {mode:o})", f"Run: chmod 700 {folder}")
    return Check("folder", True, f"{folder} can be written, by its owner alone")


def check_deliveries(status: BankStatus) -> Check:
    """Whether what was said in a bank is on its way into memory, or there."""
    told = [f"bank {status.bank}: {count(status.delivered, 'delivery', 'deliveries')} done"]
    if status.waiting:
        told.append(f"{status.waiting:,} waiting")
    if status.undelivered and status.oldest_undelivered is not None:
        told.append(
            f"{count(status.undelivered, 'turn')} not there yet, the oldest for {age(status.oldest_undelivered)}"
        )
    if status.dead_letters:
        told.append(f"{status.dead_letters:,} refused for good")
    if status.last_error is not None:
        told.append(f"last error: {status.last_error}")
    wrong = bool(status.dead_letters or status.last_error)
    advice = "`threadline outbox` lists them; `threadline outbox retry` tries them again." if wrong else ""
    return Check("deliveries", not wrong, ", ".join(told), advice)
