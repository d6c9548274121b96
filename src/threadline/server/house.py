"""What a running server shares: its tenants, their banks and files. Each piece has one owner, and this is it."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from threadline.backends.embedded import EmbeddedBackend, bank_folder
from threadline.database import Database
from threadline.documents import Scope
from threadline.engine.bank import Bank
from threadline.engine.models.base import Embedder
from threadline.engine.models.plugins import open_embedder, reopen_embedder
from threadline.engine.store.shelf import Shelf
from threadline.errors import ClosedError, StorageBusyError, UnknownBankError
from threadline.journal.journal import Journal
from threadline.journal.owner import Claim
from threadline.memory import Memory
from threadline.proof import Proof
from threadline.server.addresses import Allowed
from threadline.server.embedding import Backlogs
from threadline.server.leases import Leased, Leases
from threadline.server.store import aliases, banks, open_store
from threadline.server.store.banks import BankRow
from threadline.server.upkeep import Retention, tidy
from threadline.session.checks import check_bank, check_id
from threadline.settings import Settings

#: The tenant whose data directory is the server's own; every other has one of its own below it.
DEFAULT = "default"

#: So many banks of a tenant have their journal, and the thread that delivers it, open at once.
_MEMORIES = 32

#: So many banks of a tenant are open at once, and some more: each has a dozen files open, and its vectors in memory.
BANKS = 240
_SPARE = 16


class House:
    """The tenants of one server process.

    Args:
        settings: those of the data directory.
        embedder: opens what finds by meaning, for each tenant; not given: what the settings name. A model is in memory
            once, however many use it.
        allowed: where webhooks may be although that is not public.
        retention: how long records are kept.
        shared: where another process is the server of the data directory, work beside it: what it began is its own.

    Attributes:
        alone: whether this process is the server of the data directory, so that what an earlier one began is its own.

    Raises:
        StorageBusyError: another server runs on this data directory.
        StorageError: the data directory cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        embedder: Callable[[], Embedder | None] | None = None,
        allowed: Allowed = Allowed(),  # noqa: B008 - nothing changes it
        retention: Retention = Retention(),  # noqa: B008
        shared: bool = False,
    ) -> None:
        self.settings = settings
        self.allowed = allowed
        self.open_embedder = embedder or (lambda: open_embedder(settings.embedder, settings.embedder_options))
        self._claim = _claim(settings.home, shared=shared)
        self.alone = self._claim is not None
        self._lock = threading.Lock()
        self._tenants: dict[str, Tenant] = {}
        self._closed = False
        from threadline.server.store.webhooks import DELIVERY
        from threadline.server.webhooks import deliverer
        from threadline.server.workers import Workers

        self.workers = Workers(self, upkeep=lambda tenant: tidy(tenant, retention))
        self.postmen = Workers(self, {DELIVERY: deliverer(allowed)}, threads=4, name="webhooks")
        self.backlogs = Backlogs(self)
        self.workers.start()
        self.backlogs.start()
        self.postmen.start()

    def tenant(self, name: str = DEFAULT) -> Tenant:
        """A tenant, opened when it is first asked for.

        Raises:
            ClosedError: the server is stopping.
            InvalidIdError: the name cannot be used.
        """
        known = self._tenants.get(name)  # each request asks: it waits for nobody, unless the tenant is not open yet
        if known is not None:
            return known
        with self._lock:
            if self._closed:
                raise ClosedError("The server is stopping; try again once it is back.")
            if name not in self._tenants:
                self._tenants[name] = Tenant(self, name)
            return self._tenants[name]

    def tenants(self) -> list[Tenant]:
        """The tenants that exist; `default` is always among them."""
        folder = self.settings.home / "tenants"
        names = [path.read_text("utf-8") for path in folder.glob("*/tenant")] if folder.exists() else []
        return [self.tenant(name) for name in (DEFAULT, *sorted(names))]

    def opened(self) -> list[Tenant]:
        """The tenants that are open."""
        with self._lock:
            return list(self._tenants.values())

    def wake(self, tenant: Tenant) -> None:
        """Say that a tenant may have operations to carry out."""
        self.workers.wake(tenant)
        self.postmen.wake(tenant)

    def close(self, seconds: float | None = None) -> None:
        """Deliver what can be delivered in time, and let go of everything. Calling it twice is no error."""
        self.workers.stop(seconds)
        self.postmen.stop(seconds)
        self.backlogs.stop()
        with self._lock:
            self._closed = True
            tenants = list(self._tenants.values())
            self._tenants.clear()
        for tenant in tenants:
            tenant.close(seconds)
        if self._claim is not None:
            self._claim.close()


