"""One delivery at a time from the outbox to the backend: claim, send, record. It has no thread and never waits.

The writer calls it from its thread, and a simulation from its scheduler: both drive the same steps.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable

from threadline.backends.base import Backend
from threadline.delivery.backoff import rest_seconds
from threadline.delivery.outbox import Outbox, Parcel
from threadline.errors import BackendRefusedError, BackendUnavailableError, ClosedError, ThreadlineError


class Courier:
    """Carries what may go, and remembers what has to rest after a failure.

    Nothing in it matters: what is undelivered is in the journal, so it may vanish between any two steps. Only the
    thread that carries may call it, but for `hurry`.

    Args:
        closing: whether an interrupted send is no fault, because the backend is being closed on the way out.
        clock: seconds that never go back.

    Attributes:
        sending: held while something is written to the backend, so that others may write in between.
    """

    def __init__(
        self,
        outbox: Outbox,
        backend: Backend,
        *,
        chance: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        closing: Callable[[], bool] = lambda: False,
    ) -> None:
        self.sending = threading.Lock()
        self._outbox = outbox
        self._backend = backend
        self._chance = chance or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._clock = clock
        self._closing = closing
        self._resting: dict[int, float] = {}
        self._failures = 0  # in a row, whichever the deliveries
        self._pause_until = -math.inf

    def carry_next(self) -> bool:
        """Carry the oldest delivery that may go. Returns False when there is none, or the backend is left alone."""
        if self._clock() < self._pause_until:
            return False
        parcel = self._outbox.claim(self._still_resting())
        if parcel is None:
            return False
        self._carry(parcel)
        return True

    def due(self) -> list[float]:
        """When something that rests may go again."""
        pause = [self._pause_until] if self._clock() < self._pause_until else []
        return [*self._resting.values(), *pause]

    def hurry(self) -> None:
        """Somebody asked for it: what rests may go now, as far as it is not the process that is ending."""
        self._pause_until = -math.inf
        self._resting = {delivery: due for delivery, due in self._resting.items() if due == math.inf}

    def _carry(self, parcel: Parcel) -> None:
        try:
            with self.sending:
                self._send(parcel)
        except BackendRefusedError as error:
            self._outbox.refused(parcel, str(error))
        except ThreadlineError as error:
            if isinstance(error, ClosedError) and self._closing():
                # The backend was closed under it, on the way out: no fault, and it goes on at the next start.
                self._resting[parcel.id] = math.inf
            else:
                self._delay(parcel, str(error), getattr(error, "retry_after", 0.0))
                self._pause(isinstance(error, BackendUnavailableError))
        # Not Exception alone: a cancelled task, a panic in Rust or a SystemExit must not end the writer either.
        except BaseException as error:  # noqa: BLE001 - it is recorded
            self._delay(parcel, f"{type(error).__name__}: {error}", 0.0)
        else:
            self._outbox.delivered(parcel)
            self._resting.pop(parcel.id, None)
            self._failures = 0

    def _send(self, parcel: Parcel) -> None:
        if parcel.kind == "retain":
            if parcel.batch is not None:
                self._backend.retain(parcel.batch)
            return
        if not self._backend.capabilities.deletes:
            raise BackendRefusedError(
                f"The backend {self._backend.name} cannot delete: what was taken back or forgotten stays there. "
                "Recall hides it; remove it there by hand, then drop this with `threadline outbox drop`."
            )
        if parcel.removal is None:
            return
        if parcel.kind == "retract":
            self._backend.retract(parcel.removal)
            return
        if parcel.document == "*":
            self._backend.forget_bank(parcel.bank)
        else:
            self._backend.forget(parcel.removal)
        self._outbox.purge()

    def _delay(self, parcel: Parcel, error: str, retry_after: float) -> None:
        rest = max(rest_seconds(parcel.attempts + 1, self._chance), retry_after)
        self._resting[parcel.id] = self._clock() + rest
        if retry_after:
            self._pause_until = self._clock() + retry_after
        self._outbox.delayed(parcel, error)

    def _pause(self, unavailable: bool) -> None:
        """A backend that is down is not asked once for every document that waits: it is left alone, ever longer."""
        self._failures = self._failures + 1 if unavailable else 0
        if self._failures > 1:
            self._pause_until = max(self._pause_until, self._clock() + rest_seconds(self._failures - 1, self._chance))

    def _still_resting(self) -> list[int]:
        now = self._clock()
        self._resting = {delivery: due for delivery, due in self._resting.items() if due > now}
        return list(self._resting)
