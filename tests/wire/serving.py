"""The server that everything here is held against."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.load.servers import Ours


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a `threadline serve` with its data below a folder, or of the server in WIRE_URL."""
    given = os.environ.get("WIRE_URL")
    if given:
        yield given
        return
    with Ours(Path(sys.executable).with_name("threadline"), folder) as ours:
        yield ours.url


def ask(url: str, path: str) -> Any:
    """What a GET of a path answers."""
    with urllib.request.urlopen(f"{url}{path}", timeout=30) as answer:  # noqa: S310 - our own
        return json.load(answer)
