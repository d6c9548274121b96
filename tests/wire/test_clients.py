"""Hindsight's own clients, unchanged, against our server: every method that they have.

A method that a new release brings has no case here, and that fails too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import environment

pytestmark = pytest.mark.wire

HERE = Path(__file__).parent
PYTHON = HERE / "python" / "runner.py"
NODE = HERE / "node" / "runner.mjs"

CLIENTS = {
    "python-1.1.0-sync": lambda: [sys.executable, "-P", str(PYTHON), "{url}", "sync"],
    "python-1.1.0-async": lambda: [sys.executable, "-P", str(PYTHON), "{url}", "async"],
    "python-0.6.1-sync": lambda: [str(environment("THREADLINE_WIRE_OLD")), "-P", str(PYTHON), "{url}", "sync"],
    "python-0.6.1-async": lambda: [str(environment("THREADLINE_WIRE_OLD")), "-P", str(PYTHON), "{url}", "async"],
    "node-0.9.1": lambda: ["node", str(NODE), "{url}"],
}
# Fewer than these, and the cases were not found: the client's own count of methods, less what a release may drop.
AT_LEAST = {
    "python-1.1.0-sync": 40,
    "python-1.1.0-async": 40,
    "python-0.6.1-sync": 25,
    "python-0.6.1-async": 9,
    "node-0.9.1": 40,
}


@pytest.mark.parametrize("client", CLIENTS)
def test_every_method_of_a_client_does_what_it_says(server: str, client: str) -> None:
    command = [part.format(url=server) for part in CLIENTS[client]()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    outcome = json.loads(done.stdout.splitlines()[-1])
    failed = {method: why for method, why in outcome["cases"].items() if why is not None}
    assert not failed, "\n\n".join(f"{method}: {why}" for method, why in failed.items())
    assert outcome["without"] == [], "no case for these methods"
    assert len(outcome["cases"]) >= AT_LEAST[client]
