"""The one writer of an open bank: carries deliveries from its journal to its backend, in order, until told to stop."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager

from threadline.backends.base import Backend
from threadline.delivery.courier import Courier
from threadline.delivery.outbox import Outbox
from threadline.errors import StorageError

#: How often to look for what another process left behind, in seconds.
SWEEP_SECONDS = 2.0
#: How often to look again while another process carries what somebody here waits for, in seconds.
POLL_SECONDS = 0.02
#: How long a delivery under way has to end once the backend was closed under it, in seconds.
GRACE_SECONDS = 1.0
#: The writer begins nothing while turns are arriving, for both would want the interpreter lock: it waits for a
#: silence of this length, but never longer than the second figure, in seconds.
SILENCE_SECONDS = 0.02
COURTESY_SECONDS = 0.25


class Writer:
    """A daemon thread that empties an outbox.

    Nothing is kept in it that matters: what is undelivered is in the journal, so it may die at any instant.

    Args:
        on_idle: called whenever there is nothing to carry, before waiting, and now and then when there always is
            something; for upkeep.
        upkeep: does a slice of background work and returns whether there is more; called where there is nothing to
            carry.
        on_exit: called when the thread ends; lets go of what it used.
    """

    def __init__(
        self,
        outbox: Outbox,
        backend: Backend,
        *,
        on_idle: Callable[[], None] = lambda: None,
        upkeep: Callable[[], bool] = lambda: False,
        on_exit: Callable[[], None] = lambda: None,
        chance: random.Random | None = None,
    ) -> None:
        self._outbox = outbox
        self._backend = backend
        self._on_idle = on_idle
        self._upkeep = upkeep
        self._on_exit = on_exit
        self._courier = Courier(outbox, backend, chance=chance, closing=lambda: self._stop_at is not None)
        self._changed = threading.Condition()
        self._work = True
        self._woken_at = 0.0
        self._hurried = 0
        self._stop_at: float | None = None
        self._reminders: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._trouble: str | None = None
        self._kept_up_at = 0.0
        self._thread = threading.Thread(target=self._run, name="threadline-writer", daemon=True)

    @property
    def trouble(self) -> str | None:
        """What keeps the writer itself from working, such as a full disk; None when it works."""
        return self._trouble

    @property
    def sending(self) -> AbstractContextManager[object]:
        """Held while something is written to the backend: whoever else writes to it holds it meanwhile."""
        return self._courier.sending

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to carry. Costs next to nothing while the writer knows already."""
        self._woken_at = time.monotonic()
        if not self._work:
            with self._changed:
                self._work = True
                self._changed.notify_all()

    def remind(self, about: Hashable, seconds: float, action: Callable[[], None]) -> None:
        """Call `action` on the writer's thread in so many seconds, unless it is put off by another reminder."""
        with self._changed:
            first = not self._reminders
            self._reminders[about] = (time.monotonic() + seconds, action)
            if first:
                self._changed.notify_all()

    def hurry(self) -> None:
        """Try again now what rests after a failure."""
        with self._changed:
            self._reminders["hurry"] = (time.monotonic(), self._courier.hurry)
        self.wake()

    def wait_until(self, settled: Callable[[], bool], seconds: float) -> bool:
        """Wait until `settled` is true, looking whenever something was carried; False when time is up."""
        deadline = time.monotonic() + seconds
        self._press(+1)
        try:
            while not settled():
                left = deadline - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    return settled()
                with self._changed:
                    self._changed.wait(min(left, POLL_SECONDS))
            return True
        finally:
            self._press(-1)

    def stop(self, seconds: float) -> bool:
        """Carry on for at most so many seconds, then end; whatever is left stays in the journal.

        The backend is closed a second before time is up, so that what it is at ends too: a thread that is killed
        inside of a model would take the process down with it.

        Returns:
            Whether the thread has ended. If not, it hangs in the backend; it ends when that lets go of it.
        """
        with self._changed:
            self._stop_at = time.monotonic() + seconds
            self._work = True  # look once more: something may have come in since it last looked
            self._changed.notify_all()
        self._thread.join(max(0.0, seconds - GRACE_SECONDS))
        if self._thread.is_alive():
            self._close_backend()
            self._thread.join(GRACE_SECONDS)
        return not self._thread.is_alive()

    def _close_backend(self) -> None:
        """On a thread of its own: a backend that hangs may hang in this as well."""
        closer = threading.Thread(target=self._backend.close, name="threadline-closer", daemon=True)
        try:
            closer.start()
        except RuntimeError:  # the interpreter is ending, and starts no thread any more
            self._backend.close()

    def _run(self) -> None:
        try:
            while not self._time_is_up():
                try:
                    busy = self._step()
                    self._trouble = None
                except StorageError as error:
                    self._trouble = str(error)
                    busy = False
                except Exception as error:  # noqa: BLE001 - no fault may end the writer; `status` shows it
                    self._trouble = f"{type(error).__name__}: {error}"
                    busy = False
                if not busy and not self._work:
                    if self._stop_at is not None:
                        break
                    self._wait()
        finally:
            self._on_exit()

    def _step(self) -> bool:
        """Do one thing. Returns False when there was nothing to do."""
        self._act_on_reminders()
        self._give_way()
        with self._changed:
            self._work = False
        if self._courier.carry_next():
            with self._changed:
                self._changed.notify_all()
            if time.monotonic() - self._kept_up_at > SWEEP_SECONDS:
                self._keep_up()
            return True
        if self._outbox.adopt():
            return True
        self._keep_up()
        return self._stop_at is None and self._upkeep()

    def _keep_up(self) -> None:
        self._kept_up_at = time.monotonic()
        self._on_idle()

    def _act_on_reminders(self) -> None:
        now = time.monotonic()
        with self._changed:
            due = [about for about, (at, _) in self._reminders.items() if at <= now]
            actions = [self._reminders.pop(about)[1] for about in due]
        for action in actions:
            action()

    def _wait(self) -> None:
        with self._changed:
            if self._work or self._stop_at is not None:
                return
            due = [*self._courier.due(), *(at for at, _ in self._reminders.values())]
            seconds = min([SWEEP_SECONDS, *(at - time.monotonic() for at in due)])
            self._changed.wait(max(0.0, seconds))

    def _give_way(self) -> None:
        latest = time.monotonic() + COURTESY_SECONDS
        with self._changed:
            while not self._hurried and self._stop_at is None:
                left = min(self._woken_at + SILENCE_SECONDS, latest) - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)

    def _press(self, by: int) -> None:
        with self._changed:
            self._hurried += by
            self._changed.notify_all()

    def _time_is_up(self) -> bool:
        return self._stop_at is not None and time.monotonic() >= self._stop_at
