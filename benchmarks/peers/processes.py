"""What processes take: the most memory they ever had, as Linux counts it, and what lies in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def family(pid: int) -> list[int]:
    """A process and all that descend from it; those that ended are left out."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [pid, *(one for child in children for one in family(child))]


def peak_megabytes(pids: Iterable[int]) -> float:
    """The most resident memory of each process so far, added up; what they share with each other counts once."""
    statuses = [status for pid in pids if (status := _status(pid))]
    own = sum(status["VmHWM"] - status["RssShmem"] for status in statuses)
    shared = max((status["RssShmem"] for status in statuses), default=0)
    return round((own + shared) / 1024, 1)


def _status(pid: int) -> dict[str, int]:
    """The sizes of `/proc/<pid>/status` in KB; empty when the process ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    pairs = (line.split(":", 1) for line in lines if line.endswith("kB"))
    return {name: int(value.split()[0]) for name, value in pairs}


def megabytes(folder: Path) -> float:
    """What the files of a folder take on disk; links are not followed."""
    return round(sum(path.lstat().st_blocks for path in folder.rglob("*")) * 512 / 1e6, 2)
