"""A backend in memory whose faults are scripted: for tests, of Threadline itself and of what stands on it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from threadline.backends.base import BankFigures, Capabilities
from threadline.backends.filters import passes
from threadline.documents import (
    Batch,
    Explained,
    Passage,
    Query,
    Reason,
    Recalled,
    Reflection,
    Removal,
    Scope,
    Span,
    Wanted,
)
from threadline.errors import ClosedError, UnsupportedError

Verb = Literal["retain", "retract", "forget", "forget_bank", "recall", "reflect"]

_TOKENS_PER_WORD = 1.3  # a rough English average


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong at one call of a verb.

    Attributes:
        verb: which verb it waits for; None for the next of any.
        error: raised; None for none.
        applied: how often the call is carried out before that: 0 as when the backend is down, 1 as when its answer
            is lost, 2 as when a proxy sends a request twice.
        gate: the call waits for it first, or until the backend is closed: a backend that hangs.
    """

    verb: Verb | None = None
    error: Exception | None = None
    applied: int = 0
    gate: threading.Event | None = None


@dataclass(slots=True)
class FakeState:
    """What the fake holds. Several fakes may share it, as several processes share a server.

    Attributes:
        banks: bank -> document -> its passages, in the order in which they came.
        batches: bank -> document -> the last batch of it that came, for its tags and metadata.
    """

    banks: dict[str, dict[str, list[Passage]]] = field(default_factory=dict)
    batches: dict[str, dict[str, Batch]] = field(default_factory=dict)
    applied: set[tuple[str, str]] = field(default_factory=set)
    removed: set[tuple[str, str, int]] = field(default_factory=set)


