"""What the backend asks of a Hindsight server, one method a route. A test puts another server behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Budget = Literal["low", "mid", "high"]


@dataclass(frozen=True, slots=True)
class Operation:
    """How an asynchronous retain is doing.

    Attributes:
        status: pending, processing, completed, failed, cancelled or not_found.
        error: what the server says went wrong.
    """

    status: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a recall or a reflect returns.

    Attributes:
        results: the memories, best first, as the server sends them.
        sources: the facts that observations among them were made from, by id.
        text: the answer of a reflect.
    """

    results: Sequence[Mapping[str, Any]] = ()
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    text: str = ""


class Wire(Protocol):
    """A Hindsight server. Any thread may call it.

    Every method may raise `BackendUnavailableError` (no answer, a broken one, 401, 403, 408, 429, 5xx) and
    `BackendRefusedError` (any other 4xx). What is not there is an answer and no error.
    """

    def version(self) -> str:
        """The version of the server, such as `1.1.0`; empty where it does not say."""

    def put_bank(self, bank: str, missions: Mapping[str, str]) -> None:
        """Make the bank, or change it: what it is for."""

    def retain(self, bank: str, item: Mapping[str, Any], operation: str | None) -> None:
        """Write a document. With an operation's id it is only accepted when this returns; without, it is done."""

    def operation(self, bank: str, operation: str) -> Operation:
        """How an operation is doing."""

    def retry(self, bank: str, operation: str) -> None:
        """Have the server try an operation again that failed."""

    def has_document(self, bank: str, document: str) -> bool:
        """Whether there is such a document."""

    def documents(self, bank: str, tag: str | None = None) -> list[str]:
        """The ids of at least the documents with a tag; None: of all. An unknown bank is empty."""

    def delete_document(self, bank: str, document: str) -> None:
        """Delete a document and every memory made from it."""

    def delete_bank(self, bank: str) -> None:
        """Delete a bank, everything in it, and its operations."""

    def recall(self, bank: str, request: Mapping[str, Any]) -> Found:
        """Find memories. An unknown bank is empty."""

    def reflect(self, bank: str, request: Mapping[str, Any]) -> Found:
        """Answer a question."""

    def stats(self, bank: str) -> tuple[int, int]:
        """How many documents and memories a bank holds; none where it is unknown."""

    def close(self) -> None:
        """End every request under way with `ClosedError`, and begin no other. Calling it twice is no error."""
