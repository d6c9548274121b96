"""MemPalace through the tools that its MCP server gives to an agent: one drawer a message, one room a session."""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.base import LIMIT, Answer, Hit, Item, Query, as_said

_MOST = 100  # what its search returns at most
_LONGEST = 100_000  # characters; it refuses a longer text


class MemPalace:
    """A palace of one wing. Its search ranks what is near in meaning, its default strategy."""

    name = "mempalace"
    budgets = False

    def __init__(self) -> None:
        os.environ["MEMPALACE_PALACE_PATH"] = os.environ["THREADLINE_PEER_BANK"]
        tools = importlib.import_module("mempalace.mcp_server")
        self._add_drawer, self._search = tools.tool_add_drawer, tools.tool_search
        self._ref_of: dict[str, str] = {}

    def open(self, folder: Path) -> None:
        """The palace is made at its first drawer."""

    def add(self, turn: Sequence[Item]) -> None:
        """File a drawer a message; one that repeats another word by word within its room stays the one it was.

        Raises:
            RuntimeError: it is refused.
        """
        for item in turn:
            room = re.sub(r"[^A-Za-z0-9_-]+", "-", item.session).strip("-")
            text = as_said(item)
            for start in range(0, len(text), _LONGEST):
                self._file(room, text[start : start + _LONGEST], item.ref)

    def _file(self, room: str, text: str, ref: str) -> None:
        filed = self._add_drawer(wing="talk", room=room, content=text)
        if not filed.get("success"):
            raise RuntimeError(f"mempalace: {filed}")
        for drawer in (filed["drawer_id"], *filed.get("chunk_ids", ())):
            self._ref_of.setdefault(drawer, ref)

    def settle(self) -> None:
        """What was filed is there."""

    def ask(self, query: Query) -> Answer:
        """Search the palace.

        Raises:
            RuntimeError: it fails.
        """
        started = time.perf_counter()
        found = self._search(query.text, limit=min(query.limit or LIMIT, _MOST))
        seconds = time.perf_counter() - started
        if "results" not in found:
            if not self._ref_of:
                return Answer((), seconds)
            raise RuntimeError(f"mempalace: {found}")
        return Answer(tuple(Hit(self._ref_of.get(hit["drawer_id"]), hit["text"]) for hit in found["results"]), seconds)

    def close(self) -> None:
        """It ends with its process."""