class FakeBackend:
    """Keeps passages in memory and finds them by their words. Any thread may use it.

    Args:
        capabilities: what it declares, and how it behaves: without `appends` a batch replaces its document, without
            `idempotent_retain` a batch sent again is there again.
        faults: used up one by one by the calls they wait for. More may be added to `faults` at any time.
        state: what it holds; shared, it is one server behind several backends.
    """

    name = "fake"

    def __init__(
        self,
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - immutable
        faults: Iterable[Fault] = (),
        state: FakeState | None = None,
    ) -> None:
        self.capabilities = capabilities
        self.faults = list(faults)
        self.state = state or FakeState()
        self.calls: list[tuple[Verb, object]] = []
        self._lock = threading.RLock()
        self._closed = threading.Event()

    def texts(self, bank: str, document: str) -> list[tuple[int, str]]:
        """What a document holds: (turn, text), in the order in which it came."""
        return [(passage.turn, passage.text) for passage in self.state.banks.get(bank, {}).get(document, [])]

    def retain(self, batch: Batch) -> None:
        """Store the batch."""
        self._call("retain", batch, lambda: self._retain(batch))

    def retract(self, removal: Removal) -> None:
        """Take turns out of a document."""
        self._call("retract", removal, lambda: self._remove(removal))

    def forget(self, removal: Removal) -> None:
        """Remove turns, or the whole document."""
        self._call("forget", removal, lambda: self._remove(removal))

    def forget_bank(self, bank: str) -> None:
        """Remove a bank and everything in it."""
        self._call("forget_bank", bank, lambda: self._forget_bank(bank))

    def recall(self, bank: str, query: Query) -> list[Recalled]:
        """Find passages by the share of the query's words that is in them; of equals, the newest first."""
        found: list[Recalled] = []
        self._call("recall", query, lambda: found.extend(self._recall(bank, query)))
        return found

    def reflect(self, bank: str, query: Query) -> Reflection:
        """Answer with the best passage, word for word."""
        found: list[Recalled] = []
        self._call("reflect", query, lambda: found.extend(self._recall(bank, query)))
        return Reflection(found[0].text if found else "", tuple(found[:1]))

    def explain(self, bank: str, query: Query, wanted: Wanted | None = None) -> list[Explained]:  # noqa: ARG002
        """Not here.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError("The fake backend explains nothing.")

    def upkeep(self, bank: str) -> bool:  # noqa: ARG002 - the seam's
        """There is nothing to do."""
        return False

    def rebuild(self, bank: str) -> int:
        """There is nothing derived; returns the number of passages."""
        return self.figures(bank).memories

    def figures(self, bank: str) -> BankFigures:
        """Count what the bank holds."""
        with self._lock:
            documents = [passages for passages in self.state.banks.get(bank, {}).values() if passages]
            passages = sum(map(len, documents))
        return BankFigures(len(documents), passages, passages, 0, 0)

    def close(self) -> None:
        """End every call that hangs with `ClosedError`, and take no other."""
        self._closed.set()

    def _call(self, verb: Verb, what: object, apply: Callable[[], None]) -> None:
        if self._closed.is_set():
            raise ClosedError("The fake backend was closed; make another one with its state.")
        with self._lock:
            self.calls.append((verb, what))
            at = next((at for at, fault in enumerate(self.faults) if fault.verb in (None, verb)), None)
            fault = Fault(applied=1) if at is None else self.faults.pop(at)
        while fault.gate is not None and not fault.gate.wait(0.01):
            if self._closed.is_set():
                raise ClosedError("The fake backend was closed while it hung.")
        with self._lock:
            for _ in range(fault.applied):
                apply()
        if fault.error is not None:
            raise fault.error

    def _retain(self, batch: Batch) -> None:
        place = (batch.bank, batch.key)
        if self.capabilities.idempotent_retain and place in self.state.applied:
            return
        self.state.applied.add(place)
        self.state.batches.setdefault(batch.bank, {})[batch.document] = batch
        held = self.state.banks.setdefault(batch.bank, {}).setdefault(batch.document, [])
        if not self.capabilities.appends:
            held.clear()
        held += [p for p in batch.passages if (batch.bank, batch.document, p.turn) not in self.state.removed]

    def _remove(self, removal: Removal) -> None:
        documents = self.state.banks.get(removal.bank, {})
        if removal.turns is None:
            documents.pop(removal.document, None)
            return
        self.state.removed |= {(removal.bank, removal.document, turn) for turn in removal.turns}
        held = documents.get(removal.document, [])
        held[:] = [passage for passage in held if passage.turn not in removal.turns]

    def _forget_bank(self, bank: str) -> None:
        self.state.banks.pop(bank, None)
        self.state.batches.pop(bank, None)
        self.state.applied = {place for place in self.state.applied if place[0] != bank}
        self.state.removed = {place for place in self.state.removed if place[0] != bank}

    def _recall(self, bank: str, query: Query) -> list[Recalled]:
        wanted = _words(query.text)
        found: list[tuple[float, Recalled]] = []
        for document, passages in self.state.banks.get(bank, {}).items():
            batch = self.state.batches[bank][document]
            for passage in passages:
                share = len(wanted & _words(passage.text)) / max(1, len(wanted))
                memory = _recalled(batch, passage, share)
                if share and in_scope(query.scope, document, passage.turn) and passes(query, memory):
                    found.append((share, memory))
        found.sort(key=lambda one: (one[0], one[1].occurred_at), reverse=True)
        return _within(query, [one for _, one in found])


def in_scope(scope: Scope, document: str, turn: int) -> bool:
    """Whether a recall of this scope may see a turn of a document."""
    if scope.documents is None:
        return turn not in scope.hidden.get(document, ())
    span: Span | None = scope.documents.get(document)
    return span is not None and (span.last_turn is None or turn <= span.last_turn) and turn not in span.hidden


def _within(query: Query, found: list[Recalled]) -> list[Recalled]:
    kept: list[Recalled] = []
    left = query.max_tokens
    for one in found[: query.limit]:
        if one.tokens <= left:
            kept.append(one)
            left -= one.tokens
    return kept


def _recalled(batch: Batch, passage: Passage, score: float) -> Recalled:
    said = batch.document.startswith("session:")
    return Recalled(
        text=passage.text,
        role=passage.role,
        speaker=passage.speaker,
        occurred_at=passage.occurred_at,
        document=batch.document,
        session=batch.session,
        turn=passage.turn if said else None,
        position=passage.position,
        ref=passage.ref,
        tags=batch.tags,
        metadata=batch.metadata,
        score=score,
        why=(Reason("words", 1, score),),
        tokens=max(1, round(len(passage.text.split()) * _TOKENS_PER_WORD)),
        type="experience" if passage.role == "assistant" else "world",
    )


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))
