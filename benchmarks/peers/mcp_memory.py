"""mcp-memory-service through the service that stands behind its MCP tools: one memory a message."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.base import LIMIT, Answer, Hit, Item, Query, as_said


class McpMemory:
    """SQLite with sqlite-vec, its default; its search by meaning, the default mode of its tool `memory_search`."""

    name = "mcp-memory-service"
    mode = "semantic"
    budgets = False

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def open(self, folder: Path) -> None:
        """Make the database."""
        storage = importlib.import_module("mcp_memory_service.storage.sqlite_vec")
        service = importlib.import_module("mcp_memory_service.services.memory_service")
        self._storage = storage.SqliteVecMemoryStorage(str(folder / "memory.db"))
        self._run(self._storage.initialize())
        self._service = service.MemoryService(self._storage)

    def add(self, turn: Sequence[Item]) -> None:
        """Store a memory a message. Each is said to be of a conversation: it then drops only exact repetitions.

        Raises:
            RuntimeError: one is refused for another reason.
        """
        for item in turn:
            stored = self._run(
                self._service.store_memory(
                    as_said(item), metadata={"ref": item.ref}, conversation_id=item.session, tags=[item.role]
                )
            )
            if not stored["success"] and "duplicate" not in stored["error"].lower():
                raise RuntimeError(f"mcp-memory-service: {stored['error']}")

    def settle(self) -> None:
        """What was stored is there."""

    def ask(self, query: Query) -> Answer:
        """Search the memories.

        Raises:
            RuntimeError: it fails.
        """
        started = time.perf_counter()
        found = self._run(self._storage.search_memories(query=query.text, mode=self.mode, limit=query.limit or LIMIT))
        seconds = time.perf_counter() - started
        if found.get("error"):
            raise RuntimeError(f"mcp-memory-service: {found['error']}")
        return Answer(tuple(Hit(memory["ref"], memory["content"]) for memory in found["memories"]), seconds)

    def close(self) -> None:
        """Close the database."""
        self._run(self._storage.close())

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)


class McpMemoryHybrid(McpMemory):
    """The same, searched by words and by meaning."""

    name = "mcp-memory-service, hybrid"
    mode = "hybrid"
