"""Whether a backend works: a note is written to it, found again, and removed."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from threadline.backends.base import Backend
from threadline.documents import Batch, Passage, Query, Removal
from threadline.errors import BackendUnavailableError, StorageBusyError
from threadline.tags import Tags

#: What a probe's note is tagged with.
TAG = "threadline-probe"

_DOCUMENT = f"note:{TAG}-"

_FIRST_LOOK, _LONGEST_LOOK = 0.02, 1.0
#: How long the removal may go on after time is up, in seconds.
_GRACE = 2.0
_pause = threading.Event()  # never set: there is nothing to be woken by


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of a write-read check of a backend.

    Attributes:
        ok: it took a note, found it again and removed it.
        write_seconds: how long writing took; None where nothing was written: it failed, or the backend cannot delete.
        read_seconds: how long it took from then on until the note was found; None where it was not.
        error: what went wrong, in plain words.
    """

    ok: bool
    write_seconds: float | None
    read_seconds: float | None
    error: str | None


def probe(backend: Backend, bank: str, seconds: float, writing: AbstractContextManager[object] | None = None) -> Probe:
    """Write a note, look for it until it is found, and remove it. It is in no journal.

    Where the backend cannot delete, nothing is written and only reading is tried. One that hangs is not waited for:
    what it took is removed when it lets go.

    Args:
        seconds: how long it may take.
        writing: held while something is written, where somebody else may write through the same backend.
    """
    check = _Check(backend, bank, seconds, writing or nullcontext())
    thread = threading.Thread(target=check.run, name="threadline-probe", daemon=True)
    thread.start()
    thread.join(seconds + _GRACE)
    return check.result(ended=not thread.is_alive())


def is_probe(document: str) -> bool:
    """Whether a document is a probe's note, which is nobody's memory: one under way, or one that stayed behind."""
    return document.startswith(_DOCUMENT)


class _Check:
    """One probe. It has a thread of its own, as the backend may hang."""

    def __init__(self, backend: Backend, bank: str, seconds: float, writing: AbstractContextManager[object]) -> None:
        self._backend = backend
        self._bank = bank
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._writing = writing
        self._word = f"probe{secrets.token_hex(8)}"
        self._document = f"{_DOCUMENT}{secrets.token_hex(8)}"
        self._write_seconds: float | None = None
        self._read_seconds: float | None = None
        self._removed = False
        self._step = ""
        self._errors: list[str] = []

    def run(self) -> None:
        if not self._backend.capabilities.deletes:
            self._do("answer a recall", self._look)
            return
        with self._writing:
            if self._time_is_up():
                return  # it was another write that took so long
            self._do("take a note", self._write)
        if self._write_seconds is not None:
            self._do("find the note it took", self._read)
        self._do("remove the note", self._remove)

    def result(self, *, ended: bool) -> Probe:
        errors = list(self._errors)
        if not ended or not self._step:
            what = self._step or "come to the probe, as it was at another write,"
            errors.append(f"The backend {self._backend.name} did not {what} within {self._seconds:g} s.")
        if self._write_seconds is not None and not self._removed:
            errors.append(
                f"Its note is there as {self._document}; should it stay, `threadline rebuild --from-journal` empties "
                "the bank and delivers everything again."
            )
        return Probe(not errors, self._write_seconds, self._read_seconds, " ".join(errors) or None)

    def _do(self, step: str, action: Callable[[], None]) -> None:
        self._step = step
        try:
            action()
        # As in the courier, not Exception alone: whatever a backend raises is what the probe was to find out.
        except BaseException as error:  # noqa: BLE001 - it is told
            said = str(error) or type(error).__name__
            if not any(said in told for told in self._errors):
                self._errors.append(f"The backend {self._backend.name} did not {step}: {said}")

    def _write(self) -> None:
        now = datetime.now(UTC)
        text = f"Threadline wrote this to see whether memory works: {self._word}."
        passage = Passage(1, 0, "note", text, now)
        began = time.monotonic()
        self._backend.retain(
            Batch(
                self._bank,
                self._document,
                self._word,
                (passage,),
                tags=(TAG,),
                retained_at=now,
            )
        )
        self._write_seconds = time.monotonic() - began

    def _read(self) -> None:
        began = time.monotonic()
        pause = _FIRST_LOOK
        while not self._is_found():
            if self._time_is_up():
                raise BackendUnavailableError(
                    f"a recall for its one word still finds nothing after {self._seconds:g} s. What is delivered may "
                    "not be recalled; look at the backend's own log."
                )
            _pause.wait(pause)
            pause = min(2 * pause, _LONGEST_LOOK)
        self._read_seconds = time.monotonic() - began

    def _is_found(self) -> bool:
        found = self._backend.recall(
            self._bank,
            Query(
                self._word,
                tags=Tags(TAG),
            ),
        )
        return any(one.document == self._document or self._word in one.text for one in found)

    def _look(self) -> None:
        began = time.monotonic()
        self._is_found()
        self._read_seconds = time.monotonic() - began

    def _remove(self) -> None:
        """Take the note out, also one that only may have arrived."""
        while True:
            try:
                with self._writing:
                    self._backend.forget(Removal(self._bank, self._document))
            except (BackendUnavailableError, StorageBusyError):
                if self._write_seconds is None or self._time_is_up():
                    raise
                _pause.wait(_FIRST_LOOK)
            else:
                self._removed = True
                return

    def _time_is_up(self) -> bool:
        return time.monotonic() >= self._deadline
