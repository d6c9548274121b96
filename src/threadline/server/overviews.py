"""The banks of a tenant at a glance: what each holds, what it is called, in which order they are listed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from threadline.backends.embedded import bank_folder
from threadline.engine.store.overview import Overview, overview
from threadline.errors import StorageError, UnknownBankError
from threadline.server.house import Room
from threadline.server.store import banks
from threadline.server.store.aliases import Alias

_LOG = logging.getLogger("threadline.server")


@dataclass(frozen=True, slots=True)
class Listed:
    """A bank in a list.

    Attributes:
        aliases: all of them.
        matched: those for which a search found it, where its own id and name did not do.
    """

    room: Room
    holds: Overview
    aliases: tuple[Alias, ...] = ()
    matched: tuple[str, ...] = ()

    @property
    def shown(self) -> str | None:
        """The alias that is shown in place of its id."""
        return next((each.alias for each in self.aliases if each.shown), None)

    @property
    def at(self) -> datetime:
        """When it was last written, or else made."""
        return self.holds.written_at or self.room.bank.created_at


def holds(room: Room) -> Overview:
    """What a bank holds.

    Raises:
        UnknownBankError: it was deleted.
        StorageError: its file cannot be read.
    """
    try:
        return _read(room)
    except StorageError:
        if banks.find_by_uid(room.database, room.uid) is None:
            raise UnknownBankError(f"Bank '{room.id}' not found") from None
        raise


def _read(room: Room) -> Overview:
    path = room.tenant.home / "banks" / bank_folder(room.id) / "memory.db"
    found = overview(path)
    if found is None:
        _ = room.engine  # an older file: opening it brings it up to date
        found = overview(path)
    return found or Overview()


def glance(room: Room) -> Overview:
    """What a bank holds; nothing where that cannot be read: one such bank must not hide the others."""
    try:
        return holds(room)
    except UnknownBankError:
        return Overview()
    except StorageError as error:
        _LOG.warning("A bank is counted as if it were empty: %s", error)
        return Overview()


def search(
    rooms: Iterable[Room], aliases: dict[str, list[Alias]], wanted: str | None
) -> list[tuple[Room, tuple[str, ...]]]:
    """The banks that a search finds, each with the aliases for which it does.

    Args:
        wanted: a part of an id, a name or an alias, in any case; None: every bank.
    """
    part = (wanted or "").casefold()
    found: list[tuple[Room, tuple[str, ...]]] = []
    for room in rooms:
        if any(part in each.casefold() for each in (room.id, room.bank.name or "")):
            found.append((room, ()))
            continue
        matched = tuple(each.alias for each in aliases.get(room.uid, ()) if part in each.alias.casefold())
        if matched:
            found.append((room, matched))
    return found


def listed(
    found: Sequence[tuple[Room, tuple[str, ...]]], aliases: dict[str, list[Alias]], limit: int, offset: int
) -> list[Listed]:
    """A page of banks, the last written first."""
    everything = [Listed(room, glance(room), tuple(aliases.get(room.uid, ())), matched) for room, matched in found]
    everything.sort(key=lambda each: (each.at, each.room.id), reverse=True)
    return everything[offset : offset + limit]
