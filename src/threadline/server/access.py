"""Who asks, and what they may see: a bank that a key may not see answers exactly as one that does not exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, cast

from fastapi import Depends, Path, Request

from threadline.errors import AccessError, UnknownBankError
from threadline.server.house import DEFAULT, House, Room, Tenant
from threadline.server.threads import work

Scope = Literal["read", "write", "admin"]

_ORDER: dict[Scope, int] = {"read": 0, "write": 1, "admin": 2}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        key: the id of the key; None where none is asked for.
        banks: the only banks it may see; None: all of the tenant's.
    """

    tenant: str = DEFAULT
    key: str | None = None
    banks: frozenset[str] | None = None
    scope: Scope = "admin"

    def sees(self, bank: str) -> bool:
        """Whether it may see a bank."""
        return self.banks is None or bank in self.banks

    def may(self, scope: Scope) -> bool:
        """Whether something is within its scope."""
        return _ORDER[self.scope] >= _ORDER[scope]

    def demand(self, scope: Scope) -> None:
        """Refuse what is beyond its scope.

        Raises:
            AccessError: it is.
        """
        if not self.may(scope):
            raise AccessError(f"This key may {self.scope}; that asks for one with scope {scope}.", status=403)


def house_of(request: Request) -> House:
    """The house that the app serves."""
    return cast("House", request.app.state.house)


def caller_of(request: Request) -> Caller:
    """Who asks; without a guard everybody may do everything."""
    return cast("Caller", request.scope.get("state", {}).get("caller") or Caller())


def _tenant(request: Request, scope: Scope) -> Tenant:
    caller = caller_of(request)
    caller.demand(scope)
    return house_of(request).tenant(caller.tenant)


def _room(request: Request, bank_id: str, scope: Scope) -> Room:
    caller = caller_of(request)
    room = _tenant(request, scope).room(bank_id)
    if not caller.sees(room.id):  # what it names may be another bank's alias
        raise UnknownBankError(f"Bank '{bank_id}' not found")
    request.state.room = room  # for the audit log
    return room


BankId = Annotated[str, Path(description="The bank's id, or an alias of it.")]


def room_to_read(request: Request, bank_id: str) -> Room:
    """A bank, for a reader."""
    return _room(request, bank_id, "read")


def room_to_write(request: Request, bank_id: str) -> Room:
    """A bank, for a writer."""
    return _room(request, bank_id, "write")


def room_to_admin(request: Request, bank_id: str) -> Room:
    """A bank, for an administrator."""
    return _room(request, bank_id, "admin")


def room_to_make(request: Request, bank_id: str) -> Room:
    """A bank, for a writer, made where there is none."""
    try:
        return _room(request, bank_id, "write")
    except UnknownBankError:
        caller = caller_of(request)
        if not caller.sees(bank_id):
            raise
        room = _tenant(request, "write").make_room(bank_id)
        if not caller.sees(room.id):  # an alias of a bank that it may not see
            raise
        request.state.room = room
        return room


# What a route depends on. A look at a small table is no reason to change threads; only making a bank is.


async def _tenant_to_read(request: Request) -> Tenant:
    return _tenant(request, "read")


async def _tenant_to_write(request: Request) -> Tenant:
    return _tenant(request, "write")


async def _tenant_to_admin(request: Request) -> Tenant:
    return _tenant(request, "admin")


async def read_room(request: Request, bank_id: BankId) -> Room:
    """A bank, for a reader."""
    return _room(request, bank_id, "read")


async def _room_to_write(request: Request, bank_id: BankId) -> Room:
    return _room(request, bank_id, "write")


async def _room_to_admin(request: Request, bank_id: BankId) -> Room:
    return _room(request, bank_id, "admin")


async def made_room(request: Request, bank_id: BankId) -> Room:
    """A bank, for a writer, made where there is none, on one of the threads."""
    try:
        return _room(request, bank_id, "write")
    except UnknownBankError:
        return await work(room_to_make, request, bank_id)


async def _the_caller(request: Request) -> Caller:
    return caller_of(request)


TheCaller = Annotated[Caller, Depends(_the_caller)]
ReadTenant = Annotated[Tenant, Depends(_tenant_to_read)]
WriteTenant = Annotated[Tenant, Depends(_tenant_to_write)]
AdminTenant = Annotated[Tenant, Depends(_tenant_to_admin)]
ReadRoom = Annotated[Room, Depends(read_room)]
WriteRoom = Annotated[Room, Depends(_room_to_write)]
AdminRoom = Annotated[Room, Depends(_room_to_admin)]
MakeRoom = Annotated[Room, Depends(made_room)]