def _claim(home: Path, *, shared: bool) -> Claim | None:
    try:
        return Claim(home / "server.lock", "Another server runs on this data directory; stop it first.")
    except StorageBusyError:
        if not shared:
            raise
        return None


class Tenant:
    """One tenant: a data directory of its own.

    Attributes:
        home: the data directory.
        database: its `server.db`.
        backend: its banks, opened when first used; shared, and closed with the tenant.
    """

    def __init__(self, house: House, name: str) -> None:
        self.name = check_id(name, "tenant name")
        self.house = house
        self.home = house.settings.home if name == DEFAULT else house.settings.home / "tenants" / bank_folder(name)
        self.database = open_store(self.home / "server.db", house.settings.durability)
        if name != DEFAULT:
            (self.home / "tenant").write_text(name, "utf-8")
        self.backend = EmbeddedBackend(
            self.home, house.open_embedder(), durability=house.settings.durability, reopen=reopen_embedder
        )
        self._lock = threading.Lock()
        self._memories: OrderedDict[str, Memory] = OrderedDict()
        self._busy: dict[str, int] = {}
        self._journal: Journal | None = None
        self.leases = Leases()

    def room(self, bank_id: str) -> Room:
        """A bank by its id or by an alias.

        Raises:
            UnknownBankError: there is none.
        """
        found = banks.find(self.database, bank_id) or self._of_alias(bank_id) or self._adopt(bank_id)
        if found is None:
            raise UnknownBankError(f"Bank '{bank_id}' not found")
        return Room(self, found)

    def make_room(self, bank_id: str) -> Room:
        """A bank by its id or by an alias, made where there is none.

        Raises:
            InvalidBankError: the name cannot be used.
        """
        try:
            return self.room(bank_id)
        except UnknownBankError:
            return Room(self, banks.ensure(self.database, check_bank(bank_id)))

    def room_of(self, uid: str) -> Room | None:
        """The bank with this uid; None once it was deleted."""
        found = banks.find_by_uid(self.database, uid)
        return None if found is None else Room(self, found)

    def rooms(self) -> list[Room]:
        """All banks, the latest first; also those that somebody made without the server, by their journal."""
        journal = self._open_journal()
        if journal is not None:
            known = {bank.id for bank in banks.every(self.database)}
            for name in journal.banks():
                if name not in known:
                    self._adopt(name)
        return [Room(self, bank) for bank in banks.every(self.database)]

    def remove(self, bank_id: str) -> int:
        """Delete a bank, and everything of it in every file of the tenant; returns how many memories it had."""
        try:
            room = self.room(bank_id)
        except UnknownBankError:
            return 0
        with self.leases.exclusive(room.id):
            if self.room_of(room.uid) is None:  # another one was faster
                return 0
            memories = self.backend.figures(room.id).memories
            if (self.home / "journal.db").exists():
                self.forget(room)
            else:
                self._remove_row(room)
                self.backend.forget_bank(room.id)
        return memories

    def forget(self, room: Room, seconds: float = 30.0) -> Proof:
        """Delete a bank, and everything of it in every file of the tenant, and prove it.

        Args:
            seconds: how long to wait for what is being delivered to it.

        Raises:
            UnknownBankError: another one was faster.
        """
        with self.leases.exclusive(room.id):
            self.check_there(room)
            self._remove_row(room)
            return self._empty(room, seconds)

    def clear(self, room: Room) -> None:
        """Delete everything that a bank has, its sessions too; the bank itself stays, with what is set for it.

        Raises:
            UnknownBankError: it was deleted meanwhile.
        """
        from threadline.server import files, operations

        with self.leases.exclusive(room.id):
            self.check_there(room)
            files.drop(room)
            operations.forget_document(room, None)
            if (self.home / "journal.db").exists():
                self._empty(room, seconds=30.0)
            else:
                self.backend.forget_bank(room.id)

    def check_there(self, room: Room) -> None:
        """See that a bank was not deleted meanwhile.

        Raises:
            UnknownBankError: it was.
        """
        if self.room_of(room.uid) is None:
            raise UnknownBankError(f"Bank '{room.id}' not found")

    def _empty(self, room: Room, seconds: float) -> Proof:
        with self._lock:
            memory = self._memories.pop(room.id, None) or self._open_memory(room.id)
        proof = memory.forget(everything=True, seconds=seconds)
        self.backend.forget_bank(room.id)
        return proof

    def scope(self, room: Room) -> Scope:
        """What a recall over the whole bank may see: not what its sessions took back, delivered or not.

        Raises:
            StorageError: the journal cannot be read.
        """
        journal = self._open_journal()
        if journal is None or room.id not in journal.banks():
            return Scope()
        return journal.bank_scope(journal.bank(room.id))[0]

    def spare(self) -> None:
        """Close the banks that were not used for longest, once there are too many, but for those in use."""
        if not self.backend.beyond(BANKS + _SPARE):
            return
        for name in self.backend.beyond(BANKS):
            with self._lock:
                delivers = name in self._memories
            if not delivers and not self.leases.used(name):
                with contextlib.suppress(StorageBusyError), self.leases.exclusive(name, 0.0):
                    self.backend.release(name)

    def _remove_row(self, room: Room) -> None:
        """Delete what the server's tables have of a bank, and its files with it."""
        from threadline.server import files

        banks.remove(self.database, room.uid)
        files.sweep(self)
        with contextlib.suppress(StorageBusyError):  # a backup reads it just now, and a proof of the forget says so
            self.database.compact()  # what waited to be retained was written there

    @contextlib.contextmanager
    def memory(self, room: Room) -> Iterator[Memory]:
        """The journal and the sessions of a bank. Kept open for the next request, while there are not too many.

        Raises:
            UnknownBankError: the bank was deleted meanwhile.
        """
        with room.use(), self._opened(room) as memory:
            yield memory

    @contextlib.contextmanager
    def _opened(self, room: Room) -> Iterator[Memory]:
        with self._lock:
            memory = self._memories.get(room.id)
            if memory is None:
                memory = self._memories[room.id] = self._open_memory(room.id)
            self._memories.move_to_end(room.id)
            self._busy[room.id] = self._busy.get(room.id, 0) + 1
        try:
            yield memory
        finally:
            with self._lock:
                self._busy[room.id] -= 1
                idle = [name for name in self._memories if not self._busy.get(name)]
                spare = [self._memories.pop(name) for name in idle[: max(0, len(self._memories) - _MEMORIES)]]
            for each in spare:
                each.close()

    def close(self, seconds: float | None = None) -> None:
        """Deliver what can be delivered in time, and let go of everything."""
        with self._lock:
            memories = list(self._memories.values())
            self._memories.clear()
        for memory in memories:
            memory.close(seconds)
        self.backend.close()
        if self._journal is not None:
            self._journal.close()
        self.database.close()

    def _open_journal(self) -> Journal | None:
        """The tenant's journal, where something was ever said in a session."""
        with self._lock:
            if self._journal is None and (self.home / "journal.db").exists():
                self._journal = Journal(self.home, self.house.settings.durability)
            return self._journal

    def _open_memory(self, name: str) -> Memory:
        return Memory(replace(self.house.settings, home=self.home, bank=name), _Lent(self.backend))

    def _of_alias(self, alias: str) -> BankRow | None:
        uid = aliases.resolve(self.database, alias)
        return None if uid is None else banks.find_by_uid(self.database, uid)

    def _adopt(self, bank_id: str) -> BankRow | None:
        """A bank that somebody made without the server, in the same data directory."""
        if not bank_id or not (self.home / "banks" / bank_folder(bank_id) / "memory.db").exists():
            return None
        return banks.ensure(self.database, check_bank(bank_id))


