"""Integrations of Hindsight from PyPI, unchanged, against our server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import environment

pytestmark = pytest.mark.wire

HERE = Path(__file__).parent / "integrations"


@pytest.mark.parametrize("program", ["with_langgraph.py", "with_openai_agents.py"])
def test_an_integration_works_unchanged(server: str, program: str) -> None:
    command = [str(environment("THREADLINE_INTEGRATIONS")), "-P", str(HERE / program), server]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
