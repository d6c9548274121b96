"""Further ids that banks answer to."""

from __future__ import annotations

from fastapi import APIRouter

from threadline.errors import ConflictError, RequestError, UnknownItemError
from threadline.server.access import AdminRoom, ReadRoom
from threadline.server.house import Room
from threadline.server.store import aliases
from threadline.server.wire.base import WireRoute, same
from threadline.server.wire.shapes.banks import (
    BankAliasEntry,
    BankAliasesResponse,
    CreateBankAliasRequest,
    SetBankAliasPrimaryRequest,
)
from threadline.session.checks import check_bank

router = APIRouter(route_class=WireRoute, tags=["Banks"])

_PATH = "/v1/default/banks/{bank_id}/aliases"


@router.get(_PATH, operation_id="list_bank_aliases", **same())
def list_bank_aliases(room: ReadRoom) -> BankAliasesResponse:
    """List the further ids that a bank answers to. Each can be used wherever the bank's own can."""
    return _answer(room)


@router.post(_PATH, operation_id="create_bank_alias", status_code=201, **same())
def create_bank_alias(room: AdminRoom, body: CreateBankAliasRequest) -> BankAliasesResponse:
    """Let a bank answer to another id, too. Nothing of it is moved."""
    check_bank(body.alias)
    if body.alias == room.id:
        raise RequestError("A bank cannot be an alias of itself")
    if not aliases.create(room.tenant.database, room.uid, body.alias, shown=body.primary):
        raise ConflictError(f"'{body.alias}' is already taken by another bank or alias")
    return _answer(room)


@router.patch(_PATH + "/{alias}", operation_id="set_bank_alias_primary", **same())
def set_bank_alias_primary(room: AdminRoom, alias: str, body: SetBankAliasPrimaryRequest) -> BankAliasesResponse:
    """Show an alias in place of the bank's own id in lists, or no more."""
    if not aliases.show(room.tenant.database, room.uid, alias, body.primary):
        raise _unknown(room, alias)
    return _answer(room)


@router.delete(_PATH + "/{alias}", operation_id="delete_bank_alias", **same())
def delete_bank_alias(room: AdminRoom, alias: str) -> BankAliasesResponse:
    """Take an id from a bank. The bank itself stays as it is."""
    if not aliases.remove(room.tenant.database, room.uid, alias):
        raise _unknown(room, alias)
    return _answer(room)


def _unknown(room: Room, alias: str) -> UnknownItemError:
    return UnknownItemError(f"Bank '{room.id}' has no alias '{alias}'")


def _answer(room: Room) -> BankAliasesResponse:
    found = aliases.listed(room.tenant.database, room.uid)
    return BankAliasesResponse(
        bank_id=room.id, aliases=[BankAliasEntry(alias=each.alias, primary=each.shown) for each in found]
    )
