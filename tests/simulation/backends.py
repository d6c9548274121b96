"""What a process has for a backend: the real one, with the road's faults before it or before its wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threadline.backends.base import Backend, BankFigures
from threadline.backends.hindsight.wire import Wire
from threadline.documents import Batch, Explained, Query, Recalled, Reflection, Removal, Wanted

from .road import Road


class WatchedBackend:
    """A backend of one process, whose writes are watched; with faults, unless its wire has them.

    Args:
        process: the name of the process.
        faulty: whether each call may meet a fault of the road.
        lasting: whether what it stands on outlives the process, so that what was sent may arrive when that is dead.
    """

    name = "watched"

    def __init__(self, inner: Backend, road: Road, process: str, *, faulty: bool, lasting: bool) -> None:
        self.capabilities = inner.capabilities
        self._inner = inner
        self._road = road
        self._process = process
        self._faulty = faulty
        self._lasting = lasting
        self._closed = False

    def retain(self, batch: Batch) -> None:
        self._road.check_key(batch)
        what = f"retain {batch.document} {batch.first}-{batch.last}"
        self._write(batch.bank, batch.document, what, lambda: self._inner.retain(batch))

    def retract(self, removal: Removal) -> None:
        what = f"retract {removal.document} {removal.turns}"
        self._write(removal.bank, removal.document, what, lambda: self._inner.retract(removal))

    def forget(self, removal: Removal) -> None:
        what = f"forget {removal.document} {removal.turns}"
        self._write(removal.bank, removal.document, what, lambda: self._inner.forget(removal))

    def forget_bank(self, bank: str) -> None:
        self._write(bank, "*", "forget everything", lambda: self._inner.forget_bank(bank))

    def recall(self, bank: str, query: Query) -> list[Recalled]:
        found: list[Recalled] = self._call("recall", lambda: self._inner.recall(bank, query), writes=False)
        return found

    def reflect(self, bank: str, query: Query) -> Reflection:
        return self._inner.reflect(bank, query)

    def explain(self, bank: str, query: Query, wanted: Wanted | None = None) -> list[Explained]:
        return self._inner.explain(bank, query, wanted)

    def upkeep(self, bank: str) -> bool:
        return self._inner.upkeep(bank)

    def rebuild(self, bank: str) -> int:
        return self._inner.rebuild(bank)

    def figures(self, bank: str) -> BankFigures:
        return self._inner.figures(bank)

    def close(self) -> None:
        self._closed = True
        if not self._lasting:
            self._inner.close()

    def _write(self, bank: str, document: str, what: str, apply: Callable[[], None]) -> None:
        self._road.begin(self._process, bank, document)
        try:
            self._call(what, apply, writes=True)
        finally:
            self._road.end(self._process, bank, document)

    def _call(self, what: str, apply: Callable[[], Any], writes: bool) -> Any:
        if self._faulty:
            return self._road.call(what, apply, writes, lambda: self._closed)
        self._road.world.say(what)
        return apply()


class FaultyWire:
    """The wire to a Hindsight server, where each request may meet a fault of the road."""

    def __init__(self, inner: Wire, road: Road) -> None:
        self._inner = inner
        self._road = road
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Any method of `Wire`."""
        method = getattr(self._inner, name)
        writes = name in ("put_bank", "retain", "retry", "delete_document", "delete_bank")

        def asked(*given: object) -> object:
            return self._road.call(f"{name} {_told(given)}", lambda: method(*given), writes, lambda: self.closed)

        return asked


def _told(given: tuple[object, ...]) -> str:
    """What a request is about: its document, or its operation."""
    about = given[1] if len(given) > 1 else ""
    return str(about.get("document_id", "")) if isinstance(about, dict) else str(about)
