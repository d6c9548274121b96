"""The threads that carry out operations, and nothing that matters: what is not done is in the file."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from threadline.delivery.backoff import rest_seconds
from threadline.errors import (
    BackendUnavailableError,
    ClosedError,
    EmbedderError,
    StorageBusyError,
    StorageError,
    StorageFullError,
    ThreadlineError,
)
from threadline.server.audit import recorded
from threadline.server.operations import KINDS, Carry, Operation
from threadline.server.store import operations as store
from threadline.server.upkeep import EVERY_SECONDS

if TYPE_CHECKING:
    from threadline.server.house import House, Tenant

#: What may pass by itself, so that it is tried again.
PASSING = (StorageBusyError, StorageFullError, EmbedderError, BackendUnavailableError)

#: An operation is given up after so many attempts, which is after a quarter of an hour.
ATTEMPTS = 20

#: How long nothing is begun after the file could not be read or written, in seconds.
_TROUBLE_SECONDS = 1.0

#: What the audit log calls a kind where it is something else.
_ACTIONS = {"retain": "batch_retain"}

_LOG = logging.getLogger("threadline.server")
_CHANCE = random.Random()  # noqa: S311 - spreads retries, guards nothing


class Again(Exception):  # noqa: N818 - no error: it says when
    """A kind's function says when its next attempt is to be.

    Args:
        message: why this one failed, for the user.
        seconds: until the next one; None: there is none.
        result: joins the metadata of the operation.
        aside: those behind it in its queue do not wait for it.
    """

    def __init__(
        self, message: str, seconds: float | None, result: Mapping[str, Any] | None = None, *, aside: bool = False
    ) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.result = result
        self.aside = aside


@dataclass(slots=True)
class _Job:
    tenant: Tenant
    where: tuple[str, str, str]
    operation: Operation


@dataclass(slots=True)
class _Look:
    """What was seen in one look at all queues: what may begin, and when something else may."""

    ready: list[tuple[tuple[int, str], Tenant, store.Head]] = field(default_factory=list)
    next_due: float | None = None


class Workers:
    """Threads that carry out the operations of all tenants. Banks take turns.

    Args:
        kinds: the kinds that they carry out, and how.
        threads: how many.
        rests: the seconds before the next attempt, by how many have failed.
        upkeep: what is done for each tenant every hour, when nothing else is; returns whether there is more.
    """

    def __init__(
        self,
        house: House,
        kinds: Mapping[str, Carry] = KINDS,
        threads: int = 2,
        *,
        name: str = "operations",
        rests: Callable[[int], float] = lambda attempts: rest_seconds(attempts, _CHANCE),
        upkeep: Callable[[Tenant], bool] | None = None,
    ) -> None:
        self._house = house
        self._kinds = kinds
        self._rests = rests
        self._upkeep = upkeep
        self._upkeep_at = time.monotonic()
        self._claiming = threading.Lock()
        self._changed = threading.Condition()
        self._signals = 0
        self._stopping = False
        self._begun = False
        self._tenants: dict[str, Tenant] = {}
        self._adopted: set[tuple[str, str]] = set()
        self._stranded: list[_Job] = []
        self._running: set[tuple[str, str, str]] = set()
        self._served: dict[tuple[str, str], int] = {}
        self._turns = 0
        self._threads = [
            threading.Thread(target=self._run, name=f"threadline-{name}-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin: also with what an earlier process left behind."""
        for thread in self._threads:
            thread.start()

    def wake(self, tenant: Tenant) -> None:
        """Say that there may be something to do for a tenant."""
        with self._changed:
            self._tenants.setdefault(tenant.name, tenant)
            self._signal()

    def wait_until(self, settled: Callable[[], bool], seconds: float) -> bool:
        """Wait until `settled` is true, looking whenever an operation has ended; False when time is up."""
        deadline = time.monotonic() + seconds
        while True:
            seen = self._signals
            if settled():
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._changed:
                if self._signals == seen:
                    self._changed.wait(left)

    def stop(self, seconds: float | None = None) -> bool:
        """Begin nothing any more, and let what is carried out end in time; returns whether it did.

        What did not is begun anew at the next start.
        """
        with self._changed:
            self._stopping = True
            self._signal()
        deadline = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _signal(self) -> None:
        self._signals += 1
        self._changed.notify_all()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._carry(job)
            except (StorageError, ClosedError) as error:
                _LOG.error("What became of an operation could not be written; it is begun again: %s", error)
                self._stranded.append(job)
            finally:
                with self._changed:
                    self._running.discard(job.where)
                    self._signal()

    def _next(self) -> _Job | None:
        """The next operation, once there is one; None when it is time to stop."""
        while True:
            with self._changed:
                if self._stopping:
                    return None
                seen = self._signals
            try:
                job, seconds = self._claim()
            except (StorageError, ClosedError) as error:
                _LOG.error("Operations cannot be begun: %s", error)
                job, seconds = None, _TROUBLE_SECONDS
            if job is not None:
                return job
            with self._changed:
                if self._signals == seen and not self._stopping:
                    self._changed.wait(seconds)

    def _claim(self) -> tuple[_Job | None, float | None]:
        """Begin what is next, or say in how many seconds there may be something; None: when there is a signal."""
        with self._claiming:
            self._adopt()
            look = self._look()
            for _, tenant, head in sorted(look.ready, key=lambda each: each[0]):
                job = self._begin(tenant, head)
                if job is not None:
                    return job, None
            return None, self._keep_up(look.next_due)

    def _keep_up(self, next_due: float | None) -> float | None:
        """Do the upkeep if it is time; returns when to look again."""
        if self._upkeep is None:
            return next_due
        if time.monotonic() >= self._upkeep_at:
            more = [self._upkeep(tenant) for tenant in list(self._tenants.values())]
            self._upkeep_at = time.monotonic() + (0.0 if any(more) else EVERY_SECONDS)
        left = max(0.0, self._upkeep_at - time.monotonic())
        return left if next_due is None else min(left, next_due)

    def _adopt(self) -> None:
        """Take over what nobody carries out any more: what an earlier process began, and what could not be written."""
        if not self._begun:
            for tenant in self._existing():
                self._tenants.setdefault(tenant.name, tenant)
            self._begun = True
        for name, kind in {(name, kind) for name in list(self._tenants) for kind in list(self._kinds)} - self._adopted:
            if self._house.alone:
                store.resume(self._tenants[name].database, kind)
            self._adopted.add((name, kind))
        while self._stranded:
            store.put_back(self._stranded[-1].tenant.database, self._stranded[-1].operation)
            self._stranded.pop()

    def _existing(self) -> list[Tenant]:
        try:
            return self._house.tenants()
        except StorageError as error:
            # One whose file is damaged keeps nobody else from work: the others are adopted when they are asked for.
            _LOG.error("The operations of a tenant wait: %s", error)
            return []

    def _look(self) -> _Look:
        look = _Look()
        now = datetime.now(UTC)
        for tenant in list(self._tenants.values()):
            for head in store.heads(tenant.database):
                known = (tenant.name, head.kind) in self._adopted
                if not known or (tenant.name, head.bank, head.queue) in self._running:
                    continue
                left = (datetime.fromisoformat(head.due_at) - now).total_seconds()
                if left > 0:
                    look.next_due = left if look.next_due is None else min(look.next_due, left)
                else:
                    turn = self._served.get((tenant.name, head.bank), 0)
                    look.ready.append(((turn, head.due_at), tenant, head))
        return look

    def _begin(self, tenant: Tenant, head: store.Head) -> _Job | None:
        where = (tenant.name, head.bank, head.queue)
        with self._changed:
            self._running.add(where)
        operation = None
        try:
            operation = store.take(tenant.database, head.seq)
        finally:
            if operation is None:
                with self._changed:
                    self._running.discard(where)
        if operation is None:
            return None
        self._turns += 1
        self._served[tenant.name, head.bank] = self._turns
        return _Job(tenant, where, operation)

    def _carry(self, job: _Job) -> None:
        operation, database = job.operation, job.tenant.database
        room = job.tenant.room_of(operation.bank)
        if room is None:
            self._served.pop((job.tenant.name, operation.bank), None)
            return  # the bank was deleted, and the operation with it
        try:
            action = _ACTIONS.get(operation.kind, operation.kind)
            with room.use(), recorded(room, action, "system", operation_id=operation.id):
                result = self._kinds[operation.kind](room, operation)
        except Again as again:
            self._settle(job, str(again), again)
        except PASSING as error:
            left = operation.attempts + 1 < ATTEMPTS
            self._settle(job, str(error), Again("", self._rests(operation.attempts + 1) if left else None))
        except ClosedError:
            if not self._stopping:
                raise
            store.put_back(database, operation)
        except ThreadlineError as error:
            store.fail(database, operation, str(error))
        except Exception as error:  # noqa: BLE001 - it is recorded, and the thread goes on
            _LOG.exception("An operation of kind %s failed", operation.kind)
            store.fail(database, operation, f"An internal error ({type(error).__name__}); the server's log has more.")
        else:
            store.complete(database, operation, result)

    def _settle(self, job: _Job, error: str, again: Again) -> None:
        database, operation = job.tenant.database, job.operation
        if again.seconds is None:
            store.fail(database, operation, error, again.result)
        else:
            store.rest(database, operation, error, again.seconds, aside=again.aside, result=again.result)
