"""The tools as the inspector of the Model Context Protocol reaches them: over stdio and over streamable HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.wire

# 0.17 is the latest that runs on the Node that the other tests of `make wire` need.
INSPECTOR = Path(__file__).parent / "node" / "node_modules" / ".bin" / "mcp-inspector"


def inspect(*target: str, method: str, more: tuple[str, ...] = ()) -> Any:
    """What the inspector prints of a server."""
    assert INSPECTOR.exists(), "run this with `make wire`"
    line = [str(INSPECTOR), "--cli", *target, "--method", method, *more]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def call(*target: str, tool: str, **given: str) -> Any:
    arguments = [f"{name}={value}" for name, value in given.items()]
    return inspect(*target, method="tools/call", more=("--tool-name", tool, "--tool-arg", *arguments))


def test_inspect_a_program(tmp_path: Path) -> None:
    threadline = str(Path(sys.executable).with_name("threadline"))
    target = ("-e", f"THREADLINE_HOME={tmp_path / 'home'}", threadline, "mcp")
    tools = {each["name"]: each for each in inspect(*target, method="tools/list")["tools"]}
    assert {"retain", "recall", "reflect", "list_banks", "add_turn", "forget"} <= set(tools)
    assert "bank_id" in tools["recall"]["inputSchema"]["properties"]
    kept = call(*target, tool="sync_retain", content="Ada keeps bees.", bank_id="work")
    assert kept["structuredContent"]["status"] == "completed"
    found = call(*target, tool="recall", query="Who keeps bees?", bank_id="work")
    assert found["structuredContent"]["results"][0]["text"] == "Ada keeps bees."


def test_inspect_a_server(server: str) -> None:
    target = (f"{server}/mcp/inspected/", "--transport", "http")
    tools = [each["name"] for each in inspect(*target, method="tools/list")["tools"]]
    assert "recall" in tools
    assert "list_banks" not in tools
    assert call(*target, tool="sync_retain", content="Ada keeps bees.")["isError"] is False
    found = call(*target, tool="recall", query="Who keeps bees?")
    assert found["structuredContent"]["results"][0]["text"] == "Ada keeps bees."
