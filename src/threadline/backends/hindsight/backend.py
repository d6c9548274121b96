"""The rules by which a Hindsight server is written to: what is sent again, what is waited for, what is checked.

What makes a write happen once in effect was found out on the real server; `docs/delivery.md` says how, and what the
server's own `append` does instead.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from threadline.backends.base import BankFigures, Capabilities
from threadline.backends.hindsight.options import HindsightOptions
from threadline.backends.hindsight.rendering import (
    bank_id,
    document_id,
    is_of,
    is_ours,
    is_seen,
    operation_id,
    session_tag,
    to_item,
    to_recalled,
    to_request,
)
from threadline.backends.hindsight.wire import Operation, Wire
from threadline.documents import Batch, Explained, Query, Recalled, Reflection, Removal, Wanted
from threadline.errors import BackendUnavailableError, ClosedError, UnsupportedError

#: The first version whose asynchronous retain takes an operation's id from the client.
OPERATION_IDS = (0, 8, 6)
#: How long what the server said of itself is believed, in seconds: it may be upgraded without ever failing.
BELIEVED_SECONDS = 600.0

_FIRST_LOOK, _LONGEST_LOOK = 0.02, 1.0


class HindsightBackend:
    """Banks on a Hindsight server. Any thread may use it.

    Args:
        wire: the server.
        options: see there.
        clock: seconds that never go back.
        pause: waits so many seconds for the server to process what it accepted; None: at most until `close`.
    """

    name = "hindsight"
    capabilities = Capabilities(reflects=True)

    def __init__(
        self,
        wire: Wire,
        options: HindsightOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        self._wire = wire
        self._options = options
        self._clock = clock
        self._pause = pause or self._wait
        self._closed = threading.Event()
        self._version: tuple[float, tuple[int, ...]] | None = None
        self._banks: set[str] = set()  # those whose missions were set by this process

    def retain(self, batch: Batch) -> None:
        """Write the batch as a document of its own, and wait until the server has processed it.

        Raises:
            BackendUnavailableError: the server is down, slow, or could not process it; try again.
            BackendRefusedError: it does not take such a thing.
            ClosedError: the backend was closed in the middle.
        """
        bank = bank_id(batch.bank)
        with _Doubt(self):
            if self._options.missions and bank not in self._banks:
                self._wire.put_bank(bank, self._options.missions)
                self._banks.add(bank)
            self._write(bank, to_item(batch, self._options))

    def retract(self, removal: Removal) -> None:
        """Write the batches that held the turns without them; one of which nothing is left is deleted."""
        bank = bank_id(removal.bank)
        with _Doubt(self):
            for run in removal.runs:
                if run.batch is None:
                    self._wire.delete_document(bank, document_id(removal.document, run.first))
                else:
                    self._write(bank, to_item(run.batch, self._options))

    def forget(self, removal: Removal) -> None:
        """As `retract`; or, without turns, delete every batch of the document. What the server logs is its own."""
        if removal.turns is not None:
            self.retract(removal)
            return
        bank, document = bank_id(removal.bank), removal.document
        with _Doubt(self):
            kind, _, session = document.partition(":")
            found = self._wire.documents(bank, session_tag(session)) if kind == "session" else [document]
            for name in found:
                if is_of(name, document):
                    self._wire.delete_document(bank, name)

    def forget_bank(self, bank: str) -> None:
        """Delete everything that Threadline wrote to the bank; and the bank, if nobody else wrote to it."""
        name = bank_id(bank)
        with _Doubt(self):
            found = self._wire.documents(name)
            ours = [document for document in found if is_ours(document)]
            if len(ours) == len(found):
                self._wire.delete_bank(name)
            else:
                for document in ours:
                    self._wire.delete_document(name, document)
        self._banks.discard(name)

    def recall(self, bank: str, query: Query) -> list[Recalled]:
        """Find memories. Those that tell of anything outside the query's scope are left out."""
        if not re.search(r"\w", query.text):
            return []
        with _Doubt(self):
            found = self._wire.recall(bank_id(bank), to_request(query, self._options))
        seen = [result for result in found.results if is_seen(result, found.sources, query.scope)]
        return to_recalled(seen, query)

    def explain(self, bank: str, query: Query, wanted: Wanted | None = None) -> list[Explained]:  # noqa: ARG002
        """Not here: the server tells too little of how it ranks.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError("A Hindsight server does not say why it found a memory; the embedded engine does.")

    def upkeep(self, bank: str) -> bool:  # noqa: ARG002 - the seam's
        """The server does its own."""
        return False

    def reflect(self, bank: str, query: Query) -> Reflection:
        """Have the server answer.

        Raises:
            UnsupportedError: the answer stands on memories that the scope does not see: the server narrows a
                reflection to sessions, not to turns.
            BackendRefusedError: the server has no language model.
        """
        request = to_request(query, self._options)
        request.pop("include_source_facts")
        with _Doubt(self):
            found = self._wire.reflect(bank_id(bank), request)
        if not all(is_seen(result, found.sources, query.scope) for result in found.results):
            raise UnsupportedError(
                "Hindsight answered from turns that are not seen here: taken back and not yet removed, or said after "
                "a branch forked. Ask again once `threadline status` shows nothing on the way, or use recall."
            )
        return Reflection(found.text, tuple(to_recalled(found.results, query)))

    def rebuild(self, bank: str) -> int:
        """Not here: what is derived on the server is the server's.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"Bank {bank!r} is on a Hindsight server, which derives by itself; `threadline rebuild --from-journal` "
            "empties it there and delivers everything again."
        )

    def figures(self, bank: str) -> BankFigures:
        """Count what the bank holds; the server does not tell of passages, vectors or bytes."""
        with _Doubt(self):
            documents, memories = self._wire.stats(bank_id(bank))
        return BankFigures(documents, 0, memories, 0, 0)

    def close(self) -> None:
        """End what is under way with `ClosedError`. Calling it twice is no error."""
        self._closed.set()
        self._wire.close()

    def forget_version(self) -> None:
        """Ask the server for its version again before the next write: it failed, and may come back as another."""
        self._version = None

    # Parts of the above

    def _write(self, bank: str, item: Mapping[str, Any]) -> None:
        """Write a document so that doing it again changes nothing, whatever became of the attempts before."""
        if self._server_version() < OPERATION_IDS:
            self._wire.retain(bank, item, None)  # it overwrites what an earlier attempt wrote
            return
        operation = operation_id(bank, item)
        self._wire.retain(bank, item, operation)
        if self._settle(bank, operation) and not self._wire.has_document(bank, str(item["document_id"])):
            # An operation of long ago, whose document somebody deleted since: the id does not write it again.
            self._wire.retain(bank, item, None)

    def _settle(self, bank: str, operation: str) -> bool:
        """Wait until an accepted operation is done. Returns whether it was so at the first look."""
        until = self._clock() + self._options.timeout
        seconds = _FIRST_LOOK
        found = self._wire.operation(bank, operation)
        if found.status == "completed":
            return True
        while found.status != "completed":
            self._refuse(bank, operation, found)
            if self._clock() >= until:
                raise BackendUnavailableError(
                    f"Hindsight accepted it but did not finish it within {self._options.timeout:g} s; it is asked "
                    "again. If this goes on, look at the server's worker and its model, or raise timeout."
                )
            self._pause(seconds)
            seconds = min(seconds * 1.5, _LONGEST_LOOK)
            found = self._wire.operation(bank, operation)
        return False

    def _refuse(self, bank: str, operation: str, found: Operation) -> None:
        if found.status in ("failed", "cancelled"):
            self._wire.retry(bank, operation)
            raise BackendUnavailableError(
                f"Hindsight could not process it ({found.status}: {found.error or 'it does not say why'}); it was told "
                "to try again."
            )
        if found.status not in ("pending", "processing"):
            raise BackendUnavailableError(f"Hindsight does not know the operation it accepted ({found.status}).")

    def _server_version(self) -> tuple[int, ...]:
        now = self._clock()
        if self._version is None or now - self._version[0] > BELIEVED_SECONDS:
            self._version = now, _parse(self._wire.version())
        return self._version[1]

    def _wait(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            raise ClosedError("The backend was closed while Hindsight was processing; it goes on at the next start.")


class _Doubt:
    """Whatever fails in it casts doubt on what is believed of the server."""

    def __init__(self, backend: HindsightBackend) -> None:
        self._backend = backend

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._backend.forget_version()


def _parse(version: str) -> tuple[int, ...]:
    """`1.1.0rc2` as (1, 1, 0); what cannot be read is older than everything."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version.strip())
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)
