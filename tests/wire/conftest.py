"""A server in a process of its own, and the environments of its clients; `make wire` sets them up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .serving import serving

# Read before a test begins: none sees the variables of Threadline.
_GIVEN = {name: os.environ.get(name) for name in ("THREADLINE_WIRE_OLD", "THREADLINE_INTEGRATIONS")}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server."""
    with serving(tmp_path_factory.mktemp("wire") / "home") as url:
        yield url


def environment(variable: str) -> Path:
    """The interpreter of an environment that `make wire` has set up."""
    python = _GIVEN[variable]
    assert python, "run this with `make wire`"
    return Path(python).absolute()