@dataclass(frozen=True, slots=True)
class Room(Leased):
    """One bank of one tenant, as a request uses it."""

    tenant: Tenant
    bank: BankRow

    @property
    def id(self) -> str:
        """The bank's name in the data directory."""
        return self.bank.id

    @property
    def uid(self) -> str:
        """The bank's own id, never used again."""
        return self.bank.uid

    @contextlib.contextmanager
    def use(self) -> Iterator[None]:
        """Keep the bank from being deleted, within this. Every use of its engine has one.

        Raises:
            UnknownBankError: it was deleted meanwhile.
        """
        with self.tenant.leases.shared(self.id):
            self.tenant.check_there(self)
            yield
        self.tenant.spare()

    @property
    def database(self) -> Database:
        """The tenant's `server.db`."""
        return self.tenant.database

    @property
    def engine(self) -> Bank:
        """The bank itself, opened when it is first used."""
        return self.tenant.backend.bank(self.id)

    @property
    def shelf(self) -> Shelf:
        """Its documents and memories."""
        return self.engine.shelf

    @property
    def config(self) -> Mapping[str, Any]:
        """What is set for the bank, over the defaults."""
        from threadline.server import configs

        return configs.effective(self.tenant.database, self.uid)


class _Lent(EmbeddedBackend):
    """A backend that somebody else closes."""

    def __init__(self, backend: EmbeddedBackend) -> None:
        self.__dict__ = backend.__dict__

    def close(self) -> None:
        """It is not this one's to close."""
